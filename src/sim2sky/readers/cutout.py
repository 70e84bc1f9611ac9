"""Single-file galaxies: cutouts of the TNG web API and files laid out like them."""

import logging
import re
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import open_hdf5
from sim2sky.readers.fields import (
    STARS,
    actual_star_count,
    attribute,
    claimed_star_count,
    conversion,
    read_header,
    read_stars,
)
from sim2sky.readers.interface import SUBHALO_COLUMNS, Flag, Header, Stars
from sim2sky.readers.measure import centre_kpc, galaxy_summary
from sim2sky.readers.merger_history import MergerHistory
from sim2sky.readers.tree import MergerTree

log = logging.getLogger("sim2sky")


class CutoutSimulation:
    """A collection of files that hold one galaxy each.

    Snapshot and subhalo numbers come from the header (``SnapshotNumber``, ``CutoutID``),
    else the subhalo number from the digits at the end of the file name, else they count
    from 0 in the order of names.

    Parameters
    ----------
    galaxies : list of Path
        The files, in the order of their names.
    trees : list of Path
        SubLink files beside them, possibly none.
    on_missing : {"error", "skip"}
        With "skip" an unusable file is left out and a lying header is flagged.
    redshifts : dict of int to float, optional
        Of further snapshots that the trees reach.
    merger_files : dict of int to Path, optional
        Files of TNG's ``merger_history`` catalogue by snapshot.

    Raises
    ------
    Sim2SkyError
        If a file is unusable, or two files are the same galaxy.
    """

    def __init__(
        self,
        galaxies: list[Path],
        trees: list[Path],
        on_missing: str,
        redshifts: dict[int, float] | None = None,
        merger_files: dict[int, Path] | None = None,
    ) -> None:
        self._trees = trees
        self._redshifts = redshifts or {}
        self._merger_files = merger_files or {}
        self._skip = on_missing == "skip"
        self._files: dict[tuple[int, int], Path] = {}
        self._headers: dict[int, Header] = {}
        self._flags: dict[tuple[int, int], Flag] = {}
        self._load = lru_cache(maxsize=4)(self._read)
        for index, path in enumerate(galaxies):
            try:
                self._add(path, index)
            except Sim2SkyError as error:
                if not self._skip or len(galaxies) == 1:
                    raise
                log.warning("left out: %s", error)
        if not self._files:
            raise Sim2SkyError("none of the files holds a usable galaxy", where=galaxies[0].parent)

    def _add(self, path: Path, index: int) -> None:
        with open_hdf5(path) as file:
            header = read_header(file)
            attributes = file["Header"].attrs
            snapshot = int(attribute(attributes, "SnapshotNumber", "ExtractedFromSnapshot") or 0)
            digits = re.search(r"_(\d+)$", path.stem)
            subhalo = attribute(attributes, "CutoutID")
            if subhalo is None:
                subhalo = digits[1] if digits else index
            key = snapshot, int(subhalo)
            flag = self._count_flag(file, path)
            if actual_star_count(file) == 0:
                raise Sim2SkyError("no stars", where=path, got=", ".join(file))
            read_stars(file, slice(0, 1), header)  # refuses files that lack a field
        if key in self._files:
            raise Sim2SkyError(
                f"snapshot {key[0]}, subhalo {key[1]} is in {self._files[key].name} already",
                where=path,
                fix="remove one of the files",
            )
        others = self._headers.setdefault(snapshot, header)
        if abs(others.redshift - header.redshift) > 1e-6 * (1 + header.redshift):
            raise Sim2SkyError(
                f"another redshift than the other files of snapshot {snapshot}",
                where=path,
                got=header.redshift,
                expected=others.redshift,
                fix="put each simulation's cutouts in a folder of their own",
            )
        self._files[key], self._flags[key] = path, flag

    def _count_flag(self, file: h5py.File, path: Path) -> Flag:
        claimed, actual = claimed_star_count(file), actual_star_count(file)
        if claimed is None or claimed == actual:
            return Flag(0)
        error = Sim2SkyError(
            "the header claims another number of stars than the file holds, as after a broken "
            "download or a thinning by hand",
            where=path,
            got=f"{actual} stars",
            expected=f"{claimed} as in NumPart_ThisFile",
            fix="download it again, or set 'on_missing: skip' to use the stars there are "
            "(the galaxy is then flagged)",
        )
        if not self._skip:
            raise error
        log.warning("flagged: %s", error)
        return Flag.COUNT_MISMATCH

    def _read(self, snapshot: int, subhalo_id: int) -> tuple[Stars, np.ndarray]:
        """Return a galaxy's stars, relative to its centre, and the centre."""
        key = snapshot, subhalo_id
        if key not in self._files:
            raise Sim2SkyError(
                f"no galaxy {subhalo_id} in snapshot {snapshot}",
                got=", ".join(f"{s}-{i}" for s, i in sorted(self._files)),
            )
        with open_hdf5(self._files[key]) as file:
            header = read_header(file)
            stars = read_stars(file, slice(None), header)
            if len(stars) == 0:
                raise Sim2SkyError("only wind particles, no stars", where=self._files[key])
            position = stars.position_kpc
            box = attribute(file["Header"].attrs, "BoxSize") or np.inf
            box *= conversion(file[STARS]["Coordinates"], "position_kpc", header)
        # positions outside the box are relative to something or in a unit of their own
        if position.min() < 0 or position.max() > box:
            box = np.inf
        centre = centre_kpc(position, stars.mass, box)
        return stars.seen_from(centre, box), centre

    def snapshots(self) -> list[int]:
        """Return the numbers of the snapshots that the galaxies come from."""
        return sorted(self._headers)

    def header(self, snapshot: int) -> Header:
        """Return epoch and cosmology of a snapshot."""
        return self._headers[snapshot]

    def subhalos(self, snapshot: int) -> pd.DataFrame:
        """Return one row per file; see `Simulation.subhalos`."""
        rows = []
        for index, key in enumerate(sorted(self._files)):
            if key[0] == snapshot:
                try:
                    stars, centre = self._load(*key)
                except Sim2SkyError as error:
                    if not self._skip:
                        raise
                    log.warning("left out: %s", error)
                    continue
                rows.append(
                    {"subhalo_id": key[1], "group_id": index}
                    | dict(zip(("x_kpc", "y_kpc", "z_kpc"), centre, strict=True))
                    | galaxy_summary(stars)
                    | {"morphology": "unknown", "flag": int(self._flags[key])}
                )
        return pd.DataFrame(rows, columns=SUBHALO_COLUMNS)

    def stars(self, snapshot: int, subhalo_id: int, radius_kpc: float | None = None) -> Stars:
        """Return the stars of a file, centred on their densest point."""
        stars, _ = self._load(snapshot, subhalo_id)
        return stars.seen_from(np.zeros(3), np.inf, radius_kpc)

    def tree(self) -> MergerTree | None:
        """Return the merger tree from the SubLink files beside the cutouts, or None."""
        if not self._trees:
            return None
        first = next(iter(self._headers.values()))
        known = {number: header.redshift for number, header in self._headers.items()}
        return MergerTree(self._trees, self._redshifts | known, first.cosmology)

    def merger_history(self) -> MergerHistory | None:
        """Return TNG's catalogue of mergers from the files beside the cutouts, or None."""
        if not self._merger_files:
            return None
        first = next(iter(self._headers.values()))
        known = {number: header.redshift for number, header in self._headers.items()}
        return MergerHistory(self._merger_files, self._redshifts | known, first.cosmology)
