"""Probabilities that mean what they say, by temperature scaling with a bias for each class.

Guo et al. 2017 (ICML, arXiv:1706.04599) divide the logits by one number, the
temperature; Alexandari et al. 2020 (ICML, arXiv:1901.06852) add a number per
class, without which the share of a class under a shifted prior comes out wrong.
"""

from dataclasses import dataclass

import numpy as np

SMALLEST = 1e-12  # of a probability, before its logarithm is taken
MAX_STEPS = 100
TOLERANCE = 1e-8


@dataclass(frozen=True)
class Scaling:
    """A map from a classifier's probabilities to calibrated ones.

    Parameters
    ----------
    inverse_temperature : float
        Factor on the logarithms of the probabilities.
    bias : numpy.ndarray
        (K,) added to them; the last is 0.
    """

    inverse_temperature: float
    bias: np.ndarray

    def apply(self, probability: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities.

        Parameters
        ----------
        probability : numpy.ndarray
            (N,K) of the classifier; rows of NaN stay so.

        Returns
        -------
        numpy.ndarray
            (N,K), rows sum to 1.
        """
        return _softmax(self.inverse_temperature * log_of(probability) + self.bias)


def log_of(probability: np.ndarray) -> np.ndarray:
    """Return logarithms of probabilities, none of them minus infinity.

    Parameters
    ----------
    probability : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        The same shape.
    """
    return np.log(np.maximum(probability, SMALLEST))


def fit_scaling(
    probability: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray | None = None,
    start: Scaling | None = None,
) -> Scaling:
    """Return the scaling of greatest likelihood, found by Newton's method.

    The likelihood is that of smoothed labels, ``(N_k + 1) / (N_k + K)`` for the
    true class and ``1 / (N_k + K)`` for the others, which keeps it finite where
    the classes separate (Platt 1999, section 2.2).

    Parameters
    ----------
    probability : numpy.ndarray
        (N,K) of the classifier for held-out rows.
    label : numpy.ndarray
        (N,) 0..K-1.
    weight : numpy.ndarray, optional
        (N,) how often each row counts; ones by default.
    start : Scaling, optional
        Where to begin; the result does not depend on it.

    Returns
    -------
    Scaling
        With an inverse temperature of 0, and the classes' shares as
        probabilities, where the classifier's own tell less than nothing.
    """
    n_classes = probability.shape[1]
    weight = np.ones(len(label)) if weight is None else weight
    count = np.bincount(label, weights=weight, minlength=n_classes)[label]
    wanted = np.full(probability.shape, 1.0) / (count + n_classes)[:, None]
    wanted[np.arange(len(label)), label] += count / (count + n_classes)
    features = _features(log_of(probability))
    start = start or Scaling(1.0, np.zeros(n_classes))
    first = np.append(start.inverse_temperature, start.bias[:-1])
    found = _newton(features, wanted, weight / weight.sum(), first)
    if found[0] <= 0:
        found = _newton(features[:, :, 1:], wanted, weight / weight.sum(), first[1:])
        found = np.concatenate([[0.0], found])
    return Scaling(float(found[0]), np.append(found[1:], 0.0))


def _features(logarithm: np.ndarray) -> np.ndarray:
    """Return (N,K,K): what each parameter multiplies in each class's logit."""
    n, n_classes = logarithm.shape
    features = np.zeros((n, n_classes, n_classes))
    features[:, :, 0] = logarithm
    features[:, :-1, 1:] = np.eye(n_classes - 1)
    return features


def _newton(
    features: np.ndarray, wanted: np.ndarray, weight: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Return the parameters (P,) that minimise the weighted cross-entropy, which is convex."""
    parameters, (loss, slope, curvature) = start, _cross_entropy(features, wanted, weight, start)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(curvature + 1e-12 * np.eye(len(start)), slope)
        if slope @ step < TOLERANCE:
            break
        size = 1.0
        while size > 1e-6:
            trial = parameters - size * step
            new = _cross_entropy(features, wanted, weight, trial)
            if new[0] <= loss - 1e-4 * size * (slope @ step):
                parameters, (loss, slope, curvature) = trial, new
                break
            size /= 2
        else:
            break
    return parameters


def _cross_entropy(
    features: np.ndarray, wanted: np.ndarray, weight: np.ndarray, parameters: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the loss, its gradient and its Hessian."""
    probability = _softmax(features @ parameters)
    loss = -float(weight @ (wanted * log_of(probability)).sum(axis=1))
    flat = features.reshape(-1, features.shape[2])
    slope = ((probability - wanted) * weight[:, None]).ravel() @ flat
    second = flat.T @ (flat * (probability * weight[:, None]).reshape(-1, 1))
    mean = (probability[:, :, None] * features).sum(axis=1)
    return loss, slope, second - mean.T @ (mean * weight[:, None])


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
