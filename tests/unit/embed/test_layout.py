import numpy as np
import pytest
from scipy.stats import spearmanr

from sim2sky.embed.layout import isomap_plane, principal_components, tsne_plane
from sim2sky.errors import Sim2SkyError


def clouds(distance, n=60, dimensions=5):
    random = np.random.default_rng(0)
    points = random.normal(size=(2 * n, dimensions))
    points[n:, 0] += distance
    return points, np.repeat([0, 1], n)


def test_components_are_those_of_standardised_dimensions():
    random = np.random.default_rng(0)
    latent = random.normal(size=(80, 6)) * [1, 1000, 1e-3, 1, 1, 1]
    components, explained = principal_components(latent, 6)
    standard = (latent - latent.mean(axis=0)) / latent.std(axis=0)
    # all six components turn the standardised vectors and keep their distances
    before = np.linalg.norm(standard[:, None] - standard[None], axis=2)
    after = np.linalg.norm(components[:, None] - components[None], axis=2)
    assert after == pytest.approx(before)
    assert explained == pytest.approx(1)
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(standard.T)))[::-1]
    two, share = principal_components(latent, 2)
    assert two.shape == (80, 2)
    assert share == pytest.approx(eigenvalues[:2].sum() / eigenvalues.sum())


def test_dead_units_are_left_out():
    latent = np.random.default_rng(0).normal(size=(20, 3))
    dead = np.concatenate([latent, np.full((20, 1), 0.1) + 1e-9 * latent[:, :1]], axis=1)
    assert principal_components(dead, 5)[0] == pytest.approx(principal_components(latent, 5)[0])


def test_useless_latents_are_refused():
    with pytest.raises(Sim2SkyError, match="all latent vectors are the same"):
        principal_components(np.ones((10, 4)), 2)
    broken = np.random.default_rng(0).normal(size=(10, 4))
    broken[6, 1] = np.nan
    with pytest.raises(Sim2SkyError, match="row 6: a latent vector is not finite"):
        principal_components(broken, 2)


def test_isomap_unrolls_a_spiral():
    # along the roll, not across it: the first coordinate follows the arc length
    turn = np.linspace(1.5 * np.pi, 4.5 * np.pi, 300)
    height = np.random.default_rng(0).uniform(0, 5, size=300)
    roll = np.stack([turn * np.cos(turn), height, turn * np.sin(turn)], axis=1)
    plane, _, n_neighbours, n_pieces = isomap_plane(roll, 8)
    assert (n_neighbours, n_pieces) == (8, 1)
    assert abs(spearmanr(plane[:, 0], turn).statistic) > 0.99
    # the distances behind it are those along the roll
    arc = (turn * np.sqrt(1 + turn**2) + np.arcsinh(turn)) / 2
    expected = np.hypot(arc[-1] - arc[0], height[-1] - height[0])
    assert isomap_plane(roll, 8).distance[0, -1] == pytest.approx(expected, rel=0.05)


def test_graph_in_pieces_gets_more_neighbours():
    # 30 points a cloud: only from 30 neighbours on one lies in the other cloud
    points, _ = clouds(50.0, n=30, dimensions=2)
    plane, _, n_neighbours, n_pieces = isomap_plane(points, 10)
    assert 30 <= n_neighbours <= 40
    assert n_pieces == 1
    assert np.isfinite(plane).all()


def test_far_clouds_are_joined_and_stay_apart():
    points, side = clouds(200.0)
    plane, _, n_neighbours, n_pieces = isomap_plane(points, 5)
    assert (n_neighbours, n_pieces) == (20, 2)
    gap = plane[side == 1, 0].mean() - plane[side == 0, 0].mean()
    assert abs(gap) == pytest.approx(200, rel=0.05)


def test_few_points_are_enough():
    points = np.random.default_rng(0).normal(size=(8, 3))
    assert isomap_plane(points, 15).n_neighbours == 7
    assert tsne_plane(points, 30.0, seed=0).shape == (8, 2)


def test_planes_are_the_same_every_time_and_tsne_keeps_clouds_together():
    points, side = clouds(12.0)
    assert np.array_equal(isomap_plane(points, 10)[0], isomap_plane(points, 10)[0])
    plane = tsne_plane(points, 20.0, seed=3)
    assert np.array_equal(plane, tsne_plane(points, 20.0, seed=3))
    nearest = np.linalg.norm(plane[:, None] - plane[None] + 1e9 * np.eye(120)[..., None], axis=2)
    assert (side[nearest.argmin(axis=1)] == side).all()
