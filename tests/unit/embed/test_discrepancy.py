import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import kstest

from sim2sky.embed.discrepancy import (
    gaussian_kernel,
    mmd_squared,
    permutation_p_value,
    permuted_domains,
)


def kernel_of(points):
    return gaussian_kernel(squareform(pdist(points)))


def sides(domain):
    return (domain == 0)[:, None].astype(float), (domain == 1)[:, None].astype(float)


def test_kernel_is_as_wide_as_the_median_distance():
    points = np.array([[0.0], [1], [1], [3]])  # distances 1, 1, 3, 0, 2, 2
    assert kernel_of(points)[0] == pytest.approx(np.exp(-np.array([0, 1, 1, 9]) / 8))
    assert kernel_of(1e4 * points) == pytest.approx(kernel_of(points))


def test_pairs_of_one_row_each_give_gretton_eq_4():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(7, 2)), random.normal(size=(7, 2)) + 1
    kernel = kernel_of(np.concatenate([x, y]))
    total = 0.0
    for i in range(7):
        for j in range(7):
            if i != j:
                total += kernel[i, j] + kernel[7 + i, 7 + j]
                total -= kernel[i, 7 + j] + kernel[j, 7 + i]
    found = mmd_squared(kernel, np.tile(np.arange(7), 2), *sides(np.repeat([0, 1], 7)))
    assert found == pytest.approx([total / (7 * 6)])


def test_strangers_give_the_unbiased_estimate():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(5, 2)), random.normal(size=(8, 2))
    kernel = kernel_of(np.concatenate([x, y]))
    kxx, kyy, kxy = kernel[:5, :5], kernel[5:, 5:], kernel[:5, 5:]
    expected = (kxx.sum() - np.trace(kxx)) / 20 + (kyy.sum() - np.trace(kyy)) / 56 - 2 * kxy.mean()
    found = mmd_squared(kernel, np.arange(13), *sides(np.repeat([0, 1], [5, 8])))
    assert found == pytest.approx([expected])


def test_views_of_one_system_do_not_bias_the_estimate():
    random = np.random.default_rng(2)
    domain = np.repeat([0, 1], 60)
    system = np.arange(120) // 6
    values = []
    for _ in range(300):
        points = random.normal(size=(20, 2))[system] + 0.1 * random.normal(size=(120, 2))
        values.append(mmd_squared(kernel_of(points), system, *sides(domain))[0])
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 3 * error


def test_weights_are_repeats():
    random = np.random.default_rng(3)
    points, domain = random.normal(size=(12, 2)), np.tile([0, 1], 6)
    system = np.arange(12) // 2
    weights = random.integers(0, 3, size=6)[system]
    rows = np.repeat(np.arange(12), weights)
    kernel = kernel_of(points)
    first, second = (side * weights[:, None] for side in sides(domain))
    repeated = mmd_squared(kernel[np.ix_(rows, rows)], system[rows], *sides(domain[rows]))
    assert mmd_squared(kernel, system, first, second) == pytest.approx(repeated)
    nothing = np.zeros_like(first)
    assert np.isnan(mmd_squared(kernel, system, nothing, second)).all()


def test_permutations_move_whole_systems():
    # 0-4 are in both domains, 5-8 in the source only, 9 and 10 in the target only
    system = np.repeat([*range(5), *range(5), *range(5, 11)], 3)
    domain = np.repeat([0] * 5 + [1] * 5 + [0] * 4 + [1] * 2, 3)
    drawn = permuted_domains(domain, system, 200, seed=0)
    assert drawn.shape == (48, 200)
    for number in range(11):
        rows = system == number
        changed = drawn[rows] != domain[rows][:, None]
        assert (changed == changed[0]).all()
        assert 0 < changed[0].mean() < 1
    singles = drawn[system >= 5].reshape(6, 3, 200)[:, 0]
    assert (singles.sum(axis=0) == 2).all()  # as many as there were
    assert np.array_equal(drawn, permuted_domains(domain, system, 200, seed=0))


@pytest.mark.parametrize("paired", [True, False])
def test_p_value_is_uniform_where_domains_make_no_difference(paired):
    random = np.random.default_rng(4)
    n_systems = 16
    system = np.repeat(np.tile(np.arange(8), 2) if paired else np.arange(n_systems), 3)
    domain = np.repeat([0, 1], 24)
    values = []
    for trial in range(200):
        # what the views of a system share is most of what there is
        shared = random.normal(size=(n_systems, 2))[system]
        points = shared + 0.5 * random.normal(size=(48, 2))
        values.append(permutation_p_value(kernel_of(points), domain, system, 99, seed=trial))
    assert kstest(values, "uniform").pvalue > 0.01
    assert np.mean(np.array(values) <= 0.05) < 0.11


def test_p_value_is_small_under_a_shift():
    random = np.random.default_rng(5)
    system, domain = np.tile(np.arange(20), 2), np.repeat([0, 1], 20)
    points = random.normal(size=(40, 2)) + 3 * domain[:, None]
    assert permutation_p_value(kernel_of(points), domain, system, 499, seed=0) == 1 / 500
    # one system each: nothing to permute that could be rarer than this
    few = permutation_p_value(kernel_of(points[[0, 20]]), domain[[0, 20]], system[[0, 20]], 99, 0)
    assert np.isnan(few)
