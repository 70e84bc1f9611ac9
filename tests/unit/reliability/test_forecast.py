import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from sim2sky.reliability.forecast import (
    brier_parts,
    forecast_scores,
    perfect_scores,
    reliability_curve,
)


def forecasts(n, n_classes=2, seed=0, sharpened=1.0):
    """Probabilities, labels drawn from them before they are made too sure."""
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(n, n_classes))
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = (probability.cumsum(axis=1) < random.uniform(size=(n, 1))).sum(axis=1)
    told = np.exp(sharpened * logits)
    return label, told / told.sum(axis=1, keepdims=True)


ONES = np.ones((600, 1))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_parts_of_the_brier_score_add_up(n_classes):
    label, probability = forecasts(600, n_classes, sharpened=2.5)
    weights = np.random.default_rng(1).integers(0, 4, (600, 5)).astype(float)
    found = forecast_scores(label, probability, weights, 7)
    total = (
        found["brier_reliability"]
        - found["brier_resolution"]
        + found["brier_uncertainty"]
        + found["brier_within_bins"]
    )
    assert total == pytest.approx(found["brier"], abs=1e-12)


def test_the_parts_are_murphys_where_each_bin_has_one_forecast():
    forecast = np.repeat([0.1, 0.4, 0.8], 20)
    happened = np.tile([1] * 3 + [0] * 17, 3)
    happened[40:] = [1] * 15 + [0] * 5
    probability = np.column_stack([1 - forecast, forecast])
    found = brier_parts(happened, probability, np.ones((60, 1)), 3)
    frequency, base = np.array([3, 3, 15]) / 20, 21 / 60
    expected = {
        "brier_reliability": np.mean((np.array([0.1, 0.4, 0.8]) - frequency) ** 2),
        "brier_resolution": np.mean((frequency - base) ** 2),
        "brier_uncertainty": base * (1 - base),
        "brier_within_bins": 0,
    }
    assert {name: value[0] for name, value in found.items()} == pytest.approx(expected, abs=1e-12)


def test_the_brier_score_is_sklearns():
    label, probability = forecasts(600)
    peer = brier_score_loss(label, probability[:, 1])
    assert forecast_scores(label, probability, ONES, 10)["brier"][0] == pytest.approx(peer)


def test_the_curve_is_sklearns():
    label, probability = forecasts(600)
    curve = reliability_curve(label, probability, ONES, 10)
    frequency, confidence = calibration_curve(
        label, probability[:, 1], n_bins=10, strategy="quantile"
    )
    assert curve["frequency"][:, 0] == pytest.approx(frequency)
    assert curve["confidence"][:, 0] == pytest.approx(confidence)
    assert curve["count"].tolist() == [60] * 10


def test_the_curve_of_three_classes_is_that_of_the_highest_probability():
    label, probability = forecasts(600, 3)
    curve = reliability_curve(label, probability, ONES, 5)
    right, best = probability.argmax(axis=1) == label, probability.max(axis=1)
    frequency, confidence = calibration_curve(right, best, n_bins=5, strategy="quantile")
    assert curve["frequency"][:, 0] == pytest.approx(frequency)
    assert curve["confidence"][:, 0] == pytest.approx(confidence)


def test_empty_bins_are_left_out():
    label, probability = np.array([0, 1, 1]), np.full((3, 2), 0.5)
    curve = reliability_curve(label, probability, np.ones((3, 1)), 10)
    assert curve["count"].tolist() == [3]
    assert curve["frequency"][0, 0] == pytest.approx(2 / 3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_calibrated_forecaster_is_within_what_chance_gives_and_a_sure_one_is_not(n_classes):
    """The ECE of calibrated forecasts has the expectation that is given beside it."""
    errors, reliabilities, expected, sure = [], [], [], []
    for seed in range(200):
        label, probability = forecasts(150, n_classes, seed)
        found = forecast_scores(label, probability, np.ones((150, 1)), 10)
        draws = perfect_scores(probability, np.arange(150), 10, 40, seed)
        errors.append(found["ece"][0])
        reliabilities.append(found["brier_reliability"][0])
        expected.append([draws["ece"].mean(), draws["brier_reliability"].mean()])
        label, probability = forecasts(150, n_classes, seed, sharpened=3)
        draws = perfect_scores(probability, np.arange(150), 10, 40, seed)["ece"]
        found = forecast_scores(label, probability, np.ones((150, 1)), 10)
        sure.append(found["ece"][0] > draws.max())
    ece, reliability = np.mean(expected, axis=0)
    spread = np.std(errors, ddof=1) / np.sqrt(len(errors))
    assert ece > 0.02  # it is not zero, for few rows
    assert np.mean(errors) == pytest.approx(ece, abs=3 * spread)
    spread = np.std(reliabilities, ddof=1) / np.sqrt(len(reliabilities))
    assert np.mean(reliabilities) == pytest.approx(reliability, abs=3 * spread)
    assert np.mean(sure) > 0.9


def test_rows_of_one_system_share_their_fate():
    probability = np.full((400, 2), 0.5)
    alone = perfect_scores(probability, np.arange(400), 10, 300, 0)["ece"]
    together = perfect_scores(probability, np.arange(400) // 40, 10, 300, 0)["ece"]
    # mean absolute deviation of a share of n fair coins: sqrt(1 / (2 pi n))
    assert alone.mean() == pytest.approx(np.sqrt(1 / (2 * np.pi * 400)), rel=0.15)
    assert together.mean() == pytest.approx(np.sqrt(1 / (2 * np.pi * 10)), rel=0.15)
