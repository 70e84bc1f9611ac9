"""Starting from the weights of a trained model."""

import logging
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from sim2sky.errors import Sim2SkyError
from sim2sky.train.model_file import load_model
from sim2sky.train.settings import TrainSettings

log = logging.getLogger("sim2sky")


def initial_weights(
    path: Path, *, network_name: str, bands: list[str], classes: list[str]
) -> dict[str, torch.Tensor]:
    """Return the weights of a trained model that have a meaning in another training.

    Parameters
    ----------
    path : Path
        Model file.
    network_name : str
        Network to be trained.
    bands, classes : list of str
        Of the images to train on.

    Returns
    -------
    dict of str to torch.Tensor
        Name -> values; without the last layer if the classes differ in number,
        name or order. Bands are matched by their place: a filter for F814W
        becomes one for the bluest band of another survey, say.

    Raises
    ------
    Sim2SkyError
        If the file is of no use or holds another network.
    """
    model = load_model(path)
    if model.network_name != network_name:
        raise Sim2SkyError(
            "the initial model is another network",
            where=path,
            got=model.network_name,
            expected=network_name,
        )
    if model.bands != bands:
        log.info("initial model: bands %s take the place of %s", bands, model.bands)
    weights = model.network.state_dict()
    if model.classes != classes:
        log.info("initial model: classes %s, here %s", model.classes, classes)
        last = next(n for n, m in model.network.named_modules() if m is model.network.output_layer)
        weights = {name: value for name, value in weights.items() if _layer(name) != last}
    return weights


def adopt_weights(network: nn.Module, weights: dict[str, torch.Tensor]) -> set[str]:
    """Copy the layers whose names and shapes fit, and say in the log which stay as they were.

    A layer is taken over as a whole or not at all. Other bands leave the first
    convolution, other classes the last layer and, in networks without a mean
    over the maps, another image size the first dense layer as they were.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.
    weights : dict of str to torch.Tensor
        State of a trained network, or part of it.

    Returns
    -------
    set of str
        Names of the parameters that were taken over.

    Raises
    ------
    Sim2SkyError
        If not one layer fits.
    """
    own = network.state_dict()
    kept = dict.fromkeys(  # a set that keeps the order of the layers
        _layer(name)
        for name, value in own.items()
        if name not in weights or weights[name].shape != value.shape
    )
    fitting = {name: weights[name] for name in own if _layer(name) not in kept}
    # a BatchNorm fits wherever the number of channels does
    if not any(value.dim() > 1 for value in fitting.values()):
        raise Sim2SkyError("no layer of the initial model fits this network")
    network.load_state_dict(own | fitting)
    log.info(
        "weights taken over from the initial model%s",
        f", except those of {', '.join(kept)}" if kept else "",
    )
    return {name for name, _ in network.named_parameters() if name in fitting}


def parameter_groups(
    network: nn.Module,
    others: Iterable[nn.Parameter],
    taken_over: set[str],
    settings: TrainSettings,
) -> list[dict]:
    """Return what the optimiser trains, each group with its peak learning rate.

    Parameters
    ----------
    network : torch.nn.Module
        The classifier.
    others : iterable of torch.nn.Parameter
        Trained beside it, and always new.
    taken_over : set of str
        From `adopt_weights`; empty if the network is new.
    settings : TrainSettings
        ``learning_rate`` and the method's ``init_from.rate_factor``.

    Returns
    -------
    list of dict
        ``params`` and ``lr``: first what is new, then what was taken over, if anything was.
    """
    rate = settings.learning_rate
    origin = settings.method.init_from
    named = dict(network.named_parameters())
    groups = [
        {
            "params": [*(named[name] for name in named if name not in taken_over), *others],
            "lr": rate,
        },
        {
            "params": [named[name] for name in named if name in taken_over],
            "lr": rate if origin is None else rate * origin.rate_factor,
        },
    ]
    return groups if taken_over else groups[:1]


def _layer(name: str) -> str:
    """Return the layer that a parameter or a buffer belongs to."""
    return name.rpartition(".")[0]
