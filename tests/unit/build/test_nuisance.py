import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sim2sky.build.nuisance import leaks, nuisance_scores


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
    from sim2sky.build.nuisance import _auc

    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 300)
    scores = rng.dirichlet([1, 1, 1], 300)
    expected = roc_auc_score(label, scores, multi_class="ovr", average="macro")
    assert _auc(scores, label, np.ones(300)) == pytest.approx(expected)


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
