import subprocess
import sys

import pytest
import torch

from sim2sky.errors import Sim2SkyError
from sim2sky.train.networks import NETWORKS, build_network
from sim2sky.train.settings import TrainSettings


def test_published_sizes():
    network = build_network("deepmerge", 3, 2, 75)
    latent, logits = network(torch.zeros(2, 3, 75, 75))
    assert latent.shape == (2, 2592)
    assert network.latent_size == 2592
    assert logits.shape == (2, 2)
    convolutions = [layer for layer in network.features if isinstance(layer, torch.nn.Conv2d)]
    assert [(layer.out_channels, layer.kernel_size[0]) for layer in convolutions] == [
        (8, 5),
        (16, 3),
        (32, 3),
    ]
    dense = [layer for layer in network.classifier if isinstance(layer, torch.nn.Linear)]
    assert [layer.in_features for layer in dense] == [2592, 64, 32]
    assert not any(isinstance(layer, torch.nn.Dropout) for layer in network.modules())


@pytest.mark.parametrize(("bands", "classes", "size"), [(1, 3, 8), (2, 2, 33), (5, 4, 100)])
def test_any_bands_classes_and_size(bands, classes, size):
    network = build_network("deepmerge", bands, classes, size)
    latent, logits = network(torch.zeros(3, bands, size, size))
    assert latent.shape == (3, 32 * (size // 8) ** 2)
    assert logits.shape == (3, classes)


def test_pooling_before_relu_changes_nothing():
    network = build_network("deepmerge", 2, 2, 16).train()
    images = torch.randn(6, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    published = images
    for block in range(3):
        convolution, norm, pool, relu = network.features[4 * block : 4 * block + 4]
        published = pool(relu(norm(convolution(published))))
    torch.testing.assert_close(network(images)[0], published.flatten(1))


def test_resnet18_has_the_layers_of_torchvision_and_a_bottleneck():
    network = build_network("resnet18", 3, 2, 75)
    # torchvision's resnet18 has 11,689,512 parameters, 513,000 of them in its last layer
    assert sum(value.numel() for value in network.encoder.parameters()) == 11_176_512
    assert [tuple(value.shape) for value in network.bottleneck[0].parameters()] == [
        (256, 512),
        (256,),
    ]
    assert network.output_layer.weight.shape == (2, 256)


@pytest.mark.parametrize(("bands", "classes", "size"), [(1, 3, 33), (2, 2, 75), (5, 4, 100)])
def test_resnet18_with_any_bands_classes_and_size(bands, classes, size):
    network = build_network("resnet18", bands, classes, size)
    seen = []
    network.gradcam_layer.register_forward_hook(lambda *call: seen.append(call[2]))
    latent, logits = network(torch.randn(2, bands, size, size))
    assert latent.shape == (2, network.latent_size) == (2, 256)
    assert logits.shape == (2, classes)
    assert seen[0].shape == (2, 512, -(-size // 32), -(-size // 32))
    # Grad-CAM looks at the very maps whose means are the features
    torch.testing.assert_close(network.bottleneck(seen[0].mean((2, 3))), latent)
    logits.square().sum().backward()
    assert all(value.grad.abs().sum() > 0 for value in network.encoder.conv1.parameters())


def test_latent_vectors_of_resnet18_have_a_fixed_scale():
    network = build_network("resnet18", 2, 2, 33)
    latent = network(100 * torch.randn(16, 2, 33, 33))[0]
    torch.testing.assert_close(latent.mean(0), torch.zeros(256), rtol=0, atol=1e-4)
    torch.testing.assert_close(latent.var(0, correction=0), torch.ones(256), rtol=1e-2, atol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_are_channels_last_and_the_output_layer_is_the_last(name):
    network = build_network(name, 2, 3, 33)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            assert layer.weight.is_contiguous(memory_format=torch.channels_last)
    seen = []
    network.output_layer.register_forward_hook(lambda *call: seen.append(call[2]))
    assert network.eval()(torch.zeros(1, 2, 33, 33))[1] is seen[0]


def test_deepmerge_does_not_wait_for_monai():
    program = (
        "import sys; from sim2sky.train.networks import build_network; "
        "build_network('deepmerge', 2, 2, 16); sys.exit('monai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_gradcam_layer_is_the_last_convolution():
    network = build_network("deepmerge", 2, 2, 16)
    seen = []
    network.gradcam_layer.register_forward_hook(lambda *call: seen.append(call[2].shape))
    network(torch.zeros(2, 2, 16, 16))
    assert isinstance(network.gradcam_layer, torch.nn.Conv2d)
    assert seen == [(2, 32, 4, 4)]


def test_refusals():
    with pytest.raises(Sim2SkyError, match="too small.*got 7 px"):
        build_network("deepmerge", 2, 2, 7)
    with pytest.raises(
        Sim2SkyError, match="unknown network; got alexnet; expected compact, deepmerge, "
    ):
        build_network("alexnet", 2, 2, 75)


def test_settings_know_every_network():
    annotation = TrainSettings.model_fields["network"].annotation
    assert set(annotation.__args__) == set(NETWORKS)


@pytest.mark.parametrize(("bands", "classes", "size"), [(1, 3, 16), (2, 2, 75), (5, 4, 100)])
def test_compact_with_any_bands_classes_and_size(bands, classes, size):
    network = build_network("compact", bands, classes, size)
    latent, logits = network(torch.randn(3, bands, size, size))
    assert latent.shape == (3, network.latent_size) == (3, 128)
    assert logits.shape == (3, classes)


def test_compact_does_not_care_where_something_is():
    network = build_network("compact", 1, 2, 96).eval()
    blob = torch.zeros(1, 1, 96, 96)
    blob[:, :, 40:48, 32:44] = 1.0
    moved = torch.roll(blob, (16, -16), dims=(2, 3))  # whole steps of the last maps
    torch.testing.assert_close(network(blob)[0], network(moved)[0])


def test_compact_refuses_images_that_vanish():
    with pytest.raises(Sim2SkyError, match="too small for four poolings; got 15 px"):
        build_network("compact", 1, 2, 15)
