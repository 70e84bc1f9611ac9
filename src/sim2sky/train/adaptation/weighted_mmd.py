"""MMD that leaves the classes' shares alone.

Aligning whole distributions also aligns how common each class is. Where
mergers are half of the mocks and a tenth of a survey, the smallest discrepancy
is reached by making mergers look like other galaxies. Yan et al. 2017 (CVPR,
arXiv:1705.00609) weigh the source's classes so that they are as common
as the target's seem to be.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

from sim2sky.train.adaptation.mmd import mmd_squared

if TYPE_CHECKING:
    from sim2sky.train.adaptation import DomainBatch

MEMORY = 0.95  # of the running mean of the target's shares: some twenty batches


class WeightedMaximumMeanDiscrepancy(nn.Module):
    """MMD^2 between the target and the source with the target's classes' shares.

    The shares are a running mean of what the network says of the target's
    images, which needs no label; the kernels are five around the median distance.

    Parameters
    ----------
    n_classes : int
        K.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.register_buffer("share", torch.full((n_classes,), 1.0 / n_classes))

    def forward(self, source: "DomainBatch", target: "DomainBatch") -> torch.Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        source : DomainBatch
            With labels (those of the network, where the source has none).
        target : DomainBatch
            Latent vectors and scores.

        Returns
        -------
        torch.Tensor
            A scalar >= 0 up to rounding.
        """
        if self.training:
            seen = target.logits.detach().softmax(1).mean(0)
            self.share.lerp_(seen.to(self.share.dtype), 1 - MEMORY)
        label = source.logits.argmax(1) if source.label is None else source.label
        weight = class_weight(label, self.share)
        return mmd_squared(source.latent, target.latent, source_weight=weight)


def class_weight(label: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Return weights of sum 1 that give each class its share.

    Parameters
    ----------
    label : torch.Tensor
        (N,) int64.
    share : torch.Tensor
        (K,) of sum 1; what belongs to a class without rows goes to the others.

    Returns
    -------
    torch.Tensor
        (N,).
    """
    counts = torch.bincount(label, minlength=len(share))
    weight = (share / counts.clamp_min(1))[label]
    return weight / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)
