"""How good a network is on rows that it was not trained on."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from sim2sky.train.batchnorm import batchnorm_statistics, with_statistics
from sim2sky.train.criteria import CRITERIA, Evidence, criterion_scores
from sim2sky.train.data import Rows, TrainingData
from sim2sky.train.networks.symmetry import D4Averaged
from sim2sky.train.settings import TrainSettings


@dataclass(frozen=True)
class Judgement:
    """What validation rows say of a network.

    Parameters
    ----------
    loss : float
        Weighted cross-entropy of the labelled domain.
    balanced_accuracy : float
        Mean recall of the labelled domain over the classes that occur.
    scores : dict of str to float
        Criteria without target labels, higher is better.
    """

    loss: float
    balanced_accuracy: float
    scores: dict[str, float]


def judged_networks(
    network: nn.Module, data: TrainingData, settings: TrainSettings, seed: int
) -> dict[str, nn.Module]:
    """Return a network as it would be used on each domain if the training ended here.

    Parameters
    ----------
    network : torch.nn.Module
        In training; its weights are shared or copied, not changed.
    data : TrainingData
        With the target's training images, if their BatchNorm statistics are needed.
    settings : TrainSettings
        Method and averaging over symmetries.
    seed : int
        Seed of the training.

    Returns
    -------
    dict of str to torch.nn.Module
        Keys ``source`` and ``target``.
    """
    networks = {"source": network, "target": network}
    if settings.method.batchnorm == "target":
        statistics = batchnorm_statistics(network, data.unlabelled, settings.batch_size, seed)
        networks["target"] = with_statistics(network, statistics)
    if settings.d4_average:
        networks = {domain: D4Averaged(used) for domain, used in networks.items()}
    return networks


def judge(
    networks: Mapping[str, nn.Module],
    data: TrainingData,
    class_weights: torch.Tensor,
    criteria: Collection[str],
) -> Judgement:
    """Judge a network by the validation rows of both domains.

    Parameters
    ----------
    networks : mapping of str to torch.nn.Module
        The network as it is used on ``source`` and on ``target`` images.
    data : TrainingData
        With the validation rows.
    class_weights : torch.Tensor
        (K,) of the cross-entropy.
    criteria : collection of str
        Keys of `sim2sky.train.criteria.CRITERIA`.

    Returns
    -------
    Judgement
        Without scores if there are no target images to judge by, with NaN if no criteria.
    """
    latent, logits = network_outputs(
        networks[data.labelled_domain], data.validation, class_weights.device
    )
    loss, balanced_accuracy = loss_and_recall(logits, data.validation.label, class_weights)
    if data.target_validation is None:
        return Judgement(loss, balanced_accuracy, {})
    if not criteria:
        return Judgement(loss, balanced_accuracy, dict.fromkeys(CRITERIA, math.nan))
    target_latent, target_logits = network_outputs(
        networks["target"], data.target_validation, class_weights.device
    )
    evidence = Evidence(
        source_latent=latent.numpy(),
        source_logits=logits.numpy(),
        source_label=data.validation.label.numpy(),
        source_system=data.validation.system.numpy(),
        target_latent=target_latent.numpy(),
        target_logits=target_logits.numpy(),
        target_system=data.target_validation.system.numpy(),
        class_weights=class_weights.cpu().numpy(),
    )
    return Judgement(loss, balanced_accuracy, criterion_scores(evidence, criteria))


@torch.no_grad()
def network_outputs(
    network: nn.Module, rows: Rows, device: torch.device, batch_size: int = 256
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what a network makes of rows, without augmentation.

    Parameters
    ----------
    network : torch.nn.Module
        Set to evaluation mode.
    rows : Rows
        N images.
    device : torch.device
        Where the network lies.
    batch_size : int
        Images per pass.

    Returns
    -------
    latent, logits : torch.Tensor
        (N,D) and (N,K) on the CPU.
    """
    network.eval()
    parts = [
        network(images.to(device).permute(0, 3, 1, 2)) for images in rows.images.split(batch_size)
    ]
    latents, logits = zip(*parts, strict=True)
    return torch.cat(latents).cpu(), torch.cat(logits).cpu()


def loss_and_recall(
    logits: torch.Tensor, label: torch.Tensor, class_weights: torch.Tensor
) -> tuple[float, float]:
    """Return the weighted cross-entropy and the balanced accuracy.

    Parameters
    ----------
    logits : torch.Tensor
        (N,K).
    label : torch.Tensor
        (N,) int64.
    class_weights : torch.Tensor
        (K,) of the cross-entropy.

    Returns
    -------
    loss : float
        Weighted mean over the rows.
    balanced_accuracy : float
        Mean recall over the classes that occur.
    """
    right = (logits.argmax(1) == label).numpy()
    recalls = [right[label.numpy() == number].mean() for number in np.unique(label.numpy())]
    loss = cross_entropy(logits, label, class_weights.cpu(), reduction="sum")
    weight = class_weights.cpu()[label].sum().clamp_min(torch.finfo(loss.dtype).tiny)
    return float(loss / weight), float(np.mean(recalls))
