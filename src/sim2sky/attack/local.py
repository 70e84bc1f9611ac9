"""The logits of many images that differ from one image in a single pixel.

A changed pixel changes a few values of each map only. In `DeepMerge` these are 3x3
pixels of every pooled map: what a whole pass would do 5.5 million multiplications for
takes some 70 thousand, most of them with zero, so that a population of hundreds is as
good as a handful of passes. The sums are those of the network with its BatchNorm folded
into the convolutions, in another order: logits agree to rounding.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numba import njit
from torch import nn
from torch.nn import functional

from sim2sky.train.networks.deepmerge import DeepMerge

BATCH = 200


class Evaluator(Protocol):
    """What gives the logits of one image with one pixel replaced."""

    def set_image(self, image: np.ndarray) -> None:
        """Take another image.

        Parameters
        ----------
        image : numpy.ndarray
            (C,H,W) float32, normalised.
        """

    def logits(self, row: np.ndarray, column: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Return the logits of the image with one pixel replaced, for many replacements.

        Parameters
        ----------
        row, column : numpy.ndarray
            (S,) integer place of the pixel.
        value : numpy.ndarray
            (S,C) its new normalised values.

        Returns
        -------
        numpy.ndarray
            (S,K) float32.
        """


def evaluator_of(network: nn.Module, device: torch.device | str = "cpu") -> Evaluator:
    """Return the fastest evaluator that a network's structure permits.

    Parameters
    ----------
    network : torch.nn.Module
        ``forward(images) -> (latent, logits)``, in evaluation mode.
    device : torch.device or str
        Where it lies.

    Returns
    -------
    Evaluator
        Local for `DeepMerge` on a CPU, whole passes for everything else.
    """
    if isinstance(network, DeepMerge) and torch.device(device).type == "cpu":
        return LocalEvaluator(network)
    return FullEvaluator(network, device)


class FullEvaluator:
    """Whole passes through any network.

    Parameters
    ----------
    network : torch.nn.Module
        ``forward(images) -> (latent, logits)``, in evaluation mode.
    device : torch.device or str
        Where it lies.
    """

    def __init__(self, network: nn.Module, device: torch.device | str = "cpu") -> None:
        self.network, self.device = network, device
        self.image = torch.empty(0)

    def set_image(self, image: np.ndarray) -> None:
        """Take another image; see `Evaluator`."""
        self.image = torch.from_numpy(np.ascontiguousarray(image))

    @torch.no_grad()
    def logits(self, row: np.ndarray, column: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Return the logits (S,K) of the image with one pixel replaced; see `Evaluator`."""
        result = []
        for start in range(0, len(row), BATCH):
            part = slice(start, start + BATCH)
            count = len(row[part])
            images = self.image.repeat(count, 1, 1, 1)
            images[np.arange(count), :, row[part], column[part]] = torch.from_numpy(
                value[part].astype(np.float32)
            )
            images = images.contiguous(memory_format=torch.channels_last).to(self.device)
            result.append(self.network(images)[1].cpu().numpy())
        return np.concatenate(result)


@dataclass(frozen=True)
class _Layers:
    """Weights of a `DeepMerge` as the kernel wants them, float32, outputs innermost.

    Parameters
    ----------
    convolutions : tuple of numpy.ndarray
        Each (k,k,in,out), BatchNorm folded in.
    first : numpy.ndarray
        (H,W,C,out) of the first dense layer.
    dense : tuple of numpy.ndarray
        Each (in,out) of the others.
    biases : tuple of numpy.ndarray
        Each (out,), of the others.
    """

    convolutions: tuple[np.ndarray, ...]
    first: np.ndarray
    dense: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]


class LocalEvaluator:
    """Only what a pixel changes, for `DeepMerge`.

    What it gives for one replacement does not depend on what else is asked at once.

    Parameters
    ----------
    network : DeepMerge
        In evaluation mode, on the CPU.
    """

    def __init__(self, network: DeepMerge) -> None:
        modules = list(network.features)
        self.folded = [
            nn.utils.fuse_conv_bn_eval(modules[i], modules[i + 1])
            for i in range(0, len(modules), 4)
        ]
        linear = [layer for layer in network.classifier if isinstance(layer, nn.Linear)]
        self.first = linear[0]
        channels = self.folded[-1].out_channels
        side = round((self.first.in_features / channels) ** 0.5)
        weight = self.first.weight.detach().reshape(-1, channels, side, side)
        self.layers = _Layers(
            tuple(_plain(layer.weight.permute(2, 3, 1, 0)) for layer in self.folded),
            _plain(weight.permute(2, 3, 1, 0)),
            tuple(_plain(layer.weight.T) for layer in linear[1:]),
            tuple(_plain(layer.bias) for layer in linear[1:]),
        )

    @torch.no_grad()
    def set_image(self, image: np.ndarray) -> None:
        """Take another image and keep all of its maps; see `Evaluator`."""
        maps = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None]
        before, after = [], []
        for layer in self.folded:
            raw = layer(maps)
            maps = functional.relu(functional.max_pool2d(raw, 2))
            before.append(_plain(raw[0].permute(1, 2, 0)))
            after.append(_plain(maps[0].permute(1, 2, 0)))
        self.pixels = _plain(torch.from_numpy(np.asarray(image)).permute(1, 2, 0))
        self.before, self.after = tuple(before), tuple(after)
        self.hidden = _plain(self.first(maps.flatten(1))[0])

    def logits(self, row: np.ndarray, column: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Return the logits (S,K) of the image with one pixel replaced; see `Evaluator`."""
        return _local_logits(
            row.astype(np.int64),
            column.astype(np.int64),
            np.ascontiguousarray(value, dtype=np.float32),
            self.pixels,
            self.before,
            self.after,
            self.hidden,
            self.layers.convolutions,
            self.layers.first,
            self.layers.dense,
            self.layers.biases,
        )


def _plain(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as a contiguous float32 array."""
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)


@njit(cache=True, error_model="numpy")
def _local_logits(
    row: np.ndarray,
    column: np.ndarray,
    value: np.ndarray,
    pixels: np.ndarray,
    before: tuple[np.ndarray, ...],
    after: tuple[np.ndarray, ...],
    hidden: np.ndarray,
    convolutions: tuple[np.ndarray, ...],
    first: np.ndarray,
    dense: tuple[np.ndarray, ...],
    biases: tuple[np.ndarray, ...],
) -> np.ndarray:
    """Return (S,K) logits; block by block the window of changes is carried on."""
    n_hidden = len(hidden)
    result = np.empty((len(row), len(biases[-1])), np.float32)
    for s in range(len(row)):
        top, left, height, width = row[s], column[s], 1, 1
        change = (value[s] - pixels[top, left]).reshape(1, 1, pixels.shape[2])
        for b in range(len(convolutions)):
            top, left, height, width, change = _block(
                top, left, height, width, change, before[b], after[b], convolutions[b]
            )
        vector = hidden.copy()
        for y in range(height):
            for x in range(width):
                for c in range(change.shape[2]):
                    by = change[y, x, c]
                    if by != 0:
                        weights = first[top + y, left + x, c]
                        for k in range(n_hidden):
                            vector[k] += by * weights[k]
        for layer in range(len(dense)):
            weights = dense[layer]
            following = biases[layer].copy()
            for i in range(len(vector)):
                if vector[i] > 0:  # the ReLU
                    for k in range(len(following)):
                        following[k] += vector[i] * weights[i, k]
            vector = following
        result[s] = vector
    return result


@njit(cache=True, error_model="numpy")
def _block(
    top: int,
    left: int,
    height: int,
    width: int,
    change: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    weights: np.ndarray,
) -> tuple[int, int, int, int, np.ndarray]:
    """Return the window of changes after a convolution, a 2x2 maximum and a ReLU.

    A map of an odd side has a last row and column that the pooling leaves out.
    """
    size, n_out = weights.shape[0], weights.shape[3]
    pad = size // 2
    top_out = max(top - pad, 0) // 2
    left_out = max(left - pad, 0) // 2
    bottom_out = min((top + height - 1 + pad) // 2, after.shape[0] - 1)
    right_out = min((left + width - 1 + pad) // 2, after.shape[1] - 1)
    rows, columns = max(bottom_out - top_out + 1, 0), max(right_out - left_out + 1, 0)
    y0, x0 = 2 * top_out, 2 * left_out
    raw = before[y0 : y0 + 2 * rows, x0 : x0 + 2 * columns].copy()
    for y in range(height):
        for x in range(width):
            for c in range(change.shape[2]):
                by = change[y, x, c]
                if by == 0:
                    continue
                for i in range(size):
                    to_y = top + y + pad - i - y0
                    if to_y < 0 or to_y >= 2 * rows:
                        continue
                    for j in range(size):
                        to_x = left + x + pad - j - x0
                        if to_x < 0 or to_x >= 2 * columns:
                            continue
                        for k in range(n_out):
                            raw[to_y, to_x, k] += by * weights[i, j, c, k]
    changed = np.empty((rows, columns, n_out), np.float32)
    for y in range(rows):
        for x in range(columns):
            for k in range(n_out):
                largest = max(
                    max(raw[2 * y, 2 * x, k], raw[2 * y, 2 * x + 1, k]),
                    max(raw[2 * y + 1, 2 * x, k], raw[2 * y + 1, 2 * x + 1, k]),
                )
                changed[y, x, k] = (
                    max(largest, np.float32(0)) - after[top_out + y, left_out + x, k]
                )
    return top_out, left_out, rows, columns, changed
