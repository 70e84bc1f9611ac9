"""Entropy minimisation: decision boundaries that avoid the unlabelled images.

Grandvalet & Bengio 2005 (NIPS 17); between simulated and observed galaxies
Ciprijanovic et al. 2021 (MNRAS 506, 677).
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from sim2sky.train.adaptation import DomainBatch


class EntropyMinimisation(nn.Module):
    """The mean entropy of the predictions for the domain without labels."""

    def forward(self, source: "DomainBatch", target: "DomainBatch") -> torch.Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        source, target : DomainBatch
            Only the one without labels is used: where there are labels, the
            cross-entropy does the same.

        Returns
        -------
        torch.Tensor
            A scalar from 0 to the logarithm of the number of classes.
        """
        unlabelled = source if target.label is not None else target
        return entropy(unlabelled.logits).mean()


def entropy(logits: torch.Tensor) -> torch.Tensor:
    """Return the entropy of each prediction, in nats.

    Parameters
    ----------
    logits : torch.Tensor
        (N,K), before the softmax.

    Returns
    -------
    torch.Tensor
        (N,).
    """
    log_probability = logits.log_softmax(1)  # finite where the probability underflows
    return -(log_probability.exp() * log_probability).sum(1)
