import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sim2sky.explain.gradcam import gradcam_maps, share_on, weighted_radius
from sim2sky.train.networks import build_network


class Linear(nn.Module):
    """Maps that are multiples of the image, averaged, then a linear layer: all known."""

    def __init__(self, filters, readout, stride=1):
        super().__init__()
        self.gradcam_layer = nn.Conv2d(1, len(filters), 1, stride=stride, bias=False)
        self.readout = nn.Linear(len(filters), len(readout), bias=False)
        with torch.no_grad():
            self.gradcam_layer.weight[:] = torch.tensor(filters).reshape(-1, 1, 1, 1)
            self.readout.weight[:] = torch.tensor(readout)

    def forward(self, images):
        latent = self.gradcam_layer(images).mean(dim=(2, 3))
        return latent, self.readout(latent)


def test_linear_network_in_closed_form():
    # the map of class c is the positive part of sum_k readout[c,k] filter[k] image
    images = torch.linspace(-1, 1, 50).reshape(2, 1, 5, 5)
    network = Linear([1.0, -2.0], [[1.0, 0.0], [0.5, 1.0]])
    for class_index, factor in ((0, 1.0), (1, 0.5 - 2.0)):
        raw = np.clip(factor * images[:, 0].numpy(), 0, None)
        peak = raw.max(axis=(1, 2), keepdims=True)
        expected = np.divide(raw, peak, out=np.zeros_like(raw), where=peak > 0)
        maps = gradcam_maps(network, images, class_index)
        assert maps == pytest.approx(expected, abs=1e-6)
        assert maps.dtype == np.float32
    # the first image is negative all over, the second positive: one speaks for each class
    assert gradcam_maps(network, images, 0)[0].max() == 0
    assert gradcam_maps(network, images, 1)[1].max() == 0


def test_coarse_maps_are_brought_to_the_images_size():
    images = torch.zeros(1, 1, 12, 12)
    images[0, 0, 8, 4] = 1
    fine = gradcam_maps(Linear([1.0], [[1.0]], stride=4), images, 0)[0]
    coarse = torch.zeros(1, 1, 3, 3)
    coarse[0, 0, 2, 1] = 1
    expected = functional.interpolate(coarse, (12, 12), mode="bilinear")[0, 0].numpy()
    assert fine == pytest.approx(expected / expected.max())


def test_agrees_with_own_gradients_of_the_real_network():
    torch.manual_seed(0)
    network = build_network("deepmerge", n_bands=2, n_classes=3, image_size=24).eval()
    images = torch.randn(5, 2, 24, 24)
    kept = []
    handle = network.gradcam_layer.register_forward_hook(lambda *call: kept.append(call[2]))
    logits = network(images)[1]
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[:, 2].sum(), kept)
    coarse = (gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1, keepdim=True).relu()
    fine = functional.interpolate(coarse.detach(), (24, 24), mode="bilinear")[:, 0].numpy()
    peak = fine.max(axis=(1, 2), keepdims=True)
    assert (peak > 0).any()
    expected = np.divide(fine, peak, out=np.zeros_like(fine), where=peak > 0)
    assert gradcam_maps(network, images, 2, batch_size=2) == pytest.approx(expected, abs=1e-5)


def test_maps_leave_no_gradients_behind():
    network = build_network("deepmerge", n_bands=1, n_classes=2, image_size=16)
    gradcam_maps(network, torch.randn(2, 1, 16, 16), 1)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_weighted_radius_of_a_point_a_ring_and_nothing():
    weights = np.zeros((3, 21, 21), dtype="f4")
    weights[0, 10, 10] = 3
    weights[1, 10, [2, 18]] = weights[1, [2, 18], 10] = 0.5
    assert weighted_radius(weights)[:2] == pytest.approx([0, 8 / 10.5])
    assert np.isnan(weighted_radius(weights)[2])


def test_even_weights_have_the_mean_radius_of_a_square():
    # (sqrt(2) + arsinh(1)) / 3 half widths
    expected = (np.sqrt(2) + np.arcsinh(1)) / 3
    assert weighted_radius(np.ones((1, 200, 200))) == pytest.approx([expected], abs=1e-4)


def test_share_on_a_mask():
    weights = np.array([[[1.0, 3.0]], [[0.0, 0.0]]])
    share = share_on(weights, np.array([[[True, False]], [[True, True]]]))
    assert share[0] == 0.25
    assert np.isnan(share[1])
