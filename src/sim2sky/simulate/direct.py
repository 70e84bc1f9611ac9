"""Gravity of N bodies by summing over all pairs: what `gravity` is tried on, and energies."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim2sky.simulate.gravity import G

Array = NDArray[np.float64]


@njit(cache=True, fastmath=True, error_model="numpy")
def _direct(position: Array, mass: Array, square: float) -> tuple[Array, Array]:
    """Return gradient and value of sum_j m_j K_ij by summing over all pairs."""
    n = position.shape[0]
    x, y, z = position[:, 0].copy(), position[:, 1].copy(), position[:, 2].copy()
    acceleration, potential = np.empty((n, 3)), np.empty(n)
    for i in range(n):
        xi, yi, zi = x[i], y[i], z[i]
        sx = sy = sz = sp = 0.0
        for j in range(n):
            dx, dy, dz = x[j] - xi, y[j] - yi, z[j] - zi
            w2 = 1.0 / (dx * dx + dy * dy + dz * dz + square)
            w = np.sqrt(w2) * mass[j]
            sp += w
            w *= w2
            sx += w * dx
            sy += w * dy
            sz += w * dz
        acceleration[i] = sx, sy, sz
        potential[i] = sp - mass[i] / np.sqrt(square)
    return acceleration, potential


@njit(cache=True, fastmath=True, error_model="numpy")
def _pair_sum(position: Array, mass: Array, square: float) -> float:
    """Return the sum of m_i m_j K_ij over all pairs, the kernel in single precision."""
    n = position.shape[0]
    x, y, z = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
    m, one, soft = np.empty(n, np.float32), np.float32(1.0), np.float32(square)
    for i in range(n):
        x[i], y[i], z[i] = position[i, 0], position[i, 1], position[i, 2]
        m[i] = mass[i]
    total = 0.0
    for i in range(n):
        xi, yi, zi = x[i], y[i], z[i]
        psi = np.float32(0.0)
        for j in range(i):
            dx, dy, dz = x[j] - xi, y[j] - yi, z[j] - zi
            psi += m[j] * (one / np.sqrt(dx * dx + dy * dy + dz * dz + soft))
        total += mass[i] * psi
    return total


def direct_gravity(position: Array, mass: Array, softening_kpc: float) -> tuple[Array, Array]:
    """Return acceleration and potential by direct summation; see `gravity.gravity`.

    Parameters
    ----------
    position, mass, softening_kpc
        As in `gravity.gravity`.

    Returns
    -------
    acceleration : array (N, 3)
        In kpc / Gyr^2.
    potential : array (N,)
        In kpc^2 / Gyr^2.
    """
    acceleration, potential = _direct(position, mass, softening_kpc**2)
    return G * acceleration, -G * potential


def potential_energy(position: Array, mass: Array, softening_kpc: float) -> float:
    """Return the energy of all pairs of softened bodies.

    Parameters
    ----------
    position, mass, softening_kpc
        As in `gravity.gravity`.

    Returns
    -------
    float
        In 1e10 Msun kpc^2 / Gyr^2, right to 1e-6.
    """
    centred = position - np.average(position, axis=0, weights=mass)
    return -G * float(_pair_sum(centred, mass, softening_kpc**2))
