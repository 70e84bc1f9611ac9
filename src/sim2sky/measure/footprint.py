"""Which pixels of an image hold light that stands out of its own sky."""

import numpy as np
from scipy import ndimage

from sim2sky.measure.sky import border_sky

SMOOTHING_PIXELS = 1.0  # about a survey's PSF; keeps single noise peaks out


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
    level, sigma = np.array([border_sky(image) for image in images]).T
    smooth = ndimage.gaussian_filter(images, (0, SMOOTHING_PIXELS, SMOOTHING_PIXELS))
    return smooth > (level + n_sigma * sigma)[:, None, None]
