import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import silhouette_score

from sim2sky.embed.separation import (
    domain_distances,
    fisher_ratio,
    proxy_a_distance,
    silhouette,
    told_domains,
)
from sim2sky.evaluate.bootstrap import Resampling, interval

CLASSES = ["non-merger", "merger"]


def once(points):
    """Weights of one for each row."""
    return np.ones((len(points), 1))


def distances(points, domain, group):
    """Values and intervals by name."""
    system_id = np.arange(len(points))
    resampling = Resampling.draw(system_id, 200, 0)
    values = resampling.apply(
        lambda weights: domain_distances(points, domain, group, CLASSES, weights), system_id
    )
    return {name: each[0] for name, each in values.items()} | {
        f"{name}_{end}": value
        for name, each in values.items()
        for end, value in zip(("low", "high"), interval(each, 0.95), strict=True)
    }


def proxy(points, domain, system, n_folds=5):
    told = told_domains(points, domain, system, n_folds)
    return proxy_a_distance(told, domain, once(points))[0]


def silhouette_of(points, group, weights=None):
    weights = once(points) if weights is None else weights
    return silhouette(squareform(pdist(points)), group, weights)


def two_domains(shift, n=400, dimensions=3):
    """Two classes at +-3 in the first dimension; the target is shifted in the second."""
    random = np.random.default_rng(1)
    domain, group = np.repeat([0, 1], n), np.tile([0, 1], n)
    points = random.normal(size=(2 * n, dimensions))
    points[:, 0] += np.where(group == 1, 3, -3)
    points[:, 1] += shift * domain
    return points, domain, group


def test_distance_is_the_shift_over_the_scatter_within_a_class():
    points, domain, group = two_domains(5.0)
    result = distances(points, domain, group)
    # three dimensions of unit variance: a root mean square distance of sqrt(3)
    for name in ("domain_distance", "domain_distance_merger", "domain_distance_non-merger"):
        assert result[name] == pytest.approx(5 / np.sqrt(3), rel=0.05)
        assert result[f"{name}_low"] < result[name] < result[f"{name}_high"]


def test_distance_does_not_depend_on_the_scale():
    points, domain, group = two_domains(2.0)
    result, scaled = distances(points, domain, group), distances(1e3 * points, domain, group)
    assert scaled == pytest.approx(result)


def test_distance_by_hand():
    points = np.array([[0.0], [2], [10], [12]])
    result = distances(points, np.array([0, 0, 1, 1]), np.zeros(4, dtype=int))
    assert result["domain_distance"] == pytest.approx(10)
    assert np.isnan(result["domain_distance_merger"])
    assert np.isnan(result["domain_distance_merger_low"])


def test_classes_can_move_though_the_whole_does_not():
    points, domain, group = two_domains(0.0)
    points[:, 2] += 4 * domain * np.where(group == 1, 1, -1)
    result = distances(points, domain, group)
    assert result["domain_distance"] < 0.2
    assert result["domain_distance_merger"] > 2
    assert result["domain_distance_non-merger"] > 2


def test_class_of_the_target_alone_enters_the_whole():
    points, domain, group = two_domains(1.0)
    group = np.where((domain == 1) & (group == 1), 2, group)
    result = distances(points, domain, group)
    assert np.isnan(result["domain_distance_merger"])
    assert result["domain_distance"] > 0


def test_proxy_a_distance_of_far_and_of_equal_domains():
    system = np.tile(np.arange(400), 2)
    points, domain, _ = two_domains(8.0)
    assert proxy(points, domain, system) == pytest.approx(2, abs=0.05)
    points, domain, _ = two_domains(0.0)
    assert abs(proxy(points, domain, system)) < 0.25


def test_systems_are_not_told_by_heart():
    # each system has a place of its own and lies in one domain: without groups a
    # neighbour from the same system would betray the domain
    random = np.random.default_rng(2)
    system = np.repeat(np.arange(20), 20)
    domain = system % 2
    points = random.normal(size=(20, 15))[system] + 0.01 * random.normal(size=(400, 15))
    grouped = proxy(points, domain, system)
    told_by_heart = proxy(points, domain, np.arange(400))
    assert told_by_heart > 1
    assert grouped < 0.5 * told_by_heart


def test_proxy_a_distance_needs_two_systems_in_each_domain():
    points = np.random.default_rng(0).normal(size=(6, 2))
    assert np.isnan(proxy(points, np.repeat([0, 1], 3), np.array([1, 2, 3, 9, 9, 9])))


def test_proxy_a_distance_by_hand():
    told = np.array([True, True, False, True, True, True])
    domain = np.array([0, 0, 0, 1, 1, 1])
    weights = np.stack([np.ones(6), [1, 1, 2, 1, 0, 0], [1, 1, 1, 0, 0, 0]], axis=1)
    found = proxy_a_distance(told, domain, weights)
    # errors of a third and of none, balanced: 2 (1 - 2/6)
    assert found[:2] == pytest.approx([2 * (1 - 2 * (1 / 3) / 2), 2 * (1 - 2 * 0.5 / 2)])
    assert np.isnan(found[2])


def test_silhouette_by_hand_without_the_unlabelled():
    points = np.array([[0.0], [1], [10], [11], [500]])
    # for 0 and 11: a = 1, b = 10.5; for 1 and 10: a = 1, b = 9.5
    expected = np.mean([1 - 1 / 10.5, 1 - 1 / 9.5])
    assert silhouette_of(points, np.array([0, 0, 1, 1, -1])) == pytest.approx([expected])


def test_silhouette_is_scikit_learns():
    random = np.random.default_rng(0)
    group = np.repeat([0, 1, 2, 7], [20, 15, 10, 1])
    points = random.normal(size=(46, 3)) + group[:, None]
    assert silhouette_of(points, group)[0] == pytest.approx(silhouette_score(points, group))
    # rows of weight zero are not there
    weights = np.where(np.arange(46) % 3 == 0, 0.0, 1.0)[:, None]
    kept = weights[:, 0] > 0
    assert silhouette_of(points, group, weights)[0] == pytest.approx(
        silhouette_score(points[kept], group[kept])
    )


def test_silhouette_of_one_group_is_undefined():
    assert np.isnan(silhouette_of(np.ones((3, 1)), np.zeros(3, dtype=int))).all()
    assert np.isnan(silhouette_of(np.arange(2.0)[:, None], np.array([0, 1]))).all()
    gone = np.array([[1.0], [1], [0], [0]])
    assert np.isnan(silhouette_of(np.eye(4), np.array([0, 0, 1, 1]), gone)).all()


def test_fisher_ratio_by_hand():
    points = np.array([[0.0, 0], [2, 0], [10, 1], [12, 3], [99, 99]])
    group = np.array([0, 0, 1, 1, -1])
    # centres (1,0), (11,2), all (6,1): between 4 x 26, within 2 + 4
    assert fisher_ratio(points, group, once(points)) == pytest.approx([104 / 6])
    twice = np.array([[2.0], [2], [1], [1], [1]])
    # all: (26/6, 4/6); between 4 x (100 + 4) / 9 + 2 x 4 (100 + 4) / 9, within 4 + 4
    assert fisher_ratio(points, group, twice) == pytest.approx([(4 + 8) * 104 / 9 / 8])


def test_fisher_ratio_does_not_depend_on_scale_or_place_and_needs_two_groups():
    random = np.random.default_rng(0)
    points, group = random.normal(size=(60, 4)), np.tile([0, 1, 2], 20)
    points += 2 * group[:, None]
    found = fisher_ratio(points, group, once(points))
    assert fisher_ratio(1e3 * points + 500, group, once(points)) == pytest.approx(found)
    assert np.isnan(fisher_ratio(points, np.zeros(60, dtype=int), once(points))).all()
    assert np.isnan(fisher_ratio(np.eye(2), np.array([0, 1]), once(np.eye(2)))).all()
    # groups that make no difference: about (groups - 1) / (n - groups), from sampling alone
    alike = fisher_ratio(random.normal(size=(600, 4)), np.arange(600) % 3, np.ones((600, 1)))
    assert alike[0] == pytest.approx(2 / 597, abs=0.005)
