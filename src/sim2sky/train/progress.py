"""How far a training is: a bar on a terminal, a line now and then in a log file."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

log = logging.getLogger("sim2sky")

LOG_INTERVAL_S = 10.0


class Report(Protocol):
    """Called after each step, and with a text after each epoch."""

    def __call__(self, done: int, text: str | None = None) -> None:
        """Tell that `done` steps are finished."""


@contextmanager
def progress_reported(total: int, title: str) -> Iterator[Report]:
    """Show progress on stderr, as suits it.

    Parameters
    ----------
    total : int
        Number of steps.
    title : str
        What is going on.

    Yields
    ------
    Report
        Call it with the number of finished steps.
    """
    if sys.stderr.isatty():
        yield from _bar(total, title)
    else:
        yield _lines(total, title)


def _bar(total: int, title: str) -> Iterator[Report]:
    """Yield a reporter that draws a bar with the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total, text="")

        def report(done: int, text: str | None = None) -> None:
            progress.update(task, completed=done, **({} if text is None else {"text": text}))

        yield report


def _lines(total: int, title: str) -> Report:
    """Return a reporter that logs an epoch's text at most every `LOG_INTERVAL_S`."""
    started = logged = time.monotonic()
    first: int | None = None  # steps that were there before, in a training that goes on

    def report(done: int, text: str | None = None) -> None:
        nonlocal logged, first
        if first is None:
            first = done - 1
        now = time.monotonic()
        if text is None or (now - logged < LOG_INTERVAL_S and done < total):
            return
        logged = now
        left = (now - started) / max(done - first, 1) * (total - done)
        log.info("%s %s, %.0f s left", title, text, left)

    return report
