import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from sim2sky.train.adaptation import DomainBatch, build_losses
from sim2sky.train.adaptation.adversarial import (
    DomainAdversarial,
    build_discriminator,
    domain_cross_entropy,
    reversal_factor,
    reversed_gradient,
)


def batch(latent: torch.Tensor, progress: float = 1.0) -> DomainBatch:
    return DomainBatch(latent, None, None, progress)


def normal(*shape: int, shift: float = 0.0, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=random, dtype=torch.float64) + shift


@pytest.mark.parametrize(
    ("progress", "factor"), [(0, 0), (0.1, math.tanh(0.5)), (0.5, math.tanh(2.5)), (1, 0.9999092)]
)
def test_schedule_of_the_reversal(progress, factor):
    assert reversal_factor(progress) == pytest.approx(factor, rel=1e-6)


def test_values_stay_and_gradients_turn():
    values = normal(3, 2).requires_grad_()
    result = reversed_gradient(values, 0.3)
    assert torch.equal(result, values)
    (2 * result).sum().backward()
    torch.testing.assert_close(values.grad, torch.full_like(values, -0.6))


def test_cross_entropy_of_no_idea_is_log_2():
    value = domain_cross_entropy(torch.zeros(3), torch.zeros(5))
    assert value.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_cross_entropy_equals_sklearn(dtype):
    source, target = normal(9, seed=1).to(dtype), normal(6, seed=2).to(dtype)
    probability = 1 / (1 + np.exp(-torch.cat([source, target]).double().numpy()))
    truth = np.repeat([1, 0], [9, 6])
    halves = np.repeat([1 / 9, 1 / 6], [9, 6])
    value = domain_cross_entropy(source, target).item()
    assert value == pytest.approx(log_loss(truth, probability, sample_weight=halves), rel=1e-5)
    weight = np.random.default_rng(0).uniform(1, 2, 15)
    expected = np.mean(
        [
            log_loss(truth[part], probability[part], sample_weight=weight[part], labels=[0, 1])
            for part in (slice(9), slice(9, None))
        ]
    )
    weights = torch.from_numpy(weight).to(dtype).split([9, 6])
    value = domain_cross_entropy(source, target, *weights).item()
    assert value == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_is_finite_for_a_sure_discriminator():
    score = torch.tensor([-1e4, 1e4], requires_grad=True)
    value = domain_cross_entropy(score, score)
    value.backward()
    assert value.item() == pytest.approx(5000)
    assert torch.isfinite(score.grad).all()


def test_gradient_of_the_cross_entropy_equals_finite_differences():
    inputs = [normal(4, seed=seed).requires_grad_() for seed in (1, 2)]
    assert torch.autograd.gradcheck(domain_cross_entropy, inputs)


def test_published_discriminator():
    layers = list(build_discriminator(30))
    sizes = [layer.weight.shape for layer in layers if isinstance(layer, torch.nn.Linear)]
    assert sizes == [(1024, 30), (1024, 1024), (1, 1024)]
    assert [layer.p for layer in layers if isinstance(layer, torch.nn.Dropout)] == [0.5, 0.5]


def test_loss_is_the_cross_entropy_of_the_discriminator():
    torch.manual_seed(0)
    loss = DomainAdversarial(4).double().eval()
    source, target = normal(5, 4), normal(7, 4, shift=1)
    scores = loss.discriminator(source)[:, 0], loss.discriminator(target)[:, 0]
    torch.testing.assert_close(loss(batch(source), batch(target)), domain_cross_entropy(*scores))


@pytest.mark.parametrize(
    ("scheduled", "progress", "factor"), [(False, 0.0, 1.0), (True, 0.0, 0.0), (True, 0.2, None)]
)
def test_network_climbs_what_the_discriminator_descends(scheduled, progress, factor):
    torch.manual_seed(0)
    name = "dann_scheduled" if scheduled else "dann"
    loss = build_losses([name], 4, 2)[name].double().eval()
    source, target = normal(5, 4).requires_grad_(), normal(5, 4, shift=1)
    scores = loss.discriminator(source)[:, 0], loss.discriminator(target)[:, 0]
    plain = torch.autograd.grad(
        domain_cross_entropy(*scores), [source, *loss.discriminator.parameters()]
    )
    value = loss(batch(source, progress), batch(target, progress))
    actual = torch.autograd.grad(value, [source, *loss.discriminator.parameters()])
    factor = math.tanh(1.0) if factor is None else factor
    torch.testing.assert_close(actual[0], -factor * plain[0])
    for one, other in zip(actual[1:], plain[1:], strict=True):
        torch.testing.assert_close(one, other)


def test_dropout_is_at_work_while_training():
    torch.manual_seed(0)
    loss = DomainAdversarial(4)
    source = batch(normal(5, 4).float())
    assert loss(source, source).item() != loss(source, source).item()


def test_descending_the_gradient_brings_the_domains_together():
    torch.manual_seed(0)
    loss = DomainAdversarial(2)
    source, target = normal(64, 2).float(), normal(64, 2, seed=1).float()
    shift = torch.tensor([1.5, -1.5], requires_grad=True)
    optimiser = torch.optim.Adam(
        [{"params": [shift], "lr": 0.05}, {"params": loss.parameters(), "lr": 1e-3}]
    )
    for _ in range(80):
        optimiser.zero_grad()
        loss(batch(source), batch(target + shift)).backward()
        optimiser.step()
    assert shift.norm() < 0.7
