"""The ladders of an experiment's models in one table, with means over seeds."""

import json

import numpy as np
import pandas as pd

from sim2sky.evaluate.bootstrap import ALL_SEEDS, interval, mean_over_seeds
from sim2sky.ladder.columns import DRAWS, KEYS
from sim2sky.ladder.losses import losses
from sim2sky.ladder.settings import LadderSettings
from sim2sky.settings import parse_settings

VARIANT = ["method", "network"]
RUNG = ["domain", "axis", "step", "rung", "exposure_factor", "quantity"]


def join_models(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all models, after the means over the seeds of each method.

    All models have seen the same images and the same resamples of their systems, so that
    a mean has the interval of the mean of each resample. What is lost at which exposure
    is judged anew by these intervals.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        From `sim2sky.ladder.judge.judge_model`, with settings among their attributes.

    Returns
    -------
    pandas.DataFrame
        Without `DRAWS`; rows of seed -1 are means, of methods with several seeds.
    """
    joined = pd.concat(tables, ignore_index=True)
    settings = parse_settings(LadderSettings, json.loads(tables[0].attrs["settings"]), "ladder")
    means = [
        _mean_over_seeds(rows, settings.interval)
        for _, rows in joined.groupby(VARIANT, sort=False)
        if rows["seed"].nunique() > 1
    ]
    result = pd.concat([*means, joined.drop(columns=DRAWS)], ignore_index=True)
    result.attrs = tables[0].attrs
    return result


def _mean_over_seeds(rows: pd.DataFrame, probability: float) -> pd.DataFrame:
    """Return the mean of one variant's numbers, each over the seeds for which it is defined."""
    means = []
    drawn = rows[rows[DRAWS].notna()]
    for _, group in drawn.groupby(RUNG, sort=False, dropna=False):
        draws = np.stack(group[DRAWS].to_list()).astype(np.float64)
        defined = draws[np.isfinite(draws[:, 0])]
        mean = mean_over_seeds(defined if len(defined) else draws[:1])
        low, high = interval(mean, probability)
        about = group.iloc[0].drop(DRAWS).to_dict()
        counts = {"n_images": group["n_images"].sum(), "n_systems": group["n_systems"].max()}
        about |= {"seed": ALL_SEEDS, "value": mean[0], "low": low, "high": high}
        means.append(about | {name: int(count) for name, count in counts.items()})
    table = pd.DataFrame(means)
    exposures = table[(table["axis"] == "exposure") & (table["step"] >= 0)]
    if len(exposures):
        whole = rows[rows[DRAWS].isna()].iloc[0].to_dict()
        about = {name: whole[name] for name in KEYS} | {"seed": ALL_SEEDS}
        table = pd.concat([table, pd.DataFrame([about | row for row in losses(exposures)])])
    return table
