"""TNG's ``merger_history`` catalogue: each galaxy's last and next major and minor merger.

One file per snapshot (``MergerHistory_099.hdf5``, or ``merger_history.99.hdf5`` as the web API
names it) with one row per subhalo of the group catalogue; ``SnapNumLastMajorMerger`` and its
like hold the first snapshot at which the two are one, -1 for none (Rodriguez-Gomez+2017,
Eisert+2023). Major is a stellar mass ratio of 1:4 and more, minor one of 1:10 and more, at the
time when the secondary had its maximum stellar mass.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from astropy.cosmology import FlatLambdaCDM

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5
from sim2sky.readers.tree import DECIMALS, HISTORY_COLUMNS

MAJOR, MINOR = 0.25, 0.1
MERGER_FILE = re.compile(r"merger_?history[._]0*(\d+)\.hdf5", re.IGNORECASE)
_FOLDERS = ("postprocessing/MergerHistory", "postprocessing/merger_history", "")


def merger_history_files(root: Path) -> dict[int, Path]:
    """Return the catalogue's files in a simulation's directory, by snapshot.

    Parameters
    ----------
    root : Path
        The simulation's directory.

    Returns
    -------
    dict of int to Path
        Of the first folder that has any.
    """
    for name in _FOLDERS:
        folder = root / name
        found = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if match := MERGER_FILE.fullmatch(path.name):
                found[int(match[1])] = path
        if found:
            return found
    return {}


class MergerHistory:
    """The catalogue's files of some snapshots.

    Parameters
    ----------
    files : mapping of int to Path
        By snapshot.
    redshifts : mapping of int to float
        Redshift of each snapshot that the catalogue names.
    cosmology : FlatLambdaCDM
        Turns redshifts to times.
    """

    def __init__(
        self, files: Mapping[int, Path], redshifts: Mapping[int, float], cosmology: FlatLambdaCDM
    ) -> None:
        self.files = dict(files)
        self._time_gyr = {
            number: float(cosmology.age(redshift).value)
            for number, redshift in sorted(redshifts.items())
        }

    @staticmethod
    def knows(mass_ratio_min: float) -> bool:
        """Return whether the catalogue tells mergers above a mass ratio: 1:10 or 1:4."""
        return bool(np.isclose(mass_ratio_min, [MAJOR, MINOR]).any())

    def histories(self, galaxies: pd.DataFrame, mass_ratio_min: float) -> pd.DataFrame:
        """Return the nearest qualifying mergers before and after each galaxy's snapshot.

        Parameters
        ----------
        galaxies : pandas.DataFrame
            Columns ``snapshot`` and ``subhalo_id``.
        mass_ratio_min : float
            0.1 for minor and major mergers, 0.25 for major ones.

        Returns
        -------
        pandas.DataFrame
            As of `MergerTree.histories`, row by row as `galaxies`, but root_id and partner_id,
            which the catalogue does not tell, are -1, and ratios are lower limits: 0.25 of a
            major merger, 0.1 of a minor one. A merger's time is half-way between the snapshot
            it is listed with and the one before, as it is for trees.

        Raises
        ------
        Sim2SkyError
            If the catalogue does not know the mass ratio, a file is unreadable or lacks the
            galaxy, or a snapshot's redshift is unknown.
        """
        if not self.knows(mass_ratio_min):
            raise Sim2SkyError(
                "the merger_history catalogue knows two mass ratios only",
                where="mass_ratio_min",
                got=mass_ratio_min,
                expected=f"{MINOR} (minor and major mergers) or {MAJOR} (major ones)",
            )
        kinds = ["Major"] if np.isclose(mass_ratio_min, MAJOR) else ["Minor", "Major"]
        result = pd.DataFrame(HISTORY_COLUMNS, index=range(len(galaxies)))
        for snapshot, here in galaxies.reset_index(drop=True).groupby("snapshot"):
            path = self.files.get(int(snapshot))
            if path is None:
                continue
            now = self._time(np.array([snapshot]), path)[0]
            subhalos = here["subhalo_id"].to_numpy()
            with open_hdf5(path) as file:
                past, past_ratio = self._nearest(file, "Last", kinds, subhalos)
                future, future_ratio = self._nearest(file, "Next", kinds, subhalos)
            found = {
                "complete": True,
                "past_gyr": (past - now).round(DECIMALS),
                "past_ratio": past_ratio,
                "future_gyr": (future - now).round(DECIMALS),
                "future_ratio": future_ratio,
                "future_known_gyr": round(max(self._time_gyr.values()) - now, DECIMALS),
            }
            for name, values in found.items():
                result.loc[here.index, name] = values
        return result

    def _nearest(
        self, file: h5py.File, side: str, kinds: list[str], subhalos: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return time [Gyr] and smallest possible ratio of the last or next merger, or NaN."""
        ratio_of = {"Minor": MINOR, "Major": MAJOR}
        time = np.full(len(subhalos), np.nan)
        ratio = np.full(len(subhalos), np.nan)
        for kind in kinds:  # major last: of two at once the larger ratio counts
            column = hdf5_dataset(file, f"SnapNum{side}{kind}Merger")
            if subhalos.max() >= len(column):
                raise Sim2SkyError(
                    "the catalogue has no row for a galaxy",
                    where=file.filename,
                    got=f"{len(column)} rows",
                    expected=f"subhalo {subhalos.max()}",
                    fix="take the catalogue of this simulation and snapshot",
                )
            snapshot = column[:][subhalos].astype(np.int64)
            listed = snapshot >= 0
            event = np.full(len(subhalos), np.nan)
            event[listed] = self._merger_time(snapshot[listed], file.filename)
            nearer = event >= time if side == "Last" else event <= time
            take = listed & (np.isnan(time) | nearer)
            time[take], ratio[take] = event[take], ratio_of[kind]
        return time, ratio

    def _merger_time(self, snapshot: np.ndarray, where: str) -> np.ndarray:
        """Return half-way times between snapshots and the known ones before them."""
        numbers = np.array(list(self._time_gyr))
        after = self._time(snapshot, where)
        place = np.searchsorted(numbers, snapshot)
        before = np.array(list(self._time_gyr.values()))[np.maximum(place - 1, 0)]
        return (before + after) / 2

    def _time(self, snapshot: np.ndarray, where: object) -> np.ndarray:
        unknown = sorted(set(snapshot.tolist()) - self._time_gyr.keys())
        if unknown:
            raise Sim2SkyError(
                "the catalogue names snapshots whose redshift is not known",
                where=where,
                got=f"snapshots {', '.join(map(str, unknown[:10]))}",
                fix="put a file redshifts.txt with two columns, snapshot and redshift, "
                "into the simulation's directory",
            )
        return np.array([self._time_gyr[number] for number in snapshot.tolist()])
