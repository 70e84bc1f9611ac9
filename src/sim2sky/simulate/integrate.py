"""Integration of the N-body problem and the record of how well it conserves.

Leapfrog (kick-drift-kick) with a hierarchy of step sizes. The Hamiltonian is split as
in the HOLD scheme of Pelupessy, Jaenes & Portegies Zwart (2012, New Astronomy 17, 711):
the mutual pull of the fast bodies is applied with half the step of everything else, and
so on recursively. Every pair of bodies is kicked symmetrically, so momentum is conserved
whatever the steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim2sky.errors import Sim2SkyError
from sim2sky.simulate.galaxies import Bodies
from sim2sky.simulate.gravity import G, direct_gravity, gravity

Array = NDArray[np.float64]

_MAX_LEVEL = 6
"""The smallest step is 2**-6 of the largest."""


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
        Distance between the two galaxies' cores after every largest step; NaN for a
        single galaxy.
    energy_drift : float
        Largest |E - E0| / |E0| over the snapshots, from exactly summed potentials.
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


def step_levels(
    position: Array,
    mass: Array,
    softening: Array,
    centres: list[Array],
    timestep_gyr: float,
    steps_per_orbit: float,
) -> NDArray[np.int64]:
    """Return how often each body's step is halved.

    The period of a circular orbit about the nearer core, from the mass enclosed, has to
    hold `steps_per_orbit` steps.

    Parameters
    ----------
    position : array (N, 3)
        In kpc.
    mass, softening : array (N,)
        In 1e10 Msun and kpc.
    centres : list of array (3,)
        The cores.
    timestep_gyr : float
        The largest step.
    steps_per_orbit : float
        Accuracy.

    Returns
    -------
    int array (N,)
        0 for the largest step.
    """
    period = np.full(len(mass), np.inf)
    for centre in centres:
        square = ((position - centre) ** 2).sum(axis=1)
        order = np.argsort(square, kind="stable")
        enclosed = np.cumsum(mass[order])
        cube = (square[order] + softening[order] ** 2) ** 1.5
        own = 2.0 * np.pi * np.sqrt(cube / (G * enclosed))
        period[order] = np.minimum(period[order], own)
    level = np.ceil(np.log2(timestep_gyr * steps_per_orbit / period))
    return np.clip(level, 0, _MAX_LEVEL).astype(np.int64)


class _Stepper:
    """Positions and velocities in motion."""

    def __init__(self, bodies: Bodies, theta: float) -> None:
        self.position = bodies.position.copy()
        self.velocity = bodies.velocity.copy()
        self.mass = bodies.mass
        self.softening = bodies.softening
        self.theta = theta
        self.level = np.zeros(len(bodies), np.int64)

    def pull(self, members: NDArray[np.intp]) -> Array:
        """Return the acceleration of the members by each other."""
        return gravity(
            self.position[members], self.mass[members], self.softening[members], self.theta
        )[0]

    def advance(
        self, members: NDArray[np.intp], force: Array, level: int, step: float
    ) -> Array:
        """Move the members by one step of their level; take and return their `pull`."""
        is_fast = self.level[members] > level
        fast, slow = members[is_fast], members[~is_fast]
        inner = self.pull(fast) if len(fast) else np.empty((0, 3))
        self._kick(members, force, is_fast, inner, 0.5 * step)
        self.position[slow] += step * self.velocity[slow]
        if len(fast):
            for _ in range(2):
                inner = self.advance(fast, inner, level + 1, 0.5 * step)
        force = self.pull(members)
        self._kick(members, force, is_fast, inner, 0.5 * step)
        return force

    def _kick(
        self,
        members: NDArray[np.intp],
        force: Array,
        is_fast: NDArray[np.bool_],
        inner: Array,
        step: float,
    ) -> None:
        """Apply all pulls among the members but those of fast bodies on each other."""
        outer = force.copy()
        outer[is_fast] -= inner
        self.velocity[members] += step * outer


def integrate(
    bodies: Bodies,
    *,
    duration_gyr: float,
    interval_gyr: float,
    timestep_gyr: float,
    steps_per_orbit: float,
    theta: float,
    max_energy_drift: float,
    name: str = "run",
) -> Track:
    """Run an N-body simulation and keep snapshots at equal intervals from the start.

    Parameters
    ----------
    bodies : Bodies
        Initial conditions; left as they are.
    duration_gyr, interval_gyr : float
        Length of the run and time between snapshots.
    timestep_gyr : float
        Largest step; shortened to divide the interval.
    steps_per_orbit : float
        See `step_levels`.
    theta : float
        Opening criterion of the forces, see `gravity.gravity`.
    max_energy_drift : float
        Allowed relative change of the total energy at any snapshot.
    name : str
        Named in the error message.

    Returns
    -------
    Track
        Snapshots and conservation.

    Raises
    ------
    Sim2SkyError
        As soon as a snapshot shows that energy is not conserved.
    """
    stepper = _Stepper(bodies, theta)
    everyone = np.arange(len(bodies))
    cores = core_bodies(bodies)
    steps = int(np.ceil(interval_gyr / timestep_gyr - 1e-9))
    step = interval_gyr / steps
    snapshots = round(duration_gyr / interval_gyr)
    start = _conserved(stepper)
    energy_drift = momentum_drift = 0.0
    kept = [_snapshot(stepper, bodies)]
    separation = [_separation(stepper, cores)]
    force = stepper.pull(everyone)
    for snapshot in range(1, snapshots + 1):
        for _ in range(steps):
            stepper.level = step_levels(
                stepper.position,
                stepper.mass,
                stepper.softening,
                [core_centre(stepper.position[core]) for core in cores],
                step,
                steps_per_orbit,
            )
            force = stepper.advance(everyone, force, 0, step)
            separation.append(_separation(stepper, cores))
        now = _conserved(stepper)
        energy_drift = max(energy_drift, abs(now[0] - start[0]) / abs(start[0]))
        momentum_drift = max(momentum_drift, float(np.linalg.norm(now[1] - start[1])) / now[2])
        if not energy_drift <= max_energy_drift:
            raise Sim2SkyError(
                "total energy is not conserved",
                where=f"{name} at {snapshot * interval_gyr:.2f} Gyr",
                got=f"a relative drift of {energy_drift:.2g}",
                expected=f"at most {max_energy_drift:g}",
                fix="lower timestep_gyr or raise steps_per_orbit or softening_kpc",
            )
        kept.append(_snapshot(stepper, bodies))
    position, velocity, potential = (np.stack(parts) for parts in zip(*kept, strict=True))
    return Track(
        time_gyr=interval_gyr * np.arange(snapshots + 1),
        position=position,
        velocity=velocity,
        potential=potential,
        core_time_gyr=step * np.arange(len(separation)),
        core_separation_kpc=np.array(separation),
        energy_drift=float(energy_drift),
        momentum_drift=momentum_drift,
    )


def coalescence_time(
    time_gyr: Array, separation_kpc: Array, threshold_kpc: float
) -> float:
    """Return when two cores come together for good.

    Parameters
    ----------
    time_gyr, separation_kpc : array (S,)
        Distance between the cores over time.
    threshold_kpc : float
        Cores nearer than this are one.

    Returns
    -------
    float
        First time in Gyr from which the distance stays below the threshold to the end of
        the run; NaN if it does not.
    """
    apart = np.flatnonzero(~(separation_kpc < threshold_kpc))
    first = apart[-1] + 1 if len(apart) else 0
    return float(time_gyr[first]) if first < len(time_gyr) else float("nan")


def _separation(stepper: _Stepper, cores: list[NDArray[np.intp]]) -> float:
    """Return the distance between two cores in kpc, NaN if there is but one."""
    if len(cores) < 2:
        return float("nan")
    first, second = (core_centre(stepper.position[core]) for core in cores)
    return float(np.linalg.norm(first - second))


def _conserved(stepper: _Stepper) -> tuple[float, Array, float]:
    """Return total energy, total momentum and the sum of the bodies' momenta."""
    _, potential = direct_gravity(stepper.position, stepper.mass, stepper.softening)
    speed2 = (stepper.velocity**2).sum(axis=1)
    energy = 0.5 * (stepper.mass * (speed2 + potential)).sum()
    momentum = (stepper.mass[:, None] * stepper.velocity).sum(axis=0)
    return float(energy), momentum, float((stepper.mass * np.sqrt(speed2)).sum())


def _snapshot(
    stepper: _Stepper, bodies: Bodies
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return position, velocity and own galaxy's potential of all bodies."""
    potential = np.empty(len(bodies), np.float32)
    for galaxy in np.unique(bodies.galaxy):
        own = bodies.galaxy == galaxy
        potential[own] = gravity(
            stepper.position[own], stepper.mass[own], stepper.softening[own], stepper.theta
        )[1]
    return stepper.position.astype(np.float32), stepper.velocity.astype(np.float32), potential
