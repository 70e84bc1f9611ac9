import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness

from sim2sky.embed.faithfulness import distance_correlation, pair_ranks, trust


@pytest.fixture
def cloud():
    """Points in five dimensions, the first two of which are a plane of theirs."""
    points = np.random.default_rng(0).normal(size=(60, 5))
    return points, points[:, :2]


def square(points):
    return squareform(pdist(points))


def test_correlation_is_spearmans(cloud):
    points, plane = cloud
    ranks = [pair_ranks(square(each)) for each in cloud]
    found = distance_correlation(*ranks, np.ones((60, 1)))
    assert found == pytest.approx([spearmanr(pdist(points), pdist(plane)).statistic])
    assert distance_correlation(ranks[0], ranks[0], np.ones((60, 1))) == pytest.approx([1])


def test_weight_zero_leaves_a_point_out(cloud):
    weights = np.ones((60, 1))
    weights[50:] = 0
    ranks = [pair_ranks(square(each)) for each in cloud]
    pairs = [squareform(rank[:50, :50], checks=False) for rank in ranks]
    found = distance_correlation(*ranks, weights)
    assert found == pytest.approx([np.corrcoef(*pairs)[0, 1]])
    assert np.isnan(distance_correlation(*ranks, 0 * weights)).all()


def test_mean_trust_is_scikit_learns(cloud):
    points, plane = cloud
    for k in (1, 7, 20):
        found = trust(square(points), square(plane), k)
        assert found.mean() == pytest.approx(trustworthiness(points, plane, n_neighbors=k))
    assert trust(square(points), square(3 * points), 7) == pytest.approx(1)


def test_few_points_have_small_neighbourhoods(cloud):
    points, plane = (each[:5] for each in cloud)
    found = trust(square(points), square(plane), 15).mean()
    assert found == pytest.approx(trustworthiness(points, plane, n_neighbors=2))
