"""Scores of probabilities as forecasts: calibration error, and the Brier score in parts."""

import numpy as np

from sim2sky.evaluate.metrics import (
    brier,
    calibration_error,
    equal_mass_bins,
    judged_probability,
)
from sim2sky.seeding import generator


def forecast_scores(
    label: np.ndarray, probability: np.ndarray, weights: np.ndarray, n_bins: int
) -> dict[str, np.ndarray]:
    """Return the scores of a forecaster for every column of weights.

    Parameters
    ----------
    label : numpy.ndarray
        (N,) integers in 0..K-1.
    probability : numpy.ndarray
        (N,K), rows add up to 1.
    weights : numpy.ndarray
        (N,B), not negative.
    n_bins : int
        Number of bins of equally many rows.

    Returns
    -------
    dict of numpy.ndarray
        Each (B,): ``ece``, see `sim2sky.evaluate.metrics.calibration_error`, ``brier``,
        and its parts, see `brier_parts`.
    """
    return {
        "ece": calibration_error(label, probability, weights, n_bins),
        "brier": brier(label, probability, weights),
        **brier_parts(label, probability, weights, n_bins),
    }


def brier_parts(
    label: np.ndarray, probability: np.ndarray, weights: np.ndarray, n_bins: int
) -> dict[str, np.ndarray]:
    """Return what the Brier score is made of.

    ``brier = reliability - resolution + uncertainty + within_bins`` (Murphy 1973, J. Appl.
    Meteorol. 12, 595; the last term, which is zero where all forecasts of a bin are
    equal, is that of Stephenson et al. 2008, Weather and Forecasting 23, 752:
    variance within bins less twice the covariance).

    Parameters
    ----------
    label, probability, weights, n_bins
        As in `forecast_scores`. The parts are those of the positive class for two
        classes, for more they are summed over classes, as the score itself is. Bins
        are those of each class's probability in the unweighted rows.

    Returns
    -------
    dict of numpy.ndarray
        Each (B,): ``brier_reliability``, how far the bins' mean probabilities lie from
        the frequencies; ``brier_resolution``, how far these lie from the overall one;
        ``brier_uncertainty``, the variance of the outcomes; ``brier_within_bins``.
    """
    n_classes = probability.shape[1]
    total = np.zeros((4, weights.shape[1]))
    for number in [1] if n_classes == 2 else range(n_classes):
        forecast, outcome = probability[:, number], (label == number).astype(np.float64)
        member = _members(forecast, n_bins)
        mass, sum_forecast, sum_outcome, squares, products = (
            member @ (values[:, None] * weights)
            for values in (
                np.ones_like(forecast),
                *(forecast, outcome, forecast**2, forecast * outcome),
            )
        )
        all_mass = mass.sum(axis=0)
        mean_forecast, frequency = _divide(sum_forecast, mass), _divide(sum_outcome, mass)
        base = _divide(sum_outcome.sum(axis=0), all_mass)
        # sums of squares about the bin's mean, by Steiner's theorem
        variance = squares - mass * mean_forecast**2
        covariance = products - mass * mean_forecast * frequency
        total += [
            _divide((mass * (mean_forecast - frequency) ** 2).sum(axis=0), all_mass),
            _divide((mass * (frequency - base) ** 2).sum(axis=0), all_mass),
            np.where(all_mass > 0, base * (1 - base), np.nan),
            _divide((variance - 2 * covariance).sum(axis=0), all_mass),
        ]
    names = ("reliability", "resolution", "uncertainty", "within_bins")
    return {f"brier_{name}": values for name, values in zip(names, total, strict=True)}


def perfect_scores(
    probability: np.ndarray, system_id: np.ndarray, n_bins: int, n_draws: int, seed: int
) -> dict[str, np.ndarray]:
    """Return what a perfectly calibrated forecaster with the same probabilities would show.

    Labels are drawn from the probabilities themselves ("consistency resampling"; Bröcker &
    Smith 2007, Weather and Forecasting 22, 651). What error there is comes from the
    small number of rows alone. The rows of a system share one uniform number, from which
    each gets its class by its own probabilities: independent draws would make their
    outcomes more diverse than views of one galaxy are, and the error too small.

    Parameters
    ----------
    probability : numpy.ndarray
        (N,K).
    system_id : numpy.ndarray
        (N,).
    n_bins : int
        As in `forecast_scores`.
    n_draws : int
        S.
    seed : int
        The user's seed; models with the same systems get the same uniform numbers.

    Returns
    -------
    dict of numpy.ndarray
        Each (S,): ``ece`` and ``brier_reliability``.
    """
    systems, place = np.unique(system_id, return_inverse=True)
    random = generator("reliability", "perfect", seed=seed)
    uniform = random.random((len(systems), n_draws))[place]
    edges = probability.cumsum(axis=1)[:, :-1]
    label = sum((uniform > edge[:, None]).astype(np.int64) for edge in edges.T)
    judged, happened = judged_probability(label, probability)
    member = _members(judged, n_bins)
    excess = np.abs(member @ (judged[:, None] - happened))
    n_classes = probability.shape[1]
    reliability = np.zeros(n_draws)
    for number in [1] if n_classes == 2 else range(n_classes):
        member = _members(probability[:, number], n_bins)
        mass = member.sum(axis=1)
        difference = member @ (probability[:, [number]] - (label == number))
        reliability += _divide(difference**2, mass[:, None]).sum(axis=0)
    return {
        "ece": excess.sum(axis=0) / len(probability),
        "brier_reliability": reliability / len(probability),
    }


def reliability_curve(
    label: np.ndarray, probability: np.ndarray, weights: np.ndarray, n_bins: int
) -> dict[str, np.ndarray]:
    """Return the points of a reliability diagram.

    Parameters
    ----------
    label, probability, weights, n_bins
        As in `forecast_scores`.

    Returns
    -------
    dict of numpy.ndarray
        ``count`` (M,), unweighted rows of each bin that has any, ``bin`` (N,), the bin of
        each row, ``confidence`` and ``frequency`` (M,B): mean judged probability and how
        often that class was the true one, NaN where a bin has no weight.
    """
    judged, happened = judged_probability(label, probability)
    _, place = np.unique(equal_mass_bins(judged, n_bins), return_inverse=True)
    member = (place[None, :] == np.arange(place.max(initial=-1) + 1)[:, None]).astype(np.float64)
    mass = member @ weights
    return {
        "bin": place,
        "count": member.sum(axis=1).astype(int),
        "confidence": _divide(member @ (judged[:, None] * weights), mass, np.nan),
        "frequency": _divide(member @ (happened[:, None] * weights), mass, np.nan),
    }


def _members(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Return (n_bins,N): 1 where a row lies in a bin."""
    return (equal_mass_bins(values, n_bins) == np.arange(n_bins)[:, None]).astype(np.float64)


def _divide(numerator: np.ndarray, denominator: np.ndarray, otherwise: float = 0.0) -> np.ndarray:
    """Divide; where the denominator is zero there is nothing to add."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    result = np.full(numerator.shape, otherwise)
    return np.divide(numerator, denominator, out=result, where=denominator > 0)
