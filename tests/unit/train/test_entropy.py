import math

import numpy as np
import pytest
import scipy.stats
import torch

from sim2sky.train.adaptation import DomainBatch, build_losses
from sim2sky.train.adaptation.entropy import entropy


def logits_of(n: int, n_classes: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    return 3 * torch.randn(n, n_classes, generator=random, dtype=dtype)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_no_idea_is_the_logarithm_of_the_number_of_classes(n_classes):
    value = entropy(torch.full((2, n_classes), 5.0))
    torch.testing.assert_close(value, torch.full((2,), math.log(n_classes)))


def test_certainty_is_zero_with_a_finite_gradient():
    logits = torch.tensor([[1e4, -1e4], [-300.0, 300.0]], requires_grad=True)
    value = entropy(logits)
    value.sum().backward()
    assert torch.equal(value, torch.zeros(2))
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equals_scipy(dtype):
    logits = logits_of(20, 4, dtype)
    probability = scipy.special.softmax(logits.double().numpy(), axis=1)
    expected = scipy.stats.entropy(probability, axis=1)
    np.testing.assert_allclose(entropy(logits).numpy(), expected, rtol=1e-5)


def test_gradient_equals_finite_differences():
    assert torch.autograd.gradcheck(entropy, logits_of(4, 3).requires_grad_())


def test_is_the_mean_over_the_domain_without_labels():
    loss = build_losses(["entropy"], latent_size=4, n_classes=3)["entropy"]
    known = DomainBatch(None, torch.full((2, 3), torch.nan), torch.tensor([0, 1]))
    unknown = DomainBatch(None, logits_of(5, 3), None)
    expected = entropy(unknown.logits).mean().item()
    assert loss(known, unknown).item() == loss(unknown, known).item() == pytest.approx(expected)
