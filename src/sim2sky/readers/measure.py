"""Properties of a galaxy from its stars, for files that come without a catalogue."""

import numpy as np

from sim2sky.readers.interface import Stars, periodic_offset

_SHRINK = 0.9
_FEWEST = 32
_SFR_WINDOW_GYR = 0.1


def centre_kpc(position_kpc: np.ndarray, mass: np.ndarray, box_size_kpc: float) -> np.ndarray:
    """Return the densest point of a galaxy by shrinking spheres (Power+2003, sec. 2.5).

    Parameters
    ----------
    position_kpc : ndarray, shape (N, 3)
        Stars of one galaxy, possibly across the periodic boundary.
    mass : ndarray, shape (N,)
        Their masses.
    box_size_kpc : float
        Side of the periodic box, or infinity.

    Returns
    -------
    ndarray, shape (3,)
        In the frame of `position_kpc`, inside the box.
    """
    origin = position_kpc[0]
    offset = periodic_offset(position_kpc - origin, box_size_kpc)
    centre = np.average(offset, axis=0, weights=mass)
    radius = np.linalg.norm(offset - centre, axis=1).max()
    inside = np.ones(len(mass), dtype=bool)
    # stop while the mean is still over a few dozen stars, or over all of a small galaxy
    while inside.sum() >= min(_FEWEST, len(mass)) and radius > 0:
        centre = np.average(offset[inside], axis=0, weights=mass[inside])
        radius *= _SHRINK
        inside = np.linalg.norm(offset - centre, axis=1) <= radius
    centre = centre + origin
    return centre % box_size_kpc if np.isfinite(box_size_kpc) else centre


def galaxy_summary(stars: Stars) -> dict[str, float]:
    """Return mass, size and star formation rate of centred stars.

    Parameters
    ----------
    stars : Stars
        Of one galaxy, relative to its centre.

    Returns
    -------
    dict of float
        stellar_mass [Msun], half_mass_radius_kpc, sfr [Msun/yr, mean over the last
        0.1 Gyr from the initial masses], n_stars.
    """
    radius = np.linalg.norm(stars.position_kpc, axis=1)
    order = np.argsort(radius, kind="stable")
    cumulative = np.cumsum(stars.mass[order])
    half = np.searchsorted(cumulative, cumulative[-1] / 2)
    young = stars.age_gyr < _SFR_WINDOW_GYR
    return {
        "stellar_mass": float(cumulative[-1]),
        "half_mass_radius_kpc": float(radius[order][half]),
        "sfr": float(stars.initial_mass[young].sum() / (_SFR_WINDOW_GYR * 1e9)),
        "n_stars": len(stars),
    }
