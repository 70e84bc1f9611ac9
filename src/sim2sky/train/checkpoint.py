"""Saving a training half-way and going on from there, to the same last bit."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path
from sim2sky.train.model_file import read_torch_file

log = logging.getLogger("sim2sky")


class Stateful(Protocol):
    """What can be saved and restored: networks, optimisers, streams of batches."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides what comes next."""

    def load_state_dict(self, state: dict[str, Any]) -> object:
        """Go on from such a state."""


def save_checkpoint(path: Path, parts: dict[str, Stateful], digest: str) -> None:
    """Write the state of a training, atomically.

    Parameters
    ----------
    path : Path
        Output file.
    parts : dict of str to Stateful
        All that changes while training.
    digest : str
        Of what must be the same for the state to be of use.
    """
    content = {
        "digest": digest,
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)


def load_checkpoint(path: Path, parts: dict[str, Stateful], digest: str) -> bool:
    """Restore a training if there is a checkpoint of this very training.

    Parameters
    ----------
    path : Path
        File written by `save_checkpoint`, or nothing.
    parts : dict of str to Stateful
        Changed in place.
    digest : str
        A checkpoint with another one is ignored.

    Returns
    -------
    bool
        Whether there was one. A file that is damaged or belongs to another
        training is ignored with a line in the log.
    """
    if not path.exists():
        return False
    try:
        content = read_torch_file(path)
    except Sim2SkyError as error:
        log.info("checkpoint ignored: %s", error)
        return False
    if (
        not isinstance(content, dict)
        or content.get("digest") != digest
        or content["parts"].keys() != parts.keys()
    ):
        log.info("checkpoint ignored: %s is of other settings, data or code", path)
        return False
    for name, part in parts.items():
        part.load_state_dict(content["parts"][name])
    torch.set_rng_state(content["random"])
    if content["random_cuda"]:
        torch.cuda.set_rng_state_all(content["random_cuda"])
    return True


@contextmanager
def termination_awaited() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM, by which a scheduler announces the end, into a question.

    Yields
    ------
    callable
        Returns whether the signal has come. Outside the main thread, where
        Python cannot catch signals, it never has.
    """
    received = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield received.is_set
        return
    previous = signal.signal(signal.SIGTERM, lambda *_: received.set())
    try:
        yield received.is_set
    finally:
        signal.signal(signal.SIGTERM, previous)
