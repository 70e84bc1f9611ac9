import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from sim2sky.calibrate import neighbours
from sim2sky.calibrate.neighbours import latent_axes, neighbour_distance


@pytest.fixture
def latent():
    random = np.random.default_rng(0)
    label = np.repeat([0, 1], 200)
    return 10 + random.normal(size=(400, 6)) + 8 * label[:, None] * np.eye(6)[0], label


def test_the_scatter_is_that_within_a_class(latent):
    vectors, label = latent
    axes = latent_axes(vectors, label, vectors[:0], 6)
    assert axes.scatter == pytest.approx(np.sqrt(6), rel=0.03)
    assert latent_axes(3 * vectors, label, vectors[:0], 6).scatter == pytest.approx(
        3 * axes.scatter
    )


def test_all_components_keep_all_distances(latent):
    vectors, label = latent
    axes = latent_axes(vectors, label, vectors[:0], 6)
    projected = axes.project(vectors)
    between = np.linalg.norm(vectors[3] - vectors[250]) / axes.scatter
    assert np.linalg.norm(projected[3] - projected[250]) == pytest.approx(between, rel=1e-4)


def test_few_components_keep_the_length_of_the_rest(latent):
    vectors, label = latent
    axes = latent_axes(vectors, label, vectors[:0], 2)
    assert axes.project(vectors).shape == (400, 3)
    length = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1) / axes.scatter
    assert np.linalg.norm(axes.project(vectors), axis=1) == pytest.approx(length, rel=1e-4)


@pytest.mark.parametrize("k", [1, 4, 99])
def test_distances_are_sklearns(latent, monkeypatch, k):
    monkeypatch.setattr(neighbours, "BLOCK_ELEMENTS", 500)
    vectors = latent[0].astype(np.float32)
    points, reference = vectors[:50], vectors[50:90]
    peer = NearestNeighbors(n_neighbors=min(k, 40)).fit(reference).kneighbors(points)[0][:, -1]
    assert neighbour_distance(points, reference, k) == pytest.approx(peer, rel=1e-2)


def test_one_point_for_each_class_has_no_scatter():
    axes = latent_axes(np.eye(3)[:2], np.array([0, 1]), np.empty((0, 3)), 2)
    assert axes.scatter == 1.0
