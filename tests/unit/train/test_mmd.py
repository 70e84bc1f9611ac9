import math

import numpy as np
import pytest
import torch

from sim2sky.train.adaptation import LOSSES, DomainBatch, build_losses
from sim2sky.train.adaptation.mmd import (
    MEDIAN_FACTORS,
    PUBLISHED_VARIANCES,
    MaximumMeanDiscrepancy,
    mmd_squared,
    squared_distances,
)
from sim2sky.train.settings import MethodSettings


def domains(n: int, m: int, size: int, dtype: torch.dtype = torch.float64, shift: float = 1.0):
    random = torch.Generator().manual_seed(3)
    source = torch.randn(n, size, generator=random, dtype=dtype)
    return source, torch.randn(m, size, generator=random, dtype=dtype) + shift


def mmd_by_loops(source: np.ndarray, target: np.ndarray, variances) -> float:
    """The definition, pair by pair."""

    def mean_kernel(one: np.ndarray, other: np.ndarray) -> float:
        total = 0.0
        for x in one:
            for y in other:
                distance = float(((x - y) ** 2).sum())
                total += sum(math.exp(-distance / (2 * s)) for s in variances)
        return total / (len(one) * len(other))

    return (
        mean_kernel(source, source) + mean_kernel(target, target) - 2 * mean_kernel(source, target)
    )


def test_nineteen_published_kernels():
    assert len(PUBLISHED_VARIANCES) == 19
    assert sorted(PUBLISHED_VARIANCES) == list(PUBLISHED_VARIANCES)


def test_closed_form_of_one_vector_per_domain():
    # k(x, x) = k(y, y) = 1 for each kernel, so MMD^2 = sum of 2 - 2 exp(-d^2 / 2s)
    source, target = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])
    expected = sum(2 - 2 * math.exp(-25 / (2 * s)) for s in PUBLISHED_VARIANCES)
    assert mmd_squared(source, target, PUBLISHED_VARIANCES).item() == pytest.approx(expected)


def test_closed_form_of_two_gaussians():
    """The expectation over normal samples is known: Gretton et al.'s kernel means integrate."""
    size, s, shift, n = 3, 2.0, 0.7, 1500
    source, target = domains(n, n, size, shift=shift)
    # E k(x, y) with x - y ~ N(delta, 2 I): (s / (s + 2))^(D/2) exp(-|delta|^2 / 2(s + 2))
    within = (s / (s + 2)) ** (size / 2)
    across = within * math.exp(-size * shift**2 / (2 * (s + 2)))
    # the biased estimate counts each vector's kernel with itself, which is 1
    expected = 2 * (within + (1 - within) / n) - 2 * across
    assert mmd_squared(source, target, (s,)).item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("n", "m", "size"), [(5, 7, 3), (12, 12, 40), (1, 4, 6)])
def test_equals_the_definition_in_float64(n, m, size):
    source, target = domains(n, m, size)
    expected = mmd_by_loops(source.numpy(), target.numpy(), PUBLISHED_VARIANCES)
    value = mmd_squared(source, target, PUBLISHED_VARIANCES).item()
    assert value == pytest.approx(expected, rel=1e-10)


def test_equals_the_definition_in_float32():
    source, target = domains(16, 16, 300, dtype=torch.float32)
    expected = mmd_by_loops(source.double().numpy(), target.double().numpy(), PUBLISHED_VARIANCES)
    value = mmd_squared(source, target, PUBLISHED_VARIANCES).item()
    assert value == pytest.approx(expected, rel=1e-5)


def test_median_kernels_equal_the_definition():
    source, target = domains(6, 5, 4)
    pooled = torch.cat([source, target]).numpy()
    distances = [((a - b) ** 2).sum() for i, a in enumerate(pooled) for b in pooled[:i]]
    # torch's median of an even number of values is the lower one of the middle two
    median = np.sort(distances)[(len(distances) - 1) // 2]
    variances = [factor * median for factor in MEDIAN_FACTORS]
    expected = mmd_by_loops(source.numpy(), target.numpy(), variances)
    assert mmd_squared(source, target).item() == pytest.approx(expected, rel=1e-10)


def test_median_kernels_do_not_depend_on_the_scale():
    source, target = domains(8, 8, 5)
    value = mmd_squared(source, target)
    torch.testing.assert_close(mmd_squared(1000 * source, 1000 * target), value)


def test_gradient_equals_finite_differences():
    source, target = domains(4, 5, 3)
    source.requires_grad_()
    target.requires_grad_()
    # the narrowest kernels are steeper than any finite difference can follow
    variances = PUBLISHED_VARIANCES[5:]
    assert torch.autograd.gradcheck(lambda x, y: mmd_squared(x, y, variances), (source, target))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_identical_domains_have_none(dtype):
    source, _ = domains(64, 1, 2592, dtype=dtype)
    shuffled = source[torch.randperm(64, generator=torch.Generator().manual_seed(0))]
    for variances in (PUBLISHED_VARIANCES, None):
        assert mmd_squared(source, shuffled, variances).item() == pytest.approx(0, abs=1e-5)


def test_equal_vectors_give_finite_value_and_gradient():
    source = torch.ones(3, 4, requires_grad=True)
    value = mmd_squared(source, torch.ones(2, 4))
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert torch.equal(source.grad, torch.zeros(3, 4))


def test_gradient_does_not_vanish_below_the_published_clamp():
    source, target = domains(32, 32, 8, shift=0.0)
    target = source + 1e-3
    target.requires_grad_()
    value = mmd_squared(source, target, (10.0,))
    value.backward()
    assert 0 < value.item() < 1e-4
    assert target.grad.abs().max() > 0


def test_descending_the_gradient_brings_the_domains_together():
    source, target = domains(16, 16, 6, shift=3.0)
    target.requires_grad_()
    optimiser = torch.optim.Adam([target], lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        value = mmd_squared(source, target, PUBLISHED_VARIANCES)
        value.backward()
        optimiser.step()
    assert (target.mean(0) - source.mean(0)).norm() < 1.0


def test_is_symmetric_and_ignores_order():
    source, target = domains(7, 9, 5)
    value = mmd_squared(source, target, PUBLISHED_VARIANCES)
    torch.testing.assert_close(mmd_squared(target, source, PUBLISHED_VARIANCES), value)
    torch.testing.assert_close(mmd_squared(source.flip(0), target, PUBLISHED_VARIANCES), value)


def test_distances_far_from_the_origin():
    source, _ = domains(10, 1, 50, dtype=torch.float32)
    expected = squared_distances(source.double())
    actual = squared_distances(source + 1000.0).double()
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-2)
    assert (squared_distances(source).diagonal() == 0).all()


def test_settings_know_every_loss_and_no_other():
    for name in LOSSES:
        MethodSettings(name="m", mixed_batches=True, losses={name: 1.0})
    annotation = MethodSettings.model_fields["losses"].annotation
    assert set(annotation.__args__[0].__args__) == set(LOSSES)


def test_built_loss_reads_the_latent_vectors():
    source, target = (DomainBatch(latent, None, None) for latent in domains(5, 6, 4))
    losses = build_losses(["mmd", "mmd_median"], latent_size=4, n_classes=2)
    assert isinstance(losses["mmd"], MaximumMeanDiscrepancy)
    expected = mmd_squared(source.latent, target.latent, PUBLISHED_VARIANCES)
    torch.testing.assert_close(losses["mmd"](source, target), expected)
    expected = mmd_squared(source.latent, target.latent)
    torch.testing.assert_close(losses["mmd_median"](source, target), expected)
