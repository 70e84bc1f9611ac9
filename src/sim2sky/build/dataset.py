"""The dataset file: written once by `build`, read by everything that learns or judges.

Rows are stored sorted by split, so that reading one split is one contiguous read.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, hdf5_dataset, open_hdf5

SPLITS = {"train": 0, "validation": 1, "test": 2}
TEXT_COLUMNS = ("galaxy_id", "stage")
COLUMN_TYPES = {"system_id": "i8", "view": "i4", "redshift": "f8", "flag": "i4", "label": "i1"}


@dataclass(frozen=True)
class Dataset:
    """Images of one domain with what is known about them; N rows.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W) float32 in `units`, not yet normalised.
    label : numpy.ndarray or None
        (N,) int8, index in `classes`, -1 unknown; None if read without labels.
    galaxy_id : numpy.ndarray
        (N,) str.
    system_id : numpy.ndarray
        (N,) int64; what shares it never lies in two splits.
    view : numpy.ndarray
        (N,) int32, number of the line of sight.
    stage : numpy.ndarray or None
        (N,) str such as ``"pre"``; names the label, hence None without labels.
    redshift : numpy.ndarray
        (N,) float64, NaN unknown.
    flag : numpy.ndarray
        (N,) int32 bit field, 0 good.
    bands : list of str
        C names.
    classes : list of str
        K names.
    pixel_scale_arcsec : float
        Side of a pixel; NaN where it differs from image to image.
    units : str
        ``"nJy"`` per pixel or ``"8bit"``.
    normalisation : Normalisation
        From the training rows of this domain.
    domain : str
        Name of the domain.
    """

    images: np.ndarray
    label: np.ndarray | None
    galaxy_id: np.ndarray
    system_id: np.ndarray
    view: np.ndarray
    stage: np.ndarray | None
    redshift: np.ndarray
    flag: np.ndarray
    bands: list[str]
    classes: list[str]
    pixel_scale_arcsec: float
    units: str
    normalisation: Normalisation
    domain: str

    def __len__(self) -> int:
        return len(self.images)


def write_dataset(
    path: str | Path,
    dataset: Dataset,
    split: np.ndarray,
    *,
    attributes: dict | None = None,
    nuisance: pd.DataFrame | None = None,
) -> None:
    """Write a dataset file, rows sorted by split (stable).

    Parameters
    ----------
    path : str or Path
        Output HDF5 file.
    dataset : Dataset
        All rows, with labels and stages.
    split : numpy.ndarray
        (N,) values of `SPLITS`.
    attributes : dict, optional
        More attributes of the file: psf_fwhm_arcsec, survey, split_seed and
        the provenance stamp. Lists of strings are allowed.
    nuisance : pandas.DataFrame, optional
        (N,K) numbers that should not tell the class; see `sim2sky.build.nuisance`.

    Raises
    ------
    Sim2SkyError
        If a column has another length than the images or a split is unknown.
    """
    split = np.asarray(split)
    columns = {name: getattr(dataset, name) for name in (*TEXT_COLUMNS, *COLUMN_TYPES)}
    for name, values in {**columns, "split": split}.items():
        if values is None or len(values) != len(dataset):
            raise Sim2SkyError(
                f"column '{name}' does not fit the images",
                where=path,
                got="nothing" if values is None else f"{len(values)} rows",
                expected=f"{len(dataset)} rows",
            )
    if not np.isin(split, list(SPLITS.values())).all():
        raise Sim2SkyError("unknown split", where=path, got=np.unique(split), expected=SPLITS)
    order = np.argsort(split, kind="stable")
    normalisation = dataset.normalisation.to_dict()
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        images = file.create_dataset("images", shape=dataset.images.shape, dtype="f4")
        for start in range(0, len(order), 1024):  # a sorted copy of all would double the memory
            images[start : start + 1024] = dataset.images[order[start : start + 1024]]
        file["split"] = split[order].astype("u1")
        for name in TEXT_COLUMNS:
            text = np.asarray(columns[name])[order].astype(object)
            file.create_dataset(name, data=text, dtype=h5py.string_dtype())
        for name, kind in COLUMN_TYPES.items():
            file[name] = np.asarray(columns[name])[order].astype(kind)
        if nuisance is not None:
            file["nuisance"] = nuisance.to_numpy(dtype="f8")[order]
            file["nuisance"].attrs["names"] = list(nuisance.columns)
        file.attrs.update(
            bands=list(dataset.bands),
            classes=list(dataset.classes),
            pixel_scale_arcsec=dataset.pixel_scale_arcsec,
            units=dataset.units,
            domain=dataset.domain,
            stretch=normalisation["stretch"],
            **{f"norm_{key}": normalisation[key] for key in ("softening", "mean", "std")},
            **(attributes or {}),
        )


def read_dataset(path: str | Path, split: str | None, *, labels: bool) -> Dataset:
    """Read a dataset file or one split of it; the only way to read one.

    Parameters
    ----------
    path : str or Path
        File written by `write_dataset`.
    split : {"train", "validation", "test"} or None
        None reads all rows.
    labels : bool
        Without, neither the labels nor the stages are touched: adaptation may
        not see them.

    Returns
    -------
    Dataset
        The rows of the split.

    Raises
    ------
    Sim2SkyError
        If the file is missing, truncated or incomplete, the split is unknown
        or it holds no rows.
    """
    if split is not None and split not in SPLITS:
        raise Sim2SkyError(
            "unknown split", where=path, got=split, expected=", ".join(SPLITS) + " or None"
        )
    with open_hdf5(path) as file:
        rows = _rows_of(hdf5_dataset(file, "split")[:], split, path)
        hidden = () if labels else ("label", "stage")
        columns = {
            name: None if name in hidden else _column(file, name, rows)
            for name in ("images", *TEXT_COLUMNS, *COLUMN_TYPES)
        }
        attributes = _attributes(file)
    known = {field.name for field in fields(Dataset)}
    return Dataset(
        **columns,
        **{key: value for key, value in attributes.items() if key in known},
        normalisation=Normalisation(
            attributes["stretch"],
            *(attributes[f"norm_{key}"] for key in ("softening", "mean", "std")),
        ),
    )


def read_splits(path: str | Path) -> np.ndarray:
    """Return the split of each row, in the order of ``read_dataset(path, None)``.

    Parameters
    ----------
    path : str or Path
        A dataset file.

    Returns
    -------
    numpy.ndarray
        (N,) values of `SPLITS`.
    """
    with open_hdf5(path) as file:
        return hdf5_dataset(file, "split")[:]


def is_split_as_published(path: str | Path) -> bool:
    """Return whether a dataset is a published one in the split it was published with.

    Parameters
    ----------
    path : str or Path
        A dataset file.

    Returns
    -------
    bool
        False for every dataset of the workflow's own.
    """
    with open_hdf5(path) as file:
        return str(file.attrs.get("published_split")) == "as_published"


def labels_for_model(dataset: Dataset, model_classes: list[str]) -> np.ndarray:
    """Return the labels numbered by the model's classes.

    Parameters
    ----------
    dataset : Dataset
        Read with labels.
    model_classes : list of str
        K names.

    Returns
    -------
    numpy.ndarray
        (N,) int8: 0..K-1, or K and up for classes that the model does not know
        (in the dataset's order), or -1 where the label is unknown.

    Raises
    ------
    Sim2SkyError
        If the dataset and the model share no class.
    """
    strangers = [name for name in dataset.classes if name not in model_classes]
    if len(strangers) == len(dataset.classes):
        raise Sim2SkyError(
            "dataset and model share no class",
            where=f"domain {dataset.domain}",
            got=", ".join(dataset.classes),
            expected=", ".join(model_classes),
        )
    order = [*model_classes, *strangers]
    # the -1 of unknown labels picks the last entry, which is -1
    number = np.array([*(order.index(name) for name in dataset.classes), -1], dtype=np.int8)
    return number[dataset.label]


def _rows_of(splits: np.ndarray, split: str | None, path: str | Path) -> slice:
    """Return the rows of a split; they are contiguous since the writer sorts."""
    if split is None:
        return slice(0, len(splits))
    rows = slice(*np.searchsorted(splits, [SPLITS[split], SPLITS[split] + 1]).tolist())
    if rows.start == rows.stop:
        raise Sim2SkyError(
            f"split '{split}' is empty",
            where=path,
            got={name: int((splits == value).sum()) for name, value in SPLITS.items()},
            fix="give the sample more systems or change the fractions",
        )
    return rows


def _column(file: h5py.File, name: str, rows: slice) -> np.ndarray:
    """Read rows of one dataset, text as str."""
    dataset = hdf5_dataset(file, name)
    return dataset.asstr()[rows].astype(str) if name in TEXT_COLUMNS else dataset[rows]


def _attributes(file: h5py.File) -> dict:
    """Return the attributes that a dataset file must have, arrays of text as lists of str."""
    required = [
        *("bands", "classes", "pixel_scale_arcsec", "units", "domain", "stretch"),
        *("norm_softening", "norm_mean", "norm_std"),
    ]
    missing = [key for key in required if key not in file.attrs]
    if missing:
        raise Sim2SkyError(
            f"attribute {', '.join(missing)} is missing",
            where=file.filename,
            fix="make the file with `sim2sky build`",
        )
    content = {key: file.attrs[key] for key in required}
    for key in ("bands", "classes"):
        content[key] = [str(item) for item in content[key]]
    content["pixel_scale_arcsec"] = float(content["pixel_scale_arcsec"])
    return content
