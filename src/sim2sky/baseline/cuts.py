"""Cuts in one number: mergers are the galaxies above it.

The probability of a merger is logistic in the distance from the cut, with one half at
the cut and a slope fitted on the source's training rows; classes that are no mergers
share the rest by their frequency.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

GINI_M20_SLOPE, GINI_M20_OFFSET = -0.14, 0.33  # Lotz et al. 2008, MNRAS 391, 1137, eq. 4
ASYMMETRY_CUT = 0.35  # Conselice 2003, ApJS 147, 1
LEAST_SLOPE = 0.1  # per standard deviation: the probability rises with the score, come what may


@dataclass(frozen=True)
class Cut:
    """A cut with its probabilities.

    Parameters
    ----------
    place : float
        Where the probability is one half.
    slope : float
        Of the logit, per unit of the score; positive.
    typical : float
        The training rows' median, taken where a galaxy has no score.
    shares : numpy.ndarray
        (K-1,) frequencies of the classes before the last, adding up to 1.
    """

    place: float
    slope: float
    typical: float
    shares: np.ndarray

    def probabilities(self, score: np.ndarray) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        score : numpy.ndarray
            (N,), NaN where unknown.

        Returns
        -------
        numpy.ndarray
            (N,K), the mergers last.
        """
        known = np.where(np.isfinite(score), score, self.typical)
        merger = expit(self.slope * (known - self.place))
        return np.column_stack([np.outer(1 - merger, self.shares), merger])


def merger_score(name: str, shapes: pd.DataFrame) -> np.ndarray:
    """Return the number in which a baseline cuts.

    Parameters
    ----------
    name : {"gini_m20", "asymmetry", "second_component"}
        The baseline.
    shapes : pandas.DataFrame
        N rows of a domain's measured shapes; bad measurements are NaN.

    Returns
    -------
    numpy.ndarray
        (N,): the distance above the line G = -0.14 M20 + 0.33, the asymmetry, or the flux
        of the second brightest component over that of the brightest.
    """
    if name == "gini_m20":
        above = shapes["gini"] - (GINI_M20_SLOPE * shapes["m20"] + GINI_M20_OFFSET)
        return (above / np.hypot(1, GINI_M20_SLOPE)).to_numpy()
    column = {"asymmetry": "asymmetry", "second_component": "second_component_ratio"}[name]
    return shapes[column].to_numpy()


def fixed_cut(name: str) -> float | None:
    """Return the published place of a cut.

    Parameters
    ----------
    name : str
        The baseline.

    Returns
    -------
    float or None
        None where the source's training rows have to tell.
    """
    return {"gini_m20": 0.0, "asymmetry": ASYMMETRY_CUT}.get(name)


def fit_cut(score: np.ndarray, label: np.ndarray, n_classes: int, place: float | None) -> Cut:
    """Return a cut for labelled rows.

    Parameters
    ----------
    score : numpy.ndarray
        (N,); rows with NaN are left out.
    label : numpy.ndarray
        (N,) integers in 0..n_classes-1; the last class are the mergers.
    n_classes : int
        K.
    place : float or None
        Where to cut; None takes the place of the highest balanced accuracy.

    Returns
    -------
    Cut
        Both classes count alike in the fit of its slope, whatever their numbers.
    """
    counts = np.bincount(label, minlength=n_classes)[:-1]
    shares = counts / counts.sum() if counts.sum() else np.full(len(counts), 1 / len(counts))
    known = np.isfinite(score)
    score, merger = score[known], label[known] == n_classes - 1
    if merger.all() or not merger.any():
        typical = float(np.median(score)) if len(score) else 0.0
        return Cut(typical if place is None else place, LEAST_SLOPE, typical, shares)
    place = best_place(score, merger) if place is None else place
    scatter = score.std() or 1.0
    logistic = LogisticRegression(fit_intercept=False, class_weight="balanced")
    logistic.fit(((score - place) / scatter)[:, None], merger)
    slope = max(float(logistic.coef_[0, 0]), LEAST_SLOPE) / scatter
    return Cut(float(place), float(slope), float(np.median(score)), shares)


def best_place(score: np.ndarray, merger: np.ndarray) -> float:
    """Return the cut of the highest balanced accuracy.

    Parameters
    ----------
    score : numpy.ndarray
        (N,).
    merger : numpy.ndarray
        (N,) bool, both values present.

    Returns
    -------
    float
        Half way between two neighbouring scores, or below all; the lowest of equals.
    """
    values, of_row = np.unique(score, return_inverse=True)
    weight = np.where(merger, 1 / merger.sum(), -1 / (~merger).sum())
    by_value = np.bincount(of_row, weights=weight)
    above = np.cumsum(by_value[::-1])[::-1]  # recall minus false-positive rate of "this or more"
    # equal to rounding is equal, so that the choice does not hang on the last bit
    best = int(np.flatnonzero(above >= above.max() - 1e-12)[0])
    return float(values[0] - 1) if best == 0 else float((values[best - 1] + values[best]) / 2)
