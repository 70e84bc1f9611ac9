"""The rotational asymmetry of a galaxy.

A = min sum |I - I180| / sum |I| over centres, less the same of a patch of sky
(Conselice 2003, ApJS 147, 1; Conselice, Bershady & Jangren 2000, ApJ 529, 886).
The aperture is the galaxy's own segment of the image and its half turn, so that
neighbours beside it do not count; statmorph's is a circle.
"""

import numpy as np

CENTRE_REACH_HALF_PIXELS = 4  # the stamps are centred on the galaxy to a pixel or two


def asymmetry(image: np.ndarray, segment: np.ndarray) -> float:
    """Return the rotational asymmetry of the galaxy at the centre of an image.

    Parameters
    ----------
    image : numpy.ndarray
        (H,W), sky subtracted.
    segment : numpy.ndarray
        (H,W) bool, the galaxy.

    Returns
    -------
    float
        0 for a galaxy that is its own half turn, up to 2; NaN without light.
    """
    image = np.asarray(image, dtype=np.float64)
    aperture = segment | segment[::-1, ::-1]
    light = np.abs(image[aperture]).sum()
    if not light > 0:
        return np.nan
    noise = _sky_difference_per_pixel(image) * aperture.sum()
    return float((_least_difference(image, aperture) - noise) / light)


def _least_difference(image: np.ndarray, aperture: np.ndarray) -> float:
    """Return sum |I - I180| in the aperture at the best centre of a half-pixel grid."""
    reach = range(-CENTRE_REACH_HALF_PIXELS, CENTRE_REACH_HALF_PIXELS + 1)
    coarse = {(y, x): _difference(image, aperture, y, x) for y in reach[::2] for x in reach[::2]}
    top, left = min(coarse, key=coarse.get)
    # from the best whole pixel one half-pixel step
    fine = [
        _difference(image, aperture, top + y, left + x)
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
        if y or x
    ]
    return min(coarse[top, left], *fine)


def _difference(image: np.ndarray, aperture: np.ndarray, dy: int, dx: int) -> float:
    """Return sum |I - I180| for a centre moved by (dy, dx) / 2 pixels."""
    height, width = image.shape
    own = _overlap(height, dy), _overlap(width, dx)
    other = _overlap(height, -dy), _overlap(width, -dx)
    change = np.abs(image[own] - image[::-1, ::-1][other])
    return float(change[aperture[own]].sum())


def _overlap(size: int, shift: int) -> slice:
    """Return the pixels that still have a partner when one axis is moved by a shift."""
    return slice(max(0, shift), size + min(0, shift))


def _sky_difference_per_pixel(image: np.ndarray) -> float:
    """Return mean |B - B180| of the image's corners, the median of the four.

    A neighbour in one corner does not matter then.
    """
    height, width = (max(2, size // 6) for size in image.shape)
    corners = [
        image[rows, columns]
        for rows in (slice(None, height), slice(-height, None))
        for columns in (slice(None, width), slice(-width, None))
    ]
    return float(np.median([np.abs(c - c[::-1, ::-1]).mean() for c in corners]))
