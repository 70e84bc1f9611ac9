"""The network as it is before training."""

import dataclasses

import torch
from torch import nn

from sim2sky.seeding import generator
from sim2sky.train.model_file import Model
from sim2sky.train.networks import build_network

UNTRAINED = "untrained"  # stands where a trained model has the name of its method


def initial_network(
    name: str, n_bands: int, n_classes: int, image_size: int, seed: int
) -> nn.Module:
    """Return a network with the random weights that a training with this seed begins with.

    Torch's global generator is seeded, and goes on from there for what is built next.

    Parameters
    ----------
    name : str
        A key of `sim2sky.train.networks.NETWORKS`.
    n_bands, n_classes, image_size : int
        See `build_network`.
    seed : int
        Seed of the training.

    Returns
    -------
    torch.nn.Module
        On the CPU, in training mode.
    """
    torch.manual_seed(int(generator("train", "weights", seed=seed).integers(2**62)))
    return build_network(name, n_bands, n_classes, image_size)


def untrained(model: Model, seed: int | None = None) -> Model:
    """Return a model with random weights in place of the trained ones.

    BatchNorm has seen no image either: its means are 0 and its variances 1. Weights
    that a training took over from another model (`init_from`) are not taken over here.

    Parameters
    ----------
    model : Model
        Left as it is.
    seed : int, optional
        Of the weights; that of the model's training if left out.

    Returns
    -------
    Model
        In evaluation mode, of the method ``untrained``; images are prepared as for `model`.
    """
    seed = model.seed if seed is None else seed
    with torch.random.fork_rng(devices=[]):
        network = initial_network(
            model.network_name, len(model.bands), len(model.classes), model.image_size, seed
        )
    return dataclasses.replace(
        model,
        network=network.to(model.device).eval(),
        method=UNTRAINED,
        seed=seed,
        target_statistics=None,
    )
