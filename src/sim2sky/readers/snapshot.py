"""The files of one snapshot, read as one long table of stars."""

import logging
import re
from pathlib import Path

import h5py
import numpy as np

from sim2sky.errors import Sim2SkyError
from sim2sky.files import open_hdf5
from sim2sky.readers.fields import (
    actual_star_count,
    attribute,
    claimed_star_count,
    no_stars,
    read_field,
    read_header,
)
from sim2sky.readers.interface import Flag, Header, Stars

log = logging.getLogger("sim2sky")

SNAPSHOT_FOLDER = re.compile(r"snapdir_(?:subbox\d+_)?(\d+)")
_SNAPSHOT_FILE = re.compile(r"snap(?:shot)?_(?:subbox\d+_)?\d+(?:\.(\d+))?\.hdf5")


def numbered_folders(parent: Path, pattern: re.Pattern) -> dict[int, Path]:
    """Return the folders in `parent` whose whole name matches, by the number in it."""
    found = {}
    for path in sorted(parent.iterdir()) if parent.is_dir() else ():
        match = pattern.fullmatch(path.name)
        if match and path.is_dir():
            found[int(match[1])] = path
    return found


def numbered_files(folder: Path, pattern: re.Pattern) -> dict[int, Path]:
    """Return the files in `folder` whose name matches, by the number in it (none: 0)."""
    found = {}
    for path in sorted(folder.iterdir()):
        match = pattern.fullmatch(path.name)
        if match:
            found[int(match[1] or 0)] = path
    return found


def missing_file_error(path: Path, got: int, expected: int) -> Sim2SkyError:
    """Return the error for one missing file of a set."""
    return Sim2SkyError(
        "file is missing",
        where=path,
        got=f"{got} of {expected} files",
        fix="download it again, or set 'on_missing: skip' to go on without it "
        "(the galaxies it may concern are flagged)",
    )


class Snapshot:
    """Stars of one snapshot, wherever its files end.

    Parameters
    ----------
    folder : Path
        ``snapdir_NNN``.
    on_missing : {"error", "skip"}
        What to do about missing, truncated and inconsistent files.
    file_offsets : ndarray of int, shape (files,), optional
        Row of each file's first star in the whole snapshot, from the offsets file. Without
        it the counts of the files themselves are added up, leaving out missing ones.

    Raises
    ------
    Sim2SkyError
        If there are no files, or if one is missing or bad and `on_missing` is "error".
    """

    def __init__(
        self, folder: Path, on_missing: str, file_offsets: np.ndarray | None = None
    ) -> None:
        files = numbered_files(folder, _SNAPSHOT_FILE)
        if not files:
            raise Sim2SkyError("no snapshot files", where=folder, expected="snap_NNN.0.hdf5 ...")
        self.header: Header | None = None
        self._count: dict[int, int] = {}
        faults, n_files = [], 1
        for number, path in files.items():
            try:
                with open_hdf5(path) as file:
                    self.header = self.header or read_header(file)
                    n_files = int(attribute(file["Header"].attrs, "NumFilesPerSnapshot") or 1)
                    self._count[number] = self._checked_count(file, path)
            except Sim2SkyError as error:
                faults.append(error)
        absent = sorted(set(range(n_files)) - set(files))
        if absent:
            name = re.sub(r"\.\d+\.hdf5$", f".{absent[0]}.hdf5", next(iter(files.values())).name)
            faults.append(missing_file_error(folder / name, n_files - len(absent), n_files))
        if faults and (on_missing == "error" or not self._count):
            raise faults[0]
        for fault in faults:
            log.warning("left out: %s", fault)
        self.incomplete = bool(faults)
        """True where files are missing or left out."""
        self.knows_rows = not self.incomplete or file_offsets is not None
        """True where a row number of the whole snapshot can be found in the files."""
        self._files = {number: files[number] for number in sorted(self._count)}
        if file_offsets is None:
            counts = np.array([self._count[number] for number in self._files])
            starts = np.cumsum(counts) - counts
            self._start = dict(zip(self._files, starts.tolist(), strict=True))
        else:
            self._start = {number: int(file_offsets[number]) for number in self._files}

    @staticmethod
    def _checked_count(file: h5py.File, path: Path) -> int:
        claimed, actual = claimed_star_count(file), actual_star_count(file)
        if claimed is not None and claimed != actual:
            raise Sim2SkyError(
                "the header claims another number of stars than the file holds",
                where=path,
                got=f"{actual} stars",
                expected=f"{claimed} as in NumPart_ThisFile",
                fix="download it again, or set 'on_missing: skip' to leave this file out",
            )
        return actual

    @property
    def flag(self) -> Flag:
        """What a galaxy is flagged with if it may have stars in a file that is not there."""
        return Flag.MISSING_FILE if self.incomplete else Flag(0)

    def rows_present(self, rows: np.ndarray) -> np.ndarray:
        """Return how many stars are on disk of each range of rows.

        Parameters
        ----------
        rows : ndarray of int, shape (N, 2)
            First and one past the last row in the whole snapshot.

        Returns
        -------
        ndarray of int, shape (N,)
            Stars that `stars` would find, wind particles included.
        """
        edges, present = [0], [0]
        for number in self._files:
            start, count = self._start[number], self._count[number]
            edges += [start, start + count]
            present += [present[-1], present[-1] + count]
        below = np.interp(rows, edges, present)
        return np.rint(below[:, 1] - below[:, 0]).astype(np.int64)

    def stars(
        self,
        start: int = 0,
        stop: int | None = None,
        centre_kpc: np.ndarray | None = None,
        radius_kpc: float | None = None,
    ) -> Stars:
        """Return the stars in rows `start` to `stop` of the snapshot.

        With a radius only stars within it are kept in memory, and of a block of rows without
        any only the positions are read.

        Parameters
        ----------
        start, stop : int
            Rows in the whole snapshot; None is its end.
        centre_kpc : ndarray, shape (3,), optional
            Centre of the sphere.
        radius_kpc : float, optional
            Radius of the sphere, physical kpc, reaching through the periodic boundary.

        Returns
        -------
        Stars
            In the files' order, positions as in the files, wind particles and missing files
            left out.
        """
        parts = []
        for number in self._files:
            first = max(start - self._start[number], 0)
            last = self._count[number]
            if stop is not None:
                last = min(last, stop - self._start[number])
            if first >= last:
                continue
            with open_hdf5(self._files[number]) as file:
                parts.append(
                    read_field(file, slice(first, last), self.header, centre_kpc, radius_kpc)
                )
        return Stars.join(parts) if parts else no_stars()


def read_any_header(folder: Path) -> Header | None:
    """Return the header of a folder's first readable HDF5 file, or None."""
    for path in sorted(folder.glob("*.hdf5")):
        try:
            with open_hdf5(path) as file:
                return read_header(file)
        except Sim2SkyError:
            continue
    return None
