"""The small network of the DeepMerge papers."""

import torch
from torch import nn

from sim2sky.errors import Sim2SkyError


class DeepMerge(nn.Module):
    """The network of Ciprijanovic et al. 2020 (Astronomy & Computing 32, 100390).

    Three blocks of convolution (8 filters of 5x5, 16 of 3x3, 32 of 3x3),
    BatchNorm, 2x2 max-pooling and ReLU, then dense layers of 64 and 32. As in
    the authors' second paper (2021, MNRAS 506, 677) there is no dropout and
    the latent vector is the flattened output of the last block: 2592 features
    for images of 75x75 pixels.

    ReLU comes after pooling: both orders give the same values, since ReLU
    does not change which pixel is the largest, but this one does a quarter of the work.

    Parameters
    ----------
    n_bands : int
        Channels of the images.
    n_classes : int
        Number of classes.
    image_size : int
        Side of the images in pixels, at least 8.
    """

    def __init__(self, n_bands: int, n_classes: int, image_size: int) -> None:
        super().__init__()
        if image_size < 8:
            raise Sim2SkyError(
                "images are too small for three poolings", got=f"{image_size} px", expected=">= 8"
            )
        blocks = []
        n_in = n_bands
        for n_out, kernel in ((8, 5), (16, 3), (32, 3)):
            blocks += [
                nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2),
                nn.BatchNorm2d(n_out),
                nn.MaxPool2d(2),
                nn.ReLU(),
            ]
            n_in = n_out
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(
            nn.Linear(32 * (image_size // 8) ** 2, 64),
            nn.ReLU(),
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Linear(32, n_classes),
        )

    @property
    def latent_size(self) -> int:
        """Length of the latent vector."""
        return self.classifier[0].in_features

    @property
    def gradcam_layer(self) -> nn.Module:
        """The last convolution, whose maps Grad-CAM weighs."""
        return self.features[8]

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
            (N, latent_size).
        logits : torch.Tensor
            (N, n_classes), before the softmax.
        """
        latent = self.features(images).flatten(1)
        return latent, self.classifier(latent)
