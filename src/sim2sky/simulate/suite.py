"""The systems of a suite: what collides with what, on which orbit."""

import logging
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from sim2sky.errors import Sim2SkyError
from sim2sky.seeding import generator
from sim2sky.simulate.eddington import radial_grid
from sim2sky.simulate.galaxies import Bodies, draw_model, potential_table, realise, shortest_period
from sim2sky.simulate.integrate import Array, Track, coalescence_time, integrate
from sim2sky.simulate.orbits import interaction_energy, launch, random_rotation
from sim2sky.simulate.runs import SystemRun
from sim2sky.simulate.settings import SuiteSettings

log = logging.getLogger("sim2sky")

_PAIRS = (
    (("disk", "disk"),) * 6
    + (("disk", "elliptical"), ("elliptical", "disk"))
    + (("elliptical", "elliptical"),) * 2
)
"""Types of primary and secondary: 60 % disk pairs, 20 % mixed, 20 % dry."""


@dataclass(frozen=True)
class System:
    """One system of a suite.

    Parameters
    ----------
    number : int
        Place in the suite: encounters first, then disks, then ellipticals.
    kind : {"encounter", "disk", "elliptical"}
        What it is.
    index : int
        Place among its kind, which keys its random choices.
    """

    number: int
    kind: str
    index: int


def list_systems(settings: SuiteSettings) -> list[System]:
    """Return all systems of a suite.

    Parameters
    ----------
    settings : SuiteSettings
        The suite.

    Returns
    -------
    list of System
        In order of their number.
    """
    counts = {
        "encounter": settings.encounters,
        "disk": settings.disks,
        "elliptical": settings.ellipticals,
    }
    named = [(kind, index) for kind, count in counts.items() for index in range(count)]
    return [System(number, kind, index) for number, (kind, index) in enumerate(named)]


def batch_systems(settings: SuiteSettings, batch: int) -> list[System]:
    """Return the systems of one batch, dealt out so that batches take equally long.

    Parameters
    ----------
    settings : SuiteSettings
        The suite.
    batch : int
        From 0.

    Returns
    -------
    list of System
        In order of their number.

    Raises
    ------
    Sim2SkyError
        If there is no such batch.
    """
    if not 0 <= batch < settings.n_batches:
        raise Sim2SkyError(
            "no such batch",
            where="--batch",
            got=batch,
            expected=f"0 to {settings.n_batches - 1} for {settings.n_systems} systems "
            f"in batches of {settings.batch_size}",
        )
    return list_systems(settings)[batch :: settings.n_batches]


def halton(index: int, base: int) -> float:
    """Return a term of the low-discrepancy sequence of van der Corput.

    Parameters
    ----------
    index : int
        From 0.
    base : int
        A prime.

    Returns
    -------
    float
        In (0, 1); any run of consecutive terms covers the interval evenly.
    """
    value, scale, index = 0.0, 1.0, index + 1
    while index:
        scale /= base
        value += scale * (index % base)
        index //= base
    return value


def make_system(system: System, settings: SuiteSettings) -> tuple[Bodies, dict[str, object]]:
    """Return the initial conditions of a system and a description of it.

    Parameters
    ----------
    system : System
        Which one.
    settings : SuiteSettings
        The suite.

    Returns
    -------
    bodies : Bodies
        About the centre of mass, orbit in the x-y plane.
    about : dict
        ``morphology`` of primary and secondary, ``mass_ratio`` (NaN if isolated),
        ``pericentre_kpc``, ``binding`` and ``period_gyr``, the shortest orbital period.
    """
    rng = generator("simulate", system.kind, system.index, seed=settings.seed)
    if system.kind != "encounter":
        model = draw_model(system.kind, 1.0, rng)
        bodies = realise(
            model, settings.star_particles, settings.halo_particles, settings.softening_kpc, rng
        )
        nothing = float("nan")
        return bodies, {
            "morphology": [system.kind],
            "mass_ratio": nothing,
            "pericentre_kpc": nothing,
            "binding": nothing,
            "period_gyr": shortest_period(model, settings.softening_kpc),
        }
    low, high = np.log([settings.mass_ratio_min, settings.mass_ratio_max])
    ratio = float(np.exp(high - (high - low) * halton(system.index, 2)))
    kinds = _PAIRS[int(len(_PAIRS) * halton(system.index, 3))]
    pericentre = settings.pericentre_min_kpc + halton(system.index, 5) * (
        settings.pericentre_max_kpc - settings.pericentre_min_kpc
    )
    binding = settings.binding_max * halton(system.index, 7)
    fractions = np.array([1.0, ratio]) / (1.0 + ratio)
    second_stars = max(round(settings.star_particles * fractions[1]), 1)
    second_halo = 2 * max(round(settings.halo_particles * fractions[1] / 2), 1)
    counts = [
        (settings.star_particles - second_stars, settings.halo_particles - second_halo),
        (second_stars, second_halo),
    ]
    models = [draw_model(kind, part, rng) for kind, part in zip(kinds, fractions, strict=True)]
    pair = [
        realise(model, stars, halo, settings.softening_kpc, rng)
        for model, (stars, halo) in zip(models, counts, strict=True)
    ]
    grid = radial_grid(0.05, 600.0)
    first = potential_table(models[0], grid, settings.softening_kpc)
    energy = interaction_energy(pair[1], grid, first)
    masses = tuple(float(galaxy.mass.sum()) for galaxy in pair)
    apart, approach = launch(energy, masses, settings.separation_kpc, pericentre, binding)
    for galaxy, share in zip(pair, (-masses[1], masses[0]), strict=True):
        turn = random_rotation(rng).T
        galaxy.position = galaxy.position @ turn + apart * share / sum(masses)
        galaxy.velocity = galaxy.velocity @ turn + approach * share / sum(masses)
    pair[1].galaxy[:] = 1
    joined = Bodies(
        *(np.concatenate([getattr(galaxy, name) for galaxy in pair]) for name in vars(pair[0]))
    )
    return joined, {
        "morphology": list(kinds),
        "mass_ratio": ratio,
        "pericentre_kpc": pericentre,
        "binding": binding,
        "period_gyr": min(shortest_period(model, settings.softening_kpc) for model in models),
    }


def run_system(system: System, settings: SuiteSettings) -> tuple[Bodies, Track, dict[str, object]]:
    """Simulate one system.

    Parameters
    ----------
    system : System
        Which one.
    settings : SuiteSettings
        The suite.

    Returns
    -------
    bodies : Bodies
        The initial conditions.
    track : Track
        The run.
    about : dict
        As `make_system`, without the period, and ``energy_drift``, ``momentum_drift``
        and ``coalescence_gyr`` (NaN if it does not happen).

    Raises
    ------
    Sim2SkyError
        If the run does not conserve energy, not even with a step shorter by a third.
    """
    began = perf_counter()
    bodies, about = make_system(system, settings)
    pair = system.kind == "encounter"
    step = min(settings.timestep_gyr, about.pop("period_gyr") / settings.steps_per_orbit)
    name = f"system {system.number} ({system.kind} {system.index})"

    def is_over(time_gyr: Array, separation_kpc: Array) -> bool:
        if not pair or settings.after_coalescence_gyr is None:
            return False
        together = coalescence_time(time_gyr, separation_kpc, settings.coalescence_kpc)
        return time_gyr[-1] - together >= settings.after_coalescence_gyr - 1e-9

    def integrated(timestep_gyr: float) -> Track:
        return integrate(
            bodies,
            softening_kpc=settings.softening_kpc,
            duration_gyr=settings.duration_gyr if pair else settings.isolated_duration_gyr,
            interval_gyr=settings.snapshot_interval_gyr,
            timestep_gyr=timestep_gyr,
            theta=settings.theta,
            max_energy_drift=settings.max_energy_drift,
            name=name,
            is_over=is_over,
        )

    try:
        track = integrated(step)
    except Sim2SkyError as error:
        # one dense remnant in a hundred; a finer step for all would cost half as much again
        log.warning("%s; trying again with a step shorter by a third", error)
        track = integrated(step / 1.5)
    about["energy_drift"] = track.energy_drift
    about["momentum_drift"] = track.momentum_drift
    about["coalescence_gyr"] = coalescence_time(
        track.core_time_gyr, track.core_separation_kpc, settings.coalescence_kpc
    )
    log.info(
        "system %d (%s %d): mass ratio %.2f, coalescence %.2f Gyr, energy drift %.1e, "
        "momentum drift %.0e, %.1f s",
        system.number,
        system.kind,
        system.index,
        about["mass_ratio"],
        about["coalescence_gyr"],
        track.energy_drift,
        track.momentum_drift,
        perf_counter() - began,
    )
    return bodies, track, about


def simulate_batch(settings: SuiteSettings, batch: int) -> list[SystemRun]:
    """Simulate the systems of one batch.

    Parameters
    ----------
    settings : SuiteSettings
        The suite.
    batch : int
        From 0.

    Returns
    -------
    list of SystemRun
        On the suite's clock, whose end all runs share: isolated galaxies, which run
        shorter, come in late, as do encounters that are over early. The initial conditions
        themselves are left out, since an interval later they have mixed to a better
        equilibrium.

    Raises
    ------
    Sim2SkyError
        If there is no such batch, or a run does not conserve energy.
    """
    runs = []
    for system in batch_systems(settings, batch):
        bodies, track, about = run_system(system, settings)
        start = settings.duration_gyr - track.time_gyr[-1]
        runs.append(
            SystemRun(
                system=system.number,
                kind=system.kind,
                mass_ratio=about["mass_ratio"],
                coalescence_time_gyr=start + about["coalescence_gyr"],
                energy_drift=about["energy_drift"],
                momentum_drift=about["momentum_drift"],
                time_gyr=start + track.time_gyr[1:],
                position=track.position[1:],
                velocity=track.velocity[1:],
                potential=track.potential[1:],
                mass=bodies.mass,
                component=bodies.component,
                galaxy=bodies.galaxy,
                elliptical=np.array([kind == "elliptical" for kind in about["morphology"]], "i1"),
                birth_radius=bodies.birth_radius,
            )
        )
    return runs
