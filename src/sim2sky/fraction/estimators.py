"""Shares of classes in a sample without labels, from a classifier trained at other shares.

Both estimators assume that objects of a class look the same in both samples
(label shift), and nothing of the shares themselves.
"""

import numpy as np
from scipy.optimize import nnls

SUM_WEIGHT = 1e4  # how strictly the shares add up to one, against the squared residuals
MAX_ITERATIONS = 2000
TOLERANCE = 1e-7


def bbse(confusion: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return shares by black-box shift estimation (Lipton et al. 2018, ICML, arXiv:1802.03916).

    Solves ``predicted = confusion^T shares`` by least squares over shares that
    are not negative and add up to one.

    Parameters
    ----------
    confusion : numpy.ndarray
        (K,K): how often class k (row) is called class j, rows sum to 1.
    predicted : numpy.ndarray
        (K,) shares of the classes that the sample's objects are called.

    Returns
    -------
    numpy.ndarray
        (K,), sums to 1.
    """
    matrix = np.vstack([confusion.T, np.full(len(confusion), SUM_WEIGHT)])
    shares, _ = nnls(matrix, np.append(predicted, SUM_WEIGHT))
    return shares / shares.sum()


def expectation_maximisation(
    probability: np.ndarray, prior: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Return shares of greatest likelihood (Saerens et al. 2002, Neural Comput. 14, 21).

    Parameters
    ----------
    probability : numpy.ndarray
        (N,K) calibrated probabilities at the shares `prior`.
    prior : numpy.ndarray
        (K,) shares at which they are calibrated.
    weight : numpy.ndarray
        (N,) how often each row counts.

    Returns
    -------
    numpy.ndarray
        (K,), sums to 1.
    """
    likelihood = probability / prior
    weight = weight / weight.sum()
    # even shares: a class that starts with nothing would keep nothing
    shares = np.full(len(prior), 1 / len(prior))
    for _ in range(MAX_ITERATIONS):
        # each round multiplies a share by the mean of its relative likelihood
        factor = (weight / (likelihood @ shares)) @ likelihood
        new = shares * factor
        new /= new.sum()
        if np.abs(new - shares).max() < TOLERANCE:
            return new
        shares = new
    return shares
