"""Fisher loss: classes that are compact and far from each other in the latent space.

Ciprijanovic et al. 2021 (MNRAS 506, 677), after Zhang et al. 2020
(arXiv:2003.05636), whose centres are learned as in the centre loss of Wen et
al. 2016 (ECCV).
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from sim2sky.train.adaptation import DomainBatch


class FisherLoss(nn.Module):
    """The ratio of the scatter within classes to the scatter between them.

    ``sum_i |h_i - c_y(i)|^2 / sum_k |c_k - c|^2`` with the latent vectors h_i,
    their labels y(i), learned centres c_k and the mean c of the centres: the
    published form, the trace ratio. The published weights, 0.01 within and 1.0
    between, are factors of the numerator and of the denominator, so both
    together are the one weight 0.01. A weighted difference, the other form of
    Zhang et al., has no lower bound: the centres would drift apart for ever.

    The sum goes over the images, not their mean, as published, where a batch
    held 128 labelled images.

    Parameters
    ----------
    latent_size : int
        D.
    n_classes : int
        K, at least 2. The centres start as standard normal numbers, as published.
    """

    def __init__(self, latent_size: int, n_classes: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(n_classes, latent_size))

    def forward(self, source: "DomainBatch", target: "DomainBatch") -> torch.Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        source, target : DomainBatch
            Only the one with labels is used. A class without images in it
            moves its centre by the scatter between centres alone.

        Returns
        -------
        torch.Tensor
            A scalar >= 0.
        """
        labelled = target if source.label is None else source
        within = (labelled.latent - self.centres[labelled.label]).square().sum()
        between = (self.centres - self.centres.mean(0)).square().sum()
        return within / between
