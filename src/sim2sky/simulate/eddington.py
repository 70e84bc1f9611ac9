"""Spherical components in equilibrium in the potential of a whole galaxy.

The distribution function of each component follows from its density and the total
potential by Eddington's inversion (Binney & Tremaine 2008, eq. 4.46a). The
potential is that of Plummer-softened bodies, so that the models are in equilibrium
under the forces that the simulation uses, even within a softening length.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim2sky.simulate.gravity import G

Array = NDArray[np.float64]

_CUT = 8.0
"""Densities are Hernquist's times exp(-(r / (8 a))**2): 80 % of the untruncated mass."""


def radial_grid(smallest: float, largest: float, count: int = 400) -> Array:
    """Return logarithmically spaced radii.

    Parameters
    ----------
    smallest, largest : float
        The first and last radius in kpc.
    count : int
        How many.

    Returns
    -------
    array (count,)
        In kpc.
    """
    return np.geomspace(smallest, largest, count)


@dataclass(frozen=True)
class Spheroid:
    """A Hernquist (1990, ApJ 356, 359) sphere with a Gaussian cut at 8 scale radii.

    Parameters
    ----------
    mass : float
        Total mass in 1e10 Msun, the cut included.
    scale_kpc : float
        Scale radius a.
    """

    mass: float
    scale_kpc: float

    def shape(self, radius: Array) -> Array:
        """Return the density at `radius` (kpc) in units of its amplitude."""
        x = radius / self.scale_kpc
        return np.exp(-((x / _CUT) ** 2)) / (x * (1.0 + x) ** 3)

    def enclosed(self, radius: Array) -> Array:
        """Return the mass within each of an increasing grid of radii (kpc), in 1e10 Msun."""
        x = np.geomspace(1e-5, 6.0 * _CUT, 4000)
        profile = self.shape(x * self.scale_kpc) * x**2
        steps = 0.5 * (profile[1:] + profile[:-1]) * np.diff(x)
        mass = np.concatenate([[0.0], np.cumsum(steps)])
        return self.mass * np.interp(radius / self.scale_kpc, x, mass / mass[-1])


def disk_enclosed(mass: float, scale_kpc: float, radius: Array) -> Array:
    """Return the mass of an exponential disk within spheres of the given radii.

    Parameters
    ----------
    mass : float
        Total mass in 1e10 Msun.
    scale_kpc : float
        Scale length.
    radius : array
        In kpc.

    Returns
    -------
    array
        In 1e10 Msun.
    """
    x = radius / scale_kpc
    return mass * (1.0 - (1.0 + x) * np.exp(-x))


def softened_potential(radius: Array, grid: Array, enclosed: Array, softening_kpc: float) -> Array:
    """Return the potential of a spherical mass of Plummer-softened bodies.

    A shell of radius s and mass m has the potential
    ``-G m [sqrt((r+s)**2 + e**2) - sqrt((r-s)**2 + e**2)] / (2 r s)``, the mean of
    the softened kernel over the shell.

    Parameters
    ----------
    radius : array (N,)
        Where, in kpc, positive.
    grid : array (K,)
        Increasing radii in kpc.
    enclosed : array (K,)
        Mass within them in 1e10 Msun.
    softening_kpc : float
        Softening length e.

    Returns
    -------
    array (N,)
        In kpc^2 / Gyr^2.
    """
    shell = np.concatenate([[0.5 * grid[0]], np.sqrt(grid[1:] * grid[:-1])])
    mass = np.diff(enclosed, prepend=0.0)
    r = radius[:, None]
    plus = np.sqrt((r + shell) ** 2 + softening_kpc**2)
    minus = np.sqrt((r - shell) ** 2 + softening_kpc**2)
    # (plus - minus) / (2 r s) without the cancellation at small r
    return -G * (2.0 * mass / (plus + minus)).sum(axis=1)


def distribution_function(grid: Array, density: Array, potential: Array) -> tuple[Array, Array]:
    """Return the isotropic distribution function of a density in a potential.

    Parameters
    ----------
    grid : array (K,)
        Increasing radii in kpc.
    density : array (K,)
        Density there, in any unit.
    potential : array (K,)
        Total potential there in kpc^2 / Gyr^2, increasing outwards, zero at infinity.

    Returns
    -------
    energy : array (K,)
        Binding energy, increasing, in kpc^2 / Gyr^2.
    value : array (K,)
        Distribution function in the unit of density times (Gyr / kpc)^3; never negative.
    """
    psi = -potential[::-1]
    slope = (np.gradient(density, np.log(grid)) / -np.gradient(potential, np.log(grid)))[::-1]
    # integral of (d rho / d psi) / sqrt(E - psi) from 0 to E with psi = E - u**2
    nodes, weights = np.polynomial.legendre.leggauss(128)
    u = 0.5 * (nodes + 1.0) * np.sqrt(psi)[:, None]
    inner = np.interp(psi[:, None] - u**2, psi, slope, left=0.0)
    integral = np.sqrt(psi) * (inner * weights).sum(axis=1)
    value = np.gradient(integral, psi) / (np.sqrt(8.0) * np.pi**2)
    return psi, np.maximum(value, 0.0)


def stratified(count: int, rng: np.random.Generator) -> Array:
    """Return uniform deviates, one in each of `count` equal intervals, in random order.

    Parameters
    ----------
    count : int
        How many.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array (count,)
        In (0, 1).
    """
    return (rng.permutation(count) + rng.uniform(size=count)) / count


def isotropic(count: int, rng: np.random.Generator) -> Array:
    """Return unit vectors without preferred direction.

    Parameters
    ----------
    count : int
        How many.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array (count, 3)
        Unit vectors.
    """
    vector = rng.normal(size=(count, 3))
    return vector / np.linalg.norm(vector, axis=1, keepdims=True)


def sample_radii(spheroid: Spheroid, grid: Array, count: int, rng: np.random.Generator) -> Array:
    """Return radii of equal-mass bodies of a spheroid.

    Parameters
    ----------
    spheroid : Spheroid
        The component.
    grid : array (K,)
        Increasing radii in kpc that cover it.
    count : int
        Number of bodies.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array (count,)
        In kpc.
    """
    enclosed = spheroid.enclosed(grid)
    return np.interp(stratified(count, rng) * enclosed[-1], enclosed, grid)


def sample_graded(
    spheroid: Spheroid, grid: Array, count: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return radii and masses of bodies that are lighter towards the centre.

    The mass of a body is proportional to a/5 plus its initial radius, so that the few
    bodies of a halo are most numerous where they would heat the disk. A distribution
    function sampled so stays stationary, since it is linear in the masses (Zemp et al.
    2008, MNRAS 386, 1543).

    Parameters
    ----------
    spheroid, grid, count, rng
        As in `sample_radii`.

    Returns
    -------
    radius : array (count,)
        In kpc.
    mass : array (count,)
        In 1e10 Msun; their sum is the spheroid's.
    """
    weight = 0.2 * spheroid.scale_kpc + np.concatenate([[0.0], 0.5 * (grid[1:] + grid[:-1])])
    number = np.cumsum(np.diff(spheroid.enclosed(grid), prepend=0.0) / weight)
    radius = np.interp(stratified(count, rng) * number[-1], number, grid)
    mass = 0.2 * spheroid.scale_kpc + radius
    return radius, mass * spheroid.mass / mass.sum()


def sample_phase_space(
    spheroid: Spheroid, grid: Array, potential: Array, radius: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return positions and velocities, in equilibrium, of bodies at given radii.

    Parameters
    ----------
    spheroid : Spheroid
        The component.
    grid : array (K,)
        Increasing radii in kpc.
    potential : array (K,)
        Total potential there in kpc^2 / Gyr^2.
    radius : array (N,)
        Of the bodies, in kpc.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    position : array (N, 3)
        In kpc.
    velocity : array (N, 3)
        In kpc / Gyr.
    """
    energy, value = distribution_function(grid, spheroid.shape(grid), potential)
    psi = np.interp(radius, grid, -potential)

    # rejection from p(v) = v**2 f(psi - v**2 / 2) below its maximum at each psi
    fraction = np.linspace(0.0, 1.0, 200)
    at = energy[:, None] * (1.0 - fraction**2)
    peak = (2.0 * energy[:, None] * fraction**2 * np.interp(at, energy, value)).max(axis=1)
    highest = 1.1 * np.interp(psi, energy, np.maximum(peak, np.roll(peak, -1)))
    count = len(radius)
    speed = np.zeros(count)
    todo = np.arange(count)
    while len(todo):
        v2 = 2.0 * psi[todo] * rng.uniform(size=len(todo)) ** 2
        p = v2 * np.interp(psi[todo] - 0.5 * v2, energy, value)
        accepted = rng.uniform(size=len(todo)) * highest[todo] < p
        speed[todo[accepted]] = np.sqrt(v2[accepted])
        todo = todo[~accepted]
    return radius[:, None] * isotropic(count, rng), speed[:, None] * isotropic(count, rng)
