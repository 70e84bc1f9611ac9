"""How far an image lies from those a network was trained on.

The distance to the k-th nearest training image in the latent space (Sun et al.
2022, ICML, arXiv:2204.06507), in units of the scatter of the training images
about the mean of their class, so that networks can be compared.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

BLOCK_ELEMENTS = 2_000_000  # 16 MB of distances at a time


@dataclass(frozen=True)
class LatentAxes:
    """The coordinates in which distances are taken.

    Parameters
    ----------
    mean : numpy.ndarray
        (D,) of the training images.
    components : numpy.ndarray
        (P,D) orthonormal directions of their largest scatter.
    scatter : float
        Root of the mean square distance of labelled training images to the
        mean of their class, over all D.
    """

    mean: np.ndarray
    components: np.ndarray
    scatter: float

    def project(self, latent: np.ndarray) -> np.ndarray:
        """Return coordinates of latent vectors.

        Parameters
        ----------
        latent : numpy.ndarray
            (N,D).

        Returns
        -------
        numpy.ndarray
            (N,P+1) float32: principal components and the length of what they
            leave, in units of the scatter. Distances between these are at most
            those in the whole space.
        """
        centred = latent.astype(np.float64) - self.mean
        along = centred @ self.components.T
        rest = np.sqrt(np.maximum((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0.0))
        return (np.column_stack([along, rest]) / self.scatter).astype(np.float32)


def latent_axes(
    labelled: np.ndarray, label: np.ndarray, others: np.ndarray, n_components: int
) -> LatentAxes:
    """Return the axes that suit the training images.

    Parameters
    ----------
    labelled : numpy.ndarray
        (N,D) latent vectors of training images with labels.
    label : numpy.ndarray
        (N,) their classes.
    others : numpy.ndarray
        (M,D) of training images without labels; may be empty.
    n_components : int
        Most directions.

    Returns
    -------
    LatentAxes
        Directions from all images, scatter from the labelled ones.
    """
    squares = [
        ((labelled[label == k].astype(np.float64) - labelled[label == k].mean(axis=0)) ** 2).sum()
        for k in np.unique(label)
    ]
    everything = np.concatenate([labelled, others]).astype(np.float64)
    fit = PCA(min(n_components, *everything.shape), svd_solver="randomized", random_state=0)
    fit.fit(everything)
    scatter = float(np.sqrt(np.sum(squares) / len(labelled)))
    return LatentAxes(fit.mean_, fit.components_, scatter or 1.0)


def neighbour_distance(points: np.ndarray, reference: np.ndarray, k: int) -> np.ndarray:
    """Return the distance of each point to its k-th nearest reference point.

    Parameters
    ----------
    points : numpy.ndarray
        (N,P).
    reference : numpy.ndarray
        (M,P).
    k : int
        1 is the nearest; no more than M counts.

    Returns
    -------
    numpy.ndarray
        (N,) float64.
    """
    place = min(k, len(reference)) - 1
    lengths = (reference**2).sum(axis=1)
    step = max(1, BLOCK_ELEMENTS // len(reference))
    parts = [np.empty(0)]
    for start in range(0, len(points), step):
        block = points[start : start + step]
        # |x - r|^2 less |x|^2, which does not change the order
        squares = lengths - 2 * block @ reference.T
        nearest = np.partition(squares, place, axis=1)[:, place]
        parts.append(np.sqrt(np.maximum(nearest + (block**2).sum(axis=1), 0.0)))
    return np.concatenate(parts)
