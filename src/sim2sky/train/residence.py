"""Where the images lie while a network is trained: on the GPU if they fit beside it."""

import logging
from dataclasses import replace

import torch

from sim2sky.train.data import Rows, TrainingData

log = logging.getLogger("sim2sky")

SHARE = 0.5  # of the free memory: the rest is for the network, or for trainings that share the GPU


def on_device(data: TrainingData, device: torch.device) -> TrainingData:
    """Return the data with its images on the device, if they take no more than a share of it.

    The images of some thousand galaxies are then copied once and not in each epoch.
    Labels stay in main memory.

    Parameters
    ----------
    data : TrainingData
        In main memory.
    device : torch.device
        Where the network is trained.

    Returns
    -------
    TrainingData
        The same object on a CPU, or if the images do not fit.
    """
    rows = {
        name: getattr(data, name)
        for name in ("labelled", "unlabelled", "validation", "target_validation")
        if getattr(data, name) is not None
    }
    if device.type == "cpu":
        return data
    needed = sum(part.images.nbytes for part in rows.values())
    free = free_memory(device)
    if needed > SHARE * free:
        log.info("images stay in main memory: %.0f MB, %.0f MB free", needed / 1e6, free / 1e6)
        return data
    return replace(data, **{name: _moved(part, device) for name, part in rows.items()})


def free_memory(device: torch.device) -> int:
    """Return the free memory of a GPU in bytes."""
    return torch.cuda.mem_get_info(device)[0]


def _moved(rows: Rows, device: torch.device) -> Rows:
    """Return rows with their images on a device."""
    return replace(rows, images=rows.images.to(device))
