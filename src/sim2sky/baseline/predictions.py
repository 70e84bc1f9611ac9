"""What a baseline says of the test rows, in the form of a trained model's predictions."""

from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.baseline.cuts import fit_cut, fixed_cut, merger_score
from sim2sky.baseline.forest import features_of, fit_forest, forest_probabilities
from sim2sky.baseline.settings import NETWORK, SEEDED, BaselineName
from sim2sky.build.dataset import SPLITS
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.predictions import PROBABILITY
from sim2sky.files import read_parquet
from sim2sky.measure.columns import (
    FLAG_BAD,
    FLAG_BAD_SERSIC,
    FLAG_NO_GALAXY,
    QUANTITIES,
    SERSIC,
)


def read_shapes(path: str | Path) -> pd.DataFrame:
    """Read the measured shapes of a domain, without the numbers that are flagged as bad.

    Parameters
    ----------
    path : str or Path
        Table of `sim2sky measure`.

    Returns
    -------
    pandas.DataFrame
        One row per image; bad numbers are NaN. ``attrs["classes"]`` names the labels.

    Raises
    ------
    Sim2SkyError
        If the table is unreadable or lacks a column.
    """
    table = read_parquet(path, ["galaxy_id", "view", "system_id", "split", "label", "flag"])
    if "classes" not in table.attrs:
        raise Sim2SkyError(
            "the table does not name its classes", where=path, fix="make it with `sim2sky measure`"
        )
    table.loc[table["flag"] & (FLAG_BAD | FLAG_NO_GALAXY) > 0, [*QUANTITIES, *SERSIC]] = np.nan
    table.loc[table["flag"] & FLAG_BAD_SERSIC > 0, list(SERSIC)] = np.nan
    return table


def predict_baseline(
    name: BaselineName,
    source: pd.DataFrame,
    target: pd.DataFrame,
    *,
    seed: int,
    experiment: str = "",
) -> pd.DataFrame:
    """Return a baseline's predictions for the test rows of both domains.

    It learns from the source's labelled training rows alone. The leakage probe is
    applied to the source only: the numbers it sees mean nothing elsewhere.

    Parameters
    ----------
    name : str
        The baseline.
    source, target : pandas.DataFrame
        From `read_shapes`.
    seed : int
        Of the forests.
    experiment : str
        Written in the column of that name.

    Returns
    -------
    pandas.DataFrame
        As `sim2sky.evaluate.predictions.predict_rows` writes them, with the network
        ``morphology``.

    Raises
    ------
    Sim2SkyError
        If there are no labelled training rows.
    """
    classes = list(source.attrs["classes"])
    train = source[(source["split"] == SPLITS["train"]) & (source["label"] >= 0)]
    if train.empty:
        raise Sim2SkyError(
            "no labelled training rows", where=f"source {source.attrs.get('domain', '')}"
        )
    label = train["label"].to_numpy(dtype=np.int64)
    domains = (
        {"source": source} if name == "leakage_probe" else {"source": source, "target": target}
    )
    tests = {side: table[table["split"] == SPLITS["test"]] for side, table in domains.items()}
    if name in SEEDED:
        forest = fit_forest(name, features_of(name, train), label, seed)
        found = {
            side: forest_probabilities(forest, features_of(name, rows), len(classes))
            for side, rows in tests.items()
        }
    else:
        cut = fit_cut(merger_score(name, train), label, len(classes), fixed_cut(name))
        found = {side: cut.probabilities(merger_score(name, rows)) for side, rows in tests.items()}
    about = {"experiment": experiment, "method": name, "network": NETWORK, "seed": seed}
    tables = [
        _as_predictions(rows, domains[side].attrs["classes"], classes, found[side]).assign(
            domain=side, **about
        )
        for side, rows in tests.items()
    ]
    result = pd.concat(tables, ignore_index=True)
    return result[
        [*about, "domain", *(column for column in result if column not in [*about, "domain"])]
    ]


def _as_predictions(
    rows: pd.DataFrame, own_classes: list[str], classes: list[str], probabilities: np.ndarray
) -> pd.DataFrame:
    """Return the columns of predictions that differ from row to row."""
    order = [*classes, *(name for name in own_classes if name not in classes)]
    # the -1 of unknown labels picks the last entry, which is -1
    number = np.array([*(order.index(name) for name in own_classes), -1], dtype=np.int8)
    return pd.DataFrame(
        {
            **{name: rows[name] for name in ("galaxy_id", "system_id", "view", "stage")},
            "label": number[rows["label"]],
            **{PROBABILITY + name: probabilities[:, k] for k, name in enumerate(classes)},
            "predicted": probabilities.argmax(axis=1).astype(np.int8),
        }
    ).reset_index(drop=True)
