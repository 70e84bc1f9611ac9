"""Conditional domain-adversarial training: domains aligned class by class.

Long et al. 2018 (NeurIPS, arXiv:1705.10667): the discriminator sees features
together with predicted classes, so that a domain whose classes are swapped
does not count as aligned.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

from sim2sky.train.adaptation.adversarial import (
    build_discriminator,
    domain_cross_entropy,
    gradient_penalty,
    reversal_factor,
    reversed_gradient,
    standardised,
)
from sim2sky.train.adaptation.entropy import entropy

if TYPE_CHECKING:
    from sim2sky.train.adaptation import DomainBatch

LARGEST_OUTER_PRODUCT = 4096  # entries; Long et al., section 3.2
RANDOMISED_SIZE = 1024  # as in the authors' code


class ConditionalDomainAdversarial(nn.Module):
    """The cross-entropy of a discriminator of (feature, predicted class) pairs (CDAN).

    As in the authors' code, the predictions in the pairs are held constant, while
    the weights of CDAN+E are not: their gradient reaches the classifier, reversed
    like that of the latent vectors. The reversal follows `reversal_factor`, and it is
    kept stable in the same way as the scheduled variant of
    `sim2sky.train.adaptation.adversarial.DomainAdversarial`.

    Parameters
    ----------
    latent_size, n_classes : int
        D and K.
    entropy_conditioning : bool
        Let confident images count up to twice as much (CDAN+E).
    """

    def __init__(
        self, latent_size: int, n_classes: int, *, entropy_conditioning: bool = False
    ) -> None:
        super().__init__()
        self.entropy_conditioning = entropy_conditioning
        self.joined = MultilinearMap(latent_size, n_classes)
        self.discriminator = build_discriminator(self.joined.size)

    def forward(self, source: "DomainBatch", target: "DomainBatch") -> torch.Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        source, target : DomainBatch
            Their latent vectors and logits and the progress of the source are used.

        Returns
        -------
        torch.Tensor
            A scalar > 0; log 2 if the domains cannot be told apart.
        """
        sizes = [len(source.latent), len(target.latent)]
        latent = torch.cat([source.latent, target.latent])
        logits = torch.cat([source.logits, target.logits])
        pairs = self.joined(standardised(latent), logits.detach().softmax(1))
        factor = reversal_factor(source.progress)
        scores = self.discriminator(reversed_gradient(pairs, factor)).squeeze(1).split(sizes)
        weights = ()
        if self.entropy_conditioning:
            weights = certainty(reversed_gradient(logits, factor)).split(sizes)
        loss = domain_cross_entropy(*scores, *weights)
        return loss + gradient_penalty(self.discriminator, pairs)


class MultilinearMap(nn.Module):
    """The outer product of features and class probabilities, or a random sketch of it.

    Beyond `LARGEST_OUTER_PRODUCT` entries it is ``(R_f f) o (R_g g) / sqrt(d)``
    with fixed standard normal matrices R and d = `RANDOMISED_SIZE`, whose inner
    products are those of the outer products on average (Long et al. 2018,
    section 3.2).

    Parameters
    ----------
    latent_size, n_classes : int
        D and K.

    Attributes
    ----------
    size : int
        Length of the result: D K or `RANDOMISED_SIZE`.
    """

    def __init__(self, latent_size: int, n_classes: int) -> None:
        super().__init__()
        self.randomised = latent_size * n_classes > LARGEST_OUTER_PRODUCT
        self.size = RANDOMISED_SIZE if self.randomised else latent_size * n_classes
        if self.randomised:
            self.register_buffer("of_latent", torch.randn(latent_size, self.size))
            self.register_buffer("of_probability", torch.randn(n_classes, self.size))

    def forward(self, latent: torch.Tensor, probability: torch.Tensor) -> torch.Tensor:
        """Return the pairs as vectors.

        Parameters
        ----------
        latent : torch.Tensor
            (N,D).
        probability : torch.Tensor
            (N,K).

        Returns
        -------
        torch.Tensor
            (N, `size`).
        """
        if self.randomised:
            return (latent @ self.of_latent) * (probability @ self.of_probability) / self.size**0.5
        return (probability[:, :, None] * latent[:, None, :]).flatten(1)


def certainty(logits: torch.Tensor) -> torch.Tensor:
    """Return Long et al.'s weight of each image, ``1 + exp(-H)``, H being the entropy.

    Parameters
    ----------
    logits : torch.Tensor
        (N,K), before the softmax.

    Returns
    -------
    torch.Tensor
        (N,), from ``1 + 1 / K`` (no idea) to 2 (sure).
    """
    return 1 + torch.exp(-entropy(logits))
