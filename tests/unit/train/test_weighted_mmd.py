import pytest
import torch

from sim2sky.train.adaptation import DomainBatch, build_losses
from sim2sky.train.adaptation.mmd import mmd_squared
from sim2sky.train.adaptation.weighted_mmd import (
    MEMORY,
    WeightedMaximumMeanDiscrepancy,
    class_weight,
)


def two_classes(n_first, n_second, seed, n_dim=3):
    """Two clouds 6 apart, with sure scores."""
    random = torch.Generator().manual_seed(seed)
    label = torch.cat([torch.zeros(n_first), torch.ones(n_second)]).long()
    latent = torch.randn(len(label), n_dim, generator=random, dtype=torch.float64)
    latent = latent + 6 * label[:, None]
    logits = torch.nn.functional.one_hot(label, 2).double() * 20
    return DomainBatch(latent.requires_grad_(), logits, label)


def settled(loss, source, target):
    for _ in range(200):
        value = loss(source, target)
    return value


def test_class_weights_give_each_class_its_share():
    label = torch.tensor([0, 0, 0, 1])
    weight = class_weight(label, torch.tensor([0.3, 0.7]))
    assert weight.tolist() == pytest.approx([0.1, 0.1, 0.1, 0.7])


def test_a_class_without_rows_leaves_its_share_to_the_others():
    assert class_weight(torch.tensor([1, 1]), torch.tensor([0.9, 0.1])).tolist() == [0.5, 0.5]
    assert class_weight(torch.tensor([1, 1]), torch.tensor([1.0, 0.0])).isfinite().all()


def test_equal_weights_are_the_plain_mmd():
    source, target = two_classes(5, 5, 0), two_classes(4, 6, 1)
    plain = mmd_squared(source.latent, target.latent)
    weighted = mmd_squared(
        source.latent, target.latent, source_weight=torch.full((10,), 0.1, dtype=torch.float64)
    )
    assert weighted.item() == pytest.approx(plain.item(), rel=1e-12)


def test_weights_count_like_repeated_rows():
    source, target = two_classes(2, 1, 0), two_classes(4, 6, 1)
    repeated = torch.cat([source.latent, source.latent[2:], source.latent[2:]])
    variances = (1.0, 5.0)
    weight = torch.tensor([0.2, 0.2, 0.6], dtype=torch.float64)
    weighted = mmd_squared(source.latent, target.latent, variances, weight)
    assert weighted.item() == pytest.approx(
        mmd_squared(repeated, target.latent, variances).item(), rel=1e-12
    )


def test_another_share_of_classes_is_no_distance():
    """The same two clouds, one of them nine times rarer in the target."""
    source, target = two_classes(50, 50, 0), two_classes(90, 10, 1)
    loss = WeightedMaximumMeanDiscrepancy(2).double()
    weighted = settled(loss, source, target)
    assert loss.share.tolist() == pytest.approx([0.9, 0.1], abs=1e-4)
    assert weighted < 0.1 * mmd_squared(source.latent, target.latent)


def test_shares_are_a_running_mean():
    source, target = two_classes(2, 2, 0), two_classes(4, 0, 1)
    loss = WeightedMaximumMeanDiscrepancy(2).double()
    loss(source, target)
    assert loss.share.tolist() == pytest.approx([1 - 0.5 * MEMORY, 0.5 * MEMORY], abs=1e-6)
    before = loss.share.clone()
    loss.eval()(source, target)
    assert torch.equal(loss.share, before)


def test_gradient_by_finite_differences():
    source, target = two_classes(3, 2, 0), two_classes(2, 3, 1)
    weight = class_weight(source.label, torch.tensor([0.8, 0.2], dtype=torch.float64))
    assert torch.autograd.gradcheck(
        lambda x, y: mmd_squared(x, y, (1.0, 5.0), weight), (source.latent, target.latent)
    )


def test_without_source_labels_the_networks_own_count():
    source, target = two_classes(3, 2, 0), two_classes(2, 3, 1)
    blind = DomainBatch(source.latent, source.logits, None)
    loss = WeightedMaximumMeanDiscrepancy(2).double().eval()
    assert loss(blind, target).item() == loss(source, target).item()


def test_it_is_in_the_config_by_name():
    loss = build_losses(["mmd_weighted"], 3, 2)["mmd_weighted"]
    assert isinstance(loss, WeightedMaximumMeanDiscrepancy)
    assert "share" in loss.state_dict()  # so that a training goes on with it
