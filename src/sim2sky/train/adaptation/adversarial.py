"""Domain-adversarial training: features from which the domain cannot be told.

Ganin & Lempitsky 2015 (ICML, arXiv:1409.7495) and Ganin et al. 2016 (JMLR 17,
59); between simulated and observed galaxies Ciprijanovic et al. 2021 (MNRAS
506, 677).
"""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import softplus

if TYPE_CHECKING:
    from sim2sky.train.adaptation import DomainBatch

HIDDEN_UNITS = 1024
DROPOUT = 0.5


class DomainAdversarial(nn.Module):
    """The cross-entropy of a discriminator that tells the domains apart (DANN).

    The discriminator descends its gradient; what comes before, the network,
    ascends it, since the gradient is turned round on the way (`reversed_gradient`).

    Parameters
    ----------
    latent_size : int
        D.
    scheduled : bool
        False: the gradient is turned round with a constant factor of 1, as
        Ciprijanovic et al. did. True: with `reversal_factor`, as Ganin &
        Lempitsky did, so that the network is left alone until the
        discriminator knows something.
    """

    def __init__(self, latent_size: int, *, scheduled: bool = False) -> None:
        super().__init__()
        self.scheduled = scheduled
        self.discriminator = build_discriminator(latent_size)

    def forward(self, source: "DomainBatch", target: "DomainBatch") -> torch.Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        source, target : DomainBatch
            Their latent vectors and, if scheduled, the progress of the source are used.

        Returns
        -------
        torch.Tensor
            A scalar > 0; log 2 if the domains cannot be told apart.
        """
        latent = torch.cat([source.latent, target.latent])
        factor = reversal_factor(source.progress) if self.scheduled else 1.0
        score = self.discriminator(reversed_gradient(latent, factor))
        sizes = [len(source.latent), len(target.latent)]
        return domain_cross_entropy(*score.squeeze(1).split(sizes))


def build_discriminator(n_inputs: int) -> nn.Sequential:
    """Return the published discriminator: two hidden layers of 1024 units with dropout.

    Parameters
    ----------
    n_inputs : int
        Length of the vectors that it judges.

    Returns
    -------
    torch.nn.Sequential
        (N, n_inputs) -> (N,1), the log odds of the source.
    """
    return nn.Sequential(
        nn.Linear(n_inputs, HIDDEN_UNITS),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(HIDDEN_UNITS, HIDDEN_UNITS),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(HIDDEN_UNITS, 1),
    )


def domain_cross_entropy(
    source_score: torch.Tensor,
    target_score: torch.Tensor,
    source_weight: torch.Tensor | None = None,
    target_weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the cross-entropy of telling source (1) from target (0).

    Parameters
    ----------
    source_score, target_score : torch.Tensor
        (N,) and (M,): log odds of the source.
    source_weight, target_weight : torch.Tensor, optional
        (N,) and (M,), of any scale; by default all images count alike.

    Returns
    -------
    torch.Tensor
        A scalar: half the (weighted) mean over the source plus half that over the target.
    """
    means = []
    for loss, weight in (
        (softplus(-source_score), source_weight),
        (softplus(target_score), target_weight),
    ):
        means.append(loss.mean() if weight is None else (weight * loss).sum() / weight.sum())
    return (means[0] + means[1]) / 2


def reversal_factor(progress: float) -> float:
    """Return Ganin & Lempitsky's factor of the reversed gradient, ``2 / (1 + exp(-10 p)) - 1``.

    Parameters
    ----------
    progress : float
        p, the share of the training that is done, 0 to 1.

    Returns
    -------
    float
        0 at the start, nearly 1 at the end.
    """
    return 2 / (1 + math.exp(-10 * progress)) - 1


def reversed_gradient(values: torch.Tensor, factor: float) -> torch.Tensor:
    """Return the same values, whose gradient is multiplied by ``-factor`` on its way back.

    Parameters
    ----------
    values : torch.Tensor
        Any shape.
    factor : float
        Strength of the reversal.

    Returns
    -------
    torch.Tensor
        Same shape.
    """
    return _ReversedGradient.apply(values, factor)


class _ReversedGradient(torch.autograd.Function):
    """The gradient reversal layer of Ganin & Lempitsky 2015."""

    @staticmethod
    def forward(
        context: Any,  # noqa: ANN401
        values: torch.Tensor,
        factor: float,
    ) -> torch.Tensor:
        context.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(
        context: Any,  # noqa: ANN401
        gradient: torch.Tensor,
    ) -> tuple[torch.Tensor, None]:
        return -context.factor * gradient, None
