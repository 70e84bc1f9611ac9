"""Finding one image twice, also flipped or turned.

Galaxies look alike, so images are compared by what is theirs alone: of the
asinh-stretched, band-averaged image the smooth part and everything that is the
same under the eight flips and turns (the dihedral group of the square) are
taken away. What stays is grain, knots and noise, whose correlation is one for
a copy and near zero for another galaxy.
"""

import numpy as np
from scipy.ndimage import uniform_filter

SMOOTHING_PIXELS = 5
SAMPLED_PIXELS = 24  # per side, for the first look at all pairs
FIRST_LOOK_MARGIN = 0.1  # by which the sampled correlation may fall short of the full one
BLOCK = 512


def dihedral(images: np.ndarray) -> list[np.ndarray]:
    """Return the eight flips and turns of square images.

    Parameters
    ----------
    images : numpy.ndarray
        (...,H,H).

    Returns
    -------
    list of numpy.ndarray
        Views; the first is the input.
    """
    turned = [np.rot90(images, turn, axes=(-2, -1)) for turn in range(4)]
    return turned + [image[..., ::-1] for image in turned]


def fine_structure(images: np.ndarray) -> np.ndarray:
    """Return what is an image's own, at unit norm.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W) in any units.

    Returns
    -------
    numpy.ndarray
        (N,H,W) float32; zero for an image that has none.
    """
    result = np.empty((len(images), *images.shape[-2:]), dtype=np.float32)
    for start in range(0, len(images), BLOCK):
        block = np.nan_to_num(images[start : start + BLOCK].astype(np.float32), posinf=0, neginf=0)
        # per band, since bands differ in brightness; the median level of |x| is about the noise
        level = np.median(np.abs(block), axis=(2, 3), keepdims=True)
        peak = np.abs(block).max(axis=(2, 3), keepdims=True)
        softening = np.maximum(level, 1e-3 * peak)
        stretched = np.arcsinh(block / np.where(softening > 0, softening, 1)).mean(axis=1)
        fine = stretched - uniform_filter(stretched, (0, SMOOTHING_PIXELS, SMOOTHING_PIXELS))
        fine -= np.mean(dihedral(fine), axis=0)
        norm = np.sqrt((fine**2).sum(axis=(1, 2), keepdims=True))
        floor = 1e-6 * np.abs(stretched).max(axis=(1, 2), keepdims=True) * fine.shape[-1]
        result[start : start + BLOCK] = np.where(
            norm > floor, fine / np.where(norm > 0, norm, 1), 0
        )
    return result


def duplicate_pairs(
    first: np.ndarray, second: np.ndarray, correlation: float
) -> list[tuple[int, int]]:
    """Return pairs of the same image in two sets, flipped or turned any way.

    Parameters
    ----------
    first, second : numpy.ndarray
        (N,H,H) and (M,H,H), from `fine_structure`.
    correlation : float
        Threshold for the same image.

    Returns
    -------
    list of tuple of int
        Rows of `first` and `second`, sorted.
    """
    if not len(first) or not len(second) or first.shape[1:] != second.shape[1:]:
        return []
    sample = _symmetric_sample(first.shape[-1])
    columns = _unit_rows(first[:, sample[:, None], sample])
    found = set()
    for turn, turned in enumerate(dihedral(second)):
        looks = _unit_rows(turned[:, sample[:, None], sample])
        for start in range(0, len(looks), BLOCK):
            alike = looks[start : start + BLOCK] @ columns.T > correlation - FIRST_LOOK_MARGIN
            for row, column in np.argwhere(alike):
                full = dihedral(second[start + row])[turn]
                if float((full * first[column]).sum()) > correlation:
                    found.add((int(column), int(start + row)))
    return sorted(found)


def _symmetric_sample(side: int) -> np.ndarray:
    """Return pixel indices, every few, that flips and turns map onto themselves."""
    step = max(1, side // SAMPLED_PIXELS)
    low = np.arange((side + 1) // 2)[::-1][::step]
    return np.unique(np.concatenate([low, side - 1 - low]))


def _unit_rows(images: np.ndarray) -> np.ndarray:
    """Flatten images and scale each to unit norm."""
    rows = images.reshape(len(images), -1)
    norm = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return rows / np.where(norm > 0, norm, 1)
