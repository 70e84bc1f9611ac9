import numpy as np
import pytest

from sim2sky.embed.separation import domain_distances, proxy_a_distance, silhouette

CLASSES = ["non-merger", "merger"]


def distances(points, domain, group, system_id=None, **changes):
    given = {"n_bootstrap": 200, "level": 0.95, "seed": 0} | changes
    system_id = np.arange(len(points)) if system_id is None else system_id
    return domain_distances(points, domain, group, system_id, CLASSES, **given)


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
    assert proxy_a_distance(points, domain, system, 5) == pytest.approx(2, abs=0.05)
    points, domain, _ = two_domains(0.0)
    assert abs(proxy_a_distance(points, domain, system, 5)) < 0.25


def test_systems_are_not_told_by_heart():
    # each system has a place of its own and lies in one domain: without groups a
    # neighbour from the same system would betray the domain
    random = np.random.default_rng(2)
    system = np.repeat(np.arange(20), 20)
    domain = system % 2
    points = random.normal(size=(20, 15))[system] + 0.01 * random.normal(size=(400, 15))
    grouped = proxy_a_distance(points, domain, system, 5)
    told_by_heart = proxy_a_distance(points, domain, np.arange(400), 5)
    assert told_by_heart > 1
    assert grouped < 0.5 * told_by_heart


def test_proxy_a_distance_needs_two_systems_in_each_domain():
    points = np.random.default_rng(0).normal(size=(6, 2))
    assert np.isnan(
        proxy_a_distance(points, np.repeat([0, 1], 3), np.array([1, 2, 3, 9, 9, 9]), 5)
    )


def test_silhouette_by_hand_without_the_unlabelled():
    points = np.array([[0.0], [1], [10], [11], [500]])
    # for 0 and 11: a = 1, b = 10.5; for 1 and 10: a = 1, b = 9.5
    expected = np.mean([1 - 1 / 10.5, 1 - 1 / 9.5])
    assert silhouette(points, np.array([0, 0, 1, 1, -1])) == pytest.approx(expected)


def test_silhouette_of_one_group_is_undefined():
    assert np.isnan(silhouette(np.ones((3, 1)), np.zeros(3, dtype=int)))
    assert np.isnan(silhouette(np.arange(2.0)[:, None], np.array([0, 1])))
