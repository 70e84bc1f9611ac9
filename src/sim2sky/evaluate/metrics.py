"""Scores of a classifier, each for many sets of row weights at once.

A weight matrix has one row per image and one column per resample; a column of
ones gives the plain score. A score that a column leaves undefined is NaN.
"""

import numpy as np

MOST_CERTAIN = 700.0  # log-odds at which a probability vanishes in float64
NEARLY_CERTAIN = 1e-6


def scores(
    label: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray,
    classes: list[str],
    *,
    calibration_bins: int,
    positive_fraction: float,
) -> dict[str, np.ndarray]:
    """Return every score for every column of weights.

    The last class is the positive one. Means over classes run over the classes
    that have rows here; with fewer than two, balanced accuracy and AUC are NaN.

    Parameters
    ----------
    label : numpy.ndarray
        (N,) integers in 0..K-1.
    probabilities : numpy.ndarray
        (N,K), rows add up to 1.
    weights : numpy.ndarray
        (N,B), not negative.
    classes : list of str
        K names.
    calibration_bins : int
        Number of bins of `calibration_error`.
    positive_fraction : float
        Fraction of the positive class at which `purity` is quoted.

    Returns
    -------
    dict of numpy.ndarray
        Each (B,): ``balanced_accuracy``, ``accuracy``, ``recall_<class>``,
        ``precision_<class>``, ``f1`` (of the positive class for two classes, else
        the mean over classes), ``auc`` (likewise: positive class, or mean of each
        against the rest) and for more than two classes ``auc_<class>``, ``brier``,
        ``ece``, ``purity_at_prior``.
    """
    n_classes = len(classes)
    label = np.asarray(label, dtype=np.int64)
    predicted = probabilities.argmax(axis=1)
    table = confusion(label, predicted, weights, n_classes)
    hits = np.diagonal(table, axis1=1, axis2=2)
    actual, called = table.sum(axis=2), table.sum(axis=1)
    recall, precision = ratio(hits, actual), ratio(hits, called)
    # without rows of a class its F1 is as undefined as its recall, not 0
    f1 = np.where(actual > 0, ratio(2 * hits, actual + called), np.nan)
    present = np.bincount(label, minlength=n_classes) > 0
    undefined = np.full(weights.shape[1], np.nan)
    # with two classes the AUC of one against the other is the same from both sides
    judged = np.array([1]) if n_classes == 2 else np.flatnonzero(present)
    areas = {classes[k]: auc(log_odds(probabilities, k), label == k, weights) for k in judged}
    each_auc = {f"auc_{name}": areas.get(name, undefined) for name in classes}
    return {
        "balanced_accuracy": _mean_over(recall, present, at_least=2),
        "accuracy": ratio(hits.sum(axis=1), actual.sum(axis=1)),
        **{f"recall_{name}": recall[:, k] for k, name in enumerate(classes)},
        **{f"precision_{name}": precision[:, k] for k, name in enumerate(classes)},
        "f1": f1[:, 1] if n_classes == 2 else _mean_over(f1, present, at_least=1),
        "auc": np.mean([*areas.values()], axis=0) if areas else undefined,
        **(each_auc if n_classes > 2 else {}),
        "brier": brier(label, probabilities, weights),
        "ece": calibration_error(label, probabilities, weights, calibration_bins),
        "purity_at_prior": purity(table, positive_fraction),
    }


def confusion(
    label: np.ndarray, predicted: np.ndarray, weights: np.ndarray, n_classes: int
) -> np.ndarray:
    """Return the weighted confusion matrices.

    Parameters
    ----------
    label, predicted : numpy.ndarray
        (N,) integers in 0..K-1.
    weights : numpy.ndarray
        (N,B).
    n_classes : int
        K.

    Returns
    -------
    numpy.ndarray
        (B,K,K), rows the true class, columns the predicted one.
    """
    cell = label * n_classes + predicted
    member = cell[None, :] == np.arange(n_classes**2)[:, None]
    return (member.astype(np.float64) @ weights).T.reshape(-1, n_classes, n_classes)


def log_odds(probabilities: np.ndarray, positive: int = -1) -> np.ndarray:
    """Return the log-odds of a class against all others: what ROC curves rank images by.

    Near certainty from the others' probabilities and not from 1 - p, which rounds to zero for
    networks as certain as those that meet noise they never saw: images would tie that are
    told apart. Elsewhere from p alone, so that equal p tie.

    Parameters
    ----------
    probabilities : numpy.ndarray
        (N,K) float64, rows add up to 1.
    positive : int
        The class; the last one by default.

    Returns
    -------
    numpy.ndarray
        (N,), within `MOST_CERTAIN`.
    """
    own = probabilities[:, positive]
    others = np.delete(probabilities, positive, axis=1).sum(axis=1)
    with np.errstate(divide="ignore"):
        odds = np.log(own) - np.log(np.where(1 - own > NEARLY_CERTAIN, 1 - own, others))
    return np.clip(odds, -MOST_CERTAIN, MOST_CERTAIN)


def auc(score: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve, as the chance that a positive outranks a negative.

    Ties count half (Mann-Whitney; Hanley & McNeil 1982, Radiology 143, 29).

    Parameters
    ----------
    score : numpy.ndarray
        (N,), higher for the positive class.
    positive : numpy.ndarray
        (N,) bool.
    weights : numpy.ndarray
        (N,B).

    Returns
    -------
    numpy.ndarray
        (B,), NaN where either class has no weight.
    """
    if len(score) == 0:
        return np.full(weights.shape[1], np.nan)
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=np.nan) != 0)
    sorted_weights, is_positive = weights[order], positive[order, None]
    ups = np.add.reduceat(sorted_weights * is_positive, starts, axis=0)
    downs = np.add.reduceat(sorted_weights * ~is_positive, starts, axis=0)
    below = np.cumsum(downs, axis=0) - downs / 2
    return ratio((ups * below).sum(axis=0), ups.sum(axis=0) * downs.sum(axis=0))


def brier(label: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the Brier score (Brier 1950, Mon. Weather Rev. 78, 1).

    Parameters
    ----------
    label : numpy.ndarray
        (N,) integers in 0..K-1.
    probabilities : numpy.ndarray
        (N,K).
    weights : numpy.ndarray
        (N,B).

    Returns
    -------
    numpy.ndarray
        (B,), from 0 (perfect) to 1 for two classes, where the squared error of the
        positive class alone counts, and to 2 for more, where it is summed over classes.
    """
    n_classes = probabilities.shape[1]
    error = ((probabilities - np.eye(n_classes)[label]) ** 2).sum(axis=1)
    return weighted_mean(error / 2 if n_classes == 2 else error, weights)


def judged_probability(
    label: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability whose calibration is judged, and what came of it.

    Parameters
    ----------
    label : numpy.ndarray
        (N,) integers in 0..K-1, or (N,S) of several draws.
    probabilities : numpy.ndarray
        (N,K).

    Returns
    -------
    probability : numpy.ndarray
        (N,) of the positive class for two classes, for more the highest one.
    happened : numpy.ndarray
        bool, of the shape of `label`: whether the row is of that class.
    """
    if probabilities.shape[1] == 2:
        return probabilities[:, 1], label == 1
    called = probabilities.argmax(axis=1)
    return probabilities.max(axis=1), (called == label.T).T


def equal_mass_bins(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Return bins of equally many rows; equal values share one.

    Parameters
    ----------
    values : numpy.ndarray
        (N,).
    n_bins : int
        Number of bins; some stay empty where values repeat.

    Returns
    -------
    numpy.ndarray
        (N,) integers from 0, growing with the values.
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle_rank = (np.cumsum(count) - count / 2)[place]
    return (middle_rank / max(len(values), 1) * n_bins).astype(np.int64)


def calibration_error(
    label: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, n_bins: int
) -> np.ndarray:
    """Return the expected calibration error over bins of equally many rows.

    The mean over bins of ``|mean probability - frequency|``, weighted by the
    bins' rows (Guo et al. 2017, arXiv:1706.04599, eq. 3; equal masses as in
    Nixon et al. 2019, arXiv:1904.01685). For two classes it concerns the
    probability and the frequency of the positive class, for more the highest
    probability and the frequency of being right. Equal probabilities share a bin;
    the bins are those of the unweighted rows. Noise in a bin's frequency counts as
    error, so that small samples and resamples give too much.

    Parameters
    ----------
    label : numpy.ndarray
        (N,) integers in 0..K-1.
    probabilities : numpy.ndarray
        (N,K).
    weights : numpy.ndarray
        (N,B).
    n_bins : int
        Number of bins.

    Returns
    -------
    numpy.ndarray
        (B,) between 0 and 1.
    """
    confidence, happened = judged_probability(label, probabilities)
    bins = equal_mass_bins(confidence, n_bins)
    member = (bins[None, :] == np.arange(n_bins)[:, None]).astype(np.float64)
    excess = np.abs((member * (confidence - happened)) @ weights)
    return ratio(excess.sum(axis=0), weights.sum(axis=0))


def purity(table: np.ndarray, positive_fraction: float) -> np.ndarray:
    """Return the purity of a catalogue of the last class at a given true fraction.

    ``f TPR / (f TPR + (1 - f) FPR)``: Bayes' theorem with the rates of the test
    rows, since their own mix of classes is not the survey's.

    Parameters
    ----------
    table : numpy.ndarray
        (B,K,K) from `confusion`.
    positive_fraction : float
        f, the fraction of the last class among the survey's galaxies.

    Returns
    -------
    numpy.ndarray
        (B,), NaN where nothing was called positive.
    """
    true_rate = ratio(table[:, -1, -1], table[:, -1].sum(axis=-1))
    false_rate = ratio(table[:, :-1, -1].sum(axis=-1), table[:, :-1].sum(axis=(1, 2)))
    found = positive_fraction * true_rate
    return ratio(found, found + (1 - positive_fraction) * false_rate)


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy of predictions in units of its maximum, ln K.

    Parameters
    ----------
    probabilities : numpy.ndarray
        (N,K).

    Returns
    -------
    numpy.ndarray
        (N,) from 0 (certain) to 1 (no idea).
    """
    logarithm = np.log(np.where(probabilities > 0, probabilities, 1))
    return -(probabilities * logarithm).sum(axis=1) / np.log(probabilities.shape[1])


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide, with NaN where the denominator is zero.

    Parameters
    ----------
    numerator, denominator : numpy.ndarray
        Of shapes that fit each other.

    Returns
    -------
    numpy.ndarray
        Of the numerator's shape.
    """
    result = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return a mean for each column of weights.

    Parameters
    ----------
    values : numpy.ndarray
        (N,).
    weights : numpy.ndarray
        (N,B).

    Returns
    -------
    numpy.ndarray
        (B,), NaN without weight.
    """
    return ratio(values @ weights, weights.sum(axis=0))


def _mean_over(values: np.ndarray, present: np.ndarray, at_least: int) -> np.ndarray:
    """Return the mean over the present classes of (B,K) values, NaN if they are too few."""
    if present.sum() < at_least:
        return np.full(len(values), np.nan)
    return values[:, present].mean(axis=1)
