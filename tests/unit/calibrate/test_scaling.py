import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from sim2sky.calibrate.scaling import SMALLEST, Scaling, fit_scaling, log_of


def scores(n, temperature, seed=0, n_classes=2, bias=0.0):
    """Probabilities that are too sure by a factor, and labels drawn from the right ones."""
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(n, n_classes))
    right = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = (right.cumsum(axis=1) < random.uniform(size=(n, 1))).sum(axis=1)
    wrong = np.exp(temperature * logits + bias * np.arange(n_classes))
    return wrong / wrong.sum(axis=1, keepdims=True), label, right


@pytest.mark.parametrize("n_classes", [2, 3])
def test_too_sure_a_network_is_made_as_sure_as_it_may_be(n_classes):
    probability, label, right = scores(20_000, 3.0, n_classes=n_classes, bias=0.7)
    found = fit_scaling(probability, label)
    assert found.inverse_temperature == pytest.approx(1 / 3, rel=0.05)
    assert np.abs(found.apply(probability) - right).max() < 0.03


def test_it_is_the_maximum_that_scipy_finds():
    probability, label, _ = scores(300, 2.0, n_classes=3)
    count = np.bincount(label)[label]
    wanted = np.full((300, 3), 1.0) / (count + 3)[:, None]
    wanted[np.arange(300), label] = (count + 1) / (count + 3)

    def loss(parameters):
        logits = parameters[0] * log_of(probability) + np.append(parameters[1:], 0)
        return -(wanted * (logits - np.logaddexp.reduce(logits, axis=1)[:, None])).sum()

    expected = minimize(loss, [1.0, 0.0, 0.0], tol=1e-10).x
    found = fit_scaling(probability, label)
    assert [found.inverse_temperature, *found.bias[:2]] == pytest.approx(expected, rel=1e-3)


def test_with_many_rows_it_is_a_logistic_regression():
    probability, label, _ = scores(50_000, 2.0)
    found = fit_scaling(probability, label)
    ratio = np.log(probability[:, [1]] / probability[:, [0]])
    peer = LogisticRegression(C=np.inf).fit(ratio, label)
    assert found.inverse_temperature == pytest.approx(peer.coef_[0, 0], rel=1e-2)
    assert found.bias[1] - found.bias[0] == pytest.approx(peer.intercept_[0], abs=1e-2)


def test_weights_count_like_repeated_rows():
    """But for the smoothing, which goes with the number of rows of each class."""
    probability, label, _ = scores(200, 2.0)
    weight = np.where(np.arange(200) < 50, 3.0, 1.0)
    rows = np.repeat(np.arange(200), weight.astype(int))
    weighted = fit_scaling(probability, label, weight)
    repeated = fit_scaling(probability[rows], label[rows])
    assert weighted.inverse_temperature == pytest.approx(repeated.inverse_temperature, rel=1e-6)


def test_separable_classes_stay_finite():
    probability = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7]])
    found = fit_scaling(probability, np.array([0, 0, 1, 1]))
    assert np.isfinite(found.inverse_temperature)
    assert found.apply(probability).max() < 0.99


def test_a_network_that_is_wrong_tells_nothing():
    probability, label, _ = scores(2000, 2.0)
    found = fit_scaling(probability, 1 - label)
    assert found.inverse_temperature == 0
    assert found.apply(probability)[:, 1] == pytest.approx((label == 0).mean(), abs=0.01)


def test_rows_of_nan_stay_so():
    made = Scaling(2.0, np.array([0.3, 0.0])).apply(np.array([[np.nan, np.nan], [0.5, 0.5]]))
    assert np.isnan(made[0]).all()
    assert made[1].sum() == pytest.approx(1)


def test_certainty_has_a_logarithm():
    assert log_of(np.array([0.0, 1.0])).tolist() == [np.log(SMALLEST), 0]
