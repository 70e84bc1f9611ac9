"""Prediction sets that hold the true class with a promised probability.

Split conformal prediction (Vovk et al. 2005; Angelopoulos & Bates 2021,
arXiv:2107.07511, section 1) with the score of Sadinle et al. 2019 (JASA 114, 223,
arXiv:1609.00451; "LAC"): one less the probability of the true class. The promise
holds for rows that are exchangeable with those which set the threshold: on the
source, not under a shift, where the coverage says what the shift costs.
"""

import numpy as np

from sim2sky.evaluate.metrics import weighted_mean


def conformal_threshold(score: np.ndarray, system_id: np.ndarray, coverage: float) -> float:
    """Return the largest score that a class in the set may have.

    Views of one galaxy are not exchangeable with those of another, whole systems
    are. So each of the S systems has the weight 1 / (S + 1), spread evenly over its
    rows, the remaining one lies at infinity, and the threshold is the weighted
    quantile: hierarchical conformal prediction, Lee, Barber & Willett 2023
    (arXiv:2306.06342), with the promised coverage for a row of a new system.
    With a system for each row this is the usual quantile of rank
    ``ceil((N + 1) coverage)``.

    Parameters
    ----------
    score : numpy.ndarray
        (N,) of the true classes of held-out rows.
    system_id : numpy.ndarray
        (N,).
    coverage : float
        The promise, between 0 and 1.

    Returns
    -------
    float
        Infinite, so that every set holds every class, where there are fewer systems
        than the promise needs: S < coverage / (1 - coverage).
    """
    systems, place, rows = np.unique(system_id, return_inverse=True, return_counts=True)
    order = np.argsort(score, kind="stable")
    # in units of 1 / (S + 1); the last rounding must not decide whether a rank is reached
    reached = np.cumsum(1 / rows[place[order]]) + 1e-9
    first = np.searchsorted(reached, coverage * (len(systems) + 1))
    return float(score[order[first]]) if first < len(score) else np.inf


def true_class_score(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return one less the probability of the true class.

    Parameters
    ----------
    label : numpy.ndarray
        (N,) integers in 0..K-1.
    probability : numpy.ndarray
        (N,K).

    Returns
    -------
    numpy.ndarray
        (N,) between 0 and 1.
    """
    return 1 - probability[np.arange(len(label)), label]


def set_scores(
    label: np.ndarray,
    probability: np.ndarray,
    weights: np.ndarray,
    threshold: float,
    classes: list[str],
) -> dict[str, np.ndarray]:
    """Return what prediction sets are worth on some rows.

    Parameters
    ----------
    label : numpy.ndarray
        (N,) integers in 0..K-1.
    probability : numpy.ndarray
        (N,K).
    weights : numpy.ndarray
        (N,B), not negative.
    threshold : float
        From `conformal_threshold`.
    classes : list of str
        K names.

    Returns
    -------
    dict of numpy.ndarray
        Each (B,): ``coverage``, the share of rows whose set holds the true class, and
        ``coverage_<class>`` of the rows of a class, NaN without any; ``set_size``, the
        mean number of classes in a set; ``set_single`` and ``set_empty``, the shares
        of sets with one class and with none.
    """
    inside = 1 - probability <= threshold
    size = inside.sum(axis=1)
    covered = inside[np.arange(len(label)), label]

    return {
        "coverage": weighted_mean(covered, weights),
        **{
            f"coverage_{name}": weighted_mean(covered, weights * (label == k)[:, None])
            for k, name in enumerate(classes)
        },
        "set_size": weighted_mean(size, weights),
        "set_single": weighted_mean(size == 1, weights),
        "set_empty": weighted_mean(size == 0, weights),
    }
