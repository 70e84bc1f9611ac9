"""Which pixels of an image hold light that stands out of its own sky."""

import numpy as np
from scipy import ndimage

SMOOTHING_PIXELS = 1.0  # about a survey's PSF; keeps single noise peaks out
MAD_TO_SIGMA = 1.4826  # of a normal distribution


def significant_light(images: np.ndarray, n_sigma: float) -> np.ndarray:
    """Return the pixels that are brighter than the images' border by so many sigma.

    Parameters
    ----------
    images : numpy.ndarray
        (N,H,W).
    n_sigma : float
        Threshold above the border's median, in units of the scatter of its
        pixels (robust; a tenth of the image wide on each side). The image is
        smoothed before it is compared.

    Returns
    -------
    numpy.ndarray
        (N,H,W) bool.
    """
    height, width = images.shape[1:]
    y, x = max(2, height // 10), max(2, width // 10)
    border = np.ones((height, width), dtype=bool)
    border[y:-y, x:-x] = False
    sky = images[:, border]
    level = np.median(sky, axis=1)
    sigma = MAD_TO_SIGMA * np.median(np.abs(sky - level[:, None]), axis=1)
    smooth = ndimage.gaussian_filter(images, (0, SMOOTHING_PIXELS, SMOOTHING_PIXELS))
    return smooth > (level + n_sigma * sigma)[:, None, None]


def central_segment(light: np.ndarray) -> np.ndarray:
    """Return the connected region of light at the images' centre.

    Parameters
    ----------
    light : numpy.ndarray
        (N,H,W) bool, from `significant_light`.

    Returns
    -------
    numpy.ndarray
        (N,H,W) bool; all pixels where nothing within two pixels of the centre shines.
    """
    result = np.ones_like(light)
    y, x = (size // 2 for size in light.shape[1:])
    for one, segment in zip(light, result, strict=True):
        regions, _ = ndimage.label(one)
        central = regions[y - 2 : y + 3, x - 2 : x + 3]
        if central.any():
            numbers = np.bincount(central[central > 0])
            segment[:] = regions == numbers.argmax()
    return result
