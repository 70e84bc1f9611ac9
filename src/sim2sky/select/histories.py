"""Where the mergers of a sample are looked up, and whether two sources agree."""

import logging
from pathlib import Path

import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import MergerHistory, Simulation
from sim2sky.readers.tree import HISTORY_COLUMNS
from sim2sky.select.labels import MERGER, NON_MERGER, UNKNOWN, label_galaxies
from sim2sky.select.settings import SelectSettings

log = logging.getLogger("sim2sky")

EXAMPLES = 10
_NAMES = {MERGER: "merger", NON_MERGER: "non-merger", UNKNOWN: "unclear"}


def merger_histories(
    simulation: Simulation, galaxies: pd.DataFrame, settings: SelectSettings, where: Path
) -> tuple[pd.DataFrame, dict]:
    """Return the mergers of each galaxy, and a comparison of tree and catalogue.

    The system of a galaxy is the tree's wherever there is one, even if the catalogue says
    which mergers it takes part in.

    Parameters
    ----------
    simulation : Simulation
        Opened for reading.
    galaxies : pandas.DataFrame
        snapshot, subhalo_id, galaxy_id and has_companion.
    settings : SelectSettings
        Source, mass ratio, windows.
    where : Path
        Named in messages.

    Returns
    -------
    pandas.DataFrame
        As of `MergerTree.histories`.
    dict
        ``labels_from``, and ``sublink_and_merger_history`` where both are there.

    Raises
    ------
    Sim2SkyError
        If the source that the settings name is not there.
    """
    tree, catalogue = simulation.tree(), simulation.merger_history()
    source = settings.labels_from
    if source == "auto":
        source = "sublink" if tree is not None or catalogue is None else "merger_history"
    elif {"sublink": tree, "merger_history": catalogue}[source] is None:
        raise Sim2SkyError(
            f"labels are to come from {source}, which is not there",
            where=where,
            expected="trees/SubLink/tree_extended.*.hdf5"
            if source == "sublink"
            else "postprocessing/MergerHistory/MergerHistory_NNN.hdf5",
            fix="download it, or set 'labels_from: auto'",
        )
    if tree is None and galaxies["snapshot"].nunique() > 1:
        log.warning(
            "without a merger tree the same galaxy in two snapshots counts as two systems, "
            "which may end up on both sides of a split: take one snapshot"
        )
    of = {
        name: found.histories(galaxies, settings.mass_ratio_min)
        for name, found in (("sublink", tree), ("merger_history", catalogue))
        if found is not None
        and (name == source or name == "sublink" or MergerHistory.knows(settings.mass_ratio_min))
    }
    report: dict = {"labels_from": source if of else "none"}
    if len(of) == 2:
        report["sublink_and_merger_history"] = compare(galaxies, of, settings)
    elif tree is not None and catalogue is not None:
        log.info(
            "not compared with the merger_history catalogue: it knows mass ratios of 0.1 and 0.25"
        )
    histories = of.get(source)
    if histories is None:
        histories = pd.DataFrame(HISTORY_COLUMNS, index=range(len(galaxies)))
    elif tree is not None and source == "merger_history":
        histories["root_id"] = of["sublink"]["root_id"]
    return histories, report


def compare(galaxies: pd.DataFrame, of: dict[str, pd.DataFrame], settings: SelectSettings) -> dict:
    """Return how the labels from the tree and from the catalogue agree, and log it.

    Parameters
    ----------
    galaxies : pandas.DataFrame
        galaxy_id and has_companion.
    of : dict of pandas.DataFrame
        Histories from ``sublink`` and from ``merger_history``.
    settings : SelectSettings
        Windows.

    Returns
    -------
    dict
        galaxies (that both know), agreement (fraction with the same label), labels (counts by
        the tree's label, then the catalogue's) and disagree (the first few galaxies, each with
        the stage and the time to the nearest merger by either).
    """
    known = (of["sublink"]["complete"] & of["merger_history"]["complete"]).to_numpy(dtype=bool)
    labels = {
        name: label_galaxies(histories, galaxies["has_companion"], settings)[known]
        for name, histories in of.items()
    }
    tree, catalogue = labels["sublink"], labels["merger_history"]
    apart = (tree["label"] != catalogue["label"]).to_numpy()
    names = tree["label"].map(_NAMES), catalogue["label"].map(_NAMES)
    counts = pd.crosstab(*names, dropna=False)
    report = {
        "galaxies": int(known.sum()),
        "agreement": None if not known.any() else float(1 - apart.mean()),
        "labels": {
            row: {column: int(n) for column, n in values.items()}
            for row, values in counts.to_dict(orient="index").items()
        },
        "disagree": [
            {
                "galaxy_id": galaxy_id,
                "sublink": _told(tree.iloc[row]),
                "merger_history": _told(catalogue.iloc[row]),
            }
            for row, galaxy_id in enumerate(galaxies["galaxy_id"][known])
            if apart[row]
        ][:EXAMPLES],
    }
    if known.any():
        example = report["disagree"][0]["galaxy_id"] if apart.any() else None
        log.log(
            logging.WARNING if apart.any() else logging.INFO,
            "labels from SubLink and from merger_history differ for %d of %d galaxies (%.1f %%)%s",
            apart.sum(),
            len(apart),
            100 * apart.mean(),
            f", {example} for one; galaxies.json has more" if example else "",
        )
    return report


def _told(row: pd.Series) -> dict:
    """Return stage and time to the nearest merger as JSON can hold them."""
    time = row["time_to_merger"]
    return {"stage": row["stage"], "time_to_merger_gyr": None if time != time else float(time)}
