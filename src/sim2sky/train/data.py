"""Images in memory, ready for the network."""

import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from sim2sky.build.dataset import SPLITS, Dataset, labels_for_model, read_dataset, read_splits
from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.seeding import generator
from sim2sky.train.settings import TrainSettings
from sim2sky.train.shuffling import shuffled_labels

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
    system : torch.Tensor or None
        (N,) int64, which rows are not independent of each other; None if unknown.
    """

    images: torch.Tensor
    label: torch.Tensor | None
    system: torch.Tensor | None = None

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
        Training rows of the other domain; None if the method looks at none of them.
    validation : Rows
        Validation rows of the labelled domain.
    target_validation : Rows or None
        Validation images of the target, without labels; None for a method that
        reads the target's labels, or if there are none.
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
    target_validation: Rows | None
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
        for rows in (self.labelled, self.unlabelled, self.validation, self.target_validation):
            for tensor in () if rows is None else (rows.images, rows.label, rows.system):
                if tensor is not None:
                    total.update(tensor.numpy())
        return total.hexdigest()


def read_training_data(
    source_path: str | Path, target_path: str | Path, settings: TrainSettings, *, seed: int = 0
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
    seed : int
        Decides how labels are shuffled, if the method wants that.

    Returns
    -------
    TrainingData
        Normalised with statistics of training rows.

    Raises
    ------
    Sim2SkyError
        If the datasets do not fit each other, images are not finite or square,
        the labelled rows do not hold at least two classes, or epochs are to be
        selected by target images of which there are none.
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

    source = training["source"]
    labelled = _in_classes_of(source, training[method.train_on])
    other = "source" if method.train_on == "target" else "target"
    validation = _in_classes_of(
        source, read_dataset(paths[method.train_on], "validation", labels=True)
    )
    if method.shuffle_labels:
        labelled = _with_shuffled_labels(labelled, "train", seed)
        validation = _with_shuffled_labels(validation, "validation", seed)
    result = TrainingData(
        labelled=_rows(labelled, normalisation[method.train_on], paths[method.train_on]),
        unlabelled=_rows(training[other], normalisation[other], paths[other])
        if method.mixed_batches or method.batchnorm == "target"
        else None,
        validation=_rows(validation, normalisation[method.train_on], paths[method.train_on]),
        target_validation=_target_validation(target_path, normalisation["target"], settings),
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
    return Rows(images, label, torch.from_numpy(dataset.system_id[keep].astype(np.int64)))


def _target_validation(
    path: str | Path, normalisation: Normalisation, settings: TrainSettings
) -> Rows | None:
    """Return the target's validation images; its labels are not read."""
    if settings.method.train_on == "target":
        return None
    if not (read_splits(path) == SPLITS["validation"]).any():
        if settings.selection not in ("last", "source_validation"):
            raise Sim2SkyError(
                f"selection by {settings.selection} needs validation images of the target",
                where=path,
                fix="give the domain a share for validation, or choose another selection",
            )
        return None
    return _rows(read_dataset(path, "validation", labels=False), normalisation, path)


def _with_shuffled_labels(dataset: Dataset, split: str, seed: int) -> Dataset:
    """Return a dataset whose known labels are exchanged between systems."""
    known = np.flatnonzero(dataset.label >= 0)
    label = dataset.label.copy()
    random = generator("train", "shuffle_labels", split, seed=seed)
    label[known] = shuffled_labels(label[known], dataset.system_id[known], random)
    return replace(dataset, label=label)


def _in_classes_of(source: Dataset, dataset: Dataset) -> Dataset:
    """Return a dataset labelled by the source's classes; what those lack loses its label."""
    if dataset.classes == source.classes:
        return dataset
    label = labels_for_model(dataset, source.classes)
    label = np.where(label < len(source.classes), label, -1)
    return replace(dataset, label=label, classes=source.classes)


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
