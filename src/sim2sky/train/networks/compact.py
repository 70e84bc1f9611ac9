"""A small network that does not care where in the image something is."""

import torch
from torch import nn

from sim2sky.errors import Sim2SkyError


class Compact(nn.Module):
    """Four blocks like DeepMerge's, then the mean and the maximum of each map over the image.

    Convolution (8 filters of 5x5, then 16, 32 and 64 of 3x3), BatchNorm, 2x2
    max-pooling and ReLU. DeepMerge flattens its last maps, so that its dense
    layers must learn each feature at each place anew; pooled maps (Lin et al.
    2014, ICLR, arXiv:1312.4400) ask whether a feature is there and how
    strongly. A tenth of DeepMerge's weights, about the same cost.

    Parameters
    ----------
    n_bands : int
        Channels of the images.
    n_classes : int
        Number of classes.
    image_size : int
        Side of the images in pixels; any from 16 will do.
    """

    latent_size = 128

    def __init__(self, n_bands: int, n_classes: int, image_size: int) -> None:
        super().__init__()
        if image_size < 16:
            raise Sim2SkyError(
                "images are too small for four poolings", got=f"{image_size} px", expected=">= 16"
            )
        blocks = []
        n_in = n_bands
        for n_out, kernel in ((8, 5), (16, 3), (32, 3), (64, 3)):
            blocks += [
                nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(n_out),
                nn.MaxPool2d(2),
                nn.ReLU(),
            ]
            n_in = n_out
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(
            nn.Linear(self.latent_size, 64), nn.ReLU(), nn.Linear(64, n_classes)
        )

    @property
    def gradcam_layer(self) -> nn.Module:
        """The last convolution, whose maps Grad-CAM weighs."""
        return self.features[12]

    @property
    def output_layer(self) -> nn.Module:
        """The layer with one output for each class."""
        return self.classifier[-1]

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return latent vectors and class scores.

        Parameters
        ----------
        images : torch.Tensor
            (N,C,H,W), normalised.

        Returns
        -------
        latent : torch.Tensor
            (N, 128).
        logits : torch.Tensor
            (N, n_classes), before the softmax.
        """
        maps = self.features(images)
        latent = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)
        return latent, self.classifier(latent)
