"""Gravity of N bodies by a mutual fast multipole method on one core.

The method is that of Dehnen (2002, J. Comput. Phys. 179, 27): one tree serves as
sources and as sinks, pairs of cells interact with each other rather than a
particle with a cell, and both partners of a pair receive the same Taylor
coefficients (`multipole`), so that total momentum is conserved to single-precision
rounding.

All bodies feel the Plummer-softened kernel ``(|x_i - x_j|**2 + e**2)**-0.5``, in the far
and in the near field alike. One softening length e for all is a matter of accuracy: a
cell of bodies with different ones has no common expansion.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim2sky.simulate.multipole import (
    LANES,
    TERMS,
    add_body,
    add_far_pairs,
    add_field_at_bodies,
    add_moved_field,
    add_moved_moments,
)

G = 44985.0
"""Gravitational constant in kpc^3 Gyr^-2 (1e10 Msun)^-1.

4.30092e-6 kpc (km/s)^2 / Msun (CODATA G, IAU Msun) and 1 km/s = 1.022712 kpc/Gyr.
"""

LEAF_SIZE = 20
"""Cells with at most this many bodies are not divided."""

_DIRECT_PAIRS = 400
"""Two near cells with at most this product of body counts are not divided further."""

_CHEAP_PAIRS = 36
"""Two far cells with at most this product of body counts interact body by body all the
same, which costs less than an expansion."""

_BITS = 20
"""Levels of the Morton key per axis; finer structure ends in a leaf of any size."""

Array = NDArray[np.float64]


@njit(cache=True)
def _spread(value: int) -> int:
    """Insert two zero bits before each of the lowest 20 bits of an integer."""
    value &= 0xFFFFF
    value = (value | (value << 32)) & 0x1F00000000FFFF
    value = (value | (value << 16)) & 0x1F0000FF0000FF
    value = (value | (value << 8)) & 0x100F00F00F00F00F
    value = (value | (value << 4)) & 0x10C30C30C30C30C3
    return (value | (value << 2)) & 0x1249249249249249


@njit(cache=True)
def _morton_keys(position: Array) -> NDArray[np.int64]:
    """Return the keys along a space-filling curve through the bodies' bounding cube."""
    n = position.shape[0]
    low = np.empty(3)
    side = 0.0
    for k in range(3):
        low[k] = position[:, k].min()
        side = max(side, position[:, k].max() - low[k])
    scale = (2**_BITS - 1) / side if side > 0.0 else 0.0
    keys = np.empty(n, np.int64)
    for i in range(n):
        keys[i] = (
            (_spread(int((position[i, 0] - low[0]) * scale)) << 2)
            | (_spread(int((position[i, 1] - low[1]) * scale)) << 1)
            | _spread(int((position[i, 2] - low[2]) * scale))
        )
    return keys


@njit(cache=True)
def _split(keys: NDArray[np.int64], start: int, end: int, bit: int) -> int:
    """Return where `bit` turns from 0 to 1 in the sorted keys[start:end]."""
    while start < end:
        middle = (start + end) // 2
        if (keys[middle] >> bit) & 1:
            end = middle
        else:
            start = middle + 1
    return start


@njit(cache=True)
def _build(keys: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the binary tree over sorted keys: rows (start, end, left child).

    A cell is a range of bodies; the right child follows the left one; a leaf has
    left child -1. Children come after their parent.
    """
    n = keys.shape[0]
    cells = np.empty((2 * n + 1, 3), np.int32)
    bits = np.empty(2 * n + 1, np.int64)
    cells[0, 0], cells[0, 1], cells[0, 2] = 0, n, -1
    bits[0] = 3 * _BITS - 1
    size = 1
    index = 0
    while index < size:
        start, end, bit = cells[index, 0], cells[index, 1], bits[index]
        if end - start > LEAF_SIZE:
            middle = start
            while bit >= 0:
                middle = _split(keys, start, end, bit)
                if start < middle < end:
                    break
                bit -= 1
            if bit >= 0:
                cells[index, 2] = size
                for child in range(2):
                    cells[size, 0] = start if child == 0 else middle
                    cells[size, 1] = middle if child == 0 else end
                    cells[size, 2] = -1
                    bits[size] = bit - 1
                    size += 1
        index += 1
    return cells[:size].copy()


@njit(cache=True, error_model="numpy")
def _describe(
    cells: NDArray[np.int32], x: Array, y: Array, z: Array, m: Array
) -> tuple[Array, Array, Array]:
    """Return each cell's centre of mass, radius about it and moments."""
    size = cells.shape[0]
    centre, radius = np.empty((size, 3)), np.empty(size)
    moments, work = np.zeros((size, TERMS)), np.empty(TERMS)
    for c in range(size):
        mass = cx = cy = cz = 0.0
        for i in range(cells[c, 0], cells[c, 1]):
            mass += m[i]
            cx += m[i] * x[i]
            cy += m[i] * y[i]
            cz += m[i] * z[i]
        cx, cy, cz = cx / mass, cy / mass, cz / mass
        reach = 0.0
        for i in range(cells[c, 0], cells[c, 1]):
            reach = max(reach, (x[i] - cx) ** 2 + (y[i] - cy) ** 2 + (z[i] - cz) ** 2)
        centre[c, 0], centre[c, 1], centre[c, 2] = cx, cy, cz
        radius[c] = np.sqrt(reach)
    for c in range(size - 1, -1, -1):
        cx, cy, cz = centre[c]
        left = cells[c, 2]
        if left < 0:
            for i in range(cells[c, 0], cells[c, 1]):
                add_body(moments[c], m[i], x[i] - cx, y[i] - cy, z[i] - cz, work)
        else:
            for child in range(left, left + 2):
                px, py, pz = centre[child]
                add_moved_moments(moments[child], px - cx, py - cy, pz - cz, moments[c], work)
    return centre, radius, moments


@njit(cache=True, fastmath=True, error_model="numpy")
def _add_near(
    pairs: NDArray[np.int32], cells: NDArray[np.int32], centre: Array,
    x: Array, y: Array, z: Array, m: Array, square: float, force: Array, psi: Array,
) -> None:  # fmt: skip
    """Add the pull between the bodies of the listed pairs of cells, in both directions.

    All sources of a cell are gathered into one buffer of single-precision
    positions relative to the cell, which the innermost loop runs through with
    full vector width. Rounding is 1e-7 of a pair's force.
    """
    n = x.shape[0]
    first = np.zeros(cells.shape[0] + 1, np.int64)
    for k in range(pairs.shape[0]):
        first[pairs[k, 0] + 1] += 1
        first[pairs[k, 1] + 1] += pairs[k, 0] != pairs[k, 1]
    first = np.cumsum(first)
    source = np.empty(first[-1], np.int32)
    fill = first.copy()
    for k in range(pairs.shape[0]):
        a, b = pairs[k]
        source[fill[a]] = b
        fill[a] += 1
        if a != b:
            source[fill[b]] = a
            fill[b] += 1
    xs, ys, zs = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
    ms = np.empty(n, np.float32)
    one, soft = np.float32(1.0), np.float32(square)
    for c in range(cells.shape[0]):
        if first[c] == first[c + 1]:
            continue
        cx, cy, cz = centre[c]
        count = 0
        own = 0.0
        for k in range(first[c], first[c + 1]):
            own += source[k] == c
            start, end = cells[source[k], 0], cells[source[k], 1]
            for j in range(start, end):
                xs[count + j - start] = x[j] - cx
                ys[count + j - start] = y[j] - cy
                zs[count + j - start] = z[j] - cz
                ms[count + j - start] = m[j]
            count += end - start
        for i in range(cells[c, 0], cells[c, 1]):
            xi, yi, zi = np.float32(x[i] - cx), np.float32(y[i] - cy), np.float32(z[i] - cz)
            sx = sy = sz = sp = np.float32(0.0)
            for j in range(count):
                dx, dy, dz = xs[j] - xi, ys[j] - yi, zs[j] - zi
                w = one / np.sqrt(dx * dx + dy * dy + dz * dz + soft)
                wm = w * ms[j]
                sp += wm
                wm *= w * w
                sx += wm * dx
                sy += wm * dy
                sz += wm * dz
            force[i, 0] += sx
            force[i, 1] += sy
            force[i, 2] += sz
            psi[i] += sp - own * m[i] / np.sqrt(square)


@njit(cache=True)
def _appended(pairs: NDArray[np.int32], count: int, a: int, b: int) -> NDArray[np.int32]:
    """Return `pairs` with (a, b) at row `count`, grown if it was full."""
    if count == pairs.shape[0]:
        grown = np.empty((2 * count, 2), np.int32)
        grown[:count] = pairs
        pairs = grown
    pairs[count, 0], pairs[count, 1] = a, b
    return pairs


@njit(cache=True, error_model="numpy")
def _walk(
    cells: NDArray[np.int32], centre: Array, radius: Array, theta: float
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the pairs of cells that interact by bodies, and those by expansions."""
    size = cells.shape[0]
    # compact, so that it stays in the fastest cache
    place = np.empty((size, 4), np.float32)
    place[:, :3] = centre
    place[:, 3] = radius
    near = np.empty((32 * size, 2), np.int32)
    far = np.empty((32 * size, 2), np.int32)
    n_near = n_far = 0
    stack = np.empty((1024, 2), np.int32)
    stack[0, 0] = stack[0, 1] = 0
    top = 1
    inverse_theta2 = np.float32(1.0 / (theta * theta))
    while top > 0:
        top -= 1
        a, b = stack[top, 0], stack[top, 1]
        left = cells[a, 2]
        if a == b:
            if left < 0:
                near = _appended(near, n_near, a, a)
                n_near += 1
            else:
                stack[top, 0], stack[top, 1] = left, left
                stack[top + 1, 0], stack[top + 1, 1] = left + 1, left + 1
                stack[top + 2, 0], stack[top + 2, 1] = left, left + 1
                top += 3
            continue
        p, q = place[a], place[b]
        dx, dy, dz = p[0] - q[0], p[1] - q[1], p[2] - q[2]
        reach = p[3] + q[3]
        product = (cells[a, 1] - cells[a, 0]) * (cells[b, 1] - cells[b, 0])
        if dx * dx + dy * dy + dz * dz > reach * reach * inverse_theta2:
            if product > _CHEAP_PAIRS:
                far = _appended(far, n_far, a, b)
                n_far += 1
                continue
        elif product > _DIRECT_PAIRS and (left >= 0 or cells[b, 2] >= 0):
            if left < 0 or (cells[b, 2] >= 0 and q[3] > p[3]):
                a, b = b, a
            left = cells[a, 2]
            stack[top, 0], stack[top, 1] = left, b
            stack[top + 1, 0], stack[top + 1, 1] = left + 1, b
            top += 2
            continue
        near = _appended(near, n_near, a, b)
        n_near += 1
    return near[:n_near], far[:n_far]


@njit(cache=True, error_model="numpy")
def _at_bodies(
    cells: NDArray[np.int32], centre: Array, field: Array,
    x: Array, y: Array, z: Array, force: Array, psi: Array,
) -> None:  # fmt: skip
    """Hand the cells' fields down the tree and add them to the bodies' force and psi."""
    work, lanes = np.empty(TERMS), np.empty((TERMS + 4, LANES))
    for c in range(cells.shape[0]):
        cx, cy, cz = centre[c]
        left = cells[c, 2]
        if left >= 0:
            for child in range(left, left + 2):
                px, py, pz = centre[child]
                add_moved_field(field[c], px - cx, py - cy, pz - cz, field[child], work)
            continue
        add_field_at_bodies(
            x, y, z, cells[c, 0], cells[c, 1], centre[c], field[c], force, psi, lanes
        )


def gravity(
    position: Array, mass: Array, softening_kpc: float, theta: float = 0.85
) -> tuple[Array, Array]:
    """Return acceleration and potential of softened bodies by the fast multipole method.

    Parameters
    ----------
    position : array (N, 3)
        Positions in kpc.
    mass : array (N,)
        Masses in 1e10 Msun, positive.
    softening_kpc : float
        Plummer softening length.
    theta : float
        Opening criterion: two cells are far if the sum of their radii is below
        `theta` times their distance.

    Returns
    -------
    acceleration : array (N, 3)
        In kpc / Gyr^2.
    potential : array (N,)
        In kpc^2 / Gyr^2, without the body's own contribution.
    """
    keys = _morton_keys(position)
    order = np.argsort(keys, kind="stable")
    cells = _build(keys[order])
    x, y, z = np.ascontiguousarray(position[order].T)
    m, square = mass[order], softening_kpc**2
    centre, radius, moments = _describe(cells, x, y, z, m)
    near, far = _walk(cells, centre, radius, theta)
    field, force, psi = np.zeros(moments.shape), np.zeros((len(m), 3)), np.zeros(len(m))
    add_far_pairs(far, centre, square, moments, field)
    _add_near(near, cells, centre, x, y, z, m, square, force, psi)
    _at_bodies(cells, centre, field, x, y, z, force, psi)
    acceleration, potential = np.empty_like(force), np.empty_like(psi)
    acceleration[order], potential[order] = G * force, -G * psi
    return acceleration, potential
