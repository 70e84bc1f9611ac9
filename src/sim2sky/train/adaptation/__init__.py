"""Losses that align two domains: one file per loss, one paper per file.

A loss is a `torch.nn.Module` called as ``loss(source, target)`` with two
`DomainBatch`; parameters of its own (a discriminator, class centres) are
trained along with the network and saved in checkpoints.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn

from sim2sky.train.adaptation.mmd import MaximumMeanDiscrepancy


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
    """

    latent: torch.Tensor
    logits: torch.Tensor
    label: torch.Tensor | None


LOSSES: dict[str, Callable[[int, int], nn.Module]] = {
    "mmd": lambda latent_size, n_classes: MaximumMeanDiscrepancy("published"),
    "mmd_median": lambda latent_size, n_classes: MaximumMeanDiscrepancy("median"),
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
