"""The order in which a network meets its training images, and how they are turned."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from sim2sky.seeding import generator
from sim2sky.train.augmentation import Augmentation
from sim2sky.train.data import Rows, TrainingData
from sim2sky.train.settings import TrainSettings


class Batch(NamedTuple):
    """Some images of one domain; n rows.

    Parameters
    ----------
    images : torch.Tensor
        (n,C,H,W) in channels-last order.
    label : torch.Tensor or None
        (n,) int64.
    index : torch.Tensor
        (n,) int64, which rows of the domain's training rows they are.
    """

    images: torch.Tensor
    label: torch.Tensor | None
    index: torch.Tensor


class Batches:
    """An endless stream of batches: every row once, shuffled, then all over again.

    Batches are always full; the last one of a pass is filled up from the next
    pass. Since the order has a state, a training that was interrupted goes on
    with the very batch that it would have seen.

    Parameters
    ----------
    rows : Rows
        The images.
    batch_size : int
        Images per batch.
    augment : bool
        Show each image in a random one of the 8 symmetries of the square.
    device : torch.device
        Where the batches go.
    keys : tuple of str
        With `seed`, what the order depends on.
    seed : int
        Seed of the training.
    change : callable, optional
        Makes other images of a batch, given its number too; see
        `sim2sky.train.augmentation.Augmentation`.
    """

    def __init__(
        self,
        rows: Rows,
        batch_size: int,
        *,
        augment: bool,
        device: torch.device,
        keys: tuple[str, ...],
        seed: int,
        change: Callable[[torch.Tensor, int], torch.Tensor] | None = None,
    ) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.augment = augment
        self.device = device
        first = int(generator("train", *keys, seed=seed).integers(2**62))
        self.random = torch.Generator().manual_seed(first)
        self.waiting = torch.empty(0, dtype=torch.int64)  # rows of this pass yet to be shown
        self.change = change
        self.count = 0  # batches given so far

    def next(self) -> Batch:
        """Return the next batch.

        Returns
        -------
        Batch
            `batch_size` rows.
        """
        while len(self.waiting) < self.batch_size:
            shuffled = torch.randperm(len(self.rows), generator=self.random)
            self.waiting = torch.cat([self.waiting, shuffled])
        chosen, self.waiting = self.waiting.split(
            [self.batch_size, len(self.waiting) - self.batch_size]
        )
        if self.augment:
            # sorted by symmetry, so that 8 large copies turn all images
            symmetry, order = torch.randint(8, (len(chosen),), generator=self.random).sort()
            chosen = chosen[order]
            counts = symmetry.bincount(minlength=8).tolist()
            groups = self.rows.images[chosen].split(counts)
            images = torch.cat([turned(group, number) for number, group in enumerate(groups)])
        else:
            images = self.rows.images[chosen]
        label = None if self.rows.label is None else self.rows.label[chosen].to(self.device)
        images = images.contiguous().to(self.device).permute(0, 3, 1, 2)
        if self.change is not None:
            images = self.change(images, self.count)
        self.count += 1
        return Batch(images, label, chosen.to(self.device))

    def state_dict(self) -> dict[str, torch.Tensor | int]:
        """Return what decides all batches to come."""
        return {
            "random": self.random.get_state(),
            "waiting": self.waiting.clone(),
            "count": self.count,
        }

    def load_state_dict(self, state: dict[str, torch.Tensor | int]) -> None:
        """Go on from a state given by `state_dict`."""
        self.random.set_state(state["random"])
        self.waiting = state["waiting"].clone()
        self.count = state["count"]


def training_batches(
    data: TrainingData, settings: TrainSettings, seed: int, device: torch.device
) -> dict[str, Batches]:
    """Return the batches of a training, alike for all methods that see the same images.

    Parameters
    ----------
    data : TrainingData
        Images and labels.
    settings : TrainSettings
        The method says whether both domains are seen and how images are changed.
    seed : int
        Seed of the training.
    device : torch.device
        Where the batches go.

    Returns
    -------
    dict of str to Batches
        By domain, the labelled one first.
    """
    method = settings.method
    augmentation = method.augmentation or settings.augmentation
    other = "source" if data.labelled_domain == "target" else "target"
    rows_of = {data.labelled_domain: data.labelled}
    if method.sees_both_domains:
        rows_of[other] = data.unlabelled
    # a loss between domains would else remove the very difference that the changes make
    changed = rows_of if method.losses else (data.labelled_domain,)
    return {
        domain: Batches(
            rows,
            settings.batch_size,
            augment=settings.augment,
            device=device,
            keys=("batches", domain),
            seed=seed,
            change=Augmentation(augmentation, domain, seed)
            if augmentation is not None and domain in changed
            else None,
        )
        for domain, rows in rows_of.items()
    }


def turned(images: torch.Tensor, symmetry: int) -> torch.Tensor:
    """Return square images after one of the 8 symmetries of the square (the group D4).

    Parameters
    ----------
    images : torch.Tensor
        (N,H,W,C) with H = W.
    symmetry : int
        0 (none) to 7; its bits stand for a flip in y, a flip in x and an exchange of x and y.

    Returns
    -------
    torch.Tensor
        Same shape.
    """
    if symmetry & 4:
        images = images.transpose(1, 2)
    axes = [axis for axis, bit in ((1, 1), (2, 2)) if symmetry & bit]
    return images.flip(axes) if axes else images
