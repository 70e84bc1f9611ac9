"""The hard rows of a target: those in which a second galaxy seems to be present, in any class.

Whoever finds the pair in an image has done little yet; a chance projection, a star or
a bright knot looks like one. So classifiers are compared on these rows too.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.evaluate.bootstrap import Resampling
from sim2sky.evaluate.metrics import auc, log_odds
from sim2sky.evaluate.predictions import PROBABILITY, class_names
from sim2sky.files import read_parquet

KEYS = ["galaxy_id", "view"]


def read_hard_rows(path: str | Path, component_ratio: float) -> pd.DataFrame:
    """Return which images hold a bright second component.

    Parameters
    ----------
    path : str or Path
        Table of `sim2sky measure`.
    component_ratio : float
        The second brightest component of the galaxy's segment has more than this part
        of the flux of the brightest.

    Returns
    -------
    pandas.DataFrame
        Columns galaxy_id and view.
    """
    table = read_parquet(path, [*KEYS, "second_component_ratio"])
    return table.loc[table["second_component_ratio"] > component_ratio, KEYS]


def only_hard(predictions: pd.DataFrame, hard: pd.DataFrame) -> pd.DataFrame:
    """Return the hard rows of known classes.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of one domain.
    hard : pandas.DataFrame
        From `read_hard_rows`.

    Returns
    -------
    pandas.DataFrame
        A part of the rows.
    """
    known = predictions["label"].between(0, len(class_names(predictions)) - 1)
    return predictions[known].merge(hard, on=KEYS)


def hard_auc(predictions: pd.DataFrame, hard: pd.DataFrame, resampling: Resampling) -> np.ndarray:
    """Return the AUC of the last class against the rest on the hard rows.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of one model in the target.
    hard : pandas.DataFrame
        From `read_hard_rows`.
    resampling : Resampling
        Of these rows' systems or more.

    Returns
    -------
    numpy.ndarray
        (1+B,), NaN where one side is empty.
    """
    rows = only_hard(predictions, hard)
    classes = class_names(predictions)
    score = log_odds(rows[[PROBABILITY + name for name in classes]].to_numpy())
    positive = (rows["label"] == len(classes) - 1).to_numpy()
    if positive.all() or not positive.any():
        return np.full(resampling.counts.shape[1], np.nan)
    return resampling.apply(
        lambda weights: {"auc": auc(score, positive, weights)}, rows["system_id"].to_numpy()
    )["auc"]
