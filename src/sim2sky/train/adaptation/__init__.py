"""Losses that align two domains: one file per loss, one paper per file.

A loss is a `torch.nn.Module` called as ``loss(source, target)`` with two
`DomainBatch`; parameters of its own (a discriminator, class centres) are
trained along with the network and saved in checkpoints.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn

from sim2sky.train.adaptation.adversarial import DomainAdversarial
from sim2sky.train.adaptation.cdan import ConditionalDomainAdversarial
from sim2sky.train.adaptation.coral import CorrelationAlignment
from sim2sky.train.adaptation.dance import NeighbourhoodClustering
from sim2sky.train.adaptation.entropy import EntropyMinimisation
from sim2sky.train.adaptation.fisher import FisherLoss
from sim2sky.train.adaptation.means import MeanAlignment
from sim2sky.train.adaptation.mmd import MaximumMeanDiscrepancy
from sim2sky.train.adaptation.sinkhorn import SinkhornDivergence
from sim2sky.train.adaptation.weighted_mmd import WeightedMaximumMeanDiscrepancy


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
    index : torch.Tensor or None
        (N,) int64, which of the domain's training images they are; None if
        that is not known.
    """

    latent: torch.Tensor
    logits: torch.Tensor
    label: torch.Tensor | None
    progress: float = 1.0
    index: torch.Tensor | None = None


# name -> function of the latent size, the number of classes and the number of unlabelled images
LOSSES: dict[str, Callable[[int, int, int], nn.Module]] = {
    "mmd": lambda *_: MaximumMeanDiscrepancy("published"),
    "mmd_median": lambda *_: MaximumMeanDiscrepancy("median"),
    "mmd_weighted": lambda size, n_classes, _: WeightedMaximumMeanDiscrepancy(n_classes),
    "coral": lambda *_: CorrelationAlignment(),
    "mean": lambda *_: MeanAlignment(),
    "sinkhorn": lambda *_: SinkhornDivergence(),
    "dann": lambda size, *_: DomainAdversarial(size),
    "dann_scheduled": lambda size, *_: DomainAdversarial(size, scheduled=True),
    "cdan": lambda size, n_classes, _: ConditionalDomainAdversarial(size, n_classes),
    "cdan_entropy": lambda size, n_classes, _: ConditionalDomainAdversarial(
        size, n_classes, entropy_conditioning=True
    ),
    "dance": NeighbourhoodClustering,
    "fisher": lambda size, n_classes, _: FisherLoss(size, n_classes),
    "entropy": lambda *_: EntropyMinimisation(),
}


def build_losses(
    names: Iterable[str], latent_size: int, n_classes: int, n_unlabelled: int = 0
) -> nn.ModuleDict:
    """Return the named losses.

    Parameters
    ----------
    names : iterable of str
        Keys of `LOSSES`.
    latent_size, n_classes : int
        Length of the latent vector and number of classes.
    n_unlabelled : int
        Number of training images without labels, for losses that remember each.

    Returns
    -------
    torch.nn.ModuleDict
        Name -> module.
    """
    return nn.ModuleDict(
        {name: LOSSES[name](latent_size, n_classes, n_unlabelled) for name in names}
    )
