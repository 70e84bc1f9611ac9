"""What no training at all achieves: the asymmetry of the image as a score for mergers.

A = min |I - I180| / sum |I| over centres, less the same of a patch of sky
(Conselice 2003, ApJS 147, 1; Conselice, Bershady & Jangren 2000,
ApJ 529, 886). The aperture is the galaxy's own segment of the image, as in
statmorph (Rodriguez-Gomez et al. 2019, MNRAS 483, 4140), so that neighbours
beside it do not count.
"""

import numpy as np

from sim2sky.build.dataset import Dataset
from sim2sky.evaluate.bootstrap import Resampling, interval
from sim2sky.evaluate.footprint import central_segment, significant_light
from sim2sky.evaluate.metrics import auc
from sim2sky.evaluate.predictions import labels_for_model
from sim2sky.evaluate.settings import EvaluateSettings

CENTRE_REACH_HALF_PIXELS = 4  # the stamps are centred on the galaxy to a pixel or two
# Chosen on clean Galaxy Zoo 2 mergers in SDSS, where the AUC is 0.88 at 2 sigma, 0.90 at 3,
# 0.93 at 5, 0.92 at 7 and 0.88 at 10: on those images the baseline has seen the labels.
SEGMENT_SIGMA = 5.0


def asymmetry(images: np.ndarray) -> np.ndarray:
    """Return the rotational asymmetry of galaxies at the centre of their images.

    Parameters
    ----------
    images : numpy.ndarray
        (N,H,W), sky about zero.

    Returns
    -------
    numpy.ndarray
        (N,) float64; 0 for a galaxy that is its own half turn, up to 2; NaN for
        an empty image.
    """
    images = np.asarray(images, dtype=np.float32)
    segment = central_segment(significant_light(images, SEGMENT_SIGMA))
    aperture = (segment | segment[:, ::-1, ::-1]).astype(np.float32)
    light = (np.abs(images) * aperture).sum(axis=(1, 2), dtype=np.float64)
    galaxy = _least_difference(images, aperture)
    sky = _sky_difference_per_pixel(images) * aperture.sum(axis=(1, 2))
    result = np.full(len(images), np.nan)
    return np.divide(galaxy - sky, light, out=result, where=light > 0)


def asymmetry_summary(
    dataset: Dataset, model_classes: list[str], settings: EvaluateSettings
) -> dict[str, float | str | None]:
    """Return the AUC of asymmetry alone for the last class of a dataset's rows.

    Parameters
    ----------
    dataset : Dataset
        Read with labels.
    model_classes : list of str
        The last one is the positive class.
    settings : EvaluateSettings
        The resampling.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``; None where undefined, with a ``reason``.
    """
    label = labels_for_model(dataset, model_classes)
    score = asymmetry(dataset.images.sum(axis=1))
    used = (label >= 0) & (label < len(model_classes)) & np.isfinite(score)
    positive = label[used] == len(model_classes) - 1
    system_id = dataset.system_id[used]
    # all the dataset's systems, so that the resamples are those of the model's scores
    resampling = Resampling.draw(dataset.system_id, settings.n_bootstrap, settings.seed)
    values = resampling.apply(
        lambda weights: {"auc": auc(score[used], positive, weights)}, system_id
    )["auc"]
    if not np.isfinite(values[0]):
        reason = f"{positive.sum()} rows of '{model_classes[-1]}' among {used.sum()} labelled"
        return {"value": None, "low": None, "high": None, "reason": reason}
    low, high = interval(values, settings.interval)
    return {"value": float(values[0]), "low": low, "high": high}


def _least_difference(images: np.ndarray, aperture: np.ndarray) -> np.ndarray:
    """Return sum |I - I180| in the aperture, at the best centre of a half-pixel grid."""
    reach = range(-CENTRE_REACH_HALF_PIXELS, CENTRE_REACH_HALF_PIXELS + 1)
    coarse = [(dy, dx) for dy in reach[::2] for dx in reach[::2]]
    best, place = _search(images, aperture, coarse, np.full(len(images), np.inf))
    # from the best whole pixel one half-pixel step, for the images that share that pixel
    for dy, dx in np.unique(place, axis=0):
        same = (place == (dy, dx)).all(axis=1)
        around = [(dy + i, dx + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        best[same], _ = _search(images[same], aperture[same], around, best[same])
    return best


def _search(
    images: np.ndarray, aperture: np.ndarray, shifts: list[tuple[int, int]], best: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least difference over centres moved by half a shift, and that shift."""
    turned = images[:, ::-1, ::-1]
    best, place = best.copy(), np.zeros((len(images), 2), dtype=np.int64)
    for shift in shifts:
        own = tuple(_overlap(n, d) for n, d in zip(images.shape[1:], shift, strict=True))
        other = tuple(_overlap(n, -d) for n, d in zip(images.shape[1:], shift, strict=True))
        change = np.abs(images[:, *own] - turned[:, *other])
        total = np.einsum("nij,nij->n", change, aperture[:, *own]).astype(np.float64)
        better = total < best
        best[better], place[better] = total[better], shift
    return best, place


def _overlap(size: int, shift: int) -> slice:
    """Return the pixels that still have a partner when one axis is moved by a shift."""
    return slice(max(0, shift), size + min(0, shift))


def _sky_difference_per_pixel(images: np.ndarray) -> np.ndarray:
    """Return mean |B - B180| of the image's corners, the median of the four.

    A neighbour in one corner does not matter then.
    """
    height, width = (max(2, size // 6) for size in images.shape[1:])
    corners = [
        images[:, rows, columns]
        for rows in (slice(None, height), slice(-height, None))
        for columns in (slice(None, width), slice(-width, None))
    ]
    differences = [np.abs(c - c[:, ::-1, ::-1]).mean(axis=(1, 2), dtype="f8") for c in corners]
    return np.median(differences, axis=0)
