"""Which rows of a dataset without identifiers are one galaxy, found from the pixels.

Copies (flips and quarter turns) hold the same pixel values and are found exactly. Views of one
galaxy by several cameras hold the same stars: without dust their total flux is one number in
each band, and it differs from galaxy to galaxy.
"""

import hashlib

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sim2sky.build.duplicates import dihedral

PAIRING_ROWS = 200
PERCOLATED = 0.05  # a "galaxy" of this part of all rows is a chain of chance agreements
BORDER_FRACTION = 0.1
_TURNS = (
    "identity", "rot90", "rot180", "rot270", "fliplr", "rot90+fliplr", "flipud", "rot270+fliplr"
)  # fmt: skip


def copy_groups(images: np.ndarray) -> np.ndarray:
    """Return the group of each image: the same up to flips and quarter turns, to the last bit.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,H).

    Returns
    -------
    numpy.ndarray
        (N,) integers, numbered in the order of first appearance.
    """
    seen: dict[bytes, int] = {}
    result = np.empty(len(images), dtype=np.int64)
    for row, image in enumerate(images):
        # + 0 makes of -0. the 0. that it equals
        digest = min(
            hashlib.blake2b(np.ascontiguousarray(turned + 0).tobytes(), digest_size=16).digest()
            for turned in dihedral(np.asarray(image))
        )
        result[row] = seen.setdefault(digest, len(seen))
    return result


def background_rms(images: np.ndarray) -> np.ndarray:
    """Return the rms of each image's border by 1.48 MAD, (N,C)."""
    side = images.shape[-1]
    width = max(1, round(BORDER_FRACTION * side))
    border = np.ones((side, side), dtype=bool)
    border[width:-width, width:-width] = False
    pixels = images[..., border]
    centre = np.median(pixels, axis=-1, keepdims=True)
    return 1.4826 * np.median(np.abs(pixels - centre), axis=-1)


def total_flux(images: np.ndarray) -> np.ndarray:
    """Return the flux of each image and band, (N,C), the same for flips and turns."""
    return images.sum(axis=(2, 3), dtype=np.float64)


def camera_groups(
    images: np.ndarray,
    copies: np.ndarray,
    label: np.ndarray,
    tolerance: float,
    cameras: int,
) -> tuple[np.ndarray, dict]:
    """Return the galaxy of each image: copies, and views with the same total flux.

    Chance agreements join two galaxies into one, which makes a split by galaxy coarser but
    never leak. Where they join everything, or where the noise hides the flux, copies are all
    that can be found.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,H).
    copies : numpy.ndarray
        (N,) from `copy_groups`.
    label : numpy.ndarray
        (N,); views of one galaxy share it.
    tolerance : float
        Fraction by which the flux in a band may differ.
    cameras : int
        Most views of one galaxy.

    Returns
    -------
    numpy.ndarray
        (N,) integers, numbered in the order of first appearance.
    dict
        ``found`` (bool), ``why_not``, ``flux_error`` (median relative error of the total flux
        by the background), ``views_per_galaxy`` (galaxies by number of views) and
        ``galaxies_with_too_many_views``.
    """
    _, first, group = np.unique(copies, return_index=True, return_inverse=True)
    flux = total_flux(images[first])
    error = background_rms(images[first]) * images.shape[-1]  # of a sum of H x H pixels
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = float(np.nanmedian(error / np.abs(flux)))
    report: dict = {"flux_error": relative, "galaxies_with_too_many_views": 0}
    why = None
    if tolerance == 0:
        why = "camera_tolerance is 0"
    elif not relative <= tolerance:
        why = f"the background hides the total flux: {relative:.1%} error, {tolerance:.1%} allowed"
    galaxy = np.arange(len(first))
    if why is None:
        bright = np.flatnonzero((flux > 0).all(axis=1))
        place = np.column_stack([np.log(flux[bright]) / tolerance, 1e3 * label[first][bright]])
        pairs = bright[cKDTree(place).query_pairs(1.0, p=np.inf, output_type="ndarray")]
        n = len(first)
        edges = coo_array((np.ones(len(pairs), dtype=bool), tuple(pairs.T)), shape=(n, n))
        joined = connected_components(edges, directed=False)[1]
        sizes = np.bincount(joined)
        if sizes.max() > max(PERCOLATED * n, cameras):
            why = f"{sizes.max()} of {n} images would be one galaxy: lower camera_tolerance"
        else:
            galaxy = joined
            report["galaxies_with_too_many_views"] = int((sizes > cameras).sum())
    sizes = np.bincount(galaxy)
    views = {str(n): int((sizes == n).sum()) for n in np.unique(sizes[sizes > 0])}
    report |= {"found": why is None, "why_not": why, "views_per_galaxy": views}
    return _renumbered(galaxy[group.reshape(-1)]), report


def rows_are_paired(first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether row by row two sets show the same galaxies, from the pixels.

    Parameters
    ----------
    first, second : numpy.ndarray
        (N,C,H,W) and (M,C,H,W), say without and with noise.

    Returns
    -------
    bool
        True if most images of a sample are more like their partner than like the partner's
        neighbours.
    """
    if first.shape != second.shape or len(first) < 3:
        return False
    rows = np.unique(np.linspace(0, len(first) - 1, min(PAIRING_ROWS, len(first))).astype(int))
    one, other = _profiles(first[rows]), _profiles(second[rows])
    alike = one @ other.T
    own = np.diag(alike)
    better = (alike < own[:, None]).sum(axis=1) / (len(rows) - 1)
    return bool(np.median(better) > 0.9 and better.mean() > 0.8)


def copy_layout(images: np.ndarray, label: np.ndarray) -> dict:
    """Return whether the leading mergers are blocks of copies of each other, and which ones.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,H).
    label : numpy.ndarray
        (N,), 1 for mergers.

    Returns
    -------
    dict
        ``blocks`` (flip or turn of each block, with the share of a sample for which it holds)
        and ``rows_per_block``; empty blocks if there is no such layout.
    """
    others = np.flatnonzero(label != 1)
    n = int(others[0]) if len(others) else len(label)
    for count in (8, 7, 6, 5, 4, 3, 2):
        if n == 0 or n % count:
            continue
        size = n // count
        rows = np.unique(np.linspace(0, size - 1, min(20, size)).astype(int))
        base = [dihedral(np.asarray(images[row])) for row in rows]
        blocks = []
        for block in range(count):
            shares = [
                np.mean(
                    [
                        np.array_equal(base[i][turn], images[block * size + row])
                        for i, row in enumerate(rows)
                    ]
                )
                for turn in range(8)
            ]
            blocks.append({"turn": _TURNS[int(np.argmax(shares))], "holds": float(max(shares))})
        if all(block["holds"] > 0.9 for block in blocks):
            return {"rows_per_block": size, "blocks": blocks}
    return {"rows_per_block": n, "blocks": []}


def _profiles(images: np.ndarray) -> np.ndarray:
    """Return smoothed images as rows of zero mean and unit norm."""
    side = images.shape[-1] // 3 * 3
    cut = images[..., :side, :side].mean(axis=1)
    blocks = cut.reshape(len(cut), side // 3, 3, side // 3, 3).mean(axis=(2, 4))
    rows = blocks.reshape(len(blocks), -1).astype(np.float64)
    rows -= rows.mean(axis=0)  # what all galaxies share does not tell them apart
    rows -= rows.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1)


def _renumbered(group: np.ndarray) -> np.ndarray:
    """Return group numbers 0, 1, ... in the order of first appearance."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.reshape(-1)]
