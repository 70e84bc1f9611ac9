"""Foreground stars: their colours, and the halo and spikes that bright ones wear."""

import numpy as np

from sim2sky.observe.flux import flux_njy

# h c / k in um K, CODATA 2018
_SECOND_RADIATION_CONSTANT = 14387.77
# Wings that fall as r^-3, and four spikes: assumptions in shape, share and scale, not fitted to
# any survey. They are to tell a classifier that such things exist.
_HALO_SHARE = 0.05
_HALO_ARCSEC = 2.5
_SPIKE_SHARE = 0.02  # of all four
_SPIKE_ARCSEC = 6.0  # where a spike has lost half of its brightness
_SPIKE_WIDTH_ARCSEC = 0.5
_PLAIN_MAG = 19.0  # halo and spikes of fainter stars drown in the sky


def stellar_flux(
    flux: np.ndarray, wavelength_um: np.ndarray, temperature_k: np.ndarray
) -> np.ndarray:
    """Return fluxes per band of black bodies.

    Between 3200 and 9000 K they follow the stellar locus: g - r = 0.47 and r - i = 0.15 at the
    Sun's 5800 K, where galaxies of that g - r have twice the r - i. That is how a
    star in front can be told from a nucleus.

    Parameters
    ----------
    flux : numpy.ndarray
        (N,) per unit frequency at the middle band.
    wavelength_um : numpy.ndarray
        (C,) of the bands.
    temperature_k : numpy.ndarray
        (N,).

    Returns
    -------
    numpy.ndarray
        (N,C): Planck's law per unit frequency, ``x^3 / (e^x - 1)`` with ``x = hc / (lambda k T)``.
    """
    x = _SECOND_RADIATION_CONSTANT / (wavelength_um * np.asarray(temperature_k)[:, None])
    planck = x**3 / np.expm1(x)
    middle = int(np.argsort(wavelength_um)[len(wavelength_um) // 2])
    return np.asarray(flux)[:, None] * planck / planck[:, [middle]]


def paint_star(
    image: np.ndarray,
    place: tuple[float, float],
    star_njy: np.ndarray,
    pixel_arcsec: float,
    spike_angle: float,
) -> None:
    """Add a star to an image, which it may lie outside of.

    Parameters
    ----------
    image : numpy.ndarray
        (C,M,M) in nJy per pixel, changed.
    place : tuple of float
        x and y [pixels].
    star_njy : numpy.ndarray
        (C,).
    pixel_arcsec : float
        Side of a pixel.
    spike_angle : float
        Direction of a spike [radian]; the others are at right angles.
    """
    x, y = place
    if star_njy.max() < flux_njy(_PLAIN_MAG):
        paint_point(image, x, y, star_njy)
        return
    paint_point(image, x, y, star_njy * (1 - _HALO_SHARE - _SPIKE_SHARE))
    rows, columns = np.indices(image.shape[1:])
    dx, dy = (columns - x) * pixel_arcsec, (rows - y) * pixel_arcsec
    area = pixel_arcsec**2
    halo = (1 + (dx**2 + dy**2) / _HALO_ARCSEC**2) ** -1.5 / (2 * np.pi * _HALO_ARCSEC**2)
    along = dx * np.cos(spike_angle) + dy * np.sin(spike_angle)
    across = dy * np.cos(spike_angle) - dx * np.sin(spike_angle)
    spikes = (_spike(along, across) + _spike(across, along)) / 2
    wings = area * (_HALO_SHARE * halo + _SPIKE_SHARE * spikes)
    image += star_njy[:, None, None] * wings


def _spike(along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return a line of light per square arcsecond, with integral 1 over the plane."""
    length = 1 / (np.pi * _SPIKE_ARCSEC * (1 + (along / _SPIKE_ARCSEC) ** 2))
    width = np.exp(-0.5 * (across / _SPIKE_WIDTH_ARCSEC) ** 2)
    return length * width / (np.sqrt(2 * np.pi) * _SPIKE_WIDTH_ARCSEC)


def paint_point(image: np.ndarray, x: float, y: float, flux: np.ndarray) -> None:
    """Share a point's flux among the four nearest pixels, so that its centroid is right.

    Parameters
    ----------
    image : numpy.ndarray
        (C,M,M), changed.
    x, y : float
        Place in pixels; what falls outside is lost.
    flux : numpy.ndarray
        (C,).
    """
    left, low = int(np.floor(x)), int(np.floor(y))
    for row, weight_y in ((low, low + 1 - y), (low + 1, y - low)):
        for column, weight_x in ((left, left + 1 - x), (left + 1, x - left)):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                image[:, row, column] += flux * weight_x * weight_y
