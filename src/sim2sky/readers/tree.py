"""Merger trees: which system a galaxy is of, which mergers it takes part in, and when."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.cosmology import FlatLambdaCDM

from sim2sky.errors import Sim2SkyError
from sim2sky.readers.sublink import Nodes, lookup, read_trees, subfind_key

DECIMALS = 6  # of times [Gyr], so that a merger at the edge of a window is in or out everywhere

HISTORY_COLUMNS = {
    "root_id": -1,
    "complete": False,
    "past_gyr": np.nan,
    "past_ratio": np.nan,
    "future_gyr": np.nan,
    "future_ratio": np.nan,
    "partner_id": -1,
    "future_known_gyr": np.nan,
}
"""Columns of `MergerTree.histories` and what stands there for a galaxy not in the tree."""


class MergerTree:
    """The merger histories in a set of SubLink files.

    Parameters
    ----------
    files : sequence of Path
        Each tree lies within one file.
    redshifts : mapping of int to float
        Redshift of each snapshot that the trees reach.
    cosmology : FlatLambdaCDM
        Turns redshifts to times.
    """

    def __init__(
        self, files: Sequence[Path], redshifts: Mapping[int, float], cosmology: FlatLambdaCDM
    ) -> None:
        self.files = tuple(files)
        self._time_gyr = {
            number: float(cosmology.age(redshift).value) for number, redshift in redshifts.items()
        }

    def histories(self, galaxies: pd.DataFrame, mass_ratio_min: float) -> pd.DataFrame:
        """Return the nearest qualifying mergers before and after each galaxy's snapshot.

        The main branch of a galaxy takes part in a merger where another branch ends in
        it, or where it ends in another branch itself (the galaxy is then the secondary).
        The stellar mass ratio is the one at the snapshot at which the secondary had its
        maximum stellar mass (Rodriguez-Gomez+2015, sec. 4.2), the smaller over the larger.
        The merger's time is half-way between the last snapshot with both galaxies and the
        first with one.

        Parameters
        ----------
        galaxies : pandas.DataFrame
            Columns ``snapshot`` and ``subhalo_id``.
        mass_ratio_min : float
            Mergers of a smaller ratio don't count.

        Returns
        -------
        pandas.DataFrame
            Row by row as `galaxies`: root_id (SubhaloID of the root descendant, -1 if not in
            the tree); complete (False if the tree lacks rows that its links point to, so that
            mergers can't be told); past_gyr (time of the last merger less the galaxy's, <= 0)
            and past_ratio; future_gyr (> 0), future_ratio and partner_id (the other galaxy's
            subhalo number in the same snapshot, -1 if it has none) of the next merger;
            future_known_gyr (time from the galaxy to its root descendant, NaN if the tree ends
            before that).

        Raises
        ------
        Sim2SkyError
            If a file is unreadable or a snapshot's redshift is unknown.
        """
        result = pd.DataFrame(HISTORY_COLUMNS, index=range(len(galaxies)))
        wanted = subfind_key(galaxies["snapshot"], galaxies["subhalo_id"])
        for path in self.files:
            for nodes in read_trees(path, wanted):
                found = self._found(nodes, wanted, mass_ratio_min, path)
                # of two files with a galaxy in them the one with its whole tree counts
                found = found[~result.loc[found.index, "complete"]]
                result.loc[found.index, found.columns] = found
        return result

    def _found(
        self, nodes: Nodes, wanted: np.ndarray, mass_ratio_min: float, path: Path
    ) -> pd.DataFrame:
        """Return the histories of the wanted galaxies that are among the nodes."""
        row = lookup(subfind_key(nodes.snapshot, nodes.subfind_id), wanted)
        here = row >= 0
        found = pd.DataFrame({"root_id": nodes.root_id[row[here]]}, index=np.flatnonzero(here))
        found["complete"] = nodes.complete
        if not nodes.complete:
            return found
        time = self._times(nodes.snapshot, path)
        events = merger_events(nodes, time)
        events = events[events["ratio"] >= mass_ratio_min]
        return found.join(_nearest_events(nodes, time, events, row[here], found.index))

    def _times(self, snapshot: np.ndarray, path: Path) -> np.ndarray:
        """Return the cosmic time [Gyr] of each row."""
        numbers = np.unique(snapshot)
        unknown = [int(number) for number in numbers if int(number) not in self._time_gyr]
        if unknown:
            raise Sim2SkyError(
                "the tree reaches snapshots whose redshift is not known",
                where=path,
                got=f"snapshots {', '.join(map(str, unknown[:10]))}"
                + (" ..." if len(unknown) > 10 else ""),
                fix="put a file redshifts.txt with two columns, snapshot and redshift, "
                "into the simulation's directory",
            )
        table = np.array([self._time_gyr[int(number)] for number in numbers])
        return table[np.searchsorted(numbers, snapshot)]


def merger_events(nodes: Nodes, time_gyr: np.ndarray) -> pd.DataFrame:
    """Return every merger of a tree, of whatever mass ratio.

    Parameters
    ----------
    nodes : Nodes
        A complete tree.
    time_gyr : ndarray
        Cosmic time of each row.

    Returns
    -------
    pandas.DataFrame
        One row per merger: primary and secondary (their branch numbers), time_gyr, ratio
        (NaN where a galaxy never had stars).
    """
    has_descendant = np.flatnonzero(nodes.descendant >= 0)
    main = nodes.first_progenitor[nodes.descendant[has_descendant]]
    merges = main != has_descendant
    secondary, primary = has_descendant[merges], main[merges]
    descendant = nodes.descendant[secondary]

    # the secondary's branch ends here, so its maximum is over the whole branch
    order = np.lexsort((nodes.snapshot, nodes.stellar_mass, nodes.branch))
    last = np.searchsorted(nodes.branch[order], nodes.branch[secondary], side="right") - 1
    peak = order[last]
    snapshot = np.minimum(nodes.snapshot[peak], nodes.snapshot[primary])
    by_branch = np.argsort(_branch_key(nodes.branch, nodes.snapshot), kind="stable")
    at = np.searchsorted(
        _branch_key(nodes.branch, nodes.snapshot)[by_branch],
        _branch_key(nodes.branch[primary], snapshot),
    )
    mass_1, mass_2 = nodes.stellar_mass[by_branch[at]], nodes.stellar_mass[peak]
    larger = np.maximum(mass_1, mass_2)
    ratio = np.minimum(mass_1, mass_2) / np.where(larger > 0, larger, np.nan)
    return pd.DataFrame(
        {
            "primary": nodes.branch[primary],
            "secondary": nodes.branch[secondary],
            "time_gyr": (time_gyr[secondary] + time_gyr[descendant]) / 2,
            "ratio": np.where(ratio > 0, ratio, np.nan),
        }
    )


def _nearest_events(
    nodes: Nodes, time_gyr: np.ndarray, events: pd.DataFrame, row: np.ndarray, index: pd.Index
) -> pd.DataFrame:
    """Return past and next merger of the galaxies at `row`, indexed by `index`."""
    columns = ["branch", "partner", "time_gyr", "ratio"]
    as_primary = events.rename(columns={"primary": "branch", "secondary": "partner"})
    as_secondary = events.rename(columns={"secondary": "branch", "primary": "partner"})
    events = pd.concat([as_primary[columns], as_secondary[columns]]).sort_values("ratio")
    # of several mergers in one snapshot the one with the largest ratio counts
    events = events.drop_duplicates(["branch", "time_gyr"], keep="last").sort_values("time_gyr")
    events["event_gyr"] = events["time_gyr"]
    galaxies = pd.DataFrame({"branch": nodes.branch[row], "time_gyr": time_gyr[row], "row": row})
    galaxies = galaxies.set_index(index).rename_axis("galaxy").reset_index()
    galaxies = galaxies.sort_values("time_gyr", kind="stable")
    found = {
        direction: pd.merge_asof(
            galaxies,
            events,
            on="time_gyr",
            by="branch",
            direction=direction,
            allow_exact_matches=direction == "backward",
        ).set_index("galaxy")
        for direction in ("backward", "forward")
    }
    past, future = found["backward"], found["forward"]
    partner = lookup(
        _branch_key(nodes.branch, nodes.snapshot),
        _branch_key(
            future["partner"].fillna(-1).to_numpy(dtype=np.int64),
            nodes.snapshot[future["row"].to_numpy()],
        ),
    )
    root = nodes.root[future["row"]]
    end = np.where(root >= 0, time_gyr[root], np.nan)
    return pd.DataFrame(
        {
            "past_gyr": (past["event_gyr"] - past["time_gyr"]).round(DECIMALS),
            "past_ratio": past["ratio"],
            "future_gyr": (future["event_gyr"] - future["time_gyr"]).round(DECIMALS),
            "future_ratio": future["ratio"],
            "partner_id": np.where(partner >= 0, nodes.subfind_id[partner], -1),
            "future_known_gyr": (end - future["time_gyr"]).round(DECIMALS),
        }
    )


def _branch_key(branch: np.ndarray, snapshot: np.ndarray) -> np.ndarray:
    """Return one number for branch and snapshot that sorts by branch, then by time."""
    return branch.astype(np.int64) * 10**6 + snapshot
