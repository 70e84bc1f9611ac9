"""Our losses against other people's code: geomloss, POT and scikit-learn."""

import geomloss
import numpy as np
import ot
import pytest
import torch
from sklearn.covariance import EmpiricalCovariance
from sklearn.metrics.pairwise import rbf_kernel

from sim2sky.train.adaptation.coral import coral
from sim2sky.train.adaptation.mmd import PUBLISHED_VARIANCES, mmd_squared
from sim2sky.train.adaptation.sinkhorn import sinkhorn_divergence

SHAPES = [(6, 9, 3), (32, 32, 40), (1, 5, 4)]


def domains(n: int, m: int, size: int, dtype: torch.dtype = torch.float64):
    random = torch.Generator().manual_seed(11)
    source = torch.randn(n, size, generator=random, dtype=torch.float64)
    target = 1.4 * torch.randn(m, size, generator=random, dtype=torch.float64) + 0.4
    return source.to(dtype), target.to(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_mmd_equals_kernel_means_of_sklearn(shape, dtype):
    source, target = domains(*shape, dtype)
    x, y = source.double().numpy(), target.double().numpy()
    expected = sum(
        rbf_kernel(x, gamma=1 / (2 * s)).mean()
        + rbf_kernel(y, gamma=1 / (2 * s)).mean()
        - 2 * rbf_kernel(x, y, gamma=1 / (2 * s)).mean()
        for s in PUBLISHED_VARIANCES
    )
    value = mmd_squared(source, target, PUBLISHED_VARIANCES).item()
    assert value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_mmd_and_its_gradient_equal_geomloss(shape):
    """geomloss gives half of the squared norm, for one width at a time."""
    pairs = [[vectors.requires_grad_() for vectors in domains(*shape)] for _ in range(2)]
    variances = (0.5, 2.0, 30.0)
    expected = 2 * sum(geomloss.SamplesLoss("gaussian", blur=s**0.5)(*pairs[0]) for s in variances)
    value = mmd_squared(*pairs[1], variances)
    torch.testing.assert_close(value, expected.reshape(()), rtol=1e-5, atol=0)
    for one, other in zip(
        torch.autograd.grad(value, pairs[1]), torch.autograd.grad(expected, pairs[0]), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("shape", [(6, 9, 3), (32, 32, 40), (40, 12, 60)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_coral_equals_covariances_of_sklearn(shape, dtype):
    source, target = domains(*shape, dtype)
    covariances = [
        EmpiricalCovariance().fit(x.double().numpy()).covariance_ * len(x) / (len(x) - 1)
        for x in (source, target)
    ]
    size = shape[2]
    expected = np.linalg.norm(covariances[0] - covariances[1], "fro") ** 2 / (4 * size**2)
    assert coral(source, target).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("shape", "blur"), [((6, 9, 3), 1.5), ((32, 32, 40), 3.0)])
def test_sinkhorn_and_its_gradient_equal_geomloss(shape, blur):
    pairs = [[vectors.requires_grad_() for vectors in domains(*shape)] for _ in range(2)]
    # annealed so slowly that its iteration has converged when it ends
    expected = geomloss.SamplesLoss("sinkhorn", p=2, blur=blur, scaling=0.999)(*pairs[0])
    value = sinkhorn_divergence(*pairs[1], blur, max_iterations=3000)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=0)
    for one, other in zip(
        torch.autograd.grad(value, pairs[1]), torch.autograd.grad(expected, pairs[0]), strict=True
    ):
        # its plan still has the error of the potentials, which its value does not have
        assert (one - other).norm() < 1e-3 * other.norm()


@pytest.mark.parametrize(("shape", "blur"), [((6, 9, 3), 1.5), ((1, 5, 4), 0.5)])
def test_sinkhorn_equals_the_plans_of_pot(shape, blur):
    source, target = domains(*shape)

    def cost_of_transport(one: np.ndarray, other: np.ndarray) -> float:
        cost = ot.dist(one, other) / 2  # squared distances
        plan = ot.bregman.sinkhorn_log(
            [], [], cost, reg=blur**2, numItermax=2000, stopThr=1e-9, warn=False
        )
        return (plan * cost).sum() + blur**2 * (plan * np.log(plan * plan.size)).sum()

    x, y = source.numpy(), target.numpy()
    expected = cost_of_transport(x, y) - cost_of_transport(x, x) / 2 - cost_of_transport(y, y) / 2
    value = sinkhorn_divergence(source, target, blur, max_iterations=3000).item()
    assert value == pytest.approx(expected, rel=1e-5)
