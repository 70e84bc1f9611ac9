"""Group catalogue of one snapshot: FoF groups and Subfind subhaloes with TNG's field names.

Every system is one group. An encounter has two subhaloes until its cores come together,
then one; a body belongs to the subhalo of the galaxy it started in. Groups stand in the
order of their systems, not by mass as TNG's do.

Units are TNG's: ckpc/h, 1e10 Msun/h, km/s, Msun/yr (Nelson+2019, section 3.2). Fields that a
collisionless suite cannot fill (gas, black holes, photometry) are left out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
HALO_TYPE, STAR_TYPE = 1, 4
YOUNG_GYR = 0.1  # the age over which star formation rates are averaged

Fields = dict[str, NDArray]


@dataclass(frozen=True)
class Particles:
    """Bodies of one system at one snapshot in TNG's units, M of them.

    Parameters
    ----------
    position : array (M, 3)
        Comoving, ckpc/h, about the system's place and not wrapped.
    velocity : array (M, 3)
        Peculiar, km/s.
    mass : array (M,)
        1e10 Msun/h.
    particle_type : int array (M,)
        1 for the halo, 4 for stars.
    subhalo : int array (M,)
        Number of the subhalo inside the group, 0 or 1.
    potential : array (M,)
        To find the most bound body; any unit.
    particle_id : uint64 array (M,)
        Unique in the simulation.
    age_gyr, formation_scale_factor : array (M,)
        Of stars: how old, and the scale factor of the Universe when they formed.
    initial_mass : array (M,)
        Of stars, 1e10 Msun/h.
    metallicity : array (M,)
        Of stars, mass fraction.
    """

    position: Array
    velocity: Array
    mass: Array
    particle_type: NDArray[np.int64]
    subhalo: NDArray[np.int64]
    potential: Array
    particle_id: NDArray[np.uint64]
    age_gyr: Array
    formation_scale_factor: Array
    initial_mass: Array
    metallicity: Array


def by_type(values: Array, particle_type: NDArray[np.int64]) -> Array:
    """Return the sum of values for each of the six particle types.

    Parameters
    ----------
    values : array (M,)
        To be summed.
    particle_type : int array (M,)
        0 to 5.

    Returns
    -------
    array (6,)
        The sums.
    """
    return np.bincount(particle_type, weights=values, minlength=6)


def describe_group(
    particles: Particles,
    group: int,
    first_subhalo: int,
    *,
    critical_density: float,
    box: float,
    hubble: float,
) -> tuple[Fields, list[Fields]]:
    """Return the catalogue rows of one system.

    Parameters
    ----------
    particles : Particles
        The system's bodies.
    group, first_subhalo : int
        Number of the group and of its first subhalo in the snapshot.
    critical_density : float
        Of the Universe in comoving units, 1e10 Msun/h / (ckpc/h)^3.
    box : float
        Side of the box, ckpc/h.
    hubble : float
        h.

    Returns
    -------
    tuple of dict and list of dict
        Fields of the group and of each of its subhaloes.
    """
    members = [np.flatnonzero(particles.subhalo == k) for k in range(particles.subhalo.max() + 1)]
    subhalos = [_subhalo(particles, rows, group, box, hubble) for rows in members]
    centre = _centre(particles, members[0])
    radius200, mass200 = _spherical_overdensity(
        particles.position - centre, particles.mass, 200.0 * critical_density
    )
    kinds, mass = particles.particle_type, particles.mass
    fields: Fields = {
        "GroupPos": np.float32(centre % box),
        "GroupCM": np.float32(np.average(particles.position, axis=0, weights=mass) % box),
        "GroupVel": np.float32(np.average(particles.velocity, axis=0, weights=mass)),
        "GroupMass": np.float32(mass.sum()),
        "GroupMassType": np.float32(by_type(mass, kinds)),
        "GroupLen": np.int32(len(mass)),
        "GroupLenType": np.int32(np.bincount(kinds, minlength=6)),
        "GroupFirstSub": np.int32(first_subhalo),
        "GroupNsubs": np.int32(len(members)),
        "GroupSFR": np.float32(sum(row["SubhaloSFR"] for row in subhalos)),
        "Group_M_Crit200": np.float32(mass200),
        "Group_R_Crit200": np.float32(radius200),
    }
    return fields, subhalos


def _centre(particles: Particles, rows: NDArray[np.intp]) -> Array:
    """Return the place of the most bound body."""
    return particles.position[rows[np.argmin(particles.potential[rows])]]


def _subhalo(
    particles: Particles, rows: NDArray[np.intp], group: int, box: float, hubble: float
) -> Fields:
    """Return the fields of one subhalo; `rows` are its bodies."""
    mass, kinds = particles.mass[rows], particles.particle_type[rows]
    position, velocity = particles.position[rows], particles.velocity[rows]
    bound = rows[np.argmin(particles.potential[rows])]
    distance = np.linalg.norm(position - particles.position[bound], axis=1)
    half_by_type = np.zeros(6, np.float32)
    for kind in (HALO_TYPE, STAR_TYPE):
        half_by_type[kind] = _half_mass_radius(distance[kinds == kind], mass[kinds == kind])
    young = particles.age_gyr[rows] < YOUNG_GYR  # NaN, of the halo, is not
    formed_msun = particles.initial_mass[rows][young].sum() * 1e10 / hubble
    return {
        "SubhaloPos": np.float32(particles.position[bound] % box),
        "SubhaloCM": np.float32(np.average(position, axis=0, weights=mass) % box),
        "SubhaloVel": np.float32(np.average(velocity, axis=0, weights=mass)),
        "SubhaloMass": np.float32(mass.sum()),
        "SubhaloMassType": np.float32(by_type(mass, kinds)),
        "SubhaloLen": np.int32(len(rows)),
        "SubhaloLenType": np.int32(np.bincount(kinds, minlength=6)),
        "SubhaloHalfmassRad": np.float32(_half_mass_radius(distance, mass)),
        "SubhaloHalfmassRadType": half_by_type,
        "SubhaloSFR": np.float32(formed_msun / (YOUNG_GYR * 1e9)),
        "SubhaloIDMostbound": np.uint64(particles.particle_id[bound]),
        "SubhaloGrNr": np.int32(group),
        "SubhaloParent": np.int32(0),
        "SubhaloFlag": np.bool_(True),
    }


def _half_mass_radius(distance: Array, mass: Array) -> float:
    """Return the distance that encloses half of the mass; 0 if there is none."""
    if not len(mass):
        return 0.0
    order = np.argsort(distance)
    enclosed = np.cumsum(mass[order])
    return float(distance[order][np.searchsorted(enclosed, 0.5 * enclosed[-1])])


def _spherical_overdensity(offset: Array, mass: Array, density: float) -> tuple[float, float]:
    """Return radius and mass of the largest sphere with a mean density above `density`."""
    distance = np.linalg.norm(offset, axis=1)
    order = np.argsort(distance)
    radius, enclosed = distance[order], np.cumsum(mass[order])
    dense = np.flatnonzero(enclosed >= density * 4.0 / 3.0 * np.pi * radius**3)
    return float(radius[dense[-1]]), float(enclosed[dense[-1]])
