"""From latent vectors to points in a plane, the same ones every time."""

import logging
import warnings
from typing import NamedTuple

import numpy as np
from scipy.sparse import SparseEfficiencyWarning
from scipy.sparse.csgraph import connected_components
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, Isomap
from sklearn.neighbors import kneighbors_graph

from sim2sky.errors import Sim2SkyError

log = logging.getLogger("sim2sky")

MAX_GROWTH_OF_NEIGHBOURS = 4


def principal_components(latent: np.ndarray, n_components: int) -> tuple[np.ndarray, float]:
    """Return the leading components of standardised latent vectors.

    Parameters
    ----------
    latent : numpy.ndarray
        (N,D). Dimensions that do not vary (dead units) are left out.
    n_components : int
        Wanted number; fewer if there are fewer dimensions or rows.

    Returns
    -------
    components : numpy.ndarray
        (N,P) float64.
    explained : float
        Their share of the standardised variance.

    Raises
    ------
    Sim2SkyError
        If a vector is not finite or all are the same.
    """
    latent = np.asarray(latent, dtype=np.float64)
    if not np.isfinite(latent).all():
        row = int(np.flatnonzero(~np.isfinite(latent).all(axis=1))[0])
        raise Sim2SkyError("a latent vector is not finite", where=f"row {row}")
    scatter = latent.std(axis=0)
    # relative to the largest: a dead unit's rounding noise would be blown up otherwise
    alive = scatter > 1e-6 * scatter.max(initial=0)
    if not alive.any():
        raise Sim2SkyError(
            "all latent vectors are the same", fix="look at the training history of this model"
        )
    standard = (latent[:, alive] - latent[:, alive].mean(axis=0)) / scatter[alive]
    pca = PCA(min(n_components, *standard.shape), svd_solver="full")
    return pca.fit_transform(standard), float(pca.explained_variance_ratio_.sum())


class IsomapPlane(NamedTuple):
    """Isomap coordinates and how they came about.

    Parameters
    ----------
    points : numpy.ndarray
        (N,2) float64.
    distance : numpy.ndarray
        (N,N) along the graph of neighbours, which the plane is to keep.
    n_neighbours : int
        As used.
    n_pieces : int
        Pieces of the graph that were joined; 1 if it hung together.
    """

    points: np.ndarray
    distance: np.ndarray
    n_neighbours: int
    n_pieces: int


def isomap_plane(points: np.ndarray, n_neighbours: int) -> IsomapPlane:
    """Return isomap coordinates, which keep distances along the cloud of points.

    Tenenbaum, de Silva & Langford 2000, Science 290, 2319. If the graph of
    neighbours is in pieces, more neighbours are taken; pieces that remain at
    four times the number are joined at their closest points.

    Parameters
    ----------
    points : numpy.ndarray
        (N,P).
    n_neighbours : int
        Neighbours to begin with.

    Returns
    -------
    IsomapPlane
        The plane, the distances behind it, and what the graph was like.
    """
    limit = min(MAX_GROWTH_OF_NEIGHBOURS * n_neighbours, len(points) - 1)
    n_neighbours = min(n_neighbours, limit)
    while (n_pieces := _n_pieces(points, n_neighbours)) > 1 and n_neighbours < limit:
        n_neighbours = min(limit, n_neighbours + max(1, n_neighbours // 3))
    if n_pieces > 1:
        log.info(
            "isomap: %d pieces at %d neighbours are joined at their closest points",
            n_pieces,
            n_neighbours,
        )
    # the dense solver: arpack would start from numpy's global random state
    isomap = Isomap(n_neighbors=n_neighbours, n_components=2, eigen_solver="dense")
    with warnings.catch_warnings():
        # joining the pieces is announced above; how sklearn stores that is of no interest
        warnings.filterwarnings("ignore", message="The number of connected components")
        warnings.simplefilter("ignore", SparseEfficiencyWarning)
        plane = isomap.fit_transform(points)
    return IsomapPlane(plane, isomap.dist_matrix_, n_neighbours, n_pieces)


def tsne_plane(points: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    """Return t-SNE coordinates, in which only neighbourhoods mean something.

    van der Maaten & Hinton 2008, JMLR 9, 2579; begun from the principal
    components, as Kobak & Berens 2019 (Nat. Commun. 10, 5416) recommend.

    Parameters
    ----------
    points : numpy.ndarray
        (N,P), principal components.
    perplexity : float
        Lowered to a third of N where there are few points.
    seed : int
        Seed.

    Returns
    -------
    numpy.ndarray
        (N,2) float32.
    """
    perplexity = min(perplexity, (len(points) - 1) / 3)
    tsne = TSNE(n_components=2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    return tsne.fit_transform(points)


def _n_pieces(points: np.ndarray, n_neighbours: int) -> int:
    """Return the number of connected pieces of the graph of nearest neighbours."""
    graph = kneighbors_graph(points, n_neighbours)
    return connected_components(graph, directed=False)[0]
