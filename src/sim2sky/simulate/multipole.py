"""Cartesian multipole and Taylor expansions of a softened kernel, of any order.

With multi-indices n = (i, j, k) of total order up to P, a cell holds the moments
``M_n = sum m v**n / n!`` about its centre and the field ``F_n``, the derivatives of the
potential there. They transform by (Dehnen 2002, J. Comput. Phys. 179, 27, sect. 3)

- moved by s: ``M'_(a+b) += s**b/b! M_a`` and ``F'_a += s**b/b! F_(a+b)``;
- pair of cells at distance R: ``F_a += (-1)**|b| M_b D_(a+b)`` with D the derivatives of
  ``(R**2 + e**2)**-0.5``, all for ``|a+b| <= P``.

Tables of such index triples, made once, drive the loops. Functions that call each other
do strict arithmetic (no `fastmath`): else a fresh compilation and a cached one, which
inline differently, would round differently, and runs would not repeat bit for bit.
"""

from itertools import product

import numpy as np
from numba import njit
from numpy.typing import NDArray

ORDER = 4
"""Total order P of the expansions."""

LANES = 8
"""Bodies of a leaf that are worked on at once."""

Array = NDArray[np.float64]

_INDICES = sorted(
    (n for n in product(range(ORDER + 1), repeat=3) if sum(n) <= ORDER),
    key=lambda n: (sum(n), [-part for part in n]),
)
_PLACE = {n: place for place, n in enumerate(_INDICES)}

TERMS = len(_INDICES)
"""Number of coefficients of an expansion: value, gradient (1 to 3) and so on."""


def _sums() -> NDArray[np.int32]:
    """Return all (a, b, a+b) with |a+b| <= P as places in the list of multi-indices."""
    rows = [
        (a, b, _PLACE[total])
        for a, first in enumerate(_INDICES)
        for b, second in enumerate(_INDICES)
        if (total := tuple(map(sum, zip(first, second, strict=True)))) in _PLACE
    ]
    return np.array(rows, np.int32)


def _recursion() -> NDArray[np.int32]:
    """Return for each multi-index but 0: place, axis, place less one, place less two, n-1.

    "Less" along the axis; n is the index's value there; -1 where there is none.
    """
    rows = []
    for place, n in enumerate(_INDICES[1:], start=1):
        axis = int(np.argmax(n))
        one, two = list(n), list(n)
        one[axis] -= 1
        two[axis] -= 2
        rows.append((place, axis, _PLACE[tuple(one)], _PLACE.get(tuple(two), -1), n[axis] - 1))
    return np.array(rows, np.int32)


_SUMS = _sums()
_RECURSION = _recursion()
_DEGREE = np.array([sum(n) for n in _INDICES], np.int32)
# a cell's dipole about its centre of mass vanishes
_FAR = _SUMS[_DEGREE[_SUMS[:, 1]] != 1]
_SIGN = np.where(_DEGREE % 2, -1.0, 1.0).astype(np.float32)
_INVERSE = 1.0 / np.arange(1, ORDER + 1)
_BLOCK = 64


@njit(cache=True, error_model="numpy")
def _powers(x: float, y: float, z: float, out: Array) -> None:
    """Set `out` to s**n / n! for all multi-indices n."""
    out[0] = 1.0
    for t in range(_RECURSION.shape[0]):
        axis = _RECURSION[t, 1]
        step = x if axis == 0 else (y if axis == 1 else z)
        out[_RECURSION[t, 0]] = out[_RECURSION[t, 2]] * step * _INVERSE[_RECURSION[t, 4]]


@njit(cache=True, error_model="numpy")
def _body_powers(
    x: Array, y: Array, z: Array, start: int, end: int, centre: Array, out: Array
) -> None:
    """Set `out` (TERMS, LANES) to the powers of up to LANES bodies, of start to end.

    Lanes beyond `end` are of the body at `end - 1`.
    """
    for i in range(LANES):
        body = min(start + i, end - 1)
        out[0, i] = 1.0
        out[1, i] = x[body] - centre[0]
        out[2, i] = y[body] - centre[1]
        out[3, i] = z[body] - centre[2]
    for t in range(3, _RECURSION.shape[0]):
        n, axis, one = _RECURSION[t, 0], _RECURSION[t, 1], _RECURSION[t, 2]
        inverse = _INVERSE[_RECURSION[t, 4]]
        for i in range(LANES):
            out[n, i] = out[one, i] * out[1 + axis, i] * inverse


@njit(cache=True, error_model="numpy")
def add_body(moments: Array, mass: float, x: float, y: float, z: float, work: Array) -> None:
    """Add a body at (x, y, z) from the centre to a cell's moments; `work` has TERMS places."""
    _powers(x, y, z, work)
    for n in range(TERMS):
        moments[n] += mass * work[n]


@njit(cache=True, error_model="numpy")
def add_field_at_bodies(
    x: Array, y: Array, z: Array, start: int, end: int,
    centre: Array, field: Array, force: Array, psi: Array, work: Array,
) -> None:  # fmt: skip
    """Add a cell's field to force and psi of the bodies `start` to `end`.

    `work` is (TERMS + 4, LANES).
    """
    for begin in range(start, end, LANES):
        _body_powers(x, y, z, begin, end, centre, work)
        work[TERMS:] = 0.0
        for t in range(_SUMS.shape[0]):
            place = _SUMS[t, 0]
            if place >= 4:
                break
            coefficient = field[_SUMS[t, 2]]
            for i in range(LANES):
                work[TERMS + place, i] += work[_SUMS[t, 1], i] * coefficient
        for i in range(min(LANES, end - begin)):
            psi[begin + i] += work[TERMS, i]
            for k in range(3):
                force[begin + i, k] += work[TERMS + 1 + k, i]


@njit(cache=True, error_model="numpy")
def add_moved_moments(
    moments: Array, x: float, y: float, z: float, out: Array, work: Array
) -> None:
    """Add moments about a centre at (x, y, z) from that of `out` to `out`."""
    _powers(x, y, z, work)
    for t in range(_SUMS.shape[0]):
        out[_SUMS[t, 2]] += work[_SUMS[t, 1]] * moments[_SUMS[t, 0]]


@njit(cache=True, error_model="numpy")
def add_moved_field(field: Array, x: float, y: float, z: float, out: Array, work: Array) -> None:
    """Add a field expansion, moved to (x, y, z) from its centre, to `out`."""
    _powers(x, y, z, work)
    for t in range(_SUMS.shape[0]):
        out[_SUMS[t, 0]] += work[_SUMS[t, 1]] * field[_SUMS[t, 2]]


@njit(cache=True, fastmath=True, error_model="numpy")
def add_far_pairs(
    pairs: NDArray[np.int32], centre: Array, square: float, moments: Array, field: Array
) -> None:
    """Add the mutual expansions of the listed pairs of cells to their fields.

    Both partners get the same derivatives, so their total momentum does not change. The
    pairs are worked off in blocks that fill the processor's vectors, in single precision:
    its rounding is 1e-7 of a pair's force.

    Parameters
    ----------
    pairs : int32 array (K, 2)
        Numbers of cells.
    centre : array (C, 3)
        Centres of mass.
    square : float
        Squared softening length.
    moments, field : array (C, TERMS)
        Expansions; `field` is changed.
    """
    distance = np.empty((3, _BLOCK), np.float32)
    # scaled derivatives D^(m): D^(m)_n = R_a D^(m+1)_(n-a) + (n_a - 1) D^(m+1)_(n-2a)
    derivative = np.empty((ORDER + 2, TERMS, _BLOCK), np.float32)
    first = np.empty((TERMS, _BLOCK), np.float32)
    second = np.empty((TERMS, _BLOCK), np.float32)
    on_first = np.empty((TERMS, _BLOCK), np.float32)
    on_second = np.empty((TERMS, _BLOCK), np.float32)
    soft = np.float32(square)
    for begin in range(0, pairs.shape[0], _BLOCK):
        count = min(_BLOCK, pairs.shape[0] - begin)
        for i in range(count):
            a, b = pairs[begin + i, 0], pairs[begin + i, 1]
            for k in range(3):
                distance[k, i] = centre[a, k] - centre[b, k]
            for n in range(TERMS):
                first[n, i] = moments[a, n]
                second[n, i] = moments[b, n]
        for i in range(count):
            rx, ry, rz = distance[0, i], distance[1, i], distance[2, i]
            inverse = np.float32(1.0) / (rx * rx + ry * ry + rz * rz + soft)
            value = np.sqrt(inverse)
            for m in range(ORDER + 1):
                derivative[m, 0, i] = value
                value *= -np.float32(2 * m + 1) * inverse
        for t in range(_RECURSION.shape[0]):
            n, axis, one, two = (
                _RECURSION[t, 0], _RECURSION[t, 1], _RECURSION[t, 2], _RECURSION[t, 3],
            )  # fmt: skip
            factor = np.float32(_RECURSION[t, 4])
            for m in range(ORDER + 1 - _DEGREE[n]):
                if two < 0:
                    for i in range(_BLOCK):
                        derivative[m, n, i] = distance[axis, i] * derivative[m + 1, one, i]
                else:
                    for i in range(_BLOCK):
                        derivative[m, n, i] = (
                            distance[axis, i] * derivative[m + 1, one, i]
                            + factor * derivative[m + 1, two, i]
                        )
        on_first[:] = np.float32(0.0)
        on_second[:] = np.float32(0.0)
        for t in range(_FAR.shape[0]):
            a, b, total = _FAR[t, 0], _FAR[t, 1], _FAR[t, 2]
            for i in range(_BLOCK):
                on_first[a, i] += _SIGN[b] * second[b, i] * derivative[0, total, i]
            for i in range(_BLOCK):
                on_second[a, i] += _SIGN[a] * first[b, i] * derivative[0, total, i]
        for i in range(count):
            a, b = pairs[begin + i, 0], pairs[begin + i, 1]
            for n in range(TERMS):
                field[a, n] += on_first[n, i]
                field[b, n] += on_second[n, i]
