"""Distances from the centre of an image, and how far out its light reaches."""

import numpy as np


def pixel_radii(height: int, width: int) -> np.ndarray:
    """Return the distance of each pixel from the centre of an image.

    Parameters
    ----------
    height, width : int
        Size of the image in pixels.

    Returns
    -------
    numpy.ndarray
        (H,W) in pixels.
    """
    y = np.arange(height) - (height - 1) / 2
    x = np.arange(width) - (width - 1) / 2
    return np.hypot(y[:, None], x[None, :])


def half_light_radius(light: np.ndarray) -> np.ndarray:
    """Return the radius of the circle around the centre that holds half of the light.

    Parameters
    ----------
    light : numpy.ndarray
        (N,H,W) above the sky; less than nothing counts as nothing.

    Returns
    -------
    numpy.ndarray
        (N,) in pixels, between them by linear interpolation; NaN without light.
    """
    radius = pixel_radii(*light.shape[1:]).ravel()
    order = np.argsort(radius, kind="stable")
    result = np.full(len(light), np.nan)
    for row, image in enumerate(light):
        growth = np.cumsum(np.clip(image, 0, None).ravel()[order], dtype=np.float64)
        if growth[-1] > 0:
            result[row] = np.interp(0.5, growth / growth[-1], radius[order])
    return result
