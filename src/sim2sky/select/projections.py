"""Chance projections: unrelated galaxies on one line of sight, the hardest non-mergers."""

import numpy as np
import pandas as pd

from sim2sky.seeding import generator


def add_projections(
    table: pd.DataFrame, n_rows: int, mass_ratio_min: float, seed: int
) -> pd.DataFrame:
    """Return the table with rows for pairs of unrelated non-mergers of one snapshot.

    Each system is in one pair at most, and the two become one system in all their rows:
    a picture of both must not be split from pictures of either. If there are fewer pairs
    than rows wanted, a pair is used in several snapshots.

    Parameters
    ----------
    table : pandas.DataFrame
        The sample, with a column ``has_companion``.
    n_rows : int
        Projections wanted.
    mass_ratio_min : float
        Smallest stellar mass ratio of a pair.
    seed : int
        Of the random choice.

    Returns
    -------
    pandas.DataFrame
        Old rows, then the new ones, of which there may be fewer than wanted.
    """
    # a galaxy with a companion is not alone in its picture already
    single = table[(table["label"] == 0) & ~table["has_companion"]]
    single = single.sort_values(["stellar_mass", "subhalo_id"], ascending=[False, True])
    single = single.drop_duplicates(["snapshot", "system_id"])
    random = generator("select", "projections", seed=seed)
    systems = random.permutation(np.sort(single["system_id"].unique()))
    place = pd.Series(np.arange(len(systems)), index=systems)
    single = single.assign(place=single["system_id"].map(place), row=single.index)
    in_snapshot = {
        number: rows.sort_values("place") for number, rows in single.groupby("snapshot")
    }
    free = np.ones(len(systems), dtype=bool)
    pairs = []
    for at, (_, rows) in enumerate(single.groupby("place")):
        if len(pairs) == n_rows:
            break
        if not free[at]:
            continue
        free[at] = False
        options = [
            _partners(row, in_snapshot[row.snapshot], free, mass_ratio_min)
            for row in rows.sort_values("snapshot").itertuples()
        ]
        options = pd.concat(options)
        if len(options):
            chosen = options[options["place"] == options["place"].min()]
            free[chosen["place"].iloc[0]] = False
            pairs.append(chosen.iloc[random.permutation(len(chosen))])
    if not pairs:
        return table
    found = pd.concat([pair.assign(turn=np.arange(len(pair))) for pair in pairs])
    found = found.sort_values("turn", kind="stable").head(n_rows)
    rows = _projection_rows(table, found["row_1"].to_numpy(), found["row_2"].to_numpy())
    joined = dict(zip(table.loc[found["row_1"], "system_id"], rows["system_id"], strict=True))
    joined |= dict(zip(table.loc[found["row_2"], "system_id"], rows["system_id"], strict=True))
    table = table.assign(system_id=table["system_id"].replace(joined))
    return pd.concat([table, rows], ignore_index=True)


def _partners(
    row: tuple, others: pd.DataFrame, free: np.ndarray, mass_ratio_min: float
) -> pd.DataFrame:
    """Return the free galaxies of a snapshot that are near enough in mass to `row`."""
    mass = others["stellar_mass"].to_numpy()
    ratio = np.minimum(mass, row.stellar_mass) / np.maximum(mass, row.stellar_mass)
    fit = others[free[others["place"]] & (ratio >= mass_ratio_min)]
    return pd.DataFrame({"place": fit["place"], "row_1": row.row, "row_2": fit["row"]})


def _projection_rows(table: pd.DataFrame, row_1: np.ndarray, row_2: np.ndarray) -> pd.DataFrame:
    """Return the rows of projected pairs, the more massive galaxy first."""
    mass = table["stellar_mass"]
    swap = mass[row_2].to_numpy() > mass[row_1].to_numpy()
    rows = table.loc[np.where(swap, row_2, row_1)].reset_index(drop=True)
    other = table.loc[np.where(swap, row_1, row_2)].reset_index(drop=True)
    return rows.assign(
        galaxy_id=rows["galaxy_id"] + "+" + other["galaxy_id"].str.partition("-")[2],
        system_id=np.minimum(rows["system_id"], other["system_id"]),
        companion_subhalo_id=other["subhalo_id"],
        stage="projection",
        morphology=rows["morphology"].where(rows["morphology"] == other["morphology"], "mixed"),
        time_to_merger=np.nan,
        mass_ratio=np.nan,
        flag=rows["flag"] | other["flag"],
    )
