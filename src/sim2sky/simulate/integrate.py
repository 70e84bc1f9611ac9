"""Integration of the N-body problem and the record of how well it conserves.

Leapfrog (kick-drift-kick) with one constant step: symplectic, so the energy error stays
bounded where the innermost orbits are resolved, and momentum is conserved because the
forces are mutual. At the steps that resolve galaxy centres just well enough, higher-order
symplectic schemes gain nothing per force evaluation.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from sim2sky.errors import Sim2SkyError
from sim2sky.simulate.direct import potential_energy
from sim2sky.simulate.galaxies import Bodies
from sim2sky.simulate.gravity import gravity

Array = NDArray[np.float64]

_TRACK_GYR = 0.01
"""Roughly how often the distance between the cores is noted."""

_CHECK_EVERY = 4
"""Energy is summed over all pairs of bodies at every 4th snapshot and at the last."""


@dataclass(frozen=True)
class Track:
    """What is kept of one run.

    Parameters
    ----------
    time_gyr : array (T,)
        Times of the snapshots.
    position, velocity : float32 array (T, N, 3)
        In kpc and kpc/Gyr.
    potential : float32 array (T, N)
        Potential of each body due to its own galaxy in kpc^2/Gyr^2: its minimum is the
        galaxy's centre whatever passes by.
    core_time_gyr, core_separation_kpc : array (S,)
        Distance between the two galaxies' cores about every 0.01 Gyr; NaN for a
        single galaxy.
    energy_drift : float
        Largest |E - E0| / |E0| over every 4th snapshot and the last, the potential energy
        summed over all pairs.
    momentum_drift : float
        Largest |P - P0| over the summed momenta of the single bodies.
    """

    time_gyr: Array
    position: NDArray[np.float32]
    velocity: NDArray[np.float32]
    potential: NDArray[np.float32]
    core_time_gyr: Array
    core_separation_kpc: Array
    energy_drift: float
    momentum_drift: float


def core_bodies(bodies: Bodies) -> list[NDArray[np.intp]]:
    """Return for each galaxy the stars that start nearest to its centre.

    Parameters
    ----------
    bodies : Bodies
        At the start of the run.

    Returns
    -------
    list of int array
        A tenth of each galaxy's stars, at least 20 where it has them.
    """
    cores = []
    for galaxy in np.unique(bodies.galaxy):
        stars = np.flatnonzero(bodies.stars & (bodies.galaxy == galaxy))
        count = min(max(len(stars) // 10, 20), len(stars))
        cores.append(stars[np.argsort(bodies.birth_radius[stars], kind="stable")[:count]])
    return cores


def core_centre(position: Array) -> Array:
    """Return the densest place of a cloud of core stars.

    Parameters
    ----------
    position : array (n, 3)
        The stars.

    Returns
    -------
    array (3,)
        The mean of the stars within the median distance of the centre, iterated from
        the median position.
    """
    centre = np.median(position, axis=0)
    for _ in range(3):
        distance = np.linalg.norm(position - centre, axis=1)
        centre = position[distance <= np.median(distance)].mean(axis=0)
    return centre


def integrate(
    bodies: Bodies,
    *,
    softening_kpc: float,
    duration_gyr: float,
    interval_gyr: float,
    timestep_gyr: float,
    theta: float,
    max_energy_drift: float,
    name: str = "run",
    is_over: Callable[[Array, Array], bool] = lambda time_gyr, separation_kpc: False,
) -> Track:
    """Run an N-body simulation and keep snapshots at equal intervals from the start.

    Parameters
    ----------
    bodies : Bodies
        Initial conditions; left as they are.
    softening_kpc : float
        Softening length.
    duration_gyr, interval_gyr : float
        Length of the run and time between snapshots.
    timestep_gyr : float
        Step; shortened to divide the interval.
    theta : float
        Opening criterion of the forces, see `gravity.gravity`.
    max_energy_drift : float
        Allowed relative change of the total energy.
    name : str
        Named in the error message.
    is_over : callable
        Asked at each snapshot with the times in Gyr and the distances in kpc between the
        cores so far, whether the run ends here.

    Returns
    -------
    Track
        Snapshots and conservation.

    Raises
    ------
    Sim2SkyError
        As soon as a check shows that energy is not conserved.
    """
    position, velocity = bodies.position.copy(), bodies.velocity.copy()
    mass = bodies.mass
    cores = core_bodies(bodies)
    steps = int(np.ceil(interval_gyr / timestep_gyr - 1e-9))
    step = interval_gyr / steps
    every = max(round(_TRACK_GYR / step), 1)
    snapshots = round(duration_gyr / interval_gyr)

    start = _conserved(position, velocity, mass, softening_kpc)
    drift = np.zeros(2)
    kept = [_snapshot(position, velocity, bodies, softening_kpc, theta)]
    tracked = [(0.0, _separation(position, cores))]
    acceleration, _ = gravity(position, mass, softening_kpc, theta)
    for done in range(1, snapshots * steps + 1):
        velocity += 0.5 * step * acceleration
        position += step * velocity
        acceleration, _ = gravity(position, mass, softening_kpc, theta)
        velocity += 0.5 * step * acceleration
        if done % every == 0:
            tracked.append((done * step, _separation(position, cores)))
        if done % steps:
            continue
        kept.append(_snapshot(position, velocity, bodies, softening_kpc, theta))
        last = done == snapshots * steps or is_over(*np.array(tracked).T)
        if (done // steps) % _CHECK_EVERY and not last:
            continue
        now = _conserved(position, velocity, mass, softening_kpc)
        energy = abs(now[0] - start[0]) / abs(start[0])
        momentum = np.linalg.norm(now[1] - start[1]) / now[2]
        drift = np.maximum(drift, [energy, momentum])
        if not energy <= max_energy_drift:
            raise Sim2SkyError(
                "total energy is not conserved",
                where=f"{name} at {done * step:.2f} Gyr",
                got=f"a relative drift of {energy:.2g}",
                expected=f"at most {max_energy_drift:g}",
                fix="raise steps_per_orbit, lower timestep_gyr or raise softening_kpc",
            )
        if last:
            break
    fields = [np.stack(parts) for parts in zip(*kept, strict=True)]
    time, separation = np.array(tracked).T
    return Track(interval_gyr * np.arange(len(kept)), *fields, time, separation, *drift.tolist())


def coalescence_time(time_gyr: Array, separation_kpc: Array, threshold_kpc: float) -> float:
    """Return when two cores come together for good.

    Parameters
    ----------
    time_gyr, separation_kpc : array (S,)
        Distance between the cores over time, at equal intervals.
    threshold_kpc : float
        Cores nearer than this are one.

    Returns
    -------
    float
        First time in Gyr from which the distance, its running median over 0.09 Gyr since
        small cores are noisy, stays below the threshold for 0.3 Gyr or to the end of the
        run; NaN if it does not.
    """
    if len(time_gyr) < 2:
        return float("nan")
    interval = time_gyr[1] - time_gyr[0]
    width = 2 * round(0.045 / interval) + 1
    near = median_filter(separation_kpc, width, mode="nearest") < threshold_kpc
    stay = round(0.3 / interval)
    for first in np.flatnonzero(near):
        if near[first : first + stay].all():
            return float(time_gyr[first])
    return float("nan")


def _separation(position: Array, cores: list[NDArray[np.intp]]) -> float:
    """Return the distance between two cores in kpc, NaN if there is but one."""
    if len(cores) < 2:
        return float("nan")
    first, second = (core_centre(position[core]) for core in cores)
    return float(np.linalg.norm(first - second))


def _conserved(
    position: Array, velocity: Array, mass: Array, softening_kpc: float
) -> tuple[float, Array, float]:
    """Return total energy, total momentum and the sum of the bodies' absolute momenta."""
    speed2 = (velocity**2).sum(axis=1)
    energy = 0.5 * (mass * speed2).sum() + potential_energy(position, mass, softening_kpc)
    momentum = (mass[:, None] * velocity).sum(axis=0)
    return float(energy), momentum, float((mass * np.sqrt(speed2)).sum())


def _snapshot(
    position: Array, velocity: Array, bodies: Bodies, softening_kpc: float, theta: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return position, velocity and own galaxy's potential of all bodies."""
    potential = np.empty(len(bodies), np.float32)
    for galaxy in np.unique(bodies.galaxy):
        own = bodies.galaxy == galaxy
        potential[own] = gravity(position[own], bodies.mass[own], softening_kpc, theta)[1]
    return position.astype(np.float32), velocity.astype(np.float32), potential
