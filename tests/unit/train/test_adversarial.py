import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from sim2sky.train.adaptation import DomainBatch, adversarial, build_losses
from sim2sky.train.adaptation.adversarial import (
    DomainAdversarial,
    build_discriminator,
    domain_cross_entropy,
    gradient_penalty,
    reversal_factor,
    reversed_gradient,
    standardised,
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


def parts(loss: DomainAdversarial) -> list[torch.Tensor]:
    return list(loss.discriminator.parameters())


def test_network_climbs_what_the_discriminator_descends():
    torch.manual_seed(0)
    loss = build_losses(["dann"], 4, 2)["dann"].double().eval()
    source, target = normal(5, 4).requires_grad_(), normal(5, 4, shift=1)
    scores = loss.discriminator(source)[:, 0], loss.discriminator(target)[:, 0]
    plain = torch.autograd.grad(domain_cross_entropy(*scores), [source, *parts(loss)])
    actual = torch.autograd.grad(loss(batch(source), batch(target)), [source, *parts(loss)])
    torch.testing.assert_close(actual[0], -plain[0])
    for one, other in zip(actual[1:], plain[1:], strict=True):
        torch.testing.assert_close(one, other)


def test_reversed_gradient_equals_finite_differences():
    torch.manual_seed(0)
    loss = build_losses(["dann"], 3, 2)["dann"].double().eval()
    source, target = normal(4, 3).requires_grad_(), normal(5, 3, shift=1)
    loss(batch(source), batch(target)).backward()
    step = 1e-6
    for row in range(4):
        for column in range(3):
            change = torch.zeros(4, 3, dtype=torch.float64)
            change[row, column] = step
            with torch.no_grad():
                rise = loss(batch(source + change), batch(target)) - loss(
                    batch(source - change), batch(target)
                )
            expected = -rise.item() / (2 * step)
            assert source.grad[row, column].item() == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("progress", [0.0, 0.2])
def test_scheduled_variant_step_by_step(progress):
    """Standardised input, reversal by the schedule, and the penalty for the discriminator."""
    torch.manual_seed(0)
    loss = build_losses(["dann_scheduled"], 4, 2)["dann_scheduled"].double().eval()
    source, target = 7 * normal(5, 4), 7 * normal(6, 4, shift=1)
    both = torch.cat([source, target])
    length = (both - both.mean(0)).square().sum(1).mean().sqrt()
    seen = ((both - both.mean(0)) / length).requires_grad_()
    scores = loss.discriminator(seen)[:, 0]
    cross_entropy = domain_cross_entropy(scores[:5], scores[5:])
    slopes = torch.stack(
        [torch.autograd.grad(score, seen, create_graph=True)[0].sum(0) for score in scores]
    )
    penalty = 0.5 * slopes.square().sum(1).mean()
    plain = torch.autograd.grad(cross_entropy, seen, retain_graph=True)[0]
    expected = torch.autograd.grad(cross_entropy + penalty, parts(loss), allow_unused=True)

    source.requires_grad_()
    value = loss(batch(source, progress), batch(target, progress))
    torch.testing.assert_close(value, cross_entropy)
    actual = torch.autograd.grad(value, [source, *parts(loss)])
    torch.testing.assert_close(actual[0], -math.tanh(5 * progress) * plain[:5] / length)
    for one, other in zip(actual[1:], expected, strict=True):
        torch.testing.assert_close(one, other)


def test_standardised_vectors():
    vectors = (100 * normal(30, 8) + 5).requires_grad_()
    result = standardised(vectors)
    torch.testing.assert_close(result.mean(0), torch.zeros(8, dtype=torch.float64))
    assert result.square().sum(1).mean().item() == pytest.approx(1)
    centred = vectors.detach() - vectors.detach().mean(0)
    torch.testing.assert_close(result / centred, (result / centred)[:1, :1].expand(30, 8))
    result.sum().backward()  # mean and scale are constants
    torch.testing.assert_close(vectors.grad, (result / centred).detach())
    assert torch.equal(standardised(torch.ones(3, 4)), torch.zeros(3, 4))


def test_penalty_of_a_linear_discriminator():
    """Its slope is w everywhere: the penalty |w|^2 / 2 has the gradient w."""
    discriminator = torch.nn.Linear(5, 1)
    vectors = torch.randn(7, 5, requires_grad=True)
    value = gradient_penalty(discriminator, vectors)
    value.backward()
    assert value.item() == 0
    torch.testing.assert_close(discriminator.weight.grad, discriminator.weight.detach())
    assert vectors.grad is None
    with torch.no_grad():
        assert gradient_penalty(discriminator, vectors).item() == 0


def test_dropout_is_at_work_while_training():
    torch.manual_seed(0)
    loss = DomainAdversarial(4)
    source = batch(normal(5, 4).float())
    assert loss(source, source).item() != loss(source, source).item()


@pytest.mark.parametrize("name", ["dann_scheduled", "cdan"])
def test_the_game_ends_with_equal_means(monkeypatch, name):
    """Moved as a whole, the target stays where its mean is that of the source.

    The rates are ours, the features as large as a network's: under them the
    published variant runs past that place.
    """
    monkeypatch.setattr(adversarial, "HIDDEN_UNITS", 256)
    size, scale = 40, 10.0
    source, target = scale * normal(32, size).float(), scale * normal(32, size, seed=1).float()
    logits = torch.zeros(32, 2)

    def distances(name: str) -> list[float]:
        torch.manual_seed(0)
        loss = build_losses([name], size, 2)[name]
        shift = torch.full((size,), 0.7 * scale, requires_grad=True)
        optimiser = torch.optim.Adam(
            [{"params": [shift], "lr": 0.3}, {"params": loss.parameters(), "lr": 3e-3}],
            betas=(0.7, 0.8),
        )
        result = []
        for _ in range(120):
            optimiser.zero_grad()
            moved = target + shift
            loss(
                DomainBatch(source, logits, None, 0.7), DomainBatch(moved, logits, None, 0.7)
            ).backward()
            optimiser.step()
            gap = (moved.mean(0) - source.mean(0)).norm().item()
            result.append(gap / (scale * size**0.5))
        return result

    ours, published = distances(name), distances("dann")
    assert ours[0] > 0.6
    assert max(ours[-20:]) < 0.12
    assert min(published[-20:]) > 0.25
