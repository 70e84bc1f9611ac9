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
    with pytest.raises(Sim2SkyError, match="unknown network; got alexnet; expected deepmerge"):
        build_network("alexnet", 2, 2, 75)


def test_settings_know_every_network():
    annotation = TrainSettings.model_fields["network"].annotation
    assert set(annotation.__args__) == set(NETWORKS)
