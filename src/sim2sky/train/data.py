"""Images in memory, ready for the network, and the order in which it meets them."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sim2sky.build.dataset import Dataset, read_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.seeding import generator
from sim2sky.train.settings import TrainSettings

log = logging.getLogger("sim2sky")

BLOCK = 512


@dataclass(frozen=True)
class Rows:
    """Normalised images of one domain and split; N rows.

    Parameters
    ----------
    images : torch.Tensor
        (N,H,W,C) float32: channels last, as the convolutions want them.
    label : torch.Tensor or None
        (N,) int64; None in the domain whose labels are not read.
    """

    images: torch.Tensor
    label: torch.Tensor | None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class TrainingData:
    """All that one training sees.

    Parameters
    ----------
    labelled : Rows
        Training rows of the domain whose labels the method reads.
    unlabelled : Rows or None
        Training rows of the other domain; None without mixed batches.
    validation : Rows
        Validation rows of the labelled domain.
    labelled_domain : str
        ``"source"`` or ``"target"``.
    normalisation : dict of str to Normalisation
        Keys ``source`` and ``target``.
    bands, classes : list of str
        Names.
    image_size : int
        Side in pixels.
    pixel_scale_arcsec : float
        Of the source.
    units : str
        Of the source.
    """

    labelled: Rows
    unlabelled: Rows | None
    validation: Rows
    labelled_domain: str
    normalisation: dict[str, Normalisation]
    bands: list[str]
    classes: list[str]
    image_size: int
    pixel_scale_arcsec: float
    units: str

    def digest(self) -> str:
        """Return a digest of everything in it, by which a checkpoint knows its data."""
        total = hashlib.blake2b(digest_size=16)
        total.update(repr((self.labelled_domain, self.bands, self.classes)).encode())
        for rows in (self.labelled, self.unlabelled, self.validation):
            for tensor in () if rows is None else (rows.images, rows.label):
                if tensor is not None:
                    total.update(tensor.numpy())
        return total.hexdigest()


def read_training_data(
    source_path: str | Path, target_path: str | Path, settings: TrainSettings
) -> TrainingData:
    """Read what a method may see of two datasets.

    Labels are read in the one domain that the method trains on and nowhere
    else; test rows are not read at all.

    Parameters
    ----------
    source_path, target_path : str or Path
        Dataset files.
    settings : TrainSettings
        The method says which labels and images are read.

    Returns
    -------
    TrainingData
        Normalised with statistics of training rows.

    Raises
    ------
    Sim2SkyError
        If the datasets do not fit each other, images are not finite or square,
        or the labelled rows do not hold at least two classes.
    """
    method = settings.method
    paths = {"source": source_path, "target": target_path}
    training = {
        domain: read_dataset(path, "train", labels=domain == method.train_on)
        for domain, path in paths.items()
    }
    _check_pair(paths, training, settings)
    normalisation = {domain: dataset.normalisation for domain, dataset in training.items()}
    if settings.target_normalisation == "source":
        normalisation["target"] = normalisation["source"]

    labelled, source = training[method.train_on], training["source"]
    other = "source" if method.train_on == "target" else "target"
    result = TrainingData(
        labelled=_rows(labelled, normalisation[method.train_on], paths[method.train_on]),
        unlabelled=_rows(training[other], normalisation[other], paths[other])
        if method.mixed_batches
        else None,
        validation=_rows(
            read_dataset(paths[method.train_on], "validation", labels=True),
            normalisation[method.train_on],
            paths[method.train_on],
        ),
        labelled_domain=method.train_on,
        normalisation=normalisation,
        bands=labelled.bands,
        classes=labelled.classes,
        image_size=labelled.images.shape[2],
        pixel_scale_arcsec=source.pixel_scale_arcsec,
        units=source.units,
    )
    _check_classes(result, paths[method.train_on])
    return result


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
    ) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.augment = augment
        self.device = device
        first = int(generator("train", *keys, seed=seed).integers(2**62))
        self.random = torch.Generator().manual_seed(first)
        self.waiting = torch.empty(0, dtype=torch.int64)  # rows of this pass yet to be shown

    def next(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the next batch.

        Returns
        -------
        images : torch.Tensor
            (batch_size,C,H,W) in channels-last order.
        label : torch.Tensor or None
            (batch_size,).
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
        return images.contiguous().to(self.device).permute(0, 3, 1, 2), label

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return what decides all batches to come."""
        return {"random": self.random.get_state(), "waiting": self.waiting.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from a state given by `state_dict`."""
        self.random.set_state(state["random"])
        self.waiting = state["waiting"].clone()


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


def _rows(dataset: Dataset, normalisation: Normalisation, path: str | Path) -> Rows:
    """Normalise a dataset block by block; rows with an unknown label are dropped."""
    keep = np.arange(len(dataset))
    label = None
    if dataset.label is not None:
        keep = np.flatnonzero(dataset.label >= 0)
        label = torch.from_numpy(dataset.label[keep].astype(np.int64))
        if len(keep) < len(dataset):
            log.info("%s: %d rows without a label left out", path, len(dataset) - len(keep))
    n_bands, height, width = dataset.images.shape[1:]
    images = torch.empty((len(keep), height, width, n_bands))
    for start in range(0, len(keep), BLOCK):
        chosen = keep[start : start + BLOCK]
        block = dataset.images[chosen]
        bad = ~np.isfinite(block).all(axis=(1, 2, 3))
        if bad.any():
            names = dataset.galaxy_id[chosen[bad]]
            raise Sim2SkyError(
                "images hold NaN or infinity",
                where=f"{path}:/images",
                got=f"galaxy {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}",
                fix="flag or drop these galaxies when the dataset is built",
            )
        images[start : start + BLOCK] = torch.from_numpy(
            normalisation.apply(block).transpose(0, 2, 3, 1)
        )
    return Rows(images, label)


def _check_pair(
    paths: dict[str, str | Path], training: dict[str, Dataset], settings: TrainSettings
) -> None:
    """Refuse datasets that one network cannot take; say what else differs."""
    source, target = training["source"], training["target"]
    shapes = {domain: dataset.images.shape[1:] for domain, dataset in training.items()}
    if shapes["source"] != shapes["target"]:
        raise Sim2SkyError(
            "source and target images differ in bands or size",
            where=paths["target"],
            got=f"{shapes['target']} (bands, height, width), bands {', '.join(target.bands)}",
            expected=f"{shapes['source']} as in {paths['source']}, "
            f"bands {', '.join(source.bands)}",
            fix="give both domains the same bands and the same image size",
        )
    if shapes["source"][1] != shapes["source"][2]:
        raise Sim2SkyError("images are not square", where=paths["source"], got=shapes["source"])
    if source.units != target.units and settings.target_normalisation == "source":
        raise Sim2SkyError(
            "source and target images have different units",
            where=paths["target"],
            got=target.units,
            expected=source.units,
            fix="observe both in the same units, or set target_normalisation: own",
        )
    if source.bands != target.bands:
        log.warning("bands differ: source %s, target %s", source.bands, target.bands)
    scales = source.pixel_scale_arcsec, target.pixel_scale_arcsec
    if abs(scales[0] - scales[1]) > 0.01 * scales[0]:  # False where one is NaN, i.e. varies
        log.warning("pixel scales differ: source %g arcsec, target %g arcsec", *scales)
    if settings.method.train_on == "target" and source.classes != target.classes:
        raise Sim2SkyError(
            "an oracle needs the same classes in both domains",
            where=paths["target"],
            got=", ".join(target.classes),
            expected=", ".join(source.classes),
        )


def _check_classes(data: TrainingData, path: str | Path) -> None:
    """Refuse labels from which nothing can be learned."""
    counts = np.bincount(data.labelled.label.numpy(), minlength=len(data.classes))
    if len(counts) > len(data.classes):
        raise Sim2SkyError(
            "label beyond the classes",
            where=f"{path}:/label",
            got=len(counts) - 1,
            expected=f"-1 to {len(data.classes) - 1}",
        )
    found = dict(zip(data.classes, counts.tolist(), strict=True))
    if (counts > 0).sum() < 2:
        raise Sim2SkyError(
            "training needs images of at least two classes",
            where=f"{path}:/label",
            got=f"{found} in the training split",
            fix="give the sample more systems of the missing class",
        )
    for name in (name for name, count in found.items() if count == 0):
        log.warning("%s: no training image of class '%s'; it will not be learned", path, name)
    if len(data.validation) == 0:
        raise Sim2SkyError("no labelled row in the validation split", where=path)
