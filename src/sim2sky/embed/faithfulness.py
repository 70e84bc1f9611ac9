"""How far a picture of the latent space can be trusted.

No plane holds fifty dimensions. What a picture keeps is measured: distances by rank
correlation with the true ones, neighbourhoods by trustworthiness.
"""

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import rankdata


def pair_ranks(distance: np.ndarray) -> np.ndarray:
    """Return the ranks of the distances between pairs of points.

    Parameters
    ----------
    distance : numpy.ndarray
        (N,N) symmetric, zero on the diagonal.

    Returns
    -------
    numpy.ndarray
        (N,N) symmetric, between -1 and 1 with mean 0 over the pairs; 0 on the diagonal.
    """
    ranks = rankdata(squareform(distance, checks=False))
    return squareform(2 * (ranks - ranks.mean()) / len(ranks))


def distance_correlation(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the rank correlation (Spearman) of two sets of distances between the same points.

    Resampling weighs pairs by the product of their points' weights; the ranks stay those in
    the whole sample.

    Parameters
    ----------
    first, second : numpy.ndarray
        (N,N) from `pair_ranks`.
    weights : numpy.ndarray
        (N,b).

    Returns
    -------
    numpy.ndarray
        (b,) between -1 and 1, NaN without scatter.
    """

    def total(pairs: np.ndarray) -> np.ndarray:
        return ((pairs @ weights) * weights).sum(axis=0)

    mass = weights.sum(axis=0) ** 2 - (weights**2).sum(axis=0)
    mass = np.where(mass > 0, mass, np.nan)
    means = total(first) / mass, total(second) / mass
    covariance = total(first * second) / mass - means[0] * means[1]
    variances = [
        total(ranks**2) / mass - mean**2
        for ranks, mean in zip((first, second), means, strict=True)
    ]
    norm = np.sqrt(np.clip(variances[0], 0, None) * np.clip(variances[1], 0, None))
    return np.divide(covariance, norm, out=np.full_like(norm, np.nan), where=norm > 0)


def trust(distance: np.ndarray, plane_distance: np.ndarray, n_neighbours: int) -> np.ndarray:
    """Return how far each point's neighbours in the plane are its true ones.

    Their mean over the points is the trustworthiness of Venna & Kaski 2001 (ICANN,
    LNCS 2130, 485): a false neighbour costs by how many ranks it is too far away.

    Parameters
    ----------
    distance, plane_distance : numpy.ndarray
        (N,N) true distances and those in the plane.
    n_neighbours : int
        Size of a neighbourhood; fewer than half of the points are taken in any case.

    Returns
    -------
    numpy.ndarray
        (N,) 1 where all neighbours are true, about 0.5 on average for a random plane.
    """
    n = len(distance)
    k = min(n_neighbours, (n - 1) // 2)
    true_rank = _others_in_order(distance).argsort(axis=1)  # 0: the nearest
    nearest = _others_in_order(plane_distance)[:, :k]
    excess = np.clip(np.take_along_axis(true_rank, nearest, axis=1) + 1 - k, 0, None)
    return 1 - 2 / (k * (2 * n - 3 * k - 1)) * excess.sum(axis=1)


def _others_in_order(distance: np.ndarray) -> np.ndarray:
    """Return, for each point, all points from the nearest on, itself last."""
    distance = distance.copy()
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1, kind="stable")
