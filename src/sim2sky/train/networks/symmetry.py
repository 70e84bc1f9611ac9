"""The symmetries of the square, the group D4, under which a galaxy stays what it is."""

import torch
from torch import nn

from sim2sky.train.batches import turned


class D4Averaged(nn.Module):
    """A trained network whose class scores do not depend on how an image is turned.

    The logits are the mean over the 8 flips and quarter turns of an image, as
    Dieleman et al. 2015 (MNRAS 450, 1441) average over the orientations of
    galaxies. The latent vector is that of the image as it is: averaged features
    are not ones that the classifier has seen.

    Parameters
    ----------
    network : torch.nn.Module
        ``forward(images) -> (latent, logits)``. It is shared, not copied.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return latent vectors and mean class scores.

        Parameters
        ----------
        images : torch.Tensor
            (N,C,H,W) with H = W, normalised.

        Returns
        -------
        latent : torch.Tensor
            (N,D), of the images as they are.
        logits : torch.Tensor
            (N,K), invariant up to rounding; they take 8 passes.
        """
        latent, total = self.network(images)
        for symmetry in range(1, 8):
            copy = turned(images.permute(0, 2, 3, 1), symmetry).contiguous().permute(0, 3, 1, 2)
            total = total + self.network(copy)[1]
        return latent, total / 8
