import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sim2sky.build.nuisance import leaks, nuisance_scores, weighted_auc


@pytest.fixture
def rows():
    """120 systems of six rows with a per-system constant, as a galaxy's framing would be."""
    rng = np.random.default_rng(0)
    system = np.repeat(np.arange(120), 6)
    label = np.repeat(rng.integers(0, 2, 120), 6)
    features = pd.DataFrame(
        {
            "n_particles": np.repeat(rng.normal(size=120), 6),
            "fov_in_sizes": rng.normal(size=720),
            "view": np.tile(np.arange(6), 120),
        }
    )
    return features, label, system


def test_features_without_the_label_score_chance(rows):
    """A split by row would score 1.0 here: the constant names the system."""
    scores = nuisance_scores(*rows)
    assert leaks(scores, 0.0) == []
    for name in ("logistic_regression", "random_forest"):
        score = scores[name]
        assert score["low"] < 0.5 < score["high"]
        assert score["low"] < score["auc"] < score["high"]


@pytest.mark.parametrize(
    ("scale", "which"), [(1.0, "logistic_regression"), (2.0, "random_forest")]
)
def test_a_feature_that_knows_the_label_is_caught(scale, which, rows):
    features, label, system = rows
    offset = np.where(label == 1, scale, 0.0)
    if which == "random_forest":  # a spread, not a shift: no line separates it
        offset = np.random.default_rng(1).choice([-1, 1], len(label)) * offset
    features = features.assign(n_particles=features["fov_in_sizes"] * 0.5 + offset)
    scores = nuisance_scores(features, label, system)
    assert any(phrase.startswith(which) for phrase in leaks(scores, 0.05))


def test_the_auc_is_scikit_learns():
    rng = np.random.default_rng(0)
    positive = rng.random(300) < 0.3
    score = rng.integers(0, 20, 300) / 20 + 0.1 * positive  # with ties
    weights = np.array([np.ones(300), rng.integers(0, 4, 300)])
    for weight, value in zip(weights, weighted_auc(score, positive, weights), strict=True):
        assert value == pytest.approx(roc_auc_score(positive, score, sample_weight=weight))
    assert np.isnan(weighted_auc(score, positive, weights * positive)).all()


def test_three_classes_are_scored_one_against_the_rest(rows):
    features, _, system = rows
    label = system % 3
    scores = nuisance_scores(features.assign(view=label), label, system)
    assert scores["random_forest"]["auc"] == 1.0


def test_what_cannot_be_scored_is_skipped(rows):
    features, label, system = rows
    assert "no nuisance features" in nuisance_scores(features[[]], label, system)["skipped"]
    few = system < 4
    assert (
        "fewer than 5 systems"
        in nuisance_scores(features[few], label[few], system[few])["skipped"]
    )
    unknown = nuisance_scores(features, np.full(len(label), -1), system)
    assert "skipped" in unknown
    assert leaks(unknown, 0.0) == []


def test_rows_with_nan_are_left_out(rows):
    features, label, system = rows
    holes = features.assign(fov_in_sizes=features["fov_in_sizes"].where(system > 10))
    kept = system > 10
    assert nuisance_scores(holes, label, system) == nuisance_scores(
        features[kept], label[kept], system[kept]
    )
