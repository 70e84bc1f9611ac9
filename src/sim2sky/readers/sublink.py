"""SubLink tree files (Rodriguez-Gomez+2015), read tree by tree.

A file holds one row per subhalo and snapshot. Rows are in depth-first order of their
``SubhaloID``: a subhalo is followed by all its progenitors, up to ``LastProgenitorID``, so the
tree that ends in one subhalo of the last snapshot is one run of rows. A main branch (a subhalo
and its first progenitors) is one run too, of rows that share their ``MainLeafProgenitorID``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5

_COLUMNS = (
    "SubhaloID",
    "DescendantID",
    "FirstProgenitorID",
    "NextProgenitorID",
    "MainLeafProgenitorID",
    "RootDescendantID",
    "SnapNum",
    "SubfindID",
)
_LINKS = ("DescendantID", "FirstProgenitorID", "NextProgenitorID")
_SUBFIND_IDS_PER_SNAPSHOT = 10**10
ROWS_AT_ONCE = 2**21  # of about 80 bytes; the tree of a rich cluster may be larger than that


@dataclass(frozen=True)
class Nodes:
    """The rows of some trees, sorted by SubhaloID; links are row numbers, -1 for none.

    ``branch`` numbers the main branches; ``root_id`` alone is a SubhaloID. ``root`` is -1 where
    the root descendant is not among the rows. ``complete`` is False where progenitors that the
    rows link to are not there.
    """

    root_id: np.ndarray
    root: np.ndarray
    snapshot: np.ndarray
    subfind_id: np.ndarray
    stellar_mass: np.ndarray
    descendant: np.ndarray
    first_progenitor: np.ndarray
    branch: np.ndarray
    complete: bool


def read_trees(path: Path, wanted: np.ndarray) -> Iterator[Nodes]:
    """Yield the trees that hold wanted galaxies, as many at once as memory allows.

    Parameters
    ----------
    path : Path
        A SubLink file.
    wanted : ndarray of int
        Galaxies, from `subfind_key`.

    Yields
    ------
    Nodes
        Whole trees; nothing if no wanted galaxy is in the file.

    Raises
    ------
    Sim2SkyError
        If the file is unreadable, lacks a column or its columns differ in length.
    """
    with open_hdf5(path) as file:
        lengths = {name: len(hdf5_dataset(file, name)) for name in _COLUMNS}
        lengths["SubhaloMassType"] = len(hdf5_dataset(file, "SubhaloMassType"))
        if len(set(lengths.values())) > 1:
            raise Sim2SkyError("columns of unequal length", where=path, got=lengths)
        rows = _rows_of(file, wanted)
        if len(rows) == 0:
            return
        for batch in _batches(_tree_ranges(file, rows)):
            yield _nodes(file, batch)


def _rows_of(file: h5py.File, wanted: np.ndarray) -> np.ndarray:
    """Return the rows of the wanted galaxies."""
    found, n = [np.zeros(0, dtype=np.int64)], len(file["SnapNum"])
    for start in range(0, n, ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        key = subfind_key(file["SnapNum"][block], file["SubfindID"][block])
        found.append(start + np.flatnonzero(np.isin(key, wanted)))
    return np.concatenate(found)


def _tree_ranges(file: h5py.File, rows: np.ndarray) -> np.ndarray:
    """Return first and one past the last row of the trees of `rows`, shape (trees, 2).

    In a file that is not in depth-first order, or holds a part of a tree only, this is the
    whole file.
    """
    n = len(file["SubhaloID"])
    whole = np.array([[0, n]])
    if "LastProgenitorID" not in file:
        return whole
    own, root_id = (_values(file[name], rows) for name in ("SubhaloID", "RootDescendantID"))
    root = np.unique(rows - (own - root_id))
    if root[0] < 0 or root[-1] >= n:
        return whole
    first, last = (_values(file[name], root) for name in ("SubhaloID", "LastProgenitorID"))
    stop = root + (last - first) + 1
    if stop.max() > n or (stop <= root).any():
        return whole
    if not np.isin(root_id, first).all() or (_values(file["SubhaloID"], stop - 1) != last).any():
        return whole
    return np.stack([root, stop], axis=1)


def _values(data: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """Return scattered rows of a column, a block at a time."""
    result = np.empty(len(rows), dtype=np.int64)
    block = rows // ROWS_AT_ONCE
    for number in np.unique(block):
        here = block == number
        first, last = rows[here].min(), rows[here].max() + 1
        result[here] = data[first:last][rows[here] - first]
    return result


def _batches(ranges: np.ndarray) -> Iterator[np.ndarray]:
    """Yield ranges in groups of at most `ROWS_AT_ONCE` rows, or of one."""
    batch, size = [], 0
    for start, stop in ranges:
        if batch and size + stop - start > ROWS_AT_ONCE:
            yield np.array(batch)
            batch, size = [], 0
        batch.append((start, stop))
        size += stop - start
    yield np.array(batch)


def _nodes(file: h5py.File, ranges: np.ndarray) -> Nodes:
    """Return the rows of some ranges."""

    def column(name: str, index: tuple = ()) -> np.ndarray:
        data = file[name]
        return np.concatenate([data[(slice(*rows), *index)] for rows in ranges])

    raw = {name: column(name) for name in _COLUMNS} | {"mass": column("SubhaloMassType", (4,))}
    order = np.argsort(raw["SubhaloID"], kind="stable")
    raw = {name: values[order] for name, values in raw.items()}
    links = {
        name: np.where(raw[name] >= 0, lookup(raw["SubhaloID"], raw[name]), -1) for name in _LINKS
    }
    dangling = {name: (raw[name] >= 0) & (links[name] < 0) for name in _LINKS}
    # The tree of a galaxy before the last snapshot, as the web API sends it, ends in that galaxy:
    # what it becomes is not known, what it was made of is.
    top = dangling["DescendantID"]
    root = lookup(raw["SubhaloID"], raw["RootDescendantID"])
    past_is_whole = not (
        dangling["FirstProgenitorID"].any() or (dangling["NextProgenitorID"] & ~top).any()
    )
    return Nodes(
        root_id=raw["RootDescendantID"],
        root=root,
        snapshot=raw["SnapNum"].astype(np.int64),
        subfind_id=raw["SubfindID"].astype(np.int64),
        stellar_mass=raw["mass"].astype(np.float64),
        descendant=links["DescendantID"],
        first_progenitor=links["FirstProgenitorID"],
        branch=np.unique(raw["MainLeafProgenitorID"], return_inverse=True)[1].reshape(-1),
        complete=past_is_whole,
    )


def subfind_key(snapshot: Sequence[int], subfind_id: Sequence[int]) -> np.ndarray:
    """Return one number for snapshot and subhalo.

    Parameters
    ----------
    snapshot, subfind_id : sequence of int
        Numbers of galaxies.

    Returns
    -------
    ndarray of int64
        A key for each.
    """
    snapshot, subfind_id = (np.asarray(x, dtype=np.int64) for x in (snapshot, subfind_id))
    return snapshot * _SUBFIND_IDS_PER_SNAPSHOT + subfind_id


def lookup(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where each wanted number stands.

    Parameters
    ----------
    values : ndarray of int
        Numbers, each once, at least one.
    wanted : ndarray of int
        What to look for.

    Returns
    -------
    ndarray of int
        Its place in `values`, -1 where it isn't there.
    """
    order = np.argsort(values, kind="stable")
    position = np.minimum(np.searchsorted(values, wanted, sorter=order), len(values) - 1)
    row = order[position]
    return np.where(values[row] == wanted, row, -1)
