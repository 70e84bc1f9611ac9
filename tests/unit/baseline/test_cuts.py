import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from sim2sky.baseline.cuts import ASYMMETRY_CUT, best_place, fit_cut, fixed_cut, merger_score


def test_gini_m20_score_is_the_distance_from_the_line_of_lotz():
    # on the line, one unit of Gini above it, and the foot of a perpendicular of length 2
    slope = np.array([1, 0.14]) / np.hypot(1, 0.14)
    shapes = pd.DataFrame(
        {"gini": [0.33 + 0.14, 1.33 + 0.14, 0.33 + 2 * slope[0]], "m20": [-1, -1, 2 * slope[1]]}
    )
    expected = [0, 1 / np.hypot(1, 0.14), 2]
    assert merger_score("gini_m20", shapes) == pytest.approx(expected)
    assert fixed_cut("gini_m20") == 0


def test_published_cut_is_where_the_probability_is_one_half():
    random = np.random.default_rng(0)
    label = np.arange(200) % 2
    score = random.normal(0.2 + 0.4 * label, 0.1)
    cut = fit_cut(score, label, 2, fixed_cut("asymmetry"))
    assert ASYMMETRY_CUT == 0.35
    probability = cut.probabilities(np.array([0.35, 0.34, 0.36, -1, 1]))[:, 1]
    assert probability[0] == 0.5
    assert probability[1] < 0.5 < probability[2]
    assert np.all(np.argsort(probability) == [3, 1, 0, 2, 4])


def test_slope_is_calibrated_on_the_training_rows():
    # mergers are logistic in the score: the fit finds that slope again
    random = np.random.default_rng(1)
    score = random.uniform(-3, 3, 20000)
    label = (random.uniform(size=20000) < 1 / (1 + np.exp(-2 * score))).astype(int)
    assert fit_cut(score, label, 2, 0.0).slope == pytest.approx(2, rel=0.05)


def test_fitted_cut_has_the_highest_balanced_accuracy():
    random = np.random.default_rng(2)
    label = (random.uniform(size=80) < 0.3).astype(int)
    score = random.normal(label, 1.0)
    place = best_place(score, label == 1)
    reached = balanced_accuracy_score(label, score > place)
    every = [balanced_accuracy_score(label, score > s) for s in [-10, *score]]
    assert reached == pytest.approx(max(every))
    assert fit_cut(score, label, 2, None).place == place


def test_probability_rises_with_a_score_that_misleads():
    label = np.arange(100) % 2
    cut = fit_cut(-label.astype(float), label, 2, None)
    rising = cut.probabilities(np.linspace(-2, 2, 9))[:, 1]
    assert (np.diff(rising) > 0).all()


def test_unknown_score_counts_as_the_typical_one():
    label = np.arange(101) % 2
    cut = fit_cut(np.arange(101.0), label, 2, None)
    np.testing.assert_array_equal(cut.probabilities([np.nan]), cut.probabilities([50.0]))
    gaps = np.where(np.arange(101) % 3 == 0, np.nan, np.arange(101.0))
    assert np.isfinite(fit_cut(gaps, label, 2, None).probabilities(gaps)).all()


def test_other_classes_share_by_their_frequency():
    label = np.repeat([0, 1, 2], [30, 10, 20])
    cut = fit_cut(label.astype(float), label, 3, 1.5)
    probability = cut.probabilities(np.array([0.0, 1.5, 3.0]))
    assert probability.sum(axis=1) == pytest.approx(1)
    assert probability[:, 0] == pytest.approx(3 * probability[:, 1])
    assert probability[1].tolist() == pytest.approx([0.375, 0.125, 0.5])


def test_training_rows_of_one_class_keep_the_published_cut():
    cut = fit_cut(np.array([0.1, 0.2]), np.array([0, 0]), 2, 0.35)
    assert cut.probabilities(np.array([0.35]))[0].tolist() == [0.5, 0.5]
