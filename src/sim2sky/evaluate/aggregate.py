"""One table of all methods, networks and seeds of an experiment.

The same resampled systems serve every seed and method, so that what the
methods share (a lucky or unlucky set of test systems) cancels in differences.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.baseline.settings import NETWORK as BASELINE_NETWORK
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling, mean_over_seeds
from sim2sky.evaluate.comparison import (
    ADABN,
    ENSEMBLE,
    ORACLE,
    SOURCE_ONLY,
    comparisons,
    with_interval,
)
from sim2sky.evaluate.cost import COLUMNS as COST_COLUMNS
from sim2sky.evaluate.hard import hard_auc, only_hard
from sim2sky.evaluate.predictions import (
    COLUMNS,
    PROBABILITY,
    class_names,
    resampled_scores,
)
from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.files import read_parquet

FIRST_METHODS = (SOURCE_ONLY, ADABN)
LAST_METHODS = (ORACLE,)
OF_ENSEMBLES = ("balanced_accuracy", "auc", "brier", "ece")  # and auc_<class>, auc_hard
IDENTITY = ["galaxy_id", "view", "system_id", "label"]

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


def summary_table(
    predictions: pd.DataFrame,
    settings: EvaluateSettings,
    *,
    hard: pd.DataFrame | None = None,
    costs: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return scores over seeds, with intervals and comparisons between methods.

    Parameters
    ----------
    predictions : pandas.DataFrame
        From `read_predictions`.
    settings : EvaluateSettings
        How to score.
    hard : pandas.DataFrame, optional
        The target's hard rows, see `sim2sky.evaluate.hard`.
    costs : pandas.DataFrame, optional
        From `sim2sky.evaluate.cost.training_costs`.

    Returns
    -------
    pandas.DataFrame
        One row per experiment, network, method and domain: n_seeds, n_rows and
        n_systems (labelled test rows), then per score its mean over the seeds in
        which it is defined, ``_low`` and ``_high`` (the interval of that mean over
        resampled systems) and ``_seed_std`` (scatter between seeds, NaN for one).
        ``ensemble_`` before a score: of the seeds' mean probabilities. On the target
        ``auc_hard`` of the ``n_hard`` hard rows, and the columns of
        `sim2sky.evaluate.comparison.comparisons`. For trained models
        ``train_seconds`` and ``images_per_second``. Methods: source_only and adabn
        first, oracle last, the others as they come; baselines after all networks.

    Raises
    ------
    Sim2SkyError
        If the models of one experiment were scored on different test rows.
    """
    rows = []
    for _, of_experiment in predictions.groupby("experiment", sort=False):
        models = _ordered_models(of_experiment)
        classes = class_names(of_experiment)
        positive = "auc" if len(classes) == 2 else f"auc_{classes[-1]}"
        for domain in ("source", "target"):
            here = of_experiment[of_experiment["domain"] == domain]
            seeds = _seed_scores(here, settings, hard if domain == "target" else None)
            means = {
                model: {name: mean_over_seeds(runs) for name, runs in seeds[model].items()}
                for model in models
                if model in seeds
            }
            for model, scores in means.items():
                network, method = model
                chosen = here[(here["network"] == network) & (here["method"] == method)]
                row = _identity(chosen)
                for name, values in scores.items():
                    row |= with_interval(name, values, settings.interval)
                    if not name.startswith(ENSEMBLE):
                        row[f"{name}_seed_std"] = _seed_std(seeds[model][name][:, 0])
                if domain == "target":
                    row |= comparisons(means, model, positive, settings)
                    if hard is not None:
                        first = chosen[chosen["seed"] == chosen["seed"].iloc[0]]
                        row["n_hard"] = len(only_hard(first, hard))
                if costs is not None:
                    known = model in costs.index
                    row |= costs.loc[model] if known else dict.fromkeys(COST_COLUMNS, np.nan)
                rows.append({"place": (models.index(model), domain), **row})
    table = pd.DataFrame(rows).sort_values("place", ignore_index=True).drop(columns="place")
    if "negative_transfer" not in table:  # nothing but the source was scored
        table["negative_transfer"] = pd.NA
    return table.astype({"negative_transfer": "boolean"})


def _ordered_models(predictions: pd.DataFrame) -> list[tuple[str, str]]:
    """Return (network, method) pairs in the order of the table."""

    def rank(pair: tuple[str, str]) -> tuple[bool, int, int]:
        network, method = pair
        if method in FIRST_METHODS:
            place = FIRST_METHODS.index(method) - len(FIRST_METHODS)
        else:
            place = 1 + LAST_METHODS.index(method) if method in LAST_METHODS else 0
        return network == BASELINE_NETWORK, networks.index(network), place

    networks = list(predictions["network"].unique())
    pairs = predictions[["network", "method"]].drop_duplicates()
    return sorted(pairs.itertuples(index=False, name=None), key=rank)


def _seed_scores(
    predictions: pd.DataFrame, settings: EvaluateSettings, hard: pd.DataFrame | None
) -> dict[tuple[str, str], Scores]:
    """Return arrays (seeds, 1+B) by score, for each network and method of one domain.

    Those of the ensemble, which several seeds make together, are (1, 1+B).
    """
    resampling = Resampling.draw(
        predictions["system_id"].to_numpy(), settings.n_bootstrap, settings.seed
    )
    first, result = None, {}
    for (network, method), of_method in predictions.groupby(["network", "method"], sort=False):
        runs = []
        for seed, run in of_method.groupby("seed", sort=False):
            rows = run[IDENTITY].sort_values(IDENTITY).reset_index(drop=True)
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
            runs.append(_scores(run, resampling, settings, hard))
        result[network, method] = {name: np.stack([run[name] for run in runs]) for name in runs[0]}
        if len(runs) > 1:
            together = _scores(_mean_prediction(of_method), resampling, settings, hard)
            result[network, method] |= {
                ENSEMBLE + name: values[None]
                for name, values in together.items()
                if name.startswith(OF_ENSEMBLES)
            }
    return result


def _scores(
    run: pd.DataFrame,
    resampling: Resampling,
    settings: EvaluateSettings,
    hard: pd.DataFrame | None,
) -> Scores:
    """Return arrays (1+B,) by score, for one run in one domain."""
    scores = resampled_scores(run, resampling, settings)
    if hard is not None:
        scores["auc_hard"] = hard_auc(run, hard, resampling)
    return scores


def _mean_prediction(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the mean probabilities over seeds of one method's rows in one domain."""
    probabilities = [PROBABILITY + name for name in class_names(predictions)]
    rows = predictions.groupby(IDENTITY, sort=False, as_index=False)
    return rows[probabilities].mean()


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
