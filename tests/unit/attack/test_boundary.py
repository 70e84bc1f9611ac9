"""Distances to the decision boundary against closed forms."""

import numpy as np
import pytest
import torch
from torch import nn

from sim2sky.attack.boundary import boundary_distance, within_class_scatter


def test_linear_head_has_the_closed_form():
    torch.manual_seed(0)
    head = nn.Linear(7, 4)
    latent = np.random.default_rng(0).normal(0, 3, (50, 7)).astype("f4")
    logits = head(torch.from_numpy(latent)).detach().numpy()
    weight = head.weight.detach().numpy()
    own = logits.argmax(axis=1)
    expected = np.full(len(latent), np.inf)
    for row, i in enumerate(own):
        for j in set(range(4)) - {i}:
            distance = (logits[row, i] - logits[row, j]) / np.linalg.norm(weight[i] - weight[j])
            expected[row] = min(expected[row], distance)
    np.testing.assert_allclose(boundary_distance(head, latent), expected, rtol=2e-3, atol=1e-5)


def test_bent_boundary_is_reached():
    """A circle of radius 2: the class is 1 outside."""

    def head(latent):
        radius = (latent**2).sum(dim=1)
        return torch.stack([torch.full_like(radius, 4.0), radius], dim=1)

    latent = np.array([[0.5, 0.0], [0.0, 3.0], [1.0, 1.0]], dtype="f4")
    distance = boundary_distance(head, latent)
    np.testing.assert_allclose(distance, [1.5, 1.0, 2 - np.sqrt(2)], rtol=1e-4)


def test_head_that_never_changes_its_mind_has_no_boundary():
    def head(latent):
        return torch.stack([1 + 0 * latent[:, 0], 0 * latent[:, 0]], dim=1)

    assert np.isnan(boundary_distance(head, np.ones((2, 3), dtype="f4"))).all()
    assert boundary_distance(head, np.ones((0, 3), dtype="f4")).shape == (0,)


def test_scatter_counts_classes_equally_and_leaves_unknown_ones_out():
    latent = np.array([[0, 0], [2, 0], [10, 0], [10, 6], [10, 6], [10, 0], [99, 99]], dtype="f4")
    label = np.array([0, 0, 1, 1, 1, 1, -1])
    assert within_class_scatter(latent, label) == pytest.approx(np.sqrt((1 + 9) / 2))
    assert np.isnan(within_class_scatter(latent, np.full(7, -1)))
