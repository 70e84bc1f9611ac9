import math

import pytest
import torch

from sim2sky.train.adaptation.weighting import (
    MEMORY_STEPS,
    SMALLEST_SCALE,
    WARMUP,
    WeightedSum,
)


def terms(**values: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in values.items()}


def weights_of(weighted_sum: WeightedSum) -> dict[str, float]:
    return {name: value.item() for name, value in weighted_sum.automatic_weights().items()}


def test_fixed_weights():
    weighted_sum = WeightedSum({"mmd": 2.0, "fisher": 0.5})
    value = weighted_sum(torch.tensor(1.0), terms(mmd=3.0, fisher=4.0), ramp=0.5, progress=0.0)
    assert value.item() == 1 + 0.5 * (2 * 3 + 0.5 * 4)
    assert weighted_sum.automatic_weights() == {}


def test_no_losses_leave_the_cross_entropy():
    loss = torch.tensor(1.25)
    assert WeightedSum({})(loss, {}, ramp=1.0, progress=1.0) == loss


def test_value_and_gradient_follow_the_published_formula():
    """At scales whose squares are the mean losses so far, which are constants."""
    weighted_sum = WeightedSum({"sinkhorn": "automatic", "entropy": 0.1})
    weighted_sum(torch.tensor(0.6), terms(sinkhorn=7.0, entropy=0.0), ramp=1.0, progress=0.5)
    loss_class, sinkhorn = torch.tensor(0.4, requires_grad=True), torch.tensor(5.0)
    losses = {"sinkhorn": sinkhorn.requires_grad_(), "entropy": torch.tensor(0.6)}
    value = weighted_sum(loss_class, losses, ramp=1.0, progress=0.5)
    squares = (0.6 + 0.4) / 2, (7.0 + 5.0) / 2
    expected = (
        0.4 / (2 * squares[0]) + 5 / (2 * squares[1]) + 0.5 * math.log(squares[0] * squares[1])
    )
    assert value.item() == pytest.approx(expected + 0.06, rel=1e-6)
    value.backward()
    assert loss_class.grad.item() == pytest.approx(0.5 / squares[0])
    assert sinkhorn.grad.item() == pytest.approx(0.5 / squares[1])
    weights = {"class": 0.5 / squares[0], "sinkhorn": 0.5 / squares[1]}
    assert weights_of(weighted_sum) == pytest.approx(weights)


def test_no_other_scales_give_less():
    """The published sum has its minimum over the scales where they are put."""
    weighted_sum = WeightedSum({"sinkhorn": "automatic"})
    value = weighted_sum(torch.tensor(0.4), terms(sinkhorn=1800.0), ramp=1.0, progress=1.0).item()
    for factor in (0.9, 1.1):
        for one, other in ((factor, 1.0), (1.0, factor)):
            squares = 0.4 * one, 1800.0 * other
            published = 0.4 / (2 * squares[0]) + 1800 / (2 * squares[1])
            assert published + 0.5 * math.log(squares[0] * squares[1]) > value


def test_neither_loss_drowns_the_other():
    for sinkhorn in (1e-2, 1.0, 1e4):
        weighted_sum = WeightedSum({"sinkhorn": "automatic"})
        weighted_sum(torch.tensor(0.4), terms(sinkhorn=sinkhorn), ramp=1.0, progress=1.0)
        weights = weights_of(weighted_sum)
        shares = weights["class"] * 0.4, weights["sinkhorn"] * sinkhorn
        assert shares[0] == pytest.approx(0.5, rel=1e-5)
        assert shares[1] <= 0.5 + 1e-5


def test_warm_up_is_the_cross_entropy_alone():
    weighted_sum = WeightedSum({"sinkhorn": "automatic", "entropy": 0.5})
    losses = terms(sinkhorn=5.0, entropy=0.6)
    before = weighted_sum(torch.tensor(0.4), losses, ramp=1.0, progress=WARMUP - 1e-9)
    assert before.item() == pytest.approx(0.4 + 0.3)
    assert weights_of(weighted_sum) == {"class": 1.0, "sinkhorn": 0.0}
    after = weighted_sum(torch.tensor(0.4), losses, ramp=1.0, progress=WARMUP)
    assert after.item() == pytest.approx(1 + 0.5 * math.log(0.4 * 5) + 0.3)


def test_ramp_goes_from_the_cross_entropy_to_the_whole():
    weighted_sum = WeightedSum({"sinkhorn": "automatic"})
    values = [
        weighted_sum(torch.tensor(0.4), terms(sinkhorn=5.0), ramp, progress=1.0).item()
        for ramp in (0.0, 0.5, 1.0)
    ]
    whole = 1 + 0.5 * math.log(0.4 * 5)
    assert values == pytest.approx([0.4, (0.4 + whole) / 2, whole], rel=1e-5)


@pytest.mark.parametrize(
    ("loss_class", "sinkhorn", "scales"),
    [
        (4.0, 1e-4, (2.0, 0.5)),
        (0.0, 0.0, (SMALLEST_SCALE, SMALLEST_SCALE)),
        (1.0, 9.0, (1.0, 3.0)),
    ],
)
def test_scales_keep_within_their_limits(loss_class, sinkhorn, scales):
    weighted_sum = WeightedSum({"sinkhorn": "automatic"})
    weighted_sum(torch.tensor(loss_class), terms(sinkhorn=sinkhorn), ramp=1.0, progress=1.0)
    expected = {"class": 0.5 / scales[0] ** 2, "sinkhorn": 0.5 / scales[1] ** 2}
    assert weights_of(weighted_sum) == pytest.approx(expected, rel=1e-5)


def test_scales_follow_the_losses_and_are_saved():
    weighted_sum = WeightedSum({"sinkhorn": "automatic"})
    for sinkhorn in [100.0] * 3 + [2.0] * 10 * MEMORY_STEPS:
        weighted_sum(torch.tensor(0.4), terms(sinkhorn=sinkhorn), ramp=1.0, progress=1.0)
    assert weights_of(weighted_sum)["sinkhorn"] == pytest.approx(0.25, rel=0.01)
    other = WeightedSum({"sinkhorn": "automatic"})
    other.load_state_dict(weighted_sum.state_dict())
    assert weights_of(other) == weights_of(weighted_sum)
