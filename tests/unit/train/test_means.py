import pytest
import torch

from sim2sky.train.adaptation import DomainBatch, build_losses
from sim2sky.train.adaptation.coral import coral


def normal(n: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, generator=random, dtype=torch.float64) + shift


def value_of(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    loss = build_losses(["mean"], 3, 2)["mean"]
    return loss(DomainBatch(source, None, None), DomainBatch(target, None, None))


def test_closed_form_of_known_means():
    source = torch.tensor([[1.0, 0.0, 0.0], [3.0, 0.0, 2.0]])
    target = torch.tensor([[0.0, 0.0, -2.0]])
    assert value_of(source, target).item() == pytest.approx((2**2 + 3**2) / 3)


def test_gradient_equals_finite_differences():
    inputs = [normal(4, 0).requires_grad_(), normal(5, 1).requires_grad_()]
    assert torch.autograd.gradcheck(value_of, inputs)


def test_sees_the_shift_that_coral_cannot_see():
    source = normal(20, 0)
    assert value_of(source, source).item() == 0
    assert coral(source, source + 2).item() == pytest.approx(0, abs=1e-12)
    assert value_of(source, source + 2).item() == pytest.approx(4)


def test_with_four_corals_it_is_the_mean_over_entries_of_squared_differences():
    source, target = normal(9, 0), 2 * normal(7, 1, shift=1.0)
    covariances = (torch.cov(source.T) - torch.cov(target.T)).square().mean()
    means = (source.mean(0) - target.mean(0)).square().mean()
    torch.testing.assert_close(
        4 * coral(source, target) + value_of(source, target), covariances + means
    )
