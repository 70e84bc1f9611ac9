"""The maximum mean discrepancy of two domains, and whether chance explains it.

Gretton et al. 2012, JMLR 13, 723. Views of one system are no independent draws, and a
system is often in both domains: means are taken over pairs of rows of different systems,
which leaves the estimate unbiased, and permutations move whole systems.
"""

import numpy as np

from sim2sky.seeding import generator


def gaussian_kernel(distance: np.ndarray) -> np.ndarray:
    """Return a Gaussian kernel as wide as the median distance (Gretton et al. 2012, section 8).

    Parameters
    ----------
    distance : numpy.ndarray
        (N,N) between all points; they must not all be the same.

    Returns
    -------
    numpy.ndarray
        (N,N) ``exp(-d^2 / (2 m^2))``, m being the median over the pairs of different points.
    """
    pairs = distance[np.triu_indices(len(distance), 1)]
    width = np.median(pairs[pairs > 0])
    return np.exp(-(distance**2) / (2 * width**2))


def mmd_squared(
    kernel: np.ndarray, system_id: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Return the unbiased estimate of the squared discrepancy of two weighted samples.

    ``E k(x,x') + E k(y,y') - 2 E k(x,y)`` (Gretton et al. 2012, lemma 6), over pairs of
    rows of different systems. With one row of every system in each domain it is their
    eq. 4.

    Parameters
    ----------
    kernel : numpy.ndarray
        (N,N).
    system_id : numpy.ndarray
        (N,).
    first, second : numpy.ndarray
        (N,b) weights of the rows in either sample.

    Returns
    -------
    numpy.ndarray
        (b,) about 0 (a little below, too) where the samples are of one distribution; NaN
        where there are no pairs.
    """
    apart = (system_id[:, None] != system_id[None, :]).astype(np.float64)

    def mean(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        pairs = ((apart @ other) * one).sum(axis=0)
        total = (((kernel * apart) @ other) * one).sum(axis=0)
        return np.divide(total, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)

    return mean(first, first) + mean(second, second) - 2 * mean(first, second)


def permuted_domains(
    domain: np.ndarray, system_id: np.ndarray, n_permutations: int, seed: int
) -> np.ndarray:
    """Return domains as they might be if they made no difference.

    A system that is in both domains changes sides as a whole or stays, at even chance;
    those that are in one only are dealt out anew, as many to each domain as there were.

    Parameters
    ----------
    domain : numpy.ndarray
        (N,) 0 or 1.
    system_id : numpy.ndarray
        (N,).
    n_permutations : int
        How many.
    seed : int
        The user's seed.

    Returns
    -------
    numpy.ndarray
        (N,n_permutations) of 0 and 1.
    """
    systems, row_system = np.unique(system_id, return_inverse=True)
    there = np.zeros((len(systems), 2), dtype=bool)
    there[row_system, domain] = True
    both = there.all(axis=1)
    random = generator("embed", "permutation", seed=seed)
    swapped = random.random((len(systems), n_permutations)) < 0.5
    side = np.repeat(there[~both, 1][:, None], n_permutations, axis=1)
    swapped[~both] = random.permuted(side, axis=0) != there[~both, 1][:, None]
    return (domain[:, None] != swapped[row_system]).astype(np.int8)


def permutation_p_value(
    kernel: np.ndarray, domain: np.ndarray, system_id: np.ndarray, n_permutations: int, seed: int
) -> float:
    """Return the probability of a discrepancy as large as this if domains make no difference.

    Parameters
    ----------
    kernel : numpy.ndarray
        (N,N).
    domain : numpy.ndarray
        (N,) 0 or 1.
    system_id : numpy.ndarray
        (N,).
    n_permutations : int
        How many.
    seed : int
        The user's seed.

    Returns
    -------
    float
        ``(1 + hits) / (1 + n)`` (Phipson & Smyth 2010, SAGMB 9, 39), never 0; NaN where
        the discrepancy is undefined.
    """
    as_is = domain[:, None]
    every = np.hstack([as_is, permuted_domains(domain, system_id, n_permutations, seed)])
    second = every.astype(np.float64)
    values = mmd_squared(kernel, system_id, 1 - second, second)
    if not np.isfinite(values[0]):
        return np.nan
    # a permutation that changes nothing must count, whatever its rounding
    hits = np.count_nonzero(values[1:] >= values[0] - 1e-12)
    return (1 + hits) / (1 + n_permutations)
