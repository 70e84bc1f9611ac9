"""Group catalogues of Illustris and TNG (FoF and Subfind), only what is used of them."""

import logging
import re
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5
from sim2sky.readers.fields import attribute
from sim2sky.readers.interface import Flag, Header
from sim2sky.readers.snapshot import missing_file_error, numbered_files

log = logging.getLogger("sim2sky")

GROUP_FOLDER = re.compile(r"groups_(\d+)")
_GROUP_FILE = re.compile(r"(?:fof_subhalo_tab|groups)_\d+(?:\.(\d+))?\.hdf5")
# Optional field, not part of TNG's own catalogues: what kind of galaxy the suite made.
_MORPHOLOGY = {0: "disk", 1: "elliptical"}


def read_groups(
    folder: Path,
    header: Header,
    on_missing: str,
    first_ids: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the star counts of the groups and the table of subhaloes.

    Parameters
    ----------
    folder : Path
        ``groups_NNN``.
    header : Header
        Of the snapshot.
    on_missing : {"error", "skip"}
        What to do about missing and truncated files.
    first_ids : tuple of two ndarrays, shape (files,), or None
        Number of the first group and subhalo in each file, from the offsets file; needed
        where files are missing.

    Returns
    -------
    ndarray of int
        Stars in each group, -1 for groups whose file is not there.
    pandas.DataFrame
        The columns of `Simulation.subhalos`, in the order of subhalo_id; subhaloes without
        stars, which are most of them, are left out.

    Raises
    ------
    Sim2SkyError
        If a file or field is missing.
    """
    paths = numbered_files(folder, _GROUP_FILE)
    if not paths:
        raise Sim2SkyError(
            "no group catalogue", where=folder, expected="fof_subhalo_tab_NNN.0.hdf5 ..."
        )
    parts, n_files, n_groups = [], 1, 0
    for number, path in paths.items():
        try:
            with open_hdf5(path) as file:
                attributes = hdf5_dataset(file, "Header").attrs
                n_files = int(attribute(attributes, "NumFiles") or 1)
                n_groups = int(attribute(attributes, "Ngroups_Total") or 0)
                n_here = int(attribute(attributes, "Nsubgroups_ThisFile") or 0)
                counts, table = _group_star_counts(file), _subhalos(file, header, n_here)
                parts.append((number, counts, n_here, table))
        except Sim2SkyError as error:
            if on_missing == "error":
                raise
            log.warning("left out: %s", error)
    absent = sorted(set(range(n_files)) - {number for number, *_ in parts})
    if absent:
        name = next(iter(paths.values())).name
        path = folder / re.sub(r"\.\d+\.hdf5$", f".{absent[0]}.hdf5", name)
        error = missing_file_error(path, n_files - len(absent), n_files)
        if on_missing == "error":
            raise error
        if first_ids is None:
            raise Sim2SkyError(
                "with group files missing only the offsets file tells which subhalo is which",
                where=path,
                fix="download postprocessing/offsets/offsets_NNN.hdf5 too, or this file",
            )
        log.warning("left out: %s", error)
    parts.sort(key=lambda part: part[0])
    stars_in_group = np.full(n_groups, -1, dtype=np.int64)
    next_group = next_subhalo = 0
    for number, counts, n_here, table in parts:
        if first_ids is not None:
            next_group, next_subhalo = int(first_ids[0][number]), int(first_ids[1][number])
        stars_in_group[next_group : next_group + len(counts)] = counts
        table["subhalo_id"] += next_subhalo
        next_group += len(counts)
        next_subhalo += n_here
    return stars_in_group, pd.concat([table for *_, table in parts], ignore_index=True)


def _group_star_counts(file: h5py.File) -> np.ndarray:
    # a file without groups has an empty 'Group', or none at all
    if int(attribute(file["Header"].attrs, "Ngroups_ThisFile") or 0) == 0:
        return np.zeros(0, dtype=np.int64)
    return hdf5_dataset(file, "Group/GroupLenType")[:, 4].astype(np.int64)


def _subhalos(file: h5py.File, header: Header, n: int) -> pd.DataFrame:
    """Return the subhaloes with stars of one file in physical units, numbered from 0."""

    def column(name: str, index: object = slice(None)) -> np.ndarray:
        if n == 0:
            return np.zeros((0, 3)) if name == "SubhaloPos" else np.zeros(0)
        return hdf5_dataset(file, f"Subhalo/{name}")[index]

    stars = (slice(None), 4)
    kpc = header.scale_factor / header.hubble
    position = column("SubhaloPos").astype(np.float64) * kpc
    table = pd.DataFrame(
        {
            "subhalo_id": np.arange(n),
            "group_id": column("SubhaloGrNr").astype(np.int64),
            "x_kpc": position[:, 0],
            "y_kpc": position[:, 1],
            "z_kpc": position[:, 2],
            "stellar_mass": column("SubhaloMassType", stars).astype(np.float64)
            * (1e10 / header.hubble),
            "half_mass_radius_kpc": column("SubhaloHalfmassRadType", stars).astype(np.float64)
            * kpc,
            "sfr": column("SubhaloSFR").astype(np.float64),
            "n_stars": column("SubhaloLenType", stars).astype(np.int64),
        }
    )
    table["morphology"] = "unknown"
    table["flag"] = 0
    if n and "Subhalo/SubhaloMorphology" in file:
        kind = pd.Series(column("SubhaloMorphology")).map(_MORPHOLOGY)
        table["morphology"] = kind.fillna("unknown")
    if n and "Subhalo/SubhaloFlag" in file:
        spurious = ~column("SubhaloFlag").astype(bool)
        table.loc[spurious, "flag"] = int(Flag.NOT_COSMOLOGICAL)
    return table[table["n_stars"] > 0]
