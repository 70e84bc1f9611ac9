"""The file of what was found strange; reading it needs no network."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from sim2sky.files import atomic_path, hdf5_dataset, open_hdf5

SCORES = ("confidence", "entropy", "energy", "distance")
TEXT = "galaxy_id"


@dataclass(frozen=True)
class Search:
    """What `sim2sky outliers` finds with one model.

    Parameters
    ----------
    rows : dict of dict of numpy.ndarray
        By domain, N test rows each: galaxy_id, view, system_id, label (numbered by the
        model's classes), predicted, `SCORES`, ``far`` (bool).
    strange : dict of dict of numpy.ndarray
        By kind, ``ordinary`` (as they were) first: row (M,), place among the target's
        rows, and `SCORES`.
    images : dict of numpy.ndarray
        ``strangest`` and ``ordinary`` (T,C,H,W) of the target, in the order of their
        rank, with ``strangest_row`` and ``ordinary_row`` (T,); ``example_<kind>`` (C,H,W).
    attributes : dict
        method, network, seed, classes, units, neighbours, reference (the domains whose
        training images distances are to) and the provenance.
    """

    rows: dict[str, dict[str, np.ndarray]]
    strange: dict[str, dict[str, np.ndarray]]
    images: dict[str, np.ndarray]
    attributes: dict[str, object]


def write_search(search: Search, path: str | Path) -> None:
    """Write what a search found.

    Parameters
    ----------
    search : Search
        From `search_outliers`.
    path : str or Path
        Output HDF5 file.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name, groups in (("rows", search.rows), ("strange", search.strange)):
            for key, columns in groups.items():
                for column, values in columns.items():
                    text = values.astype(object) if column == TEXT else values
                    file[f"{name}/{key}/{column}"] = text
        for name, values in search.images.items():
            file[f"images/{name}"] = values
        file.attrs.update(search.attributes)


def read_search(path: str | Path) -> Search:
    """Read what a search found.

    Parameters
    ----------
    path : str or Path
        Written by `write_search`.

    Returns
    -------
    Search
        As it was written.

    Raises
    ------
    Sim2SkyError
        If the file is missing, truncated or something else.
    """
    with open_hdf5(path) as file:
        groups = {
            name: {
                key: {
                    column: values.asstr()[:].astype(str) if column == TEXT else values[:]
                    for column, values in group.items()
                }
                for key, group in hdf5_dataset(file, name).items()
            }
            for name in ("rows", "strange")
        }
        images = {name: values[:] for name, values in hdf5_dataset(file, "images").items()}
        attributes = dict(file.attrs)
    for name in ("classes", "reference"):
        attributes[name] = [str(item) for item in attributes[name]]
    return Search(groups["rows"], groups["strange"], images, attributes)
