"""Domain-adversarial training: features from which the domain cannot be told.

Ganin & Lempitsky 2015 (ICML, arXiv:1409.7495) and Ganin et al. 2016 (JMLR 17,
59); between simulated and observed galaxies Ciprijanovic et al. 2021 (MNRAS
506, 677). What keeps it stable is the gradient penalty of Mescheder et al. 2018
(ICML, arXiv:1801.04406).
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
# Weight of the gradient penalty. The vectors that are judged have a mean squared length of 1, so
# that a penalty of 1 asks for a discriminator whose log odds change by about 1 between them.
PENALTY = 1.0


class DomainAdversarial(nn.Module):
    """The cross-entropy of a discriminator that tells the domains apart (DANN).

    The discriminator descends its gradient; what comes before, the network,
    ascends it, since the gradient is turned round on the way (`reversed_gradient`).

    As published, with a network of thousands of features and Adam, the
    discriminator soon tells the domains apart without doubt, where its
    cross-entropy is flat, so that the network no longer learns from it how to
    bring them together; if it does, both run in circles. The scheduled variant
    is therefore also a stable one: what the discriminator sees has one scale
    throughout (`standardised`), and it is kept from being steep (`gradient_penalty`).

    Parameters
    ----------
    latent_size : int
        D.
    scheduled : bool
        False: as Ciprijanovic et al. did, the gradient turned round with a
        constant factor of 1. True: with `reversal_factor`, as Ganin &
        Lempitsky did, so that the network is left alone until the
        discriminator knows something; and stable.
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
        sizes = [len(source.latent), len(target.latent)]
        latent = torch.cat([source.latent, target.latent])
        if not self.scheduled:
            scores = self.discriminator(reversed_gradient(latent, 1.0))
            return domain_cross_entropy(*scores.squeeze(1).split(sizes))
        latent = standardised(latent)
        factor = reversal_factor(source.progress)
        scores = self.discriminator(reversed_gradient(latent, factor))
        loss = domain_cross_entropy(*scores.squeeze(1).split(sizes))
        return loss + gradient_penalty(self.discriminator, latent)


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
        (N,) and (M,), of any scale; by default all images count alike. Their sums are
        constants in the gradient, as in the authors' code of CDAN.

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
        means.append(
            loss.mean() if weight is None else (weight * loss).sum() / weight.sum().detach()
        )
    return (means[0] + means[1]) / 2


def standardised(vectors: torch.Tensor) -> torch.Tensor:
    """Return vectors shifted to the mean 0 and scaled to the mean squared length 1.

    One shift and one scale for both domains: what tells them apart stays. Both
    count as constants in the gradient.

    Parameters
    ----------
    vectors : torch.Tensor
        (N,D), of both domains.

    Returns
    -------
    torch.Tensor
        (N,D); zeros if all vectors are equal.
    """
    constant = vectors.detach()
    mean = constant.mean(0)
    length = (constant - mean).square().sum(1).mean().sqrt()
    return (vectors - mean) / length.clamp_min(torch.finfo(vectors.dtype).tiny)


def gradient_penalty(discriminator: nn.Module, vectors: torch.Tensor) -> torch.Tensor:
    """Return the mean squared gradient of a discriminator, times half of `PENALTY`.

    With this zero-centred penalty the game of discriminator and network
    converges near its equilibrium, where it would else go round in circles
    (Mescheder et al. 2018, equation 9, here at the vectors of both domains).

    Parameters
    ----------
    discriminator : torch.nn.Module
        (N,D) -> (N,1).
    vectors : torch.Tensor
        (N,D); the network before them learns nothing from the penalty.

    Returns
    -------
    torch.Tensor
        A scalar 0, whose gradient is that of the penalty: the loss that it is
        added to stays the cross-entropy.
    """
    if not torch.is_grad_enabled():
        return vectors.new_zeros(())
    vectors = vectors.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(vectors).sum(), vectors, create_graph=True)
    penalty = PENALTY / 2 * gradient.square().sum(1).mean()
    return penalty - penalty.detach()


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
