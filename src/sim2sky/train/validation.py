"""How good a network is on labelled rows that it was not trained on."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from sim2sky.train.data import Rows


@torch.no_grad()
def validate(
    network: nn.Module, rows: Rows, class_weights: torch.Tensor, batch_size: int = 256
) -> tuple[float, float]:
    """Return the loss and the balanced accuracy of labelled rows, without augmentation.

    Parameters
    ----------
    network : torch.nn.Module
        Set to evaluation mode.
    rows : Rows
        With labels.
    class_weights : torch.Tensor
        (K,) of the cross-entropy.
    batch_size : int
        Images per pass.

    Returns
    -------
    loss : float
        Weighted cross-entropy.
    balanced_accuracy : float
        Mean recall over the classes that occur.
    """
    network.eval()
    logits = torch.cat(
        [
            network(images.to(class_weights.device).permute(0, 3, 1, 2))[1]
            for images in rows.images.split(batch_size)
        ]
    ).cpu()
    label = rows.label
    right = (logits.argmax(1) == label).numpy()
    recalls = [right[label.numpy() == number].mean() for number in np.unique(label.numpy())]
    loss = cross_entropy(logits, label, class_weights.cpu(), reduction="sum")
    weight = class_weights.cpu()[label].sum().clamp_min(torch.finfo(loss.dtype).tiny)
    return float(loss / weight), float(np.mean(recalls))
