"""One table of all methods, networks and seeds of an experiment.

The same resampled systems serve every seed and method, so that what the
methods share (a lucky or unlucky set of test systems) cancels in differences.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling, interval
from sim2sky.evaluate.predictions import COLUMNS, class_names, resampled_scores
from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.files import read_parquet

FIRST_METHODS = ("source_only", "adabn")
LAST_METHODS = ("oracle",)

Scores = dict[str, np.ndarray]


def read_predictions(paths: list[Path]) -> pd.DataFrame:
    """Read the predictions of many models into one table.

    Parameters
    ----------
    paths : list of Path
        Tables written by `sim2sky evaluate`.

    Returns
    -------
    pandas.DataFrame
        All rows, in the order of the files.

    Raises
    ------
    Sim2SkyError
        If there are none, a file lacks a column, the classes differ or a model
        comes twice.
    """
    if not paths:
        raise Sim2SkyError("no predictions given", fix="name the files written by `evaluate`")
    tables, seen = [], {}
    for path in paths:
        table = read_parquet(path, COLUMNS)
        classes = class_names(table)
        if tables and classes != class_names(tables[0]):
            raise Sim2SkyError(
                "other classes than in the first file",
                where=path,
                got=", ".join(classes),
                expected=", ".join(class_names(tables[0])),
            )
        keys = table[["experiment", "method", "network", "seed"]].drop_duplicates()
        for key in keys.itertuples(index=False, name=None):
            if key in seen:
                raise Sim2SkyError(
                    "the same model comes twice",
                    where=path,
                    got="experiment {}, method {}, network {}, seed {}".format(*key),
                    fix=f"leave out this file or {seen[key]}",
                )
            seen[key] = path
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def summary_table(predictions: pd.DataFrame, settings: EvaluateSettings) -> pd.DataFrame:
    """Return scores over seeds, with intervals and comparisons between methods.

    Parameters
    ----------
    predictions : pandas.DataFrame
        From `read_predictions`.
    settings : EvaluateSettings
        How to score.

    Returns
    -------
    pandas.DataFrame
        One row per experiment, network, method and domain: n_seeds, n_rows and
        n_systems (labelled test rows), then per score its mean over the seeds in
        which it is defined, ``_low`` and ``_high`` (the interval of that mean over
        resampled systems) and ``_seed_std`` (scatter between seeds, NaN for one).
        On the target, of the balanced accuracy: ``gain_over_source_only`` and
        ``gain_over_adabn`` (paired differences), ``negative_transfer`` (the whole
        interval of the first is below zero), ``gap_closed`` = (method -
        source_only) / (oracle - source_only), with their intervals, and
        ``gap_closed_reason`` where there is none. Methods: source_only and adabn
        first, oracle last, the others as they come.

    Raises
    ------
    Sim2SkyError
        If the models of one experiment were scored on different test rows.
    """
    rows = []
    for _, of_experiment in predictions.groupby("experiment", sort=False):
        scores = {
            domain: _seed_scores(of_experiment[of_experiment["domain"] == domain], settings)
            for domain in ("source", "target")
        }
        target_accuracy = {
            key: _mean_over_seeds(runs["balanced_accuracy"])
            for key, runs in scores["target"].items()
        }
        for network, method in _ordered_models(of_experiment):
            for domain in ("source", "target"):
                chosen = of_experiment[
                    (of_experiment["network"] == network)
                    & (of_experiment["method"] == method)
                    & (of_experiment["domain"] == domain)
                ]
                if chosen.empty:
                    continue
                row = _identity(chosen)
                for name, values in scores[domain][network, method].items():
                    row |= _with_interval(name, _mean_over_seeds(values), settings.interval)
                    row[f"{name}_seed_std"] = _seed_std(values[:, 0])
                if domain == "target":
                    row |= _comparisons(target_accuracy, network, method, settings)
                rows.append(row)
    return pd.DataFrame(rows).astype({"negative_transfer": "boolean"})


def gap_closed(
    method: np.ndarray, source_only: np.ndarray, oracle: np.ndarray, settings: EvaluateSettings
) -> tuple[float, float, float, str]:
    """Return which part of the way from source_only to the oracle a method goes.

    Parameters
    ----------
    method, source_only, oracle : numpy.ndarray
        (1+B,) balanced accuracies on the target of the sample and its resamples.
    settings : EvaluateSettings
        ``minimum_gap`` and ``interval``.

    Returns
    -------
    value, low, high : float
        NaN where the gap is too small for a fraction of it to mean anything.
    reason : str
        Why something is NaN, else empty.
    """
    gap = oracle - source_only
    if not np.isfinite(gap[0]):
        return np.nan, np.nan, np.nan, "no target scores of source_only and oracle"
    if gap[0] < settings.minimum_gap:
        reason = f"oracle - source_only = {gap[0]:.3f}, below {settings.minimum_gap:g}"
        return np.nan, np.nan, np.nan, reason
    fraction = np.divide(method - source_only, gap, out=np.full(len(gap), np.nan), where=gap > 0)
    closed_gaps = float(np.mean(~(gap[1:] > 0)))
    if closed_gaps > (1 - settings.interval) / 2:
        # those resamples are the ones whose fraction is far out: without them the rest misleads
        reason = f"no interval: the gap vanishes in {closed_gaps:.1%} of the resamples"
        return float(fraction[0]), np.nan, np.nan, reason
    return float(fraction[0]), *interval(fraction, settings.interval), ""


def _ordered_models(predictions: pd.DataFrame) -> list[tuple[str, str]]:
    """Return (network, method) pairs in the order of the table."""

    def rank(pair: tuple[str, str]) -> tuple[int, int]:
        network, method = pair
        if method in FIRST_METHODS:
            place = FIRST_METHODS.index(method) - len(FIRST_METHODS)
        else:
            place = 1 + LAST_METHODS.index(method) if method in LAST_METHODS else 0
        return networks.index(network), place

    networks = list(predictions["network"].unique())
    pairs = predictions[["network", "method"]].drop_duplicates()
    return sorted(pairs.itertuples(index=False, name=None), key=rank)


def _seed_scores(
    predictions: pd.DataFrame, settings: EvaluateSettings
) -> dict[tuple[str, str], Scores]:
    """Return arrays (seeds, 1+B) by score, for each network and method of one domain."""
    resampling = Resampling.draw(
        predictions["system_id"].to_numpy(), settings.n_bootstrap, settings.seed
    )
    identity = ["galaxy_id", "view", "system_id", "label"]
    first, result = None, {}
    for (network, method), of_method in predictions.groupby(["network", "method"], sort=False):
        runs = []
        for seed, run in of_method.groupby("seed", sort=False):
            rows = run[identity].sort_values(identity).reset_index(drop=True)
            first = rows if first is None else first
            if not rows.equals(first):
                raise Sim2SkyError(
                    "scored on other test rows than the first model",
                    where=f"method {method}, network {network}, seed {seed}, "
                    f"domain {run['domain'].iloc[0]}",
                    got=f"{len(rows)} rows",
                    expected=f"the first model's {len(first)} rows and labels",
                    fix="evaluate all models anew on the same datasets",
                )
            runs.append(resampled_scores(run, resampling, settings))
        result[network, method] = {name: np.stack([run[name] for run in runs]) for name in runs[0]}
    return result


def _mean_over_seeds(values: np.ndarray) -> np.ndarray:
    """Return the mean of (seeds, 1+B) over the seeds in which it is defined."""
    defined = np.isfinite(values)
    total = np.where(defined, values, 0).sum(axis=0)
    result = np.full(values.shape[1], np.nan)
    return np.divide(total, defined.sum(axis=0), out=result, where=defined.any(axis=0))


def _seed_std(values: np.ndarray) -> float:
    """Return the sample standard deviation over seeds, NaN for fewer than two."""
    defined = values[np.isfinite(values)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else np.nan


def _identity(predictions: pd.DataFrame) -> dict[str, object]:
    """Return what names a row of the table and how much it rests on."""
    first = predictions.iloc[0]
    known = predictions["label"].between(0, len(class_names(predictions)) - 1)
    labelled = predictions[known & (predictions["seed"] == first["seed"])]
    return {
        **{key: first[key] for key in ("experiment", "method", "network", "domain")},
        "n_seeds": predictions["seed"].nunique(),
        "n_rows": len(labelled),
        "n_systems": labelled["system_id"].nunique(),
    }


def _with_interval(name: str, values: np.ndarray, level: float) -> dict[str, float]:
    """Return the columns of a number and its interval."""
    low, high = interval(values, level)
    return {name: float(values[0]), f"{name}_low": low, f"{name}_high": high}


def _comparisons(
    accuracy: dict[tuple[str, str], np.ndarray],
    network: str,
    method: str,
    settings: EvaluateSettings,
) -> dict[str, object]:
    """Return the columns that set a method against source_only, adabn and the oracle."""
    own = accuracy[network, method]
    undefined = np.full(len(own), np.nan)
    source_only, adabn, oracle = (
        accuracy.get((network, name), undefined) for name in (*FIRST_METHODS, *LAST_METHODS)
    )
    row = {
        **_with_interval("gain_over_source_only", own - source_only, settings.interval),
        **_with_interval("gain_over_adabn", own - adabn, settings.interval),
    }
    best = row["gain_over_source_only_high"]
    row["negative_transfer"] = pd.NA if np.isnan(best) else best < 0
    closed = gap_closed(own, source_only, oracle, settings)
    names = ("gap_closed", "gap_closed_low", "gap_closed_high", "gap_closed_reason")
    return row | dict(zip(names, closed, strict=True))
