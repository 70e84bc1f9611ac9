"""BatchNorm statistics of another domain, the simplest of all adaptations.

Li et al. 2017 (AdaBN, ICLR workshop, arXiv:1603.04779): the weights stay those
learned on the source; the means and variances by which BatchNorm normalises are
taken anew from the domain whose images are classified.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from sim2sky.errors import Sim2SkyError
from sim2sky.seeding import generator
from sim2sky.train.data import Rows

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@torch.no_grad()
def batchnorm_statistics(
    network: nn.Module, rows: Rows, batch_size: int, seed: int
) -> dict[str, torch.Tensor]:
    """Return the BatchNorm statistics of a trained network on images as they are.

    They are the means over the batches of one full pass, in which each layer
    normalises by the batch, as while training. The batches are drawn at
    random, since rows next to each other show the same galaxies, and differ in
    size by one at most, so that all images count alike.

    Parameters
    ----------
    network : torch.nn.Module
        Left as it is.
    rows : Rows
        Images; labels are not looked at.
    batch_size : int
        Images per batch, about.
    seed : int
        Seed of the training.

    Returns
    -------
    dict of str to torch.Tensor
        Entries of the network's state, on the CPU.

    Raises
    ------
    Sim2SkyError
        If the network has no BatchNorm.
    """
    network = deepcopy(network).eval()
    layers = dict(_batchnorm_layers(network))
    if not layers:
        raise Sim2SkyError("batchnorm: target needs a network with BatchNorm", got="none")
    for layer in layers.values():
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over the batches
        layer.train()
    device = next(network.parameters()).device
    order = generator("train", "batchnorm", seed=seed).permutation(len(rows))
    n_batches = max(1, len(rows) // batch_size)
    for chosen in torch.from_numpy(order).tensor_split(n_batches):
        network(rows.images[chosen].to(device).permute(0, 3, 1, 2))
    return {
        f"{name}.{key}": getattr(layer, key).cpu()
        for name, layer in layers.items()
        for key in STATISTICS
    }


def with_statistics(network: nn.Module, statistics: dict[str, torch.Tensor]) -> nn.Module:
    """Return a copy of a network with other BatchNorm statistics.

    Parameters
    ----------
    network : torch.nn.Module
        Left as it is.
    statistics : dict of str to torch.Tensor
        From `batchnorm_statistics`.

    Returns
    -------
    torch.nn.Module
        In evaluation mode.
    """
    other = deepcopy(network)
    other.load_state_dict(other.state_dict() | statistics)
    return other.eval()


@contextmanager
def running_statistics_kept(network: nn.Module) -> Iterator[None]:
    """Let BatchNorm normalise by the batch without a trace of it in the running statistics.

    Parameters
    ----------
    network : torch.nn.Module
        In training mode; changed in place, and back at the end.

    Yields
    ------
    None
        While the statistics stay as they are.
    """
    layers = [layer for _, layer in _batchnorm_layers(network)]
    momenta = [layer.momentum for layer in layers]
    counts = [layer.num_batches_tracked.clone() for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum, count in zip(layers, momenta, counts, strict=True):
            layer.momentum = momentum
            layer.num_batches_tracked.copy_(count)


def _batchnorm_layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the BatchNorm layers by name."""
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm):
            yield name, module
