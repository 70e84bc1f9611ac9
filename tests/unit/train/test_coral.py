import numpy as np
import pytest
import torch

from sim2sky.train.adaptation import DomainBatch, build_losses
from sim2sky.train.adaptation.coral import coral


def domains(n: int, m: int, size: int, dtype: torch.dtype = torch.float64):
    random = torch.Generator().manual_seed(4)
    source = torch.randn(n, size, generator=random, dtype=dtype)
    return source, 1.5 * torch.randn(m, size, generator=random, dtype=dtype) + 1


def coral_by_covariances(source: np.ndarray, target: np.ndarray) -> float:
    difference = np.cov(source.T) - np.cov(target.T)
    return np.linalg.norm(difference, "fro") ** 2 / (4 * source.shape[1] ** 2)


def test_closed_form_of_known_covariances():
    # the covariances are diag(2, 0) and diag(0, 8): (2^2 + 8^2) / (4 * 2^2)
    source = torch.tensor([[-1.0, 5.0], [1.0, 5.0]])
    target = torch.tensor([[0.0, -2.0], [0.0, 2.0]])
    assert coral(source, target).item() == pytest.approx(68 / 16)


@pytest.mark.parametrize(("n", "m", "size"), [(5, 7, 3), (32, 32, 2592), (40, 9, 12)])
def test_equals_numpy_in_float64(n, m, size):
    source, target = domains(n, m, size)
    expected = coral_by_covariances(source.numpy(), target.numpy())
    assert coral(source, target).item() == pytest.approx(expected, rel=1e-10)


def test_equals_numpy_in_float32():
    source, target = domains(16, 16, 300, torch.float32)
    expected = coral_by_covariances(source.double().numpy(), target.double().numpy())
    assert coral(source, target).item() == pytest.approx(expected, rel=1e-5)


def test_gradient_equals_finite_differences():
    source, target = domains(4, 5, 3)
    assert torch.autograd.gradcheck(coral, (source.requires_grad_(), target.requires_grad_()))


def test_identical_domains_have_none():
    source, _ = domains(32, 1, 500, torch.float32)
    assert coral(source, source.flip(0)).item() == pytest.approx(0, abs=1e-8)


def test_means_do_not_matter():
    source, target = domains(8, 8, 5)
    torch.testing.assert_close(coral(source + 3, target), coral(source, target))


def test_one_vector_has_no_spread():
    source, target = domains(6, 1, 4)
    expected = np.linalg.norm(np.cov(source.numpy().T), "fro") ** 2 / (4 * 4**2)
    assert coral(source, target).item() == pytest.approx(expected)


def test_no_matrix_of_all_pairs_of_features():
    """Such a matrix would take 40 GB here."""
    source, target = domains(3, 3, 100_000, torch.float32)
    assert coral(source, target).item() > 0


def test_built_loss_reads_the_latent_vectors():
    source, target = domains(5, 6, 4)
    loss = build_losses(["coral"], latent_size=4, n_classes=2)["coral"]
    value = loss(DomainBatch(source, None, None), DomainBatch(target, None, None))
    torch.testing.assert_close(value, coral(source, target))
