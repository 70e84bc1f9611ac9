import numpy as np
import pytest

from sim2sky.fraction.estimators import bbse, expectation_maximisation


def test_bbse_solves_the_confusion_matrix():
    confusion = np.array([[0.9, 0.1], [0.2, 0.8]])
    shares = np.array([0.97, 0.03])
    assert bbse(confusion, shares @ confusion) == pytest.approx(shares, abs=1e-4)


def test_bbse_of_three_classes():
    confusion = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.0, 0.3, 0.7]])
    shares = np.array([0.2, 0.5, 0.3])
    assert bbse(confusion, shares @ confusion) == pytest.approx(shares, abs=1e-4)


def test_fewer_positives_than_false_ones_are_none():
    confusion = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert bbse(confusion, np.array([0.95, 0.05])) == pytest.approx([1, 0], abs=1e-6)


def test_em_finds_the_share_of_two_gaussians():
    random = np.random.default_rng(0)
    n = 40_000
    label = random.uniform(size=n) < 0.03
    x = random.normal(size=n) + 2.5 * label
    ratio = np.exp(2.5 * x - 2.5**2 / 2)  # likelihoods of the two
    calibrated = np.column_stack([1 / (1 + ratio), ratio / (1 + ratio)])  # at even shares
    found = expectation_maximisation(calibrated, np.full(2, 0.5), np.ones(n))
    assert found[1] == pytest.approx(label.mean(), abs=0.003)


def test_em_weights_count_like_repeated_rows():
    random = np.random.default_rng(1)
    probability = random.dirichlet([1, 1], size=30)
    weight = random.integers(1, 4, size=30)
    repeated = np.repeat(probability, weight, axis=0)
    one = expectation_maximisation(probability, np.array([0.6, 0.4]), weight.astype(float))
    other = expectation_maximisation(repeated, np.array([0.6, 0.4]), np.ones(len(repeated)))
    assert one == pytest.approx(other, abs=1e-6)


def test_em_is_the_greatest_likelihood():
    random = np.random.default_rng(2)
    likelihood = random.gamma(1.0, size=(200, 2))
    found = expectation_maximisation(likelihood, np.ones(2), np.ones(200))[1]
    shares = np.linspace(0, 1, 2001)
    total = [np.log(likelihood @ [1 - share, share]).sum() for share in shares]
    assert found == pytest.approx(shares[np.argmax(total)], abs=1e-3)
