"""How well features that are no physics tell the class.

The number of star particles, the framing, the centring or the view must not
know the label; if a classifier on them alone does better than chance, so will
a network that sees their traces in the image.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sim2sky.seeding import generator

FOLDS = 5
RESAMPLES = 200


def nuisance_scores(features: pd.DataFrame, label: np.ndarray, system_id: np.ndarray) -> dict:
    """Return how well nuisance features alone tell the class.

    Parameters
    ----------
    features : pandas.DataFrame
        (N,K) numbers; rows with NaN are left out.
    label : numpy.ndarray
        (N,) integers; rows below 0 are left out.
    system_id : numpy.ndarray
        (N,) systems; a system is never in training and test at once, and the
        interval is a bootstrap over systems.

    Returns
    -------
    dict
        ``features`` and, for each classifier, ``auc``, ``low``, ``high`` (95 %);
        or ``skipped`` with the reason.
    """
    names = list(features.columns)
    good = (np.asarray(label) >= 0) & np.isfinite(features.to_numpy(dtype=float)).all(axis=1)
    values = features.to_numpy(dtype=float)[good]
    label, system_id = np.asarray(label)[good], np.asarray(system_id)[good]
    if not names:
        return {"features": names, "skipped": "no nuisance features are known"}
    systems_of_class = [len(np.unique(system_id[label == value])) for value in np.unique(label)]
    if len(systems_of_class) < 2 or min(systems_of_class) < FOLDS:
        return {"features": names, "skipped": f"a class has fewer than {FOLDS} systems"}
    result = {"features": names}
    for name, classifier in {
        "logistic_regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        "random_forest": RandomForestClassifier(60, min_samples_leaf=10, random_state=0),
    }.items():
        scores = _out_of_fold(classifier, values, label, system_id)
        result[name] = _auc_with_interval(scores, label, system_id)
    return result


def leaks(scores: dict, margin: float) -> list[str]:
    """Return the classifiers whose AUC lies above chance by a margin.

    Parameters
    ----------
    scores : dict
        From `nuisance_scores`.
    margin : float
        Above 0.5, for the lower end of the interval.

    Returns
    -------
    list of str
        One phrase for each.
    """
    return [
        f"{name} AUC {score['auc']:.2f} [{score['low']:.2f}, {score['high']:.2f}]"
        for name, score in scores.items()
        if isinstance(score, dict) and score["low"] > 0.5 + margin
    ]


def _out_of_fold(
    classifier: object, values: np.ndarray, label: np.ndarray, system_id: np.ndarray
) -> np.ndarray:
    """Return (N,K) class probabilities, each from a fit that did not see the row's system."""
    classes = np.unique(label)
    scores = np.zeros((len(label), len(classes)))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(values, label, system_id):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(values[train], label[train])
        columns = np.searchsorted(classes, classifier.classes_)
        scores[np.ix_(test, columns)] = classifier.predict_proba(values[test])
    return scores


def _auc_with_interval(scores: np.ndarray, label: np.ndarray, system_id: np.ndarray) -> dict:
    """Return the AUC, averaged over one class against the rest, and its 95 % interval."""
    systems, row_system = np.unique(system_id, return_inverse=True)
    rng = generator("build", "nuisance bootstrap")
    draws = [rng.integers(len(systems), size=len(systems)) for _ in range(RESAMPLES)]
    counts = [np.bincount(draw, minlength=len(systems))[row_system] for draw in draws]
    weights = np.array([np.ones(len(label)), *counts])
    classes = np.unique(label)
    # of two classes either tells the other
    columns = range(1, 2) if len(classes) == 2 else range(len(classes))
    each = [
        weighted_auc(scores[:, column], label == classes[column], weights) for column in columns
    ]
    value, *resampled = np.mean(each, axis=0)
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return {"auc": float(value), "low": float(low), "high": float(high)}


def weighted_auc(score: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve for several weightings of the rows at once.

    It is the chance that a positive scores above a negative, ties counting half
    (Hanley & McNeil 1982, Radiology 143, 29).

    Parameters
    ----------
    score : numpy.ndarray
        (N,).
    positive : numpy.ndarray
        (N,) bool.
    weights : numpy.ndarray
        (R,N), not negative.

    Returns
    -------
    numpy.ndarray
        (R,), NaN where one side has no weight.
    """
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    ties = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    sides = [
        np.add.reduceat(weights[:, order] * side[order], ties, axis=1)
        for side in (positive, ~positive)
    ]
    above, beside = sides
    won = (above * (np.cumsum(beside, axis=1) - beside / 2)).sum(axis=1)
    pairs = above.sum(axis=1) * beside.sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
