"""Gravity of N bodies by a mutual fast multipole method on one core.

The method is that of Dehnen (2002, J. Comput. Phys. 179, 27): one tree serves as
sources and as sinks, pairs of cells interact with each other rather than a
particle with a cell, and both partners of a pair receive the same Taylor
coefficients, so that total momentum is conserved to rounding. Expansions are of
third order about centres of mass (sources up to the quadrupole, fields up to the
third derivative of the kernel).

Two bodies i, j feel the Plummer-softened kernel
``K = (|x_i - x_j|**2 + (s_i**2 + s_j**2) / 2)**-0.5`` with softening lengths
s_i, s_j; the softening enters far and near field alike.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

G = 44985.0
"""Gravitational constant in kpc^3 Gyr^-2 (1e10 Msun)^-1.

4.30092e-6 kpc (km/s)^2 / Msun (CODATA G, IAU Msun) and 1 km/s = 1.022712 kpc/Gyr.
"""

LEAF_SIZE = 8
"""Cells with at most this many bodies are not divided."""

_DIRECT_PAIRS = 100
"""Two near cells with at most this product of body counts are not divided further."""

_CHEAP_PAIRS = 24
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
def _build(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return the binary tree over sorted keys: rows (start, end, left child), and its size.

    A cell is a range of bodies; the right child follows the left one; a leaf has
    left child -1. Children come after their parent.
    """
    n = keys.shape[0]
    cells = np.empty((2 * n + 1, 3), np.int64)
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
    return cells, size


@njit(cache=True, fastmath=True, error_model="numpy")
def _moments(
    cells: NDArray[np.int64], size: int, x: Array, y: Array, z: Array, m: Array, e: Array
) -> Array:
    """Return per cell: centre (3), radius, mass, softening term, second moments (6)."""
    out = np.empty((size, 12))
    for c in range(size):
        mass = cx = cy = cz = soft = 0.0
        for i in range(cells[c, 0], cells[c, 1]):
            mass += m[i]
            cx += m[i] * x[i]
            cy += m[i] * y[i]
            cz += m[i] * z[i]
            soft += m[i] * e[i]
        cx /= mass
        cy /= mass
        cz /= mass
        xx = xy = xz = yy = yz = zz = reach = 0.0
        for i in range(cells[c, 0], cells[c, 1]):
            dx, dy, dz = x[i] - cx, y[i] - cy, z[i] - cz
            xx += m[i] * dx * dx
            xy += m[i] * dx * dy
            xz += m[i] * dx * dz
            yy += m[i] * dy * dy
            yz += m[i] * dy * dz
            zz += m[i] * dz * dz
            reach = max(reach, dx * dx + dy * dy + dz * dz)
        row = out[c]
        row[0], row[1], row[2], row[3] = cx, cy, cz, np.sqrt(reach)
        row[4], row[5] = mass, soft / mass
        row[6], row[7], row[8], row[9], row[10], row[11] = xx, xy, xz, yy, yz, zz
    return out


@njit(cache=True, fastmath=True, error_model="numpy")
def _add_near(
    pairs: NDArray[np.int32], cells: NDArray[np.int64], moments: Array,
    x: Array, y: Array, z: Array, m: Array, e: Array, force: Array, psi: Array,
) -> None:  # fmt: skip
    """Add the pull between the bodies of the listed pairs of cells, in both directions.

    All sources of a cell are gathered into one buffer of single-precision
    positions relative to the cell, which the innermost loop runs through with
    full vector width. Rounding is 1e-7 of a pair's force.
    """
    n = x.shape[0]
    first = np.zeros(moments.shape[0] + 1, np.int64)
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
    ms, es = np.empty(n, np.float32), np.empty(n, np.float32)
    one = np.float32(1.0)
    for c in range(moments.shape[0]):
        if first[c] == first[c + 1]:
            continue
        cx, cy, cz = moments[c, 0], moments[c, 1], moments[c, 2]
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
                es[count + j - start] = e[j]
            count += end - start
        for i in range(cells[c, 0], cells[c, 1]):
            xi, yi, zi = np.float32(x[i] - cx), np.float32(y[i] - cy), np.float32(z[i] - cz)
            ei = np.float32(e[i])
            sx = sy = sz = sp = np.float32(0.0)
            for j in range(count):
                dx, dy, dz = xs[j] - xi, ys[j] - yi, zs[j] - zi
                w = one / np.sqrt(dx * dx + dy * dy + dz * dz + ei + es[j])
                wm = w * ms[j]
                sp += wm
                wm *= w * w
                sx += wm * dx
                sy += wm * dy
                sz += wm * dz
            force[i, 0] += sx
            force[i, 1] += sy
            force[i, 2] += sz
            psi[i] += sp - own * m[i] / np.sqrt(2.0 * e[i])


@njit(cache=True, fastmath=True, error_model="numpy")
def _far_pair(p: Array, q: Array, field_p: Array, field_q: Array) -> None:
    """Add the mutual third-order expansions of two cells (moments p, q)."""
    rx, ry, rz = p[0] - q[0], p[1] - q[1], p[2] - q[2]
    inverse = 1.0 / (rx * rx + ry * ry + rz * rz + p[5] + q[5])
    d0 = np.sqrt(inverse)
    d1 = -d0 * inverse
    d2 = -3.0 * d1 * inverse
    d3 = -5.0 * d2 * inverse
    # second derivatives of the kernel
    kxx, kxy, kxz = d2 * rx * rx + d1, d2 * rx * ry, d2 * rx * rz
    kyy, kyz, kzz = d2 * ry * ry + d1, d2 * ry * rz, d2 * rz * rz + d1
    # third derivatives
    kxxx = (d3 * rx * rx + 3.0 * d2) * rx
    kxxy = (d3 * rx * rx + d2) * ry
    kxxz = (d3 * rx * rx + d2) * rz
    kxyy = (d3 * ry * ry + d2) * rx
    kxyz = d3 * rx * ry * rz
    kxzz = (d3 * rz * rz + d2) * rx
    kyyy = (d3 * ry * ry + 3.0 * d2) * ry
    kyyz = (d3 * ry * ry + d2) * rz
    kyzz = (d3 * rz * rz + d2) * ry
    kzzz = (d3 * rz * rz + 3.0 * d2) * rz
    for side in range(2):
        source = q if side == 0 else p
        field = field_p if side == 0 else field_q
        sign = 1.0 if side == 0 else -1.0
        m = source[4]
        xx, xy, xz = 0.5 * source[6], source[7], source[8]
        yy, yz, zz = 0.5 * source[9], source[10], 0.5 * source[11]
        field[0] += m * d0 + xx * kxx + xy * kxy + xz * kxz + yy * kyy + yz * kyz + zz * kzz
        field[1] += sign * (
            m * d1 * rx + xx * kxxx + xy * kxxy + xz * kxxz + yy * kxyy + yz * kxyz + zz * kxzz
        )
        field[2] += sign * (
            m * d1 * ry + xx * kxxy + xy * kxyy + xz * kxyz + yy * kyyy + yz * kyyz + zz * kyzz
        )
        field[3] += sign * (
            m * d1 * rz + xx * kxxz + xy * kxyz + xz * kxzz + yy * kyyz + yz * kyzz + zz * kzzz
        )
        field[4] += m * kxx
        field[5] += m * kxy
        field[6] += m * kxz
        field[7] += m * kyy
        field[8] += m * kyz
        field[9] += m * kzz
        m *= sign
        field[10] += m * kxxx
        field[11] += m * kxxy
        field[12] += m * kxxz
        field[13] += m * kxyy
        field[14] += m * kxyz
        field[15] += m * kxzz
        field[16] += m * kyyy
        field[17] += m * kyyz
        field[18] += m * kyzz
        field[19] += m * kzzz


@njit(cache=True, fastmath=True, error_model="numpy")
def _shifted(f: Array, sx: float, sy: float, sz: float, out: Array, order: int) -> None:
    """Add to `out` the field expansion `f` moved by (sx, sy, sz), up to `order`."""
    # contractions of the third derivatives with the shift
    axx = f[10] * sx + f[11] * sy + f[12] * sz
    axy = f[11] * sx + f[13] * sy + f[14] * sz
    axz = f[12] * sx + f[14] * sy + f[15] * sz
    ayy = f[13] * sx + f[16] * sy + f[17] * sz
    ayz = f[14] * sx + f[17] * sy + f[18] * sz
    azz = f[15] * sx + f[18] * sy + f[19] * sz
    bx = axx * sx + axy * sy + axz * sz
    by = axy * sx + ayy * sy + ayz * sz
    bz = axz * sx + ayz * sy + azz * sz
    cx = f[4] * sx + f[5] * sy + f[6] * sz
    cy = f[5] * sx + f[7] * sy + f[8] * sz
    cz = f[6] * sx + f[8] * sy + f[9] * sz
    out[0] += (
        f[0]
        + (f[1] + 0.5 * cx + bx / 6.0) * sx
        + (f[2] + 0.5 * cy + by / 6.0) * sy
        + (f[3] + 0.5 * cz + bz / 6.0) * sz
    )
    out[1] += f[1] + cx + 0.5 * bx
    out[2] += f[2] + cy + 0.5 * by
    out[3] += f[3] + cz + 0.5 * bz
    if order < 3:
        return
    out[4] += f[4] + axx
    out[5] += f[5] + axy
    out[6] += f[6] + axz
    out[7] += f[7] + ayy
    out[8] += f[8] + ayz
    out[9] += f[9] + azz
    for k in range(10, 20):
        out[k] += f[k]


@njit(cache=True)
def _walk(
    cells: NDArray[np.int64], moments: Array, theta: float, field: Array
) -> NDArray[np.int32]:
    """Expand all far pairs of cells into `field` and return the near pairs."""
    near = np.empty((32 * moments.shape[0] + 64, 2), np.int32)
    found = 0
    stack = np.empty((1024, 2), np.int32)
    stack[0, 0] = stack[0, 1] = 0
    top = 1
    inverse_theta2 = 1.0 / (theta * theta)
    while top > 0:
        top -= 1
        a, b = stack[top, 0], stack[top, 1]
        left = cells[a, 2]
        direct = left < 0
        if a == b and not direct:
            stack[top, 0], stack[top, 1] = left, left
            stack[top + 1, 0], stack[top + 1, 1] = left + 1, left + 1
            stack[top + 2, 0], stack[top + 2, 1] = left, left + 1
            top += 3
            continue
        far = False
        if a != b:
            p, q = moments[a], moments[b]
            dx, dy, dz = p[0] - q[0], p[1] - q[1], p[2] - q[2]
            reach = p[3] + q[3]
            far = dx * dx + dy * dy + dz * dz > reach * reach * inverse_theta2
            product = (cells[a, 1] - cells[a, 0]) * (cells[b, 1] - cells[b, 0])
            if far:
                direct = product <= _CHEAP_PAIRS
            else:
                direct = (direct and cells[b, 2] < 0) or product <= _DIRECT_PAIRS
        if direct:
            if found == near.shape[0]:
                grown = np.empty((2 * found, 2), np.int32)
                grown[:found] = near
                near = grown
            near[found, 0], near[found, 1] = a, b
            found += 1
        elif far:
            _far_pair(p, q, field[a], field[b])
        else:
            if left < 0 or (cells[b, 2] >= 0 and moments[b, 3] > moments[a, 3]):
                a, b = b, a
            left = cells[a, 2]
            stack[top, 0], stack[top, 1] = left, b
            stack[top + 1, 0], stack[top + 1, 1] = left + 1, b
            top += 2
    return near[:found]


@njit(cache=True)
def _gravity(
    position: Array, mass: Array, half_square: Array, theta: float
) -> tuple[Array, Array]:
    """Return gradient and value of sum_j m_j K_ij; see `gravity`."""
    n = position.shape[0]
    keys = _morton_keys(position)
    order = np.argsort(keys, kind="mergesort")
    cells, size = _build(keys[order])
    x, y, z = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        x[i], y[i], z[i] = position[order[i], 0], position[order[i], 1], position[order[i], 2]
    m, e = mass[order], half_square[order]
    moments = _moments(cells, size, x, y, z, m, e)
    field, force, psi = np.zeros((size, 20)), np.zeros((n, 3)), np.zeros(n)
    pairs = _walk(cells, moments, theta, field)
    _add_near(pairs, cells, moments, x, y, z, m, e, force, psi)
    acceleration, potential = np.empty((n, 3)), np.empty(n)
    at_body = np.empty(4)
    for c in range(size):
        f, centre = field[c], moments[c]
        left = cells[c, 2]
        if left >= 0:
            for child in range(left, left + 2):
                s = moments[child]
                _shifted(
                    f, s[0] - centre[0], s[1] - centre[1], s[2] - centre[2], field[child], 3
                )
        else:
            for i in range(cells[c, 0], cells[c, 1]):
                at_body[0] = psi[i]
                at_body[1:] = force[i]
                _shifted(f, x[i] - centre[0], y[i] - centre[1], z[i] - centre[2], at_body, 1)
                k = order[i]
                potential[k] = at_body[0]
                acceleration[k, 0] = at_body[1]
                acceleration[k, 1] = at_body[2]
                acceleration[k, 2] = at_body[3]
    return acceleration, potential


@njit(cache=True, fastmath=True, error_model="numpy")
def _direct(position: Array, mass: Array, half_square: Array) -> tuple[Array, Array]:
    """Return the same as `_gravity`, by summing over all pairs."""
    n = position.shape[0]
    x, y, z = position[:, 0].copy(), position[:, 1].copy(), position[:, 2].copy()
    acceleration, potential = np.empty((n, 3)), np.empty(n)
    for i in range(n):
        xi, yi, zi, ei = x[i], y[i], z[i], half_square[i]
        sx = sy = sz = sp = 0.0
        for j in range(n):
            dx, dy, dz = x[j] - xi, y[j] - yi, z[j] - zi
            w2 = 1.0 / (dx * dx + dy * dy + dz * dz + ei + half_square[j])
            w = np.sqrt(w2) * mass[j]
            sp += w
            w *= w2
            sx += w * dx
            sy += w * dy
            sz += w * dz
        acceleration[i] = sx, sy, sz
        potential[i] = sp - mass[i] / np.sqrt(2.0 * ei)
    return acceleration, potential


def gravity(
    position: Array, mass: Array, softening: Array, theta: float = 0.5
) -> tuple[Array, Array]:
    """Return acceleration and potential of softened bodies by the fast multipole method.

    Parameters
    ----------
    position : array (N, 3)
        Positions in kpc.
    mass : array (N,)
        Masses in 1e10 Msun, positive.
    softening : array (N,)
        Plummer softening length of each body in kpc, positive.
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
    acceleration, potential = _gravity(position, mass, 0.5 * softening**2, theta)
    return G * acceleration, -G * potential


def direct_gravity(position: Array, mass: Array, softening: Array) -> tuple[Array, Array]:
    """Return acceleration and potential by direct summation; see `gravity`.

    Parameters
    ----------
    position, mass, softening : array
        As in `gravity`.

    Returns
    -------
    acceleration : array (N, 3)
        In kpc / Gyr^2.
    potential : array (N,)
        In kpc^2 / Gyr^2.
    """
    acceleration, potential = _direct(position, mass, 0.5 * softening**2)
    return G * acceleration, -G * potential
