import numpy as np
import pytest

from sim2sky.evaluate.open_set import open_set_scores


def confident(n_classes, chosen):
    """Predictions that are almost certain of one class; of none where it is -1."""
    chosen = np.asarray(chosen)
    sure = np.where(np.arange(n_classes) == chosen[:, None], 0.98, 0.02 / (n_classes - 1))
    return np.where(chosen[:, None] < 0, 1 / n_classes, sure)


def test_scores_by_hand():
    # known: class 0 right, right, rejected; class 1 right; unknown: rejected, taken for 1
    label = np.array([0, 0, 0, 1, 2, 2])
    scores = open_set_scores(label, confident(2, [0, 0, -1, 1, -1, 1]), np.ones((6, 1)))
    known, unknown = (2 / 3 + 1) / 2, 1 / 2
    assert scores["open_set_known_accuracy"] == pytest.approx(known)
    assert scores["open_set_unknown_recall"] == pytest.approx(unknown)
    assert scores["h_score"] == pytest.approx(2 * known * unknown / (known + unknown))
    # of 8 pairs (unknown, known): the rejected one beats 3 and ties 1, the other ties 3
    assert scores["unknown_auc"] == pytest.approx((3 + 0.5 + 1.5) / 8)


def test_two_unknown_classes_are_one():
    label, probabilities = np.array([0, 1, 2, 3]), confident(2, [0, 1, -1, -1])
    for name, value in open_set_scores(label, probabilities, np.ones((4, 1))).items():
        assert value == pytest.approx(1), name


def test_weights_count_rows():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 4, 40)
    probabilities = rng.dirichlet([0.5, 0.5, 0.5], 40)
    counts = rng.integers(0, 3, (40, 2)).astype(float)
    weighted = open_set_scores(label, probabilities, counts)
    for column in range(2):
        rows = np.repeat(np.arange(40), counts[:, column].astype(int))
        plain = open_set_scores(label[rows], probabilities[rows], np.ones((len(rows), 1)))
        for name, value in plain.items():
            assert weighted[name][column] == pytest.approx(value[0]), name


def test_rejection_starts_at_half_of_the_maximal_entropy():
    from scipy.optimize import brentq

    def half(p):
        return -(p * np.log(p) + (1 - p) * np.log(1 - p)) - np.log(2) / 2

    edge = brentq(half, 0.6, 0.999)
    for shift, recall in ((1e-6, 0), (-1e-6, 1)):
        p = edge + shift
        scores = open_set_scores(np.array([0, 2]), np.array([[p, 1 - p]] * 2), np.ones((2, 1)))
        assert scores["open_set_unknown_recall"] == recall
        assert scores["open_set_known_accuracy"] == 1 - recall
        assert scores["h_score"] == 0


def test_a_side_without_rows_is_undefined():
    label, probabilities = np.array([2, 2]), confident(2, [-1, 0])
    scores = open_set_scores(label, probabilities, np.ones((2, 1)))
    assert scores["open_set_unknown_recall"] == 0.5
    assert all(np.isnan(scores[name][0]) for name in ("h_score", "unknown_auc"))
