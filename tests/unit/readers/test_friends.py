import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sim2sky.readers.friends import friends_of_friends


def by_all_pairs(position, linking_length, box):
    """The definition, at the price of every pair."""
    pairs = cKDTree(position, boxsize=box if np.isfinite(box) else None).query_pairs(
        linking_length, output_type="ndarray"
    )
    n = len(position)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1]


@pytest.mark.parametrize("box", [np.inf, 100.0])
@pytest.mark.parametrize("seed", range(2))
def test_groups_are_those_of_all_pairs(box, seed):
    random = np.random.default_rng(seed)
    clumps = random.uniform(0, 100, (12, 3))
    dense = (clumps[random.integers(12, size=1500)] + random.normal(0, 1.5, (1500, 3))) % 100
    position = np.concatenate([dense, random.uniform(0, 100, (500, 3))])
    for linking_length in (0.3, 1.0, 4.0):
        ours = friends_of_friends(position, linking_length, box)
        expected = by_all_pairs(position, linking_length, box)
        pairs = np.unique(np.stack([ours, expected]), axis=1)
        assert pairs.shape[1] == ours.max() + 1 == expected.max() + 1


def test_dense_galaxy_costs_no_pairs():
    """50,000 stars within reach of each other would be 1e9 pairs."""
    position = np.random.default_rng(0).normal(0, 0.1, (50_000, 3))
    assert friends_of_friends(position, 5.0, np.inf).max() == 0


def test_few_points():
    assert friends_of_friends(np.zeros((0, 3)), 1.0, np.inf).tolist() == []
    assert friends_of_friends(np.zeros((1, 3)), 1.0, np.inf).tolist() == [0]
    chain = np.array([[0.0, 0, 0], [1.0, 0, 0], [2.5, 0, 0]])
    assert friends_of_friends(chain, 1.0, np.inf).tolist() == [0, 0, 1]
