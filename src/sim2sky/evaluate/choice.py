"""Choosing a few galaxies to look at, the same ones for every model and domain."""

import numpy as np

from sim2sky.seeding import seed_sequence


def choose_rows(
    galaxy_id: np.ndarray,
    view: np.ndarray,
    system_id: np.ndarray,
    label: np.ndarray,
    n: int,
    seed: int,
) -> np.ndarray:
    """Return rows balanced over labels and spread over systems.

    Each (galaxy, view) has a random rank of its own, so that a galaxy chosen in
    one domain tends to be chosen in the other, whatever else they hold.

    Parameters
    ----------
    galaxy_id, view, system_id, label : numpy.ndarray
        (N,) each.
    n : int
        Rows wanted; fewer come back if there are fewer.
    seed : int
        The user's seed.

    Returns
    -------
    numpy.ndarray
        Indices: labels take turns, and each label brings a second row of a system
        only after every system had a first. Labels with few rows leave their
        turns to the others.
    """
    rank = np.array(
        [
            seed_sequence("evaluate", "choice", galaxy, number, seed=seed).generate_state(
                1, np.uint64
            )[0]
            for galaxy, number in zip(galaxy_id, view, strict=True)
        ],
        dtype=np.uint64,
    )
    order = np.lexsort((view, galaxy_id, rank))
    repeat = _times_seen(np.stack([label[order], system_id[order]], axis=1))
    order = order[np.argsort(repeat, kind="stable")]
    turn = _times_seen(label[order][:, None])
    return order[np.lexsort((label[order], turn))][:n]


def _times_seen(keys: np.ndarray) -> np.ndarray:
    """Return, for each row of (N,M), how many equal rows come before it."""
    _, group = np.unique(keys, axis=0, return_inverse=True)
    by_group = np.argsort(group, kind="stable")
    start = np.searchsorted(group[by_group], np.arange(group.max(initial=-1) + 1))
    result = np.empty(len(keys), dtype=np.int64)
    result[by_group] = np.arange(len(keys)) - start[group[by_group]]
    return result
