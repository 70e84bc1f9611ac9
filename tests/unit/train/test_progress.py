import logging
import sys

import pytest

from sim2sky.train import progress
from sim2sky.train.progress import progress_reported


@pytest.fixture
def clock(monkeypatch):
    """Time that goes on by 4 s whenever it is asked for."""
    now = [0.0]

    def tick():
        now[0] += 4.0
        return now[0]

    monkeypatch.setattr(progress.time, "monotonic", tick)


def test_log_lines_now_and_then(clock, caplog):
    with (
        caplog.at_level(logging.INFO, logger="sim2sky"),
        progress_reported(8, "mmd") as report,
    ):
        for done in range(1, 9):
            report(done, f"epoch {done}")
    lines = [record.getMessage() for record in caplog.records]
    # a line at 12 s and 24 s, and at the end
    assert [line.split(",")[0] for line in lines] == ["mmd epoch 3", "mmd epoch 6", "mmd epoch 8"]
    assert lines[0].endswith("20 s left")  # 3 steps in 12 s, 5 to go
    assert lines[-1].endswith("0 s left")


def test_time_left_after_a_resume_counts_new_steps_alone(clock, caplog):
    with (
        caplog.at_level(logging.INFO, logger="sim2sky"),
        progress_reported(100, "mmd") as report,
    ):
        for done in range(91, 94):
            report(done, f"epoch {done}")
    assert caplog.messages == ["mmd epoch 93, 28 s left"]


def test_bar_on_a_terminal(monkeypatch, capsys, caplog):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_reported(4, "mmd") as report:
        report(2, "epoch 1")
        report(4, "epoch 2")
    assert "mmd" in capsys.readouterr().err
    assert not caplog.records
