import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from sim2sky.evaluate.metrics import (
    auc,
    calibration_error,
    confusion,
    entropy,
    log_odds,
    purity,
    scores,
)

CLASSES = {2: ["non-merger", "merger"], 3: ["spiral", "elliptical", "merger"]}


def example(n_classes, n=200, n_columns=4):
    """Labels, imperfect probabilities with ties, and integer weights with zeros."""
    random = np.random.default_rng(n_classes)
    label = random.integers(n_classes, size=n)
    raw = random.dirichlet(np.ones(n_classes), size=n) + 0.5 * np.eye(n_classes)[label]
    probabilities = np.round(raw / raw.sum(axis=1, keepdims=True), 2)
    probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)
    return label, probabilities, random.poisson(1.0, size=(n, n_columns)).astype(float)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_agrees_with_sklearn_for_each_column_of_weights(n_classes):
    label, probabilities, weights = example(n_classes)
    names = CLASSES[n_classes]
    ours = scores(label, probabilities, weights, names, calibration_bins=10, positive_fraction=0.1)
    predicted = probabilities.argmax(axis=1)
    binary = n_classes == 2
    for b, weight in enumerate(weights.T):
        given = {"sample_weight": weight}
        expected = {
            "accuracy": reference.accuracy_score(label, predicted, **given),
            "balanced_accuracy": reference.balanced_accuracy_score(label, predicted, **given),
            "f1": reference.f1_score(
                label, predicted, average="binary" if binary else "macro", **given
            ),
            "brier": reference.brier_score_loss(
                label, probabilities[:, 1] if binary else probabilities, **given
            ),
        }
        recall = reference.recall_score(label, predicted, average=None, **given)
        precision = reference.precision_score(label, predicted, average=None, **given)
        for k, name in enumerate(names):
            expected |= {f"recall_{name}": recall[k], f"precision_{name}": precision[k]}
        areas = [
            reference.roc_auc_score(label == k, probabilities[:, k], **given)
            for k in ([1] if binary else range(n_classes))
        ]
        expected["auc"] = np.mean(areas)
        if not binary:
            expected |= {f"auc_{name}": areas[k] for k, name in enumerate(names)}
        for name, value in expected.items():
            assert ours[name][b] == pytest.approx(value, abs=1e-12), name


def test_a_class_that_a_resample_lost_has_no_f1():
    label, probabilities, weights = example(2)
    weights[label == 1, 0] = 0
    ours = scores(
        label, probabilities, weights, CLASSES[2], calibration_bins=10, positive_fraction=0.1
    )
    for name in ("f1", "recall_merger", "auc", "balanced_accuracy"):
        assert np.isnan(ours[name][0]), name
        assert np.isfinite(ours[name][1:]).all(), name


def test_integer_weights_equal_repeated_rows():
    label, probabilities, weights = example(3)
    often = weights[:, 0].astype(int)
    twice = scores(
        np.repeat(label, often),
        np.repeat(probabilities, often, axis=0),
        np.ones((often.sum(), 1)),
        CLASSES[3],
        calibration_bins=10,
        positive_fraction=0.1,
    )
    once = scores(
        label, probabilities, weights, CLASSES[3], calibration_bins=10, positive_fraction=0.1
    )
    # the bins of the calibration error are those of the unweighted rows
    for name in set(once) - {"ece"}:
        assert once[name][0] == pytest.approx(twice[name][0]), name


def test_confusion_counts_true_by_row():
    table = confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([[1.0], [2], [5]]), 2)
    assert table.tolist() == [[[1, 0], [2, 5]]]


def test_auc_by_hand():
    score, positive = np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True])
    # pairs: 0.4>0.1, 0.4=0.4, 0.9>0.1, 0.9>0.4
    assert auc(score, positive, np.ones((4, 1))) == pytest.approx([3.5 / 4])


def test_equal_scores_give_half_whatever_the_order():
    positive = np.array([True, False, False, True, False])
    assert auc(np.full(5, 0.3), positive, np.ones((5, 1))) == pytest.approx([0.5])


def test_calibration_error_of_one_bin_is_the_excess_probability():
    # says 0.9, is right in half of the cases; mean |p - y| would be 0.5
    probabilities = np.tile([0.1, 0.9], (10, 1))
    label = np.tile([0, 1], 5)
    error = calibration_error(label, probabilities, np.ones((10, 1)), 5)
    assert error == pytest.approx([0.4])


def test_calibration_error_agrees_with_sklearn_quantile_bins():
    random = np.random.default_rng(0)
    positive = np.sort(random.uniform(size=500))
    label = (random.uniform(size=500) < positive**2).astype(int)
    frequency, mean = calibration_curve(label, positive, n_bins=10, strategy="quantile")
    ours = calibration_error(label, np.stack([1 - positive, positive], 1), np.ones((500, 1)), 10)
    assert ours == pytest.approx([np.mean(np.abs(frequency - mean))])


def test_calibration_of_many_classes_concerns_the_highest_probability():
    probabilities = np.tile([0.5, 0.3, 0.2], (4, 1))
    error = calibration_error(np.array([0, 0, 0, 2]), probabilities, np.ones((4, 1)), 3)
    assert error == pytest.approx([0.25])


def test_purity_follows_bayes():
    # finds 90 % of the mergers and 5 % of the rest: 0.018 true to 0.049 false at 2 %
    table = np.array([[[95.0, 5], [10, 90]]])
    assert purity(table, 0.02) == pytest.approx([0.018 / (0.018 + 0.049)])
    # at the mix of the table itself it is the precision
    assert purity(table, 0.5) == pytest.approx([90 / 95])


def test_entropy_runs_from_certain_to_even():
    assert entropy(np.array([[1.0, 0, 0], [1 / 3] * 3])) == pytest.approx([0, 1])


def test_one_class_has_accuracy_but_no_auc_and_no_balanced_accuracy():
    probabilities = np.array([[0.2, 0.8], [0.6, 0.4]])
    result = scores(
        np.array([1, 1]),
        probabilities,
        np.ones((2, 1)),
        CLASSES[2],
        calibration_bins=2,
        positive_fraction=0.1,
    )
    assert result["accuracy"] == pytest.approx([0.5])
    assert result["recall_merger"] == pytest.approx([0.5])
    for name in ("auc", "balanced_accuracy", "recall_non-merger", "purity_at_prior"):
        assert np.isnan(result[name]).all(), name


def test_absent_class_leaves_the_means():
    label = np.array([0, 0, 2, 2])
    probabilities = np.eye(3)[[0, 1, 2, 2]]
    result = scores(
        label,
        probabilities,
        np.ones((4, 1)),
        CLASSES[3],
        calibration_bins=2,
        positive_fraction=0.1,
    )
    assert result["balanced_accuracy"] == pytest.approx([0.75])
    assert result["auc"] == pytest.approx([(0.75 + 1) / 2])


def test_resample_without_a_class_is_undefined_not_half_right():
    label, probabilities, weights = example(2)
    weights[label == 1, 0] = 0
    result = scores(
        label, probabilities, weights, CLASSES[2], calibration_bins=5, positive_fraction=0.1
    )
    assert np.isnan(result["balanced_accuracy"][0])
    assert np.isfinite(result["balanced_accuracy"][1:]).all()


def test_no_rows_give_no_scores():
    result = scores(
        np.empty(0, dtype="i1"),
        np.empty((0, 2)),
        np.empty((0, 3)),
        CLASSES[2],
        calibration_bins=5,
        positive_fraction=0.1,
    )
    assert all(np.isnan(values).all() and values.shape == (3,) for values in result.values())


def test_log_odds_tell_certain_rows_apart():
    rest = np.array([1, 0.5, 1e-9, 1e-30, 1e-300, 0])
    probability = np.stack([rest / 2, rest / 2, 1 - rest], axis=1)
    assert (probability[3:, -1] == 1).all()
    expected = [-700, 0, np.log(1e9), np.log(1e30), np.log(1e300), 700]
    np.testing.assert_allclose(log_odds(probability), expected, rtol=1e-6, atol=1e-12)


def test_certain_images_are_ranked():
    """As by scikit-learn from logits so far apart that 1 - p rounds to zero."""
    label = np.arange(200) % 2
    logit = 60 + 10 * label + np.random.default_rng(4).normal(0, 8, 200)
    rest = np.exp(-logit)
    probabilities = np.stack([rest, 1 - rest], axis=1)
    assert (probabilities[:, 1] == 1).mean() > 0.9
    area = scores(
        label, probabilities, np.ones((200, 1)), ["no", "yes"],
        calibration_bins=10, positive_fraction=0.1,
    )["auc"]  # fmt: skip
    assert area == pytest.approx(reference.roc_auc_score(label, logit))
