"""Random generators keyed by what they are for, not by when they are asked.

A stamp's noise depends on its stage, its galaxy and its view only, so it is
the same however the work was cut into shards and jobs.
"""

import hashlib

import numpy as np


def seed_sequence(stage: str, *keys: str | int, seed: int = 0) -> np.random.SeedSequence:
    """Return the seed sequence of one piece of work.

    Parameters
    ----------
    stage : str
        Name of the stage, e.g. ``"observe"``.
    *keys : str or int
        What identifies the piece of work, e.g. galaxy and view.
    seed : int
        The user's seed for the whole stage.

    Returns
    -------
    numpy.random.SeedSequence
        Depends on the arguments alone, on every machine.
    """
    text = "\x1f".join([stage, *(f"{type(key).__name__}:{key}" for key in _plain(keys))])
    digest = hashlib.sha256(text.encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.SeedSequence([seed, *words])


def generator(stage: str, *keys: str | int, seed: int = 0) -> np.random.Generator:
    """Return a PCG64 generator for one piece of work; see `seed_sequence`.

    Parameters
    ----------
    stage : str
        Name of the stage.
    *keys : str or int
        What identifies the piece of work.
    seed : int
        The user's seed for the whole stage.

    Returns
    -------
    numpy.random.Generator
        A fresh generator.
    """
    return np.random.default_rng(seed_sequence(stage, *keys, seed=seed))


def _plain(keys: tuple) -> list[str | int]:
    """Turn numpy integers and strings into Python's, so that their type name is one."""
    return [int(key) if isinstance(key, int | np.integer) else str(key) for key in keys]
