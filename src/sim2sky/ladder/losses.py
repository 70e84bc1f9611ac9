"""At which exposure a network loses something, and what that costs."""

import numpy as np
import pandas as pd

LOSSES = {
    "outskirts_lost": "attribution_outskirts_change",
    "accuracy_lost": "balanced_accuracy_change",
}
"""What is lost, and the quantity whose interval decides."""


def first_loss(lower_than_deepest: list[bool]) -> int | None:
    """Return the first exposure, going shallower, that has lost something.

    Parameters
    ----------
    lower_than_deepest : list of bool
        By exposure, the shortest first: whether the paired difference to the longest has
        an interval wholly below 0. The last is the longest itself.

    Returns
    -------
    int or None
        Its index; None if no exposure has.
    """
    lost = [number for number, lower in enumerate(lower_than_deepest) if lower]
    return max(lost) if lost else None


def losses(table: pd.DataFrame) -> list[dict]:
    """Return at which depth something is lost and what that costs.

    The rule: going shallower from the longest exposure, the first one at which the paired
    difference to the longest has an interval wholly below 0.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of one model on the axis of exposures.

    Returns
    -------
    list of dict
        For each of `LOSSES` ``<loss>_exposure_factor`` and ``<loss>_depth_mag_arcsec2``:
        value and low are those of that exposure, high those of the next longer one,
        between which it was lost; ``<loss>_cost``: the balanced accuracy that is missing
        there against the longest, with its interval. NaN where no exposure has lost it.
    """
    cost = table[table["quantity"] == "balanced_accuracy_change"].set_index("exposure_factor")
    ladder = table.drop_duplicates("exposure_factor").sort_values("exposure_factor")
    count = {name: int(table[name].max()) for name in ("n_images", "n_systems")}
    nothing = {"value": np.nan, "low": np.nan, "high": np.nan}
    rows = []
    for loss, change in LOSSES.items():
        changes = table[table["quantity"] == change].sort_values("exposure_factor")
        found = first_loss((changes["high"] < 0).tolist())
        for name in ("exposure_factor", "depth_mag_arcsec2"):
            values = nothing
            if found is not None:
                here, deeper = ladder[name].iloc[found], ladder[name].iloc[found + 1]
                values = {"value": here, "low": here, "high": deeper}
            rows.append({"quantity": f"{loss}_{name}"} | values | count)
        values = nothing
        if found is not None:
            there = cost.loc[changes["exposure_factor"].iloc[found]]
            values = {"value": -there["value"], "low": -there["high"], "high": -there["low"]}
        rows.append({"quantity": f"{loss}_cost"} | values | count)
    return rows
