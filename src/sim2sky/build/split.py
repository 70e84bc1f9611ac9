"""The split into training, validation and test by system.

Everything that is one system (its snapshots, its views, the chance projections
it is part of) lies in one split. The split is a function of the systems and
the seed alone, so every domain made from one sample has the same one.
"""

import hashlib

import numpy as np


def split_by_system(
    system_id: np.ndarray, stratum: np.ndarray, fractions: tuple[float, ...], seed: int
) -> np.ndarray:
    """Return the split of each row.

    A system's stratum is the highest that one of its rows has (by label: a system
    with any merger, one with none, one without labels). In each stratum systems are
    ordered by a hash and cut by the fractions. A stratum of at least as many systems
    as there are splits appears in every one of them.

    Parameters
    ----------
    system_id : numpy.ndarray
        (N,) integers.
    stratum : numpy.ndarray
        (N,) integers, for example labels.
    fractions : tuple of float
        Part of the systems for split 0, 1, ...; their sum is 1.
    seed : int
        Another seed gives another order.

    Returns
    -------
    numpy.ndarray
        (N,) uint8, the index of the fraction.
    """
    systems, row_system = np.unique(system_id, return_inverse=True)
    of_system = np.full(len(systems), np.iinfo(int).min)
    np.maximum.at(of_system, row_system, np.asarray(stratum, dtype=int))
    ranks = np.array([_hash_of(system, seed) for system in systems])
    split = np.zeros(len(systems), dtype=np.uint8)
    for value in np.unique(of_system):
        members = np.flatnonzero(of_system == value)
        ordered = members[np.argsort(ranks[members], kind="stable")]
        split[ordered] = np.repeat(np.arange(len(fractions)), _counts(len(members), fractions))
    return split[row_system]


def _hash_of(system: int, seed: int) -> int:
    """Return 63 bits that look random but are the same everywhere."""
    digest = hashlib.sha256(f"split {seed} {int(system)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _counts(n: int, fractions: tuple[float, ...]) -> np.ndarray:
    """Cut n things by fractions: no part is empty if n allows, the rest goes where it lacks."""
    wanted = n * np.array(fractions)
    counts = np.floor(wanted + 1e-9).astype(int)
    if n >= np.count_nonzero(wanted):
        counts = np.maximum(counts, wanted > 0)
    while counts.sum() != n:
        step = 1 if counts.sum() < n else -1
        lack = step * (wanted - counts)
        counts[np.flatnonzero(lack >= lack.max() - 1e-9)[-1]] += step  # of equals the test set
    return counts
