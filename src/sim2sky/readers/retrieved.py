"""What `sim2sky retrieve` brings from the TNG web API: cutouts with a table of their galaxies."""

import logging
from functools import lru_cache
from pathlib import Path

import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import open_hdf5
from sim2sky.readers.fields import actual_star_count, read_field, read_header
from sim2sky.readers.interface import SUBHALO_COLUMNS, Header, Stars
from sim2sky.readers.merger_history import MergerHistory, merger_history_files
from sim2sky.readers.snapshot import missing_file_error
from sim2sky.readers.tree import MergerTree

log = logging.getLogger("sim2sky")

GALAXIES = "galaxies.csv"
MANIFEST = "manifest.json"
TREES = "trees"
COLUMNS = ["snapshot", "file", *SUBHALO_COLUMNS]
"""Columns of galaxies.csv: physical units, `file` relative to its folder."""


class RetrievedSimulation:
    """A folder with ``galaxies.csv``, the cutouts it names, and perhaps trees.

    A cutout may hold a whole friends-of-friends group, so that several galaxies share it and
    each has its companions in its picture.

    Parameters
    ----------
    folder : Path
        Where `sim2sky retrieve` wrote.
    redshifts : dict of int to float
        Of all snapshots.
    on_missing : {"error", "skip"}
        What to do about missing cutouts.

    Raises
    ------
    Sim2SkyError
        If the table is not one, or a cutout is missing.
    """

    def __init__(self, folder: Path, redshifts: dict[int, float], on_missing: str) -> None:
        self._folder = folder
        self._redshifts = redshifts
        try:
            table = pd.read_csv(folder / GALAXIES, keep_default_na=False)
            table = table[COLUMNS]
        except (ValueError, KeyError) as error:
            raise Sim2SkyError(
                "not a table of galaxies",
                where=folder / GALAXIES,
                got=error,
                expected=", ".join(COLUMNS),
                fix="run `sim2sky retrieve` again",
            ) from error
        absent = [name for name in table["file"].unique() if not (folder / name).is_file()]
        if absent:
            n_files = table["file"].nunique()
            error = missing_file_error(folder / absent[0], n_files - len(absent), n_files)
            if on_missing == "error":
                raise error
            log.warning("left out: %s", error)
            table = table[~table["file"].isin(absent)]
        if table.empty:
            raise Sim2SkyError("no galaxies", where=folder / GALAXIES)
        self._table = table.reset_index(drop=True)
        self._headers = lru_cache(maxsize=None)(self._read_header)

    def snapshots(self) -> list[int]:
        """Return the numbers of the snapshots that the galaxies come from."""
        return sorted(self._table["snapshot"].unique().tolist())

    def header(self, snapshot: int) -> Header:
        """Return epoch and cosmology of a snapshot."""
        return self._headers(snapshot)

    def _read_header(self, snapshot: int) -> Header:
        file_name = self._table.loc[self._table["snapshot"] == snapshot, "file"].iloc[0]
        with open_hdf5(self._folder / file_name) as file:
            return read_header(file)

    def subhalos(self, snapshot: int) -> pd.DataFrame:
        """Return the galaxies of a snapshot; see `Simulation.subhalos`."""
        here = self._table[self._table["snapshot"] == snapshot]
        return here[SUBHALO_COLUMNS].reset_index(drop=True)

    def stars(self, snapshot: int, subhalo_id: int, radius_kpc: float | None = None) -> Stars:
        """Return the stars of a galaxy's cutout, centred on the galaxy."""
        table = self._table
        row = table[(table["snapshot"] == snapshot) & (table["subhalo_id"] == subhalo_id)]
        if row.empty:
            raise Sim2SkyError(
                f"no galaxy {subhalo_id} in snapshot {snapshot}",
                where=self._folder / GALAXIES,
                got=f"{len(table)} galaxies",
            )
        centre = row[["x_kpc", "y_kpc", "z_kpc"]].iloc[0].to_numpy(dtype=float)
        header = self.header(snapshot)
        with open_hdf5(self._folder / row["file"].iloc[0]) as file:
            rows = slice(0, actual_star_count(file))
            stars = read_field(file, rows, header, centre, radius_kpc)
        return stars.seen_from(centre, header.box_size_kpc, radius_kpc)

    def tree(self) -> MergerTree | None:
        """Return the merger tree from the SubLink files, or None where there are none."""
        files = sorted((self._folder / TREES).glob("*.hdf5"))
        return MergerTree(files, *self._epochs()) if files else None

    def merger_history(self) -> MergerHistory | None:
        """Return TNG's catalogue of mergers, or None where there is none."""
        files = merger_history_files(self._folder)
        return MergerHistory(files, *self._epochs()) if files else None

    def _epochs(self) -> tuple:
        known = {number: self.header(number) for number in self.snapshots()}
        redshifts = {number: header.redshift for number, header in known.items()}
        return self._redshifts | redshifts, next(iter(known.values())).cosmology
