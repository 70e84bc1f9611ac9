"""Simulations as Illustris and TNG publish them: snapshots, groups, offsets, SubLink."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.cosmology import FlatLambdaCDM

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5
from sim2sky.readers.groups import read_groups
from sim2sky.readers.interface import SUBHALO_COLUMNS, Flag, Header, Stars
from sim2sky.readers.merger_history import MergerHistory
from sim2sky.readers.snapshot import Snapshot, read_any_header
from sim2sky.readers.tree import MergerTree


class IllustrisSimulation:
    """A directory with group catalogues.

    Parameters
    ----------
    root : Path
        The simulation's directory, for messages and offsets.
    snapshots, groups : dict of int to Path
        ``snapdir_NNN`` and ``groups_NNN`` by number.
    trees : list of Path
        SubLink files, possibly none.
    redshifts : dict of int to float
        Of snapshots, beyond those whose files are there.
    merger_files : dict of int to Path
        Files of TNG's ``merger_history`` catalogue by snapshot, possibly none.
    on_missing : {"error", "skip"}
        What to do about missing files.
    """

    def __init__(
        self,
        root: Path,
        snapshots: dict[int, Path],
        groups: dict[int, Path],
        trees: list[Path],
        redshifts: dict[int, float],
        merger_files: dict[int, Path],
        on_missing: str,
    ) -> None:
        self._root = root
        self._snapshots = snapshots
        self._groups = groups
        self._trees = trees
        self._redshifts = redshifts
        self._merger_files = merger_files
        self._on_missing = on_missing
        self._snapshot = lru_cache(maxsize=2)(self._open_snapshot)
        self._catalogue = lru_cache(maxsize=2)(self._read_catalogue)

    def snapshots(self) -> list[int]:
        """Return the numbers of the snapshots with both particles and groups."""
        return sorted(self._snapshots.keys() & self._groups.keys())

    def header(self, snapshot: int) -> Header:
        """Return epoch and cosmology of a snapshot."""
        return self._snapshot(snapshot).header

    def subhalos(self, snapshot: int) -> pd.DataFrame:
        """Return the subhaloes of the group catalogue; see `Simulation.subhalos`."""
        return self._catalogue(snapshot)[0].copy()

    def stars(self, snapshot: int, subhalo_id: int, radius_kpc: float | None = None) -> Stars:
        """Return the stars of a subhalo's friends-of-friends group, centred on the subhalo."""
        table, field_rows = self._catalogue(snapshot)
        at = np.searchsorted(table["subhalo_id"], subhalo_id)
        if at == len(table) or table["subhalo_id"].iloc[at] != subhalo_id:
            raise Sim2SkyError(
                f"no subhalo {subhalo_id} in snapshot {snapshot}",
                where=self._groups[snapshot],
                got=f"{len(table)} subhaloes with stars",
            )
        subhalo = table.iloc[at]
        files = self._snapshot(snapshot)
        centre = subhalo[["x_kpc", "y_kpc", "z_kpc"]].to_numpy(dtype=float)
        stars = files.stars(*field_rows[at], centre, radius_kpc)
        return stars.seen_from(centre, files.header.box_size_kpc, radius_kpc)

    def tree(self) -> MergerTree | None:
        """Return the SubLink tree, or None where there is none."""
        if not self._trees:
            return None
        return MergerTree(self._trees, *self._epochs())

    def merger_history(self) -> MergerHistory | None:
        """Return TNG's catalogue of mergers, or None where there is none."""
        if not self._merger_files:
            return None
        return MergerHistory(self._merger_files, *self._epochs())

    def _epochs(self) -> tuple[dict[int, float], FlatLambdaCDM]:
        """Return the redshift of every snapshot known of, and the cosmology."""
        known = {}
        for number in sorted(self._snapshots.keys() | self._groups.keys()):
            folders = (self._snapshots.get(number), self._groups.get(number))
            headers = (read_any_header(folder) for folder in folders if folder is not None)
            if (header := next(filter(None, headers), None)) is not None:
                known[number] = header
        redshifts = {number: header.redshift for number, header in known.items()}
        return self._redshifts | redshifts, next(iter(known.values())).cosmology

    def _open_snapshot(self, snapshot: int) -> Snapshot:
        offsets = self._offsets(snapshot, "FileOffsets/SnapByType")
        files = Snapshot(self._snapshots[snapshot], self._on_missing, offsets)
        if not files.knows_rows:
            raise Sim2SkyError(
                "with snapshot files missing only the offsets file tells where galaxies are",
                where=self._offsets_path(snapshot),
                fix="download it too, or all files of the snapshot",
            )
        return files

    def _offsets_path(self, snapshot: int) -> Path:
        return self._root / f"postprocessing/offsets/offsets_{snapshot:03d}.hdf5"

    def _offsets(self, snapshot: int, name: str) -> np.ndarray | None:
        """Return a column of the offsets file (of stars where it is by type), if it exists."""
        path = self._offsets_path(snapshot)
        if not path.is_file():
            return None
        with open_hdf5(path) as file:
            data = hdf5_dataset(file, name)
            return data[:, 4] if data.ndim == 2 else data[:]

    def _read_catalogue(self, snapshot: int) -> tuple[pd.DataFrame, np.ndarray]:
        """Return the subhaloes, and first and last row of the stars of each one's group."""
        files = self._snapshot(snapshot)
        first_ids = tuple(
            self._offsets(snapshot, f"FileOffsets/{kind}") for kind in ("Group", "Subhalo")
        )
        count, subhalos = read_groups(
            self._groups[snapshot],
            files.header,
            self._on_missing,
            None if first_ids[0] is None else first_ids,
        )
        known = count >= 0
        start = self._offsets(snapshot, "Group/SnapByType")
        if start is None:
            start = np.cumsum(count) - count
        rows = np.stack([start, start + np.where(known, count, 0)], axis=1).astype(np.int64)
        subhalos = subhalos[known[subhalos["group_id"]]].reset_index(drop=True)
        field_rows = rows[subhalos["group_id"]]
        lacking = files.rows_present(field_rows) < field_rows[:, 1] - field_rows[:, 0]
        subhalos.loc[lacking, "flag"] |= int(Flag.MISSING_FILE)
        return subhalos[SUBHALO_COLUMNS], field_rows
