"""The sky around a galaxy, from the border of its stamp."""

import numpy as np

MAD_TO_SIGMA = 1.4826  # of a normal distribution


def border_sky(image: np.ndarray) -> tuple[float, float]:
    """Return the level and the scatter of the border of an image.

    Parameters
    ----------
    image : numpy.ndarray
        (H,W).

    Returns
    -------
    level, sigma : float
        Median, and scatter from the median absolute deviation, of the pixels within a
        tenth of the image's side of its edge.
    """
    y, x = (max(2, size // 10) for size in image.shape)
    border = np.ones(image.shape, dtype=bool)
    border[y:-y, x:-x] = False
    values = image[border]
    level = np.median(values)
    return float(level), float(MAD_TO_SIGMA * np.median(np.abs(values - level)))
