"""Losses that align two domains: one file per loss, one paper per file.

A loss is a `torch.nn.Module` called as ``loss(source, target)`` with two
`DomainBatch`; parameters of its own (a discriminator, class centres) are
trained along with the network and saved in checkpoints.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from sim2sky.train.adaptation.adversarial import DomainAdversarial
from sim2sky.train.adaptation.cdan import ConditionalDomainAdversarial
from sim2sky.train.adaptation.coral import CorrelationAlignment
from sim2sky.train.adaptation.entropy import EntropyMinimisation
from sim2sky.train.adaptation.fisher import FisherLoss
from sim2sky.train.adaptation.mmd import MaximumMeanDiscrepancy
from sim2sky.train.adaptation.sinkhorn import SinkhornDivergence


@dataclass(frozen=True)
class DomainBatch:
    """What the network made of one domain's share of a batch; N images.

    Parameters
    ----------
    latent : torch.Tensor
        (N,D).
    logits : torch.Tensor
        (N,K).
    label : torch.Tensor or None
        (N,) int64, None in the domain whose labels the method must not see.
    progress : float
        Share of the training that is done, 0 to 1.
    """

    latent: torch.Tensor
    logits: torch.Tensor
    label: torch.Tensor | None
    progress: float = 1.0


LOSSES: dict[str, Callable[[int, int], nn.Module]] = {
    "mmd": lambda latent_size, n_classes: MaximumMeanDiscrepancy("published"),
    "mmd_median": lambda latent_size, n_classes: MaximumMeanDiscrepancy("median"),
    "coral": lambda latent_size, n_classes: CorrelationAlignment(),
    "sinkhorn": lambda latent_size, n_classes: SinkhornDivergence(),
    "dann": lambda latent_size, n_classes: DomainAdversarial(latent_size),
    "dann_scheduled": lambda latent_size, n_classes: DomainAdversarial(
        latent_size, scheduled=True
    ),
    "cdan": ConditionalDomainAdversarial,
    "cdan_entropy": partial(ConditionalDomainAdversarial, entropy_conditioning=True),
    "fisher": FisherLoss,
    "entropy": lambda latent_size, n_classes: EntropyMinimisation(),
}


def build_losses(names: Iterable[str], latent_size: int, n_classes: int) -> nn.ModuleDict:
    """Return the named losses.

    Parameters
    ----------
    names : iterable of str
        Keys of `LOSSES`.
    latent_size, n_classes : int
        Length of the latent vector and number of classes.

    Returns
    -------
    torch.nn.ModuleDict
        Name -> module.
    """
    return nn.ModuleDict({name: LOSSES[name](latent_size, n_classes) for name in names})
