"""Do the highlighted pixels matter? Deletion and insertion (Petsiuk et al. 2018, BMVC).

The RISE paper (arXiv:1806.07421, section 3.3) takes pixels out of an image in the order of
their attribution and follows the probability of the class. If the map is right it falls
sooner than for any other order; putting them into an empty image, it rises sooner.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

from sim2sky.measure.sky import border_sky
from sim2sky.seeding import generator

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model

ORDERS = ("highest", "random", "lowest")


def empty_sky(images: np.ndarray, keys: list[tuple[str, int]], seed: int) -> np.ndarray:
    """Return what each image would show without any galaxy.

    Every band has the level of the image's own border, and its noise from pixel to pixel:
    what border pixels have above the mean of their eight neighbours, shuffled. Images
    without noise thus get a flat sky, noisy ones noise like their own, but uncorrelated.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W).
    keys : list of tuple
        (galaxy_id, view) of each image: the same pixels are drawn for it every time.
    seed : int
        The user's seed.

    Returns
    -------
    numpy.ndarray
        (N,C,H,W), of the images' type.
    """
    size = images.shape[-2:]
    y, x = (max(2, length // 10) for length in size)  # the border of `border_sky`
    border = np.zeros(size, dtype=bool)
    border[1:-1, 1:-1] = True  # pixels at the very edge lack neighbours
    border[y:-y, x:-x] = False
    around = np.ones((3, 3))
    around[1, 1] = 0
    result = np.empty_like(images)
    for row, (image, key) in enumerate(zip(images, keys, strict=True)):
        drawn = generator("explain", "sky", *key, seed=seed).integers(border.sum(), size=size)
        for band, plane in enumerate(image.astype(np.float64)):
            noise = plane - ndimage.convolve(plane, around / 8, mode="nearest")
            # a difference from the mean of 8 others scatters by sqrt(9/8) of the noise
            result[row, band] = border_sky(plane)[0] + np.sqrt(8 / 9) * noise[border][drawn]
    return result


def random_maps(
    keys: list[tuple[str, int]], coarse: tuple[int, int], size: tuple[int, int], seed: int
) -> np.ndarray:
    """Return maps of random numbers, as coarse as those of Grad-CAM.

    Random pixels would spoil the whole image at once, coherent patches as Grad-CAM
    marks them would not: only maps of one resolution can be compared.

    Parameters
    ----------
    keys : list of tuple
        (galaxy_id, view) of each map: it has the same map every time.
    coarse : tuple of int
        Size of the map that is drawn.
    size : tuple of int
        Size that it is brought to, by the same interpolation as Grad-CAM maps.
    seed : int
        The user's seed.

    Returns
    -------
    numpy.ndarray
        (N,H,W) float32.
    """
    drawn = [generator("explain", "order", *key, seed=seed).random((1, *coarse)) for key in keys]
    tensor = torch.from_numpy(np.array(drawn, dtype=np.float32).reshape(len(keys), 1, *coarse))
    return functional.interpolate(tensor, size, mode="bilinear")[:, 0].numpy()


@torch.no_grad()
def map_size(network: torch.nn.Module, prepared: torch.Tensor) -> tuple[int, int]:
    """Return the height and width of the maps that Grad-CAM is made of.

    Parameters
    ----------
    network : torch.nn.Module
        With the attribute ``gradcam_layer``.
    prepared : torch.Tensor
        (N,C,H,W); the first is enough.

    Returns
    -------
    height, width : int
        Pixels of the layer's output.
    """
    seen = []
    handle = network.gradcam_layer.register_forward_hook(
        lambda _layer, _inputs, output: seen.append(tuple(output.shape[-2:]))
    )
    network(prepared[:1])
    handle.remove()
    return seen[0]


def deletion_curves(
    model: "Model",
    images: np.ndarray,
    domain: Literal["source", "target"],
    maps: np.ndarray,
    class_index: np.ndarray,
    keys: list[tuple[str, int]],
    *,
    steps: int,
    seed: int,
) -> np.ndarray:
    """Return how the probability of a class falls while pixels give way to empty sky.

    Inserting pixels into empty sky, the highest first, is deleting the lowest first read
    backwards: both show the same pictures. So three orders hold both tests.

    Parameters
    ----------
    model : Model
        The classifier.
    images : numpy.ndarray
        (N,C,H,W).
    domain : {"source", "target"}
        Chooses the normalisation.
    maps : numpy.ndarray
        (N,H,W) attribution for the class of each image.
    class_index : numpy.ndarray
        (N,) the class whose probability is followed.
    keys : list of tuple
        (galaxy_id, view) of each image.
    steps : int
        Number of equal shares of pixels that are deleted one after the other.
    seed : int
        The user's seed.

    Returns
    -------
    numpy.ndarray
        (N,3,steps+1) float32, by order (`ORDERS`: highest attribution first, that of
        `random_maps` first, lowest first) and number of shares deleted. Pixels of equal
        attribution follow the random order.
    """
    if len(images) == 0:
        return np.empty((0, len(ORDERS), steps + 1), dtype=np.float32)
    prepared = model.prepare(images[:1], domain)
    coarse = map_size(model.network_for(domain), prepared)
    n, n_pixels = len(images), maps[0].size
    random = random_maps(keys, coarse, maps.shape[1:], seed).reshape(n, n_pixels)
    highest = np.lexsort((random, -maps.reshape(n, n_pixels)), axis=1)
    orders = (highest, np.argsort(random, axis=1, kind="stable"), highest[:, ::-1])
    ranks = [order.argsort(axis=1).reshape(maps.shape) for order in orders]
    sky = empty_sky(images, keys, seed)

    def probability(shown: np.ndarray) -> np.ndarray:
        return model.predict(shown, domain)[0][np.arange(n), class_index]

    curves = np.empty((n, len(ORDERS), steps + 1), dtype=np.float32)
    curves[:, :, 0] = probability(images)[:, None]
    curves[:, :, -1] = probability(sky)[:, None]
    for step in range(1, steps):
        n_deleted = round(step * n_pixels / steps)
        for number, rank in enumerate(ranks):
            deleted = (rank < n_deleted)[:, None]
            curves[:, number, step] = probability(np.where(deleted, sky, images))
    return curves


def curve_areas(curves: np.ndarray) -> dict[str, np.ndarray]:
    """Return the areas under deletion and insertion curves.

    Parameters
    ----------
    curves : numpy.ndarray
        (N,3,F) from `deletion_curves`.

    Returns
    -------
    dict of numpy.ndarray
        (N,) each, areas by the trapezoidal rule over the share of pixels from 0 to 1:
        ``deletion_auc`` and ``insertion_auc`` of the map, ``random_auc`` of the random
        order (the same for both tests), and what the map has over it, positive if its
        pixels matter: ``deletion_gain`` (random less map) and ``insertion_gain`` (map
        less random).
    """
    steps = curves.shape[2] - 1
    areas = np.trapezoid(curves.astype(np.float64), dx=1 / steps, axis=2)
    highest, random, lowest = areas.T
    return {
        "deletion_auc": highest,
        "insertion_auc": lowest,
        "random_auc": random,
        "deletion_gain": random - highest,
        "insertion_gain": lowest - random,
    }
