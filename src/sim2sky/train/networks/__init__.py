"""The classifiers, each of which also gives the latent vector that adaptation works on."""

from collections.abc import Callable

import torch
from torch import nn

from sim2sky.errors import Sim2SkyError
from sim2sky.train.networks.compact import Compact
from sim2sky.train.networks.deepmerge import DeepMerge
from sim2sky.train.networks.resnet import ResNet18

NETWORKS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "compact": Compact,
    "deepmerge": DeepMerge,
    "resnet18": ResNet18,
}


def build_network(name: str, n_bands: int, n_classes: int, image_size: int) -> nn.Module:
    """Return a network with fresh weights.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`.
    n_bands, n_classes : int
        Channels of the images and number of classes.
    image_size : int
        Side of the images in pixels.

    Returns
    -------
    torch.nn.Module
        ``forward(images) -> (latent, logits)``; attributes ``latent_size``,
        ``gradcam_layer`` and ``output_layer``. Its weights lie in channels-last order, which
        the CPU convolves about twice as fast.

    Raises
    ------
    Sim2SkyError
        If the name is unknown or the images are too small.
    """
    if name not in NETWORKS:
        raise Sim2SkyError("unknown network", got=name, expected=", ".join(NETWORKS))
    network = NETWORKS[name](n_bands, n_classes, image_size)
    return network.to(memory_format=torch.channels_last)
