"""Residual networks (He et al. 2016, CVPR, arXiv:1512.03385) with a bottleneck."""

import torch
from torch import nn


class ResNet18(nn.Module):
    """ResNet18 with a bottleneck of 256 features, the latent vector.

    As in Ciprijanovic et al. 2021 (MNRAS 506, 677): ResNet18 in torchvision's
    layout (monai's network with its shortcuts free of biases), a dense layer from
    its 512 features to 256, and one from those to the classes. The BatchNorm
    after the bottleneck, as in Liang et al. 2020 (ICML, arXiv:2002.08546), is
    added: it gives the latent vector a fixed scale, on which the kernels of MMD
    and the steps of a discriminator can count.

    The last maps have one pixel for 32 x 32 of the image: 3 x 3 for images of 75 x 75 pixels.

    Parameters
    ----------
    n_bands : int
        Channels of the images.
    n_classes : int
        Number of classes.
    image_size : int
        Side of the images in pixels; any will do, since the maps are averaged.
    """

    latent_size = 256

    def __init__(self, n_bands: int, n_classes: int, image_size: int) -> None:
        super().__init__()
        # takes seconds to import, which the other networks need not wait for
        from monai.networks.nets import resnet18

        self.encoder = resnet18(
            spatial_dims=2,
            n_input_channels=n_bands,
            conv1_t_stride=2,
            bias_downsample=False,
            feed_forward=False,
        )
        self.bottleneck = nn.Sequential(
            nn.Linear(512, self.latent_size), nn.BatchNorm1d(self.latent_size)
        )
        self.classifier = nn.Linear(self.latent_size, n_classes)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The last residual block, whose maps Grad-CAM weighs."""
        return self.encoder.layer4[-1]

    @property
    def output_layer(self) -> nn.Module:
        """The layer with one output for each class."""
        return self.classifier

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return latent vectors and class scores.

        Parameters
        ----------
        images : torch.Tensor
            (N,C,H,W), normalised; N > 1 while training, for BatchNorm.

        Returns
        -------
        latent : torch.Tensor
            (N, latent_size).
        logits : torch.Tensor
            (N, n_classes), before the softmax.
        """
        latent = self.bottleneck(self.encoder(images))
        return latent, self.classifier(latent)
