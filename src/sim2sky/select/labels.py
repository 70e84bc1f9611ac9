"""Labels from merger histories: merger, non-merger, or neither for certain."""

import numpy as np
import pandas as pd

from sim2sky.select.settings import SelectSettings

NON_MERGER, MERGER, UNKNOWN = 0, 1, -1


def label_galaxies(
    histories: pd.DataFrame, has_companion: pd.Series, settings: SelectSettings
) -> pd.DataFrame:
    """Return label, stage and nearest merger of each galaxy.

    A merger has a qualifying event within the window (default +-0.25 Gyr as is usual in
    the literature); with one on either side the nearer counts. Without one in the window
    but one within the gap a galaxy is "unclear", as is one with a companion where the tree
    ends within the gap, since they may merge after it, and one whose tree was cut off before
    the last snapshot.

    Parameters
    ----------
    histories : pandas.DataFrame
        As of `MergerTree.histories` or `MergerHistory.histories`.
    has_companion : pandas.Series of bool
        Whether another galaxy near it has a stellar mass that makes it count.
    settings : SelectSettings
        Window and gap.

    Returns
    -------
    pandas.DataFrame
        label (int8), stage, time_to_merger [Gyr, positive in the future] and mass_ratio of
        the nearest merger, row by row as `histories`.
    """
    past, future = histories["past_gyr"].to_numpy(), histories["future_gyr"].to_numpy()
    pre = future <= settings.window_future_gyr
    post = -past <= settings.window_past_gyr
    either = pre & post
    pre, post = pre & ~(either & (-past <= future)), post & ~(either & (-past > future))
    unclear = (future < settings.clear_gap_gyr) | (-past < settings.clear_gap_gyr)
    end = histories["future_known_gyr"].to_numpy()
    unclear |= np.isnan(future) & np.isnan(end)  # the tree was cut off: anything may come
    if not settings.assume_no_merger_after_end:
        unclear |= has_companion.to_numpy() & np.isnan(future) & (end < settings.clear_gap_gyr)
    known = histories["complete"].to_numpy(dtype=bool)
    stage = np.select(
        [~known, pre, post, unclear, past < 0],
        ["unknown", "pre", "post", "unclear", "remnant"],
        "isolated",
    )
    label = np.select(
        [np.isin(stage, ["pre", "post"]), np.isin(stage, ["unknown", "unclear"])],
        [MERGER, UNKNOWN],
        NON_MERGER,
    )
    in_past = np.where(np.isnan(past), np.inf, -past)
    in_future = np.where(np.isnan(future), np.inf, future)
    use_past = np.select([pre, post], [False, True], in_past <= in_future)
    return pd.DataFrame(
        {
            "label": label.astype(np.int8),
            "stage": stage.astype(object),
            "time_to_merger": np.where(use_past, past, future),
            "mass_ratio": np.where(use_past, histories["past_ratio"], histories["future_ratio"]),
        },
        index=histories.index,
    )
