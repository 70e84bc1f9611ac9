"""What steers the optimiser: precision, its schedule, the weights of classes and losses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sim2sky.train.settings import TrainSettings


@contextmanager
def deterministic(num_threads: int) -> Iterator[None]:
    """Ask torch for reproducible results, and for what it was before at the end.

    Parameters
    ----------
    num_threads : int
        CPU threads; sums come in another order with another number.
    """
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it to be exact
    torch.set_num_threads(num_threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, hides nothing here
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1], warn_only=before[2])
        torch.utils.deterministic.fill_uninitialized_memory = before[3]


def forward_precision(device: torch.device, settings: TrainSettings) -> torch.autocast:
    """Return the context in which the network is applied to a training batch.

    Parameters
    ----------
    device : torch.device
        Where the network lies.
    settings : TrainSettings
        ``precision``.

    Returns
    -------
    torch.autocast
        With bfloat16, convolutions and matrix products have 8 bits of mantissa and the
        range of float32, so that gradients need no scaling. Weights, losses and
        everything that is evaluated stay in float32.
    """
    return torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=settings.precision == "bfloat16"
    )


def learning_rate_schedule(
    optimiser: torch.optim.Optimizer, settings: TrainSettings, steps_per_epoch: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Return the schedule, stepped once per batch.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        Its learning rates, those of the peak, are changed.
    settings : TrainSettings
        Kind of schedule and number of epochs.
    steps_per_epoch : int
        Batches per epoch.

    Returns
    -------
    torch.optim.lr_scheduler.LRScheduler
        One cycle: up to the peak in 30 % of the steps, then down to almost 0
        along a cosine (Smith & Topin 2019, doi:10.1117/12.2520589).
    """
    if settings.schedule == "constant":
        return torch.optim.lr_scheduler.LambdaLR(optimiser, _one)
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=[group["lr"] for group in optimiser.param_groups],
        # one more than is trained: the step after the last batch must exist too
        total_steps=settings.epochs * steps_per_epoch + 1,
        cycle_momentum=False,  # it would replace Adam's first beta
    )


def class_weights_of(label: torch.Tensor, n_classes: int, settings: TrainSettings) -> torch.Tensor:
    """Return the weight of each class in the cross-entropy.

    Parameters
    ----------
    label : torch.Tensor
        (N,) of the training rows.
    n_classes : int
        K.
    settings : TrainSettings
        ``class_weights``.

    Returns
    -------
    torch.Tensor
        (K,); balanced: ``N / (K N_k)``, 0 for a class without images.
    """
    counts = torch.bincount(label, minlength=n_classes).float()
    if settings.class_weights == "none":
        return torch.ones_like(counts)
    weights = counts.sum() / (len(counts) * counts.clamp_min(1))
    return torch.where(counts > 0, weights, 0.0)


def warmup_factor(epochs_done: float, warmup_epochs: float) -> float:
    """Return the share of the adaptation weights at this step, rising linearly to 1.

    Parameters
    ----------
    epochs_done : float
        How long the training has gone on.
    warmup_epochs : float
        Epochs until the full weight.

    Returns
    -------
    float
        0 to 1.
    """
    if warmup_epochs == 0:
        return 1.0
    return min(1.0, epochs_done / warmup_epochs)


def _one(step: int) -> float:
    """Return the factor of a constant learning rate."""
    return 1.0
