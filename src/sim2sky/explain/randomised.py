"""Do the maps depend on what the network has learned? A control with random weights.

Adebayo et al. 2018 (NeurIPS, arXiv:1810.03292): a map that looks the same for a network
whose weights are random shows edges or the architecture, not the reasons of the network.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import rankdata

from sim2sky.explain.gradcam import gradcam_maps
from sim2sky.seeding import generator
from sim2sky.train.initial import untrained

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation of pairs of maps, pixel by pixel.

    Parameters
    ----------
    first, second : numpy.ndarray
        (N,H,W).

    Returns
    -------
    numpy.ndarray
        (N,) between -1 and 1; NaN where a map is the same all over.
    """
    n = len(first)
    ranks = [rankdata(maps.reshape(n, -1), axis=1) for maps in (first, second)]
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    products = (centred[0] * centred[1]).sum(axis=1)
    norms = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    return np.divide(products, norms, out=np.full(n, np.nan), where=norms > 0)


def random_weights_correlation(
    model: "Model",
    images: np.ndarray,
    domain: Literal["source", "target"],
    maps: dict[str, np.ndarray],
    *,
    n_draws: int,
    seed: int,
) -> np.ndarray:
    """Return how much a network's maps resemble those of the same network with random weights.

    Parameters
    ----------
    model : Model
        The classifier.
    images : numpy.ndarray
        (N,C,H,W).
    domain : {"source", "target"}
        Chooses the normalisation.
    maps : dict of numpy.ndarray
        (N,H,W) of the trained network, by class.
    n_draws : int
        How often all weights are drawn anew.
    seed : int
        The user's seed.

    Returns
    -------
    numpy.ndarray
        (N,E) mean rank correlation over the draws, by image and class in the order of
        `maps`; NaN where a map is zero all over, in every draw.
    """
    seeds = generator("explain", "random_weights", seed=seed).integers(2**31, size=n_draws)
    prepared = model.prepare(images, domain)
    total = np.zeros((len(images), len(maps)))
    count = np.zeros_like(total)
    for draw in seeds.tolist():
        network = untrained(model, draw).network
        for column, (name, trained) in enumerate(maps.items()):
            others = gradcam_maps(network, prepared, model.classes.index(name))
            values = rank_correlation(trained, others)
            total[:, column] += np.nan_to_num(values)
            count[:, column] += np.isfinite(values)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
