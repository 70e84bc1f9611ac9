"""What a choice without target labels costs, measured afterwards with them.

The regret of a criterion is the balanced accuracy on the target's test rows of
the best trial minus that of the trial which the criterion chooses. The best of
many trials is so partly by luck with these very test rows, so that the regret
of a perfect criterion is not 0 but a little above; compare criteria with each
other, with the settings as configured and with a random trial.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling
from sim2sky.evaluate.comparison import with_interval
from sim2sky.evaluate.predictions import COLUMNS, resampled_scores
from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.files import read_parquet
from sim2sky.tune.choice import (
    OWN_VALIDATION,
    best_trial,
    is_candidate,
    read_trials,
    trial_score,
)

CRITERIA = ("information_maximisation", "snd", "entropy", "iwv", "dev", "source_validation")
CONFIGURED, RANDOM = "configured", "random"  # the first trial, the mean of all
WITHIN, MEAN, ACROSS = "method", "mean_over_methods", "across_methods"
FEWEST_RANKED = 3  # trials from which a rank correlation says anything


@dataclass(frozen=True)
class EvaluatedTrial:
    """A trial with its test predictions.

    Parameters
    ----------
    scores : dict
        From `sim2sky.tune.choice.read_trials`.
    predictions : pandas.DataFrame
        Target rows of `sim2sky evaluate`.
    """

    scores: dict
    predictions: pd.DataFrame


def read_evaluated_trials(folders: Sequence[Path]) -> list[EvaluatedTrial]:
    """Read trials from their folders.

    Parameters
    ----------
    folders : sequence of Path
        Each with ``scores.json`` and ``predictions.parquet``.

    Returns
    -------
    list of EvaluatedTrial
        By method as given, then by number.

    Raises
    ------
    Sim2SkyError
        If a file is missing or incomplete, a trial comes twice or two were
        evaluated on different rows.
    """
    read_trials([folder / "scores.json" for folder in folders])  # refuses doubles
    trials, first = [], None
    identity = ["galaxy_id", "view", "system_id", "label"]
    for folder in folders:
        (scores,) = read_trials([folder / "scores.json"])
        table = read_parquet(folder / "predictions.parquet", COLUMNS)
        table = table[table["domain"] == "target"].reset_index(drop=True)
        rows = table[identity].sort_values(identity, ignore_index=True)
        first = rows if first is None else first
        if not rows.equals(first):
            raise Sim2SkyError(
                "evaluated on other test rows than the first trial",
                where=folder / "predictions.parquet",
                got=f"{len(rows)} rows",
                expected=f"the {len(first)} rows and labels of {folders[0]}",
                fix="evaluate all trials anew on the same dataset",
            )
        trials.append(EvaluatedTrial(scores, table))
    return trials


def regret_table(trials: Sequence[EvaluatedTrial], settings: EvaluateSettings) -> pd.DataFrame:
    """Return accuracy and regret of every criterion.

    Parameters
    ----------
    trials : sequence of EvaluatedTrial
        All trials of an experiment.
    settings : EvaluateSettings
        Resampling.

    Returns
    -------
    pandas.DataFrame
        One row per network, scope, method and criterion. Scopes: ``method``,
        a choice between the trials of one method; ``mean_over_methods``, the mean
        of those; ``across_methods``, one choice between all trials of all
        methods. Methods that train on target labels, and a control with shuffled labels,
        stand for themselves alone; the former with the criterion ``target_validation``.
        Besides the criteria there are ``configured`` (trial 0) and ``random`` (the mean over
        trials). Columns: n_trials; chosen_method, chosen_trial; best_method, best_trial;
        ``balanced_accuracy`` of the choice, ``best_balanced_accuracy`` and ``regret``, each
        with ``_low`` and ``_high`` (the choice and the best trial are those of the whole
        sample in every resample); ``rank_correlation`` (Spearman) between the criterion and
        the balanced accuracy over the trials. Trials that diverged count as neither.

    Raises
    ------
    Sim2SkyError
        If no test row of the target has a label.
    """
    if not trials or not (trials[0].predictions["label"] >= 0).any():
        raise Sim2SkyError(
            "regret needs trials, and test rows of the target with labels",
            got=f"{len(trials)} trials",
            fix="leave out `tune`'s regret where the target has no labels",
        )
    resampling = Resampling.draw(
        trials[0].predictions["system_id"].to_numpy(), settings.n_bootstrap, settings.seed
    )
    accuracy = {
        _key(trial.scores): resampled_scores(trial.predictions, resampling, settings)[
            "balanced_accuracy"
        ]
        for trial in trials
    }
    rows = []
    for network in dict.fromkeys(trial.scores["network"] for trial in trials):
        scores = [trial.scores for trial in trials if trial.scores["network"] == network]
        about = {"network": network}
        rows += [about | row for row in _network_rows(scores, accuracy, settings.interval)]
    table = pd.DataFrame(rows)
    table.insert(0, "experiment", trials[0].predictions["experiment"].iloc[0])
    return table.astype({"chosen_trial": "Int64", "best_trial": "Int64"})


def _network_rows(
    trials: list[dict], accuracy: dict[tuple, np.ndarray], level: float
) -> list[dict[str, object]]:
    """Return the rows of one network."""
    methods: dict[str, list[dict]] = {}
    for trial in sorted(trials, key=lambda trial: trial["trial"]):
        if not trial["diverged"]:
            methods.setdefault(trial["method"], []).append(trial)
    blind = {name: group for name, group in methods.items() if is_candidate(group[0])}
    rows, regrets = [], {name: [] for name in (*CRITERIA, CONFIGURED, RANDOM)}
    for method, group in methods.items():
        names = regrets if method in blind else (CONFIGURED, RANDOM)
        if group[0]["train_on"] == "target":
            names = (OWN_VALIDATION, *names)
        for name in names:
            row, arrays = _judged(group, name, accuracy, level)
            if row is None:
                continue
            rows.append({"scope": WITHIN, "method": method, "criterion": name} | row)
            if method in blind:
                regrets[name].append((row, arrays))
    for name, found in regrets.items():
        if len(blind) > 1 and len(found) == len(blind):
            rows.append({"scope": MEAN, "method": "", "criterion": name} | _mean(found, level))
    everything = [trial for group in blind.values() for trial in group]
    for name in (*CRITERIA, RANDOM):  # there is no method that one would take by default
        row, _ = _judged(everything, name, accuracy, level)
        if len(blind) > 1 and row is not None:
            rows.append({"scope": ACROSS, "method": "", "criterion": name} | row)
    return rows


def _judged(
    trials: list[dict], criterion: str, accuracy: dict[tuple, np.ndarray], level: float
) -> tuple[dict[str, object] | None, tuple[np.ndarray, np.ndarray]]:
    """Return one row, and the resampled accuracies of the choice and of the best trial."""
    best = max(trials, key=lambda trial: accuracy[_key(trial)][0], default=None)
    chosen = None
    if criterion == CONFIGURED:
        chosen = next((trial for trial in trials if trial["trial"] == 0), None)
    elif criterion != RANDOM:
        chosen = best_trial(trials, criterion)
    if best is None or (chosen is None and criterion != RANDOM):
        return None, (np.empty(0), np.empty(0))
    if criterion == RANDOM:
        own = np.mean([accuracy[_key(trial)] for trial in trials], axis=0)
    else:
        own = accuracy[_key(chosen)]
    row = {
        "n_trials": len(trials),
        "chosen_method": "" if chosen is None else chosen["method"],
        "chosen_trial": pd.NA if chosen is None else chosen["trial"],
        "best_method": best["method"],
        "best_trial": best["trial"],
        **_columns(own, accuracy[_key(best)], level),
        "rank_correlation": _rank_correlation(trials, criterion, accuracy),
    }
    return row, (own, accuracy[_key(best)])


def _mean(found: list[tuple[dict, tuple]], level: float) -> dict[str, object]:
    """Return the mean over methods of what one criterion does in each."""
    own, best = (np.mean([arrays[side] for _, arrays in found], axis=0) for side in (0, 1))
    ranks = [row["rank_correlation"] for row, _ in found]
    return {
        "n_trials": sum(row["n_trials"] for row, _ in found),
        "chosen_method": "",
        "chosen_trial": pd.NA,
        "best_method": "",
        "best_trial": pd.NA,
        **_columns(own, best, level),
        "rank_correlation": float(np.mean(ranks)),
    }


def _columns(own: np.ndarray, best: np.ndarray, level: float) -> dict[str, float]:
    """Return both accuracies and their paired difference with intervals."""
    return {
        **with_interval("balanced_accuracy", own, level),
        **with_interval("best_balanced_accuracy", best, level),
        **with_interval("regret", best - own, level),
    }


def _rank_correlation(
    trials: list[dict], criterion: str, accuracy: dict[tuple, np.ndarray]
) -> float:
    """Return Spearman's correlation of criterion and accuracy; NaN where it has no meaning."""
    if criterion in (CONFIGURED, RANDOM):
        return np.nan
    scores = [trial_score(trial, criterion) for trial in trials]
    known = [place for place, score in enumerate(scores) if score is not None]
    return spearman(
        np.array([scores[place] for place in known], dtype=np.float64),
        np.array([accuracy[_key(trials[place])][0] for place in known]),
    )


def spearman(scores: np.ndarray, accuracy: np.ndarray) -> float:
    """Return how a criterion ranks what it judges, as its accuracy does.

    Parameters
    ----------
    scores, accuracy : numpy.ndarray
        (N,) each.

    Returns
    -------
    float
        Spearman's rank correlation; NaN for fewer than `FEWEST_RANKED`, or where one of
        both is the same for all or unknown.
    """
    if len(scores) < FEWEST_RANKED or not np.isfinite(accuracy).all():
        return np.nan
    if np.ptp(scores) == 0 or np.ptp(accuracy) == 0:
        return np.nan
    return float(spearmanr(scores, accuracy).statistic)


def _key(trial: dict) -> tuple[str, str, int]:
    """Return what tells a trial from all others."""
    return trial["method"], trial["network"], trial["trial"]
