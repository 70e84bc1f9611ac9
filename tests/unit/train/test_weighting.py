import math

import pytest
import torch

from sim2sky.train.adaptation.weighting import SMALLEST_SCALE, WARMUP, WeightedSum


def terms(**values: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in values.items()}


def test_fixed_weights():
    weighted_sum = WeightedSum({"mmd": 2.0, "fisher": 0.5})
    value = weighted_sum(torch.tensor(1.0), terms(mmd=3.0, fisher=4.0), ramp=0.5, progress=0.0)
    assert value.item() == 1 + 0.5 * (2 * 3 + 0.5 * 4)
    assert list(weighted_sum.parameters()) == []
    assert weighted_sum.trained_weights() == {}


def test_no_losses_leave_the_cross_entropy():
    loss = torch.tensor(1.25)
    assert WeightedSum({})(loss, {}, ramp=1.0, progress=1.0) == loss


def test_automatic_weights_start_at_one_half():
    weighted_sum = WeightedSum({"sinkhorn": "automatic", "entropy": 0.1})
    losses = terms(sinkhorn=5.0, entropy=0.6)
    value = weighted_sum(torch.tensor(0.4), losses, ramp=1.0, progress=0.5)
    assert value.item() == pytest.approx(0.4 / 2 + 5 / 2 + 0.06)
    assert weighted_sum.trained_weights() == {"class": 0.5, "sinkhorn": 0.5}


def test_automatic_weights_follow_the_published_formula():
    weighted_sum = WeightedSum({"sinkhorn": "automatic"})
    scales = {"class": 0.8, "sinkhorn": 1.7}
    with torch.no_grad():
        for name, value in scales.items():
            weighted_sum.scales[name].fill_(value)
    value = weighted_sum(torch.tensor(0.4), terms(sinkhorn=5.0), ramp=1.0, progress=0.5)
    value.backward()
    expected = 0.4 / (2 * 0.8**2) + 5 / (2 * 1.7**2) + math.log(0.8 * 1.7)
    assert value.item() == pytest.approx(expected, rel=1e-6)
    # d/de (L / 2e^2 + log e) = 1 / e - L / e^3
    for name, loss in (("class", 0.4), ("sinkhorn", 5.0)):
        scale = scales[name]
        slope = 1 / scale - loss / scale**3
        assert weighted_sum.scales[name].grad.item() == pytest.approx(slope, rel=1e-5)
    assert weighted_sum.trained_weights()["class"].item() == pytest.approx(0.5 / 0.8**2)


def test_warm_up_is_the_cross_entropy_alone():
    weighted_sum = WeightedSum({"sinkhorn": "automatic", "entropy": 0.5})
    losses = terms(sinkhorn=5.0, entropy=0.6)
    before = weighted_sum(torch.tensor(0.4), losses, ramp=1.0, progress=WARMUP - 1e-9)
    assert before.item() == pytest.approx(0.4 + 0.3)
    after = weighted_sum(torch.tensor(0.4), losses, ramp=1.0, progress=WARMUP)
    assert after.item() == pytest.approx(0.2 + 2.5 + 0.3)


def test_ramp_goes_from_the_cross_entropy_to_the_whole():
    weighted_sum = WeightedSum({"sinkhorn": "automatic"})
    values = [
        weighted_sum(torch.tensor(0.4), terms(sinkhorn=5.0), ramp, progress=1.0).item()
        for ramp in (0.0, 0.5, 1.0)
    ]
    assert values == pytest.approx([0.4, (0.4 + 2.7) / 2, 2.7])


def test_scales_keep_within_their_limits():
    weighted_sum = WeightedSum({"sinkhorn": "automatic"})
    for scale_class, scale, expected in ((2.0, 0.1, (2.0, 0.5)), (-1.0, -1.0, (1e-3, 2.5e-4))):
        with torch.no_grad():
            weighted_sum.scales["class"].fill_(scale_class)
            weighted_sum.scales["sinkhorn"].fill_(scale)
        weighted_sum(torch.tensor(0.4), terms(sinkhorn=0.0), ramp=1.0, progress=1.0)
        found = [weighted_sum.scales[name].item() for name in ("class", "sinkhorn")]
        assert found == pytest.approx(expected)
    assert SMALLEST_SCALE == 1e-3


def test_trained_scales_end_at_the_square_roots_of_the_losses():
    weighted_sum = WeightedSum({"sinkhorn": "automatic"})
    optimiser = torch.optim.Adam(weighted_sum.parameters(), lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        weighted_sum(torch.tensor(0.5), terms(sinkhorn=4.0), ramp=1.0, progress=1.0).backward()
        optimiser.step()
    assert weighted_sum.scales["class"].item() == pytest.approx(0.5**0.5, rel=0.02)
    assert weighted_sum.scales["sinkhorn"].item() == pytest.approx(2.0, rel=0.02)
