"""Model galaxies in equilibrium: disk, bulge and halo, or elliptical and halo.

Spheroids come from `eddington`; disks are exponential with a sech^2 profile in
height, and move by the epicyclic approximation with Toomre's Q and asymmetric
drift, as Hernquist (1993, ApJS 86, 389) builds them. Every term uses the softened
forces that the bodies will feel.

Nominal units are kpc, Gyr and 1e10 Msun; a collisionless result may be rescaled
(see `scaling`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import j1

from sim2sky.simulate.eddington import (
    Spheroid,
    disk_enclosed,
    radial_grid,
    sample_graded,
    sample_phase_space,
    sample_radii,
    softened_potential,
    stratified,
)
from sim2sky.simulate.gravity import G, gravity

Array = NDArray[np.float64]

HALO, DISK, SPHEROID = 0, 1, 2
"""Codes of the components."""

SYSTEM_MASS = 5.0
"""Nominal stellar mass of a whole system, in 1e10 Msun."""


@dataclass(frozen=True)
class GalaxyModel:
    """The parameters of one galaxy, in nominal units (kpc, 1e10 Msun).

    Parameters
    ----------
    stellar_mass : float
        Disk and bulge together.
    bulge_fraction : float
        Mass of the spheroid over `stellar_mass`; 1 for an elliptical.
    disk_scale_kpc, disk_height_kpc : float
        Scale length h of exp(-R/h) and height z0 of sech^2(z/z0).
    toomre_q : float
        Toomre's Q of the disk at 2.2 scale lengths.
    spheroid_scale_kpc : float
        Hernquist scale radius of bulge or elliptical.
    flattening : float
        Axis ratio c/a of an elliptical; 1 for a sphere.
    halo_mass, halo_scale_kpc : float
        Mass and Hernquist scale radius of the dark halo.
    """

    stellar_mass: float
    bulge_fraction: float
    disk_scale_kpc: float
    disk_height_kpc: float
    toomre_q: float
    spheroid_scale_kpc: float
    flattening: float
    halo_mass: float
    halo_scale_kpc: float

    @property
    def halo(self) -> Spheroid:
        """The dark halo."""
        return Spheroid(self.halo_mass, self.halo_scale_kpc)

    @property
    def spheroid(self) -> Spheroid:
        """The bulge or the elliptical."""
        return Spheroid(self.stellar_mass * self.bulge_fraction, self.spheroid_scale_kpc)

    @property
    def disk_mass(self) -> float:
        """Mass of the disk in 1e10 Msun."""
        return self.stellar_mass * (1.0 - self.bulge_fraction)


@dataclass
class Bodies:
    """Bodies of one or two galaxies.

    Parameters
    ----------
    position, velocity : array (N, 3)
        In kpc and kpc/Gyr.
    mass : array (N,)
        In 1e10 Msun.
    component : int8 array (N,)
        HALO, DISK or SPHEROID.
    galaxy : int8 array (N,)
        0 for the primary, 1 for the secondary.
    birth_radius : array (N,)
        Initial distance from the galaxy's centre over the half-mass radius of its stars,
        for gradients of metallicity.
    """

    position: Array
    velocity: Array
    mass: Array
    component: NDArray[np.int8]
    galaxy: NDArray[np.int8]
    birth_radius: Array

    def __len__(self) -> int:
        return len(self.mass)

    @property
    def stars(self) -> NDArray[np.bool_]:
        """Which bodies are stars."""
        return self.component != HALO


def draw_model(kind: str, mass_fraction: float, rng: np.random.Generator) -> GalaxyModel:
    """Return a galaxy with randomly varied structure.

    Sizes scale as the cube root of the mass, so that all galaxies share one dynamical
    time and one run can be rescaled to any mass; over a factor of 10 this differs by
    0.1 dex from the slope 0.22 of late types in van der Wel et al. (2014, ApJ 788, 28),
    well within their scatter. Ellipticals are 0.6 times as large as disks, as there at z~0.

    Parameters
    ----------
    kind : {"disk", "elliptical"}
        Which type.
    mass_fraction : float
        Stellar mass over `SYSTEM_MASS`.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    GalaxyModel
        The model.
    """
    size = mass_fraction ** (1 / 3)
    mass = SYSTEM_MASS * mass_fraction
    scale = 2.6 * size * 10.0 ** np.clip(rng.normal(0.0, 0.08), -0.16, 0.16)
    height, q = scale * rng.uniform(0.12, 0.20), rng.uniform(1.3, 1.8)
    bulge, compactness = rng.uniform(0.10, 0.35), rng.uniform(0.20, 0.30)
    flattening, stretch = rng.uniform(0.45, 1.0), rng.normal(0.0, 0.06)
    halo_mass, halo_scale = mass * rng.uniform(9.0, 13.0), size * rng.uniform(17.0, 22.0)
    if kind == "elliptical":
        spheroid = 1.5 * size * 10.0 ** np.clip(stretch, -0.10, 0.10)
        return GalaxyModel(
            mass, 1.0, scale, height, q, spheroid, flattening, halo_mass, halo_scale
        )
    spheroid = compactness * scale
    return GalaxyModel(mass, bulge, scale, height, q, spheroid, 1.0, halo_mass, halo_scale)


def potential_table(model: GalaxyModel, grid: Array, softening_kpc: float) -> Array:
    """Return the spherically averaged potential of a galaxy.

    Parameters
    ----------
    model : GalaxyModel
        The galaxy.
    grid : array (K,)
        Increasing radii in kpc.
    softening_kpc : float
        Softening length of the bodies.

    Returns
    -------
    array (K,)
        In kpc^2 / Gyr^2.
    """
    enclosed = model.spheroid.enclosed(grid) + model.halo.enclosed(grid)
    enclosed += disk_enclosed(model.disk_mass, model.disk_scale_kpc, grid)
    return softened_potential(grid, grid, enclosed, softening_kpc)


def shortest_period(model: GalaxyModel, softening_kpc: float) -> float:
    """Return the period in Gyr of small orbits about a galaxy's centre.

    Parameters
    ----------
    model : GalaxyModel
        The galaxy.
    softening_kpc : float
        Softening length of the bodies.

    Returns
    -------
    float
        The shortest period of all circular orbits in the spherically averaged potential.
    """
    grid = radial_grid(0.1 * softening_kpc, 30.0 * model.halo_scale_kpc)
    pull = np.gradient(potential_table(model, grid, softening_kpc), grid)
    return float(2.0 * np.pi / np.sqrt((pull / grid).max()))


def _disk_radial_force(model: GalaxyModel, radius: Array, softening: float) -> Array:
    """Return the inward pull (kpc/Gyr^2) of the thick, softened disk in its midplane.

    The razor-thin disk's force at height zeta is a Hankel integral (Binney & Tremaine
    2008, eq. 2.155 with Sigma of an exponential disk). Softening by e is the same as a
    height e, and a layer at z adds to it in quadrature.
    """
    h = model.disk_scale_kpc
    k = np.linspace(0.0, 40.0 / h, 4000)[1:]
    # quantiles of sech^2
    layers = model.disk_height_kpc * np.arctanh(np.linspace(-1.0, 1.0, 65)[1::2])
    damping = np.exp(-k[:, None] * np.hypot(layers, softening)).mean(axis=1)
    weight = k * damping / (1.0 + (k * h) ** 2) ** 1.5
    surface = model.disk_mass / (2.0 * np.pi * h**2)
    return 2.0 * np.pi * G * surface * h**2 * (j1(radius[:, None] * k) @ weight) * (k[1] - k[0])


def _sample_disk(
    model: GalaxyModel,
    grid: Array,
    spherical: Array,
    softening: float,
    count: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Return positions (kpc) and velocities (kpc/Gyr) of the disk's stars.

    `spherical` is the potential of spheroid and halo on `grid`.
    """
    h, z0 = model.disk_scale_kpc, model.disk_height_kpc
    x = np.linspace(0.0, 12.0, 4000)
    enclosed = 1.0 - (1.0 + x) * np.exp(-x)
    radius = h * np.interp(stratified(count, rng) * enclosed[-1], enclosed, x)
    azimuth = 2.0 * np.pi * rng.uniform(size=count)
    height = z0 * np.arctanh(2.0 * stratified(count, rng) - 1.0)

    table = h * np.linspace(0.02, 12.0, 300)
    pull = np.interp(table, grid, np.gradient(spherical, grid))
    circular2 = table * (pull + _disk_radial_force(model, table, softening))
    omega2 = circular2 / table**2
    kappa2 = np.maximum(table * np.gradient(omega2, table) + 4.0 * omega2, omega2)
    surface = model.disk_mass / (2.0 * np.pi * h**2) * np.exp(-table / h)
    at = np.searchsorted(table, 2.2 * h)
    radial = 3.36 * G * surface[at] / np.sqrt(kappa2[at]) * model.toomre_q
    radial2 = np.minimum(radial**2 * np.exp((table[at] - table) / h), 0.5 * circular2)
    azimuthal2 = radial2 * kappa2 / (4.0 * omega2)
    drift2 = circular2 + radial2 - azimuthal2 - 2.0 * radial2 * table / h
    # vertical virial theorem: the slab's own softened pull and the spheroid's and halo's
    layers = z0 * np.arctanh(np.linspace(-1.0, 1.0, 65)[1::2])
    apart2 = (layers[:, None] - layers) ** 2
    slab = np.pi * G * surface * (apart2 / np.sqrt(apart2 + softening**2)).mean()
    vertical2 = slab + np.mean(layers**2) * pull / table

    def normal(square: Array) -> Array:
        return np.sqrt(np.interp(radius, table, square)) * rng.normal(size=count)

    outward, up = normal(radial2), normal(vertical2)
    around = np.sqrt(np.interp(radius, table, np.maximum(drift2, 0.0))) + normal(azimuthal2)
    cosine, sine = np.cos(azimuth), np.sin(azimuth)
    position = np.stack([radius * cosine, radius * sine, height], axis=1)
    velocity = np.stack(
        [outward * cosine - around * sine, outward * sine + around * cosine, up], axis=1
    )
    return position, velocity


def realise(
    model: GalaxyModel, n_stars: int, n_halo: int, softening_kpc: float, rng: np.random.Generator
) -> Bodies:
    """Return bodies of a galaxy at rest at the origin, its disk in the x-y plane.

    Parameters
    ----------
    model : GalaxyModel
        The galaxy.
    n_stars, n_halo : int
        Numbers of bodies, the latter even. All stars have one mass; halo bodies are
        heavier with radius (`eddington.sample_graded`) and come in opposite pairs, so
        that the halo does not pull the galaxy off its place.
    softening_kpc : float
        Softening length of all bodies.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Bodies
        `galaxy` is 0 throughout.
    """
    grid = radial_grid(0.01 * model.spheroid_scale_kpc, 30.0 * model.halo_scale_kpc)
    halo_radius, halo_mass = sample_graded(model.halo, grid, n_halo // 2, rng)
    halo_radius, halo_mass = np.tile(halo_radius, 2), 0.5 * np.tile(halo_mass, 2)
    potential = potential_table(model, grid, softening_kpc)

    halo = sample_phase_space(model.halo, grid, potential, halo_radius[: n_halo // 2], rng)
    parts = [tuple(np.concatenate([vectors, -vectors]) for vectors in halo)]
    n_disk = round(n_stars * (1.0 - model.bulge_fraction))
    if n_disk:
        disk = disk_enclosed(model.disk_mass, model.disk_scale_kpc, grid)
        round_part = potential - softened_potential(grid, grid, disk, softening_kpc)
        parts.append(_sample_disk(model, grid, round_part, softening_kpc, n_disk, rng))
    radius = sample_radii(model.spheroid, grid, n_stars - n_disk, rng)
    parts.append(sample_phase_space(model.spheroid, grid, potential, radius, rng))
    for vectors in (vectors for part in parts for vectors in part):
        vectors -= vectors.mean(axis=0)

    position = np.concatenate([part[0] for part in parts])
    velocity = np.concatenate([part[1] for part in parts])
    counts = [len(halo_mass), n_disk, n_stars - n_disk]
    component = np.repeat(np.array([HALO, DISK, SPHEROID], np.int8), counts)
    stars = component != HALO
    mass = np.concatenate([halo_mass, np.full(n_stars, model.stellar_mass / n_stars)])
    if model.flattening < 1.0:
        _flatten(position, velocity, mass, softening_kpc, component == SPHEROID, model.flattening)
    distance = np.linalg.norm(position, axis=1)
    return Bodies(
        position,
        velocity,
        mass,
        component,
        np.zeros(len(mass), np.int8),
        distance / np.median(distance[stars]),
    )


def _flatten(
    position: Array,
    velocity: Array,
    mass: Array,
    softening_kpc: float,
    which: NDArray[np.bool_],
    ratio: float,
) -> None:
    """Squeeze a spheroid along z in place and set each velocity axis by the virial theorem.

    The tensor virial theorem (Binney & Tremaine 2008, sect. 4.8.3) gives 2 K_ii = -W_ii;
    what remains mixes away within a few crossing times.
    """
    position[which] *= np.array([ratio ** (-1 / 3), ratio ** (-1 / 3), ratio ** (2 / 3)])
    acceleration, _ = gravity(position, mass, softening_kpc)
    virial = -(position[which] * acceleration[which]).sum(axis=0)
    velocity[which] *= np.sqrt(virial / (velocity[which] ** 2).sum(axis=0))
