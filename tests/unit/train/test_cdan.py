import math

import numpy as np
import pytest
import scipy.stats
import torch
from torch.nn.functional import softplus

from sim2sky.train.adaptation import DomainBatch, build_losses
from sim2sky.train.adaptation.adversarial import domain_cross_entropy, reversal_factor
from sim2sky.train.adaptation.cdan import MultilinearMap, certainty


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=random, dtype=torch.float64)


def make_loss(name: str, latent_size: int, n_classes: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_losses([name], latent_size, n_classes)[name].double().eval()


def test_small_pairs_are_outer_products():
    latent, probability = normal(6, 5), normal(6, 3, seed=1).softmax(1)
    joined = MultilinearMap(5, 3)
    expected = np.einsum("nk,nd->nkd", probability.numpy(), latent.numpy()).reshape(6, 15)
    assert joined.size == 15
    np.testing.assert_allclose(joined(latent, probability).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(("latent_size", "size"), [(2048, 4096), (2049, 1024), (2592, 1024)])
def test_large_pairs_are_sketched(latent_size, size):
    joined = MultilinearMap(latent_size, 2)
    assert joined.size == size
    assert joined(torch.zeros(3, latent_size), torch.zeros(3, 2)).shape == (3, size)
    # fixed once drawn, yet saved: a training that goes on needs the same ones
    assert list(joined.parameters()) == []
    assert len(joined.state_dict()) == (2 if size == 1024 else 0)


def test_sketch_keeps_inner_products():
    """On average the inner product of two sketches is that of the outer products."""
    torch.manual_seed(0)
    latent, probability = normal(2, 3000), normal(2, 2, seed=1).softmax(1)
    joined = MultilinearMap(3000, 2).double()
    sketch = joined(latent, probability)
    exact = (latent @ latent.T) * (probability @ probability.T)
    torch.testing.assert_close((sketch @ sketch.T).diagonal(), exact.diagonal(), rtol=0.15, atol=0)


def test_certainty_equals_scipy():
    logits = 3 * normal(10, 4)
    expected = 1 + np.exp(-scipy.stats.entropy(logits.softmax(1).numpy(), axis=1))
    np.testing.assert_allclose(certainty(logits).numpy(), expected, rtol=1e-10)
    extremes = certainty(torch.tensor([[0.0, 0.0], [500.0, 0.0]]))
    torch.testing.assert_close(extremes, torch.tensor([1.5, 2.0]))


@pytest.mark.parametrize("name", ["cdan", "cdan_entropy"])
def test_loss_and_gradient_are_those_of_the_discriminator(name):
    loss = make_loss(name, 4, 3)
    latent = [normal(5, 4).requires_grad_(), normal(6, 4, seed=1)]
    logits = [3 * normal(5, 3, seed=2), 3 * normal(6, 3, seed=3)]
    both = torch.cat(latent).detach()
    length = (both - both.mean(0)).square().sum(1).mean().sqrt()
    pairs = [
        torch.einsum("nk,nd->nkd", g.softmax(1), (f - both.mean(0)) / length).flatten(1)
        for f, g in zip(latent, logits, strict=True)
    ]
    weights = [certainty(g) for g in logits] if name == "cdan_entropy" else []
    expected = domain_cross_entropy(*(loss.discriminator(p)[:, 0] for p in pairs), *weights)
    (expected_gradient,) = torch.autograd.grad(expected, latent[0], retain_graph=True)
    logits[0].requires_grad_()
    batches = [DomainBatch(f, g, None, 0.3) for f, g in zip(latent, logits, strict=True)]
    value = loss(*batches)
    value.backward()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(latent[0].grad, -reversal_factor(0.3) * expected_gradient)
    if name == "cdan":
        assert logits[0].grad is None
        return
    # the mean loss with weights 1 + exp(-H) over their sum, which is held constant
    each = softplus(-loss.discriminator(pairs[0].detach())[:, 0]).detach()
    free = logits[0].detach().clone().requires_grad_()
    weight = 1 + torch.exp(free.softmax(1).mul(free.log_softmax(1)).sum(1))
    ((weight * each).sum() / weight.sum().detach() / 2).backward()
    torch.testing.assert_close(logits[0].grad, -reversal_factor(0.3) * free.grad)


def test_sees_swapped_classes_that_dann_cannot_see():
    """Both domains hold the same latent vectors; only what is predicted for them differs."""
    latent = normal(16, 2).float()
    logits = torch.where(latent > 0, 4.0, -4.0)
    values = {}
    for name in ("dann", "cdan"):
        loss = make_loss(name, 2, 2).float()
        optimiser = torch.optim.Adam(loss.parameters(), lr=1e-2)
        for _ in range(30):
            optimiser.zero_grad()
            value = loss(DomainBatch(latent, logits, None), DomainBatch(latent, -logits, None))
            value.backward()
            optimiser.step()
        values[name] = value.item()
    assert values["dann"] == pytest.approx(math.log(2), abs=1e-3)
    assert values["cdan"] < 0.67
