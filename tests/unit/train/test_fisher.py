import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestCentroid

from sim2sky.train.adaptation import DomainBatch, build_losses


def make_loss(centres) -> torch.nn.Module:
    centres = torch.as_tensor(centres)
    loss = build_losses(["fisher"], centres.shape[1], len(centres))["fisher"]
    loss.centres = torch.nn.Parameter(centres.clone())
    return loss


def batch(latent: torch.Tensor, label: torch.Tensor | None) -> DomainBatch:
    return DomainBatch(latent, None, label)


def labelled(n: int, size: int, n_classes: int):
    random = np.random.default_rng(2)
    return random.normal(size=(n, size)), np.arange(n) % n_classes


def test_closed_form():
    # within: 1 + 4; between: the centres lie 3 away from their mean on either side
    loss = make_loss([[-3.0, 0.0], [3.0, 0.0]])
    source = batch(torch.tensor([[-3.0, 1.0], [5.0, 0.0]]), torch.tensor([0, 1]))
    assert loss(source, source).item() == pytest.approx((1 + 4) / (9 + 9))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equals_the_scatter_around_sklearns_centroids(dtype):
    latent, label = labelled(30, 50, 3)
    centroids = NearestCentroid().fit(latent, label).centroids_
    within = sum(np.var(latent[label == k], axis=0).sum() * (label == k).sum() for k in range(3))
    between = 3 * np.var(centroids, axis=0).sum()
    loss = make_loss(torch.from_numpy(centroids).to(dtype))
    source = batch(torch.from_numpy(latent).to(dtype), torch.from_numpy(label))
    assert loss(source, None).item() == pytest.approx(within / between, rel=1e-5)


def test_gradient_equals_finite_differences():
    latent, label = labelled(5, 3, 2)
    loss = make_loss(torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).double())

    def value(latent: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(
            loss, {"centres": centres}, (batch(latent, torch.from_numpy(label)), None)
        )

    latent = torch.from_numpy(latent).requires_grad_()
    assert torch.autograd.gradcheck(value, (latent, loss.centres))


def test_learning_makes_classes_compact_and_far_apart():
    latent, label = labelled(20, 4, 2)
    latent = torch.from_numpy(latent).requires_grad_()
    loss = make_loss(torch.eye(2, 4, dtype=torch.float64))
    optimiser = torch.optim.Adam([latent, loss.centres], lr=0.1)
    source = batch(latent, torch.from_numpy(label))
    for _ in range(100):
        optimiser.zero_grad()
        value = loss(source, None)
        value.backward()
        optimiser.step()
    means = torch.stack([latent[label == k].mean(0) for k in range(2)])
    torch.testing.assert_close(loss.centres, means, rtol=0.1, atol=0.1)
    spread = (latent - means[label]).norm(dim=1).mean()
    assert (means[0] - means[1]).norm() > 10 * spread


def test_a_class_without_images_only_moves_away():
    loss = make_loss([[-1.0, 0.0], [1.0, 0.0], [0.0, 0.5]])
    loss(batch(torch.tensor([[-1.0, 1.0]]), torch.tensor([0])), None).backward()
    # downhill is upwards, away from the mean of the centres
    assert loss.centres.grad[2, 1] < 0
    assert torch.isfinite(loss.centres.grad).all()


def test_reads_the_domain_with_labels_alone():
    loss = make_loss([[-3.0, 0.0], [3.0, 0.0]])
    known = batch(torch.tensor([[-3.0, 1.0], [5.0, 0.0]]), torch.tensor([0, 1]))
    unknown = batch(torch.full((4, 2), torch.nan), None)
    assert loss(known, unknown).item() == loss(unknown, known).item() == pytest.approx(5 / 18)
