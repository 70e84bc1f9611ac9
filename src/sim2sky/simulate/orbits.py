"""Orbits on which two extended galaxies approach each other."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sim2sky.errors import Sim2SkyError
from sim2sky.simulate.galaxies import Bodies

Array = NDArray[np.float64]


def random_rotation(rng: np.random.Generator) -> Array:
    """Return a rotation matrix drawn uniformly from all rotations.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array (3, 3)
        From a random unit quaternion (Shoemake 1992).
    """
    w, x, y, z = (q := rng.normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def interaction_energy(
    bodies: Bodies, radius: Array, potential: Array
) -> Callable[[float], float]:
    """Return the mutual potential energy of two galaxies as a function of distance.

    Parameters
    ----------
    bodies : Bodies
        One galaxy, centred on the origin.
    radius, potential : array (K,)
        The spherical potential of the other (kpc, kpc^2/Gyr^2), increasing radii.

    Returns
    -------
    callable
        Takes the distance in kpc; gives the energy in 1e10 Msun kpc^2/Gyr^2. Beyond the
        last radius the potential is a point mass's.
    """

    def energy(distance: float) -> float:
        r = np.linalg.norm(bodies.position - np.array([distance, 0.0, 0.0]), axis=1)
        inside = np.interp(r, radius, potential)
        outside = potential[-1] * radius[-1] / np.maximum(r, radius[-1])
        return float((bodies.mass * np.where(r < radius[-1], inside, outside)).sum())

    return energy


def launch(
    energy: Callable[[float], float],
    masses: tuple[float, float],
    separation_kpc: float,
    pericentre_kpc: float,
    binding: float,
) -> tuple[Array, Array]:
    """Return relative position and velocity at the start of an encounter.

    The two galaxies are taken as rigid: their orbit has the total energy
    ``binding * energy(separation)`` (zero is parabolic) and the angular momentum that
    turns it at the pericentre. For haloes that overlap at the start this is much slower
    than a point-mass parabola, which would be unbound.

    Parameters
    ----------
    energy : callable
        Mutual potential energy against distance, see `interaction_energy`.
    masses : (float, float)
        Total masses in 1e10 Msun.
    separation_kpc, pericentre_kpc : float
        Distance at the start and at closest approach.
    binding : float
        In [0, 1).

    Returns
    -------
    position, velocity : array (3,)
        Of the second relative to the first; motion in the x-y plane.

    Raises
    ------
    Sim2SkyError
        If no such orbit exists.
    """
    reduced = masses[0] * masses[1] / (masses[0] + masses[1])
    start = energy(separation_kpc)
    total = binding * start
    speed2 = 2.0 * (total - start) / reduced
    turning2 = 2.0 * (total - energy(pericentre_kpc)) / reduced
    across = pericentre_kpc * np.sqrt(max(turning2, 0.0)) / separation_kpc
    inward2 = speed2 - across**2
    if inward2 <= 0.0:
        raise Sim2SkyError(
            "no orbit leads from the start to the pericentre",
            where="orbit",
            got=f"separation {separation_kpc:g} kpc, pericentre {pericentre_kpc:g} kpc, "
            f"binding {binding:g}",
            fix="raise separation_kpc, or lower pericentre_max_kpc or binding_max",
        )
    position = np.array([separation_kpc, 0.0, 0.0])
    return position, np.array([-np.sqrt(inward2), across, 0.0])
