import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment, linprog
from scipy.spatial.distance import cdist

from sim2sky.train.adaptation import DomainBatch, build_losses
from sim2sky.train.adaptation.sinkhorn import at_unit_scale, blur_of, sinkhorn_divergence


def domains(n: int, m: int, size: int, dtype: torch.dtype = torch.float64, shift: float = 0.5):
    random = torch.Generator().manual_seed(5)
    source = torch.randn(n, size, generator=random, dtype=dtype)
    return source, 1.3 * torch.randn(m, size, generator=random, dtype=dtype) + shift


def divergence_by_scaling(source: np.ndarray, target: np.ndarray, blur: float) -> float:
    """The primal cost of the plan that Sinkhorn's scaling of rows and columns gives."""

    def cost_of_transport(one: np.ndarray, other: np.ndarray) -> float:
        cost = cdist(one, other, "sqeuclidean") / 2
        kernel = np.exp(-cost / blur**2) / cost.size
        rows, columns = np.ones(len(one)), np.ones(len(other))
        for _ in range(3000):
            rows = 1 / len(one) / (kernel @ columns)
            columns = 1 / len(other) / (kernel.T @ rows)
        plan = rows[:, None] * kernel * columns[None, :]
        return (plan * cost).sum() + blur**2 * (plan * np.log(plan * cost.size)).sum()

    within = cost_of_transport(source, source) + cost_of_transport(target, target)
    return cost_of_transport(source, target) - within / 2


@pytest.mark.parametrize("blur", [0.01, 1.0, 30.0])
def test_closed_form_of_one_vector_per_domain(blur):
    source, target = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])
    assert sinkhorn_divergence(source, target, blur).item() == pytest.approx(12.5, rel=1e-5)


@pytest.mark.parametrize("blur", [0.6, 2.0])
def test_closed_form_of_a_translation(blur):
    """Moved as a whole by v, a domain is |v|^2 / 2 away from itself at any blur."""
    source, _ = domains(12, 1, 3)
    shift = torch.tensor([0.3, -0.2, 0.6])
    value = sinkhorn_divergence(source, source + shift, blur, max_iterations=3000)
    assert value.item() == pytest.approx(0.49 / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("n", "m", "size", "blur"), [(5, 7, 3, 0.7), (12, 12, 40, 2.0), (1, 4, 6, 1.0), (9, 6, 2, 5.0)]
)
def test_equals_scaling_in_float64(n, m, size, blur):
    source, target = domains(n, m, size)
    expected = divergence_by_scaling(source.numpy(), target.numpy(), blur)
    value = sinkhorn_divergence(source, target, blur, max_iterations=3000).item()
    assert value == pytest.approx(expected, rel=1e-6)


def test_equals_scaling_in_float32():
    source, target = domains(16, 16, 300, torch.float32)
    blur = 4 * blur_of(source, target)
    expected = divergence_by_scaling(source.double().numpy(), target.double().numpy(), blur)
    assert sinkhorn_divergence(source, target, blur).item() == pytest.approx(expected, rel=1e-5)


def test_small_blur_is_optimal_transport():
    source, target = domains(8, 8, 5)
    cost = cdist(source, target, "sqeuclidean") / 2
    expected = cost[linear_sum_assignment(cost)].mean()
    value = sinkhorn_divergence(source, target, 0.05, max_iterations=3000).item()
    assert value == pytest.approx(expected, rel=1e-3)


def test_small_blur_is_optimal_transport_between_unequal_numbers():
    n, m = 4, 6
    source, target = domains(n, m, 3)
    cost = cdist(source, target, "sqeuclidean") / 2
    sums = np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    margins = np.repeat([1 / n, 1 / m], [n, m])
    expected = linprog(cost.ravel(), A_eq=sums, b_eq=margins).fun
    value = sinkhorn_divergence(source, target, 0.05, max_iterations=3000).item()
    assert value == pytest.approx(expected, rel=5e-3)


def test_large_blur_is_the_distance_of_the_means():
    source, target = domains(6, 9, 4)
    expected = (source.mean(0) - target.mean(0)).square().sum() / 2
    torch.testing.assert_close(
        sinkhorn_divergence(source, target, 300.0), expected, rtol=1e-3, atol=0
    )


def test_gradient_equals_finite_differences():
    source, target = domains(4, 5, 3)
    assert torch.autograd.gradcheck(
        lambda x, y: sinkhorn_divergence(x, y, 0.8, max_iterations=3000),
        (source.requires_grad_(), target.requires_grad_()),
    )


@pytest.mark.parametrize("size", [3, 2592])
def test_the_usual_iterations_come_close(size):
    source, target = domains(32, 32, size)
    blur = blur_of(source, target)
    exact = sinkhorn_divergence(source, target, blur, max_iterations=3000)
    torch.testing.assert_close(sinkhorn_divergence(source, target, blur), exact, rtol=1e-4, atol=0)


@pytest.mark.parametrize(("size", "scatter"), [(200, 0.1), (2592, 0.3)])
@pytest.mark.parametrize("first_class", [14, 10, 1])
def test_the_usual_iterations_come_close_where_classes_are_clusters(size, scatter, first_class):
    """16 images of the first class in the source, more or fewer in the target."""
    random = torch.Generator().manual_seed(0)
    centres = torch.randn(2, size, generator=random)
    pair = [
        centres[(torch.arange(32) < number).long()]
        + scatter * torch.randn(32, size, generator=random)
        for number in (16, first_class)
    ]
    pair = at_unit_scale(*pair)
    blur = blur_of(*pair)
    exact = sinkhorn_divergence(*(x.double() for x in pair), blur, max_iterations=3000)
    value = sinkhorn_divergence(*pair, blur)
    torch.testing.assert_close(value.double(), exact, rtol=1e-4, atol=0)


def test_identical_domains_have_none():
    source, _ = domains(16, 1, 100, torch.float32)
    source.requires_grad_()
    value = sinkhorn_divergence(source, source.detach().flip(0), 0.7)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-4)
    assert source.grad.abs().max() < 1e-4


def test_is_symmetric():
    source, target = domains(7, 9, 5)
    one = sinkhorn_divergence(source, target, 1.0, max_iterations=3000)
    other = sinkhorn_divergence(target, source, 1.0, max_iterations=3000)
    torch.testing.assert_close(one, other)


def test_unit_scale():
    pair = [vectors.requires_grad_() for vectors in domains(6, 9, 4)]
    scaled = torch.cat(at_unit_scale(*pair))
    assert scaled.square().sum(1).mean().item() == pytest.approx(1)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(4, dtype=torch.float64))
    both = torch.cat(pair)
    centred = both - both.mean(0)
    torch.testing.assert_close(scaled / centred, (scaled / centred)[:1, :1].expand(15, 4))
    assert torch.equal(
        torch.cat(at_unit_scale(torch.ones(3, 4), torch.ones(2, 4))), torch.zeros(5, 4)
    )


def test_loss_depends_neither_on_the_unit_nor_on_the_origin():
    loss = build_losses(["sinkhorn"], 4, 2)["sinkhorn"]
    source, target = domains(12, 12, 4)
    value = loss(DomainBatch(source, None, None), DomainBatch(target, None, None))
    vectors = [100 * source + 7, 100 * target + 7]
    moved = [DomainBatch(latent.requires_grad_(), None, None) for latent in vectors]
    torch.testing.assert_close(loss(*moved), value)
    gradients = torch.autograd.grad(loss(*moved), vectors)
    centre = torch.cat(vectors).mean(0)
    radial = sum((g * (x - centre)).sum() for g, x in zip(gradients, vectors, strict=True))
    size = sum((g * (x - centre)).abs().sum() for g, x in zip(gradients, vectors, strict=True))
    # the potentials are constants, which leaves what their iteration is short of
    assert abs(radial) < 1e-3 * size


def test_blur_follows_the_largest_distance_between_the_domains():
    source, target = torch.zeros(2, 2), torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert blur_of(source, target) == pytest.approx(0.05 * 5)
    assert blur_of(source, 0.01 * target) == 0.01


def test_descending_the_gradient_brings_the_domains_together():
    source, target = domains(12, 12, 4, shift=3.0)
    target.requires_grad_()
    loss = build_losses(["sinkhorn"], 4, 2)["sinkhorn"]
    optimiser = torch.optim.Adam([target], lr=0.2)
    for _ in range(60):
        optimiser.zero_grad()
        value = loss(DomainBatch(source, None, None), DomainBatch(target, None, None))
        value.backward()
        optimiser.step()
    assert (target.mean(0) - source.mean(0)).norm() < 0.3
