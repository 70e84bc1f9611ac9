"""Thinning a sample without favouring one system."""

import numpy as np
import pandas as pd

from sim2sky.seeding import generator


def cap_systems(table: pd.DataFrame, max_rows: int | None) -> pd.DataFrame:
    """Return at most `max_rows` rows of each system and label, spread evenly in time.

    Parameters
    ----------
    table : pandas.DataFrame
        Sorted by snapshot.
    max_rows : int or None
        None is no limit.

    Returns
    -------
    pandas.DataFrame
        In the order of `table`.
    """
    if max_rows is None:
        return table
    groups = table.groupby(["system_id", "label"])
    rank, size = groups.cumcount(), groups["label"].transform("size")
    # of n rows keep those at (k + 1/2) n / max_rows for k = 0, 1, ...
    kept_before = (2 * max_rows * rank + size - 1) // (2 * size)
    kept_with = (2 * max_rows * (rank + 1) + size - 1) // (2 * size)
    return table[(size <= max_rows) | (kept_with > kept_before)]


def balance_classes(table: pd.DataFrame, max_ratio: float | None, seed: int) -> pd.DataFrame:
    """Return the table with the larger class thinned to `max_ratio` times the smaller.

    Rows go in rounds, so that every system keeps one row before any keeps two.

    Parameters
    ----------
    table : pandas.DataFrame
        Any order.
    max_ratio : float or None
        None is no limit.
    seed : int
        Of the random order of systems and rows.

    Returns
    -------
    pandas.DataFrame
        In the order of `table`.
    """
    counts = [int((table["label"] == label).sum()) for label in (0, 1)]
    if max_ratio is None or min(counts) == 0:
        return table
    larger = int(np.argmax(counts))
    keep = int(np.floor(max_ratio * min(counts)))
    if counts[larger] <= keep:
        return table
    rows = table.loc[table["label"] == larger, ["galaxy_id", "system_id"]].sort_values("galaxy_id")
    rows["key"] = generator("select", "balance", seed=seed).random(len(rows))
    rows = rows.sort_values("key")
    rows["round"] = rows.groupby("system_id").cumcount()
    dropped = rows.sort_values(["round", "key"]).index[keep:]
    return table.drop(index=dropped)
