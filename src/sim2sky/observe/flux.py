"""AB magnitudes and nJy."""

import numpy as np

NJY_AT_MAG_ZERO = 3631e9  # AB: 3631 Jy (Oke & Gunn 1983, ApJ 266, 713)


def flux_njy(magnitude: float | np.ndarray) -> float | np.ndarray:
    """Return the flux density of an AB magnitude.

    Parameters
    ----------
    magnitude : float or numpy.ndarray
        AB magnitude.

    Returns
    -------
    float or numpy.ndarray
        nJy.
    """
    return NJY_AT_MAG_ZERO * 10 ** (-0.4 * magnitude)
