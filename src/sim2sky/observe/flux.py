"""AB magnitudes, nJy and the units that headers name."""

import re

import numpy as np
from astropy import units

NJY_AT_MAG_ZERO = 3631e9  # AB: 3631 Jy (Oke & Gunn 1983, ApJ 266, 713)
# nanomaggies are 22.5 mag each (https://www.sdss.org/dr17/help/glossary/#nanomaggie)
NANOMAGGY = re.compile(r"n(ano)?mag+(y|ie)s?|nmgy|nmaggies?", re.IGNORECASE)


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


def njy_per_unit(text: str, pixel_scale_arcsec: float) -> float | None:
    """Return the flux density of one unit of an image's pixels.

    Parameters
    ----------
    text : str
        The unit as a header has it.
    pixel_scale_arcsec : float
        Side of a pixel, for units of surface brightness; NaN unknown.

    Returns
    -------
    float or None
        nJy; None if the unit is not known, or none of flux.
    """
    if NANOMAGGY.fullmatch(text):
        return float(flux_njy(22.5))
    try:
        unit = units.Unit(text)
    except ValueError:
        return None
    if unit.is_equivalent(units.nJy):
        return float(unit.to(units.nJy))
    if unit.is_equivalent(units.nJy / units.sr) and np.isfinite(pixel_scale_arcsec):
        return float((unit * (pixel_scale_arcsec * units.arcsec) ** 2).to_value(units.nJy))
    return None
