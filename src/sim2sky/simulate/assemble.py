"""From N-body runs to a simulation directory in Illustris/TNG format.

Lays out what IllustrisTNG publishes (Nelson et al. 2019, Computational Astrophysics and
Cosmology 6, 2): ``output/snapdir_NNN``, ``output/groups_NNN``, ``postprocessing/offsets`` and
``postprocessing/trees/SubLink``; `illustris_python` reads it unchanged.

A collisionless run has no scale. With masses times m and lengths times r, times go as
(r^3/m)^(1/2). Taking r = s m^(1/3) gives all systems one clock, so each gets a mass of its
own and they still share snapshots.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from astropy import units
from astropy.cosmology import FlatLambdaCDM, z_at_value
from numpy.typing import NDArray

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path
from sim2sky.seeding import generator
from sim2sky.simulate.catalogue import (
    HALO_TYPE,
    STAR_TYPE,
    Fields,
    Particles,
    describe_group,
)
from sim2sky.simulate.galaxies import HALO, SYSTEM_MASS
from sim2sky.simulate.illustris import (
    write_groups,
    write_offsets,
    write_snapshot,
    write_tree,
)
from sim2sky.simulate.orbits import random_rotation
from sim2sky.simulate.runs import SystemRun, read_suite
from sim2sky.simulate.settings import SimulationSettings
from sim2sky.simulate.stars import Population, populate
from sim2sky.simulate.suite import halton
from sim2sky.simulate.tree import Branch, tree_nodes

log = logging.getLogger("sim2sky")

HUBBLE, OMEGA_M = 0.6774, 0.3089
"""IllustrisTNG's cosmology, that of Planck 2015 (Nelson et al. 2019, section 2)."""
COSMOLOGY = FlatLambdaCDM(H0=100 * HUBBLE, Om0=OMEGA_M)
KMS_PER_KPC_GYR = 0.9777922
CRITICAL_DENSITY = 27.75
"""3 H^2 / (8 pi G) at z = 0, in 1e10 Msun/h per (Mpc/h)^3."""
SPACING_KPC = 2000.0
"""Physical distance between systems at the first snapshot; haloes reach to about 600 kpc."""


@dataclass(frozen=True)
class System:
    """A run with its physical scale, place and stars."""

    run: SystemRun
    log_mass: float
    place: NDArray[np.float64]  # ckpc/h
    first_id: int
    turn: NDArray[np.float64]  # rotation (3, 3)
    population: Population
    first_snapshot: int

    @property
    def mass_scale(self) -> float:
        """Physical over nominal mass."""
        return 10.0**self.log_mass / (SYSTEM_MASS * 1e10)


@dataclass(frozen=True)
class Epoch:
    """When a snapshot is."""

    snapshot: int
    scale_factor: float
    age_gyr: float  # of the Universe


def assemble(paths: list[Path], settings: SimulationSettings, output: Path) -> None:
    """Write the simulation directory.

    Parameters
    ----------
    paths : list of Path
        All batches of a suite.
    settings : SimulationSettings
        Epoch and scale.
    output : Path
        The directory.

    Raises
    ------
    Sim2SkyError
        If runs are missing, unreadable or twice there, or reach before the Big Bang.
    """
    _, runs = read_suite(paths)
    epochs = _epochs(runs, settings)
    systems = _systems(runs, epochs, settings)
    box = float(np.ceil(len(runs) ** (1 / 3)) * _spacing(epochs))
    with atomic_path(output) as temporary:
        subhalos = [_write_snapshot(temporary, epoch, systems, box, settings) for epoch in epochs]
        _write_tree(temporary, systems, epochs, subhalos)
        diagnostics(runs, settings).to_csv(temporary / "diagnostics.csv", index=False)
    log.info("%s: %d systems, %d snapshots", output, len(systems), len(epochs))


def diagnostics(runs: list[SystemRun], settings: SimulationSettings) -> pd.DataFrame:
    """Return the table of how well each run conserves and when its galaxies merge.

    Parameters
    ----------
    runs : list of SystemRun
        The suite.
    settings : SimulationSettings
        For the time scale.

    Returns
    -------
    pandas.DataFrame
        Columns system, kind, mass_ratio, energy_drift, momentum_drift (relative) and
        coalescence_time_gyr (physical, from the suite's first snapshot).
    """
    return pd.DataFrame(
        {
            "system": [run.system for run in runs],
            "kind": [run.kind for run in runs],
            "mass_ratio": [run.mass_ratio for run in runs],
            "energy_drift": [run.energy_drift for run in runs],
            "momentum_drift": [run.momentum_drift for run in runs],
            "coalescence_time_gyr": [
                run.coalescence_time_gyr * settings.time_scale for run in runs
            ],
        }
    )


def _epochs(runs: list[SystemRun], settings: SimulationSettings) -> list[Epoch]:
    """Put the suite's clock into cosmic time so that its last snapshot has the redshift asked."""
    clock = np.unique(np.round(np.concatenate([run.time_gyr for run in runs]), 6))
    last = COSMOLOGY.age(settings.redshift_final).to_value(units.Gyr)
    age = last - (clock[-1] - clock) * settings.time_scale
    if age[0] - settings.first_stars_gyr < 0.1:
        raise Sim2SkyError(
            "the first snapshot would be before there are stars",
            where="redshift_final",
            got=f"{settings.redshift_final:g}, with runs of {last - age[0]:.2f} Gyr",
            expected=f"an age of the Universe above {settings.first_stars_gyr + 0.1:g} Gyr",
            fix="lower redshift_final",
        )
    redshift = np.atleast_1d(z_at_value(COSMOLOGY.age, age * units.Gyr).value)
    return [
        Epoch(number, float(1.0 / (1.0 + z)), float(t))
        for number, (z, t) in enumerate(zip(redshift, age, strict=True))
    ]


def _systems(
    runs: list[SystemRun], epochs: list[Epoch], settings: SimulationSettings
) -> list[System]:
    """Give each run its mass, place in the box, particle numbers and stars."""
    side = int(np.ceil(len(runs) ** (1 / 3)))
    clock = np.unique(np.round(np.concatenate([run.time_gyr for run in runs]), 6))
    oldest = epochs[0].age_gyr - settings.first_stars_gyr
    shift = generator("assemble", "mass", seed=settings.seed).uniform()
    systems, first_id = [], 1
    for run in runs:
        # consecutive terms cover the range evenly, so that chance gives no kind of system
        # more mass, and thus more light, than another
        low, high = settings.log_stellar_mass
        log_mass = low + (high - low) * ((halton(run.system, 11) + shift) % 1.0)
        cell = np.array(np.unravel_index(run.system, (side, side, side)))
        systems.append(
            System(
                run,
                log_mass,
                (cell + 0.5) * _spacing(epochs),
                first_id,
                random_rotation(generator("assemble", "turn", run.system, seed=settings.seed)),
                populate(run, log_mass, oldest, settings),
                int(np.searchsorted(clock, run.time_gyr[0] - 1e-5)),
            )
        )
        first_id += len(run.mass)
    return systems


def _spacing(epochs: list[Epoch]) -> float:
    """Return the comoving distance between systems, ckpc/h."""
    return SPACING_KPC * HUBBLE / epochs[0].scale_factor


def _particles(system: System, epoch: Epoch, settings: SimulationSettings) -> Particles:
    """Return a system's bodies at a snapshot in TNG's units, in the order of its subhaloes."""
    run, step = system.run, epoch.snapshot - system.first_snapshot
    size = system.mass_scale ** (1 / 3) * settings.length_scale
    speed = size / settings.time_scale * KMS_PER_KPC_GYR
    apart = run.galaxy.max() > 0 and not run.time_gyr[step] >= run.coalescence_time_gyr
    subhalo = run.galaxy.astype(np.int64) * apart
    # after coalescence the primary's own potential still marks the centre
    potential = np.where(apart | (run.galaxy == 0), run.potential[step], 0.0)
    order = np.lexsort((potential, subhalo))
    mass = run.mass * system.mass_scale * HUBBLE
    position, velocity = (
        vectors[step].astype(np.float64)[order] @ system.turn.T
        for vectors in (run.position, run.velocity)
    )
    stars = system.population
    return Particles(
        position=position * size * HUBBLE / epoch.scale_factor + system.place,
        velocity=velocity * speed,
        mass=mass[order],
        particle_type=np.where(run.component == HALO, HALO_TYPE, STAR_TYPE)[order],
        subhalo=subhalo[order],
        potential=potential[order],
        particle_id=(system.first_id + np.arange(len(run.mass))).astype(np.uint64)[order],
        age_gyr=stars.age_gyr[order],
        formation_scale_factor=_scale_factor(epoch.age_gyr - stars.age_gyr[order]),
        initial_mass=(mass / stars.surviving_fraction)[order],
        metallicity=stars.metallicity[order],
    )


def _scale_factor(age_gyr: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scale factor at an age of the Universe; closed form for flat LCDM."""
    dark, rate = 1.0 - OMEGA_M, COSMOLOGY.H0.to_value(1 / units.Gyr)
    # Peebles (1993), eq. 13.20, solved for a
    return (OMEGA_M / dark * np.sinh(1.5 * np.sqrt(dark) * rate * age_gyr) ** 2) ** (1 / 3)


def _write_snapshot(
    root: Path, epoch: Epoch, systems: list[System], box: float, settings: SimulationSettings
) -> list[list[Fields]]:
    """Write snapshot, catalogue and offsets of one epoch; return the subhaloes by system."""
    present = [
        system
        for system in systems
        if 0 <= epoch.snapshot - system.first_snapshot < len(system.run.time_gyr)
    ]
    bodies = [_particles(system, epoch, settings) for system in present]
    header = {
        "Time": epoch.scale_factor,
        "Redshift": 1.0 / epoch.scale_factor - 1.0,
        "BoxSize": box,
        "HubbleParam": HUBBLE,
        "Omega0": OMEGA_M,
        "OmegaLambda": 1.0 - OMEGA_M,
        "UnitLength_in_cm": 3.085678e21,
        "UnitMass_in_g": 1.989e43,
        "UnitVelocity_in_cm_per_s": 1e5,
    }
    expansion = COSMOLOGY.efunc(1.0 / epoch.scale_factor - 1.0) ** 2
    density = CRITICAL_DENSITY * 1e-9 * expansion * epoch.scale_factor**3
    groups, subhalos, first = [], [], 0
    for number, (system, particles) in enumerate(zip(present, bodies, strict=True)):
        group, rows = describe_group(
            particles, number, first, critical_density=density, box=box, hubble=HUBBLE
        )
        for row, kind in zip(rows, system.run.elliptical, strict=False):
            row["SubhaloMorphology"] = np.int32(kind)
        groups.append(group)
        subhalos.append(rows)
        first += len(rows)
    particle_starts = write_snapshot(
        root, epoch.snapshot, bodies, header, settings.files_per_snapshot
    )
    starts = write_groups(
        root, epoch.snapshot, groups, subhalos, header, settings.files_per_snapshot
    )
    write_offsets(root, epoch.snapshot, groups, subhalos, (particle_starts, *starts))
    by_system = iter(subhalos)
    return [next(by_system) if system in present else [] for system in systems]


def _write_tree(
    root: Path, systems: list[System], epochs: list[Epoch], subhalos: list[list[list[Fields]]]
) -> None:
    """Write the merger trees; `subhalos` are those of each epoch and system."""
    branches = [
        Branch(system.run.system, secondary, {})
        for system in systems
        for secondary in (False, True)
    ]
    for epoch, by_system in zip(epochs, subhalos, strict=True):
        number = 0
        for index, rows in enumerate(by_system):
            for secondary in range(len(rows)):
                branches[2 * index + secondary].subfind[epoch.snapshot] = number
                number += 1
    nodes = tree_nodes([branch for branch in branches if branch.subfind])
    flat = {
        epoch.snapshot: [row for rows in by_system for row in rows]
        for epoch, by_system in zip(epochs, subhalos, strict=True)
    }
    write_tree(root, nodes, flat)
