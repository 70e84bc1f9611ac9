"""What every loss must stand, whatever it is."""

import pytest
import torch

from sim2sky.train.adaptation import LOSSES, DomainBatch, build_losses

SIZE, N_CLASSES, N_IMAGES = 6, 3, 8


def batch(n: int, label: list[int] | None, seed: int = 0, scale: float = 1.0) -> DomainBatch:
    random = torch.Generator().manual_seed(seed)
    return DomainBatch(
        (scale * torch.randn(n, SIZE, generator=random)).requires_grad_(),
        (scale * torch.randn(n, N_CLASSES, generator=random)).requires_grad_(),
        None if label is None else torch.tensor(label),
        progress=0.5,
        index=torch.arange(n),
    )


CASES = {
    "usual": (batch(4, [0, 1, 2, 0]), batch(5, None, seed=1)),
    "one class": (batch(4, [1, 1, 1, 1]), batch(4, None, seed=1)),
    "empty class": (batch(4, [0, 2, 2, 0]), batch(4, None, seed=1)),
    "identical domains": (batch(4, [0, 1, 2, 0]), batch(4, None)),
    "equal vectors": (batch(3, [0, 1, 2], scale=0.0), batch(3, None, scale=0.0)),
    "one row each": (batch(1, [1]), batch(1, None, seed=1)),
    "far apart": (batch(4, [0, 1, 2, 0], scale=1e4), batch(4, None, seed=1, scale=1e4)),
    "oracle": (batch(4, None), batch(4, [0, 1, 2, 0], seed=1)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradients_are_finite(name, case):
    torch.manual_seed(0)
    loss = build_losses([name], SIZE, N_CLASSES, N_IMAGES)[name]
    source, target = CASES[case]
    inputs = [source.latent, source.logits, target.latent, target.logits]
    value = loss(source, target)
    assert value.shape == ()
    assert torch.isfinite(value)
    assert value.item() > -1e-5 * max(1, source.latent.square().sum().item())
    gradients = torch.autograd.grad(value, [*inputs, *loss.parameters()], allow_unused=True)
    assert all(torch.isfinite(g).all() for g in gradients if g is not None)
    assert any(g is not None for g in gradients[:4])
