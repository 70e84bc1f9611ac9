"""The distance between the means of two domains, the simplest of all discrepancies.

Tzeng et al. 2014 (DDC, arXiv:1412.3474), equation 1 squared: the maximum mean
discrepancy with a linear kernel.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from sim2sky.train.adaptation import DomainBatch


class MeanAlignment(nn.Module):
    """``|m_s - m_t|^2 / D`` between the mean latent vectors of two domains.

    The covariances of CORAL say nothing about the means, which run apart while
    it is minimised. With this beside it at a quarter of its weight, both are
    means over the entries of squared differences, as in the CORAL of DomainBed
    (Gulrajani & Lopez-Paz 2021, ICLR, arXiv:2007.01434).
    """

    def forward(self, source: "DomainBatch", target: "DomainBatch") -> torch.Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        source, target : DomainBatch
            Only their latent vectors are used; the result is symmetric.

        Returns
        -------
        torch.Tensor
            A scalar >= 0.
        """
        return (source.latent.mean(0) - target.latent.mean(0)).square().mean()
