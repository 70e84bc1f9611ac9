"""The stamps file: what `observe` writes for mocks and real images alike, and `build` reads."""

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, hdf5_dataset, open_hdf5

TEXT_COLUMNS = ("galaxy_id", "stage")
COLUMN_TYPES = {
    "system_id": "i8",
    "view": "i4",
    "label": "i1",
    "redshift": "f8",
    "flag": "i4",
    "noise_sigma": "f4",
    "scale_arcsec_per_kpc": "f8",
}
PLACE_COLUMNS = ("ra_deg", "dec_deg")  # of images of the sky; mocks lie nowhere
ATTRIBUTES = ("bands", "pixel_scale_arcsec", "units", "psf_fwhm_arcsec", "survey", "noise")


@dataclass(frozen=True)
class Stamps:
    """Stamps of one shard; N rows.

    Parameters
    ----------
    columns : dict of numpy.ndarray
        galaxy_id, stage (str), system_id, view, label, redshift, flag,
        scale_arcsec_per_kpc, all (N,), and noise_sigma (N,C), the background
        rms in the images' units, also where no noise was added; for images of
        the sky also ra_deg and dec_deg (N,).
    attributes : dict
        bands, pixel_scale_arcsec (NaN where it differs by image), units
        (``"nJy"`` per pixel or ``"8bit"``), psf_fwhm_arcsec (C,), survey, noise.
    nuisance : pandas.DataFrame
        (N,K) numbers that should not tell the class; no columns where unknown.
    images : numpy.ndarray or None
        (N,C,H,W) float32, y up; None if not read.
    """

    columns: dict[str, np.ndarray]
    attributes: dict
    nuisance: pd.DataFrame = field(default_factory=pd.DataFrame)
    images: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.columns["galaxy_id"])


def write_stamps(path: str | Path, stamps: Stamps, provenance: dict[str, str]) -> None:
    """Write a stamps file.

    Parameters
    ----------
    path : str or Path
        Output HDF5 file.
    stamps : Stamps
        With images.
    provenance : dict of str
        From `sim2sky.provenance.stamp`.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["images"] = np.asarray(stamps.images, dtype="f4")
        for name in TEXT_COLUMNS:
            text = stamps.columns[name].astype(object)
            file.create_dataset(name, data=text, dtype=h5py.string_dtype())
        for name, kind in COLUMN_TYPES.items():
            file[name] = stamps.columns[name].astype(kind)
        for name in PLACE_COLUMNS:
            if name in stamps.columns:
                file[name] = stamps.columns[name].astype("f8")
        if len(stamps.nuisance.columns):
            file["nuisance"] = stamps.nuisance.to_numpy(dtype="f8")
            file["nuisance"].attrs["names"] = list(stamps.nuisance.columns)
        file.attrs.update({**stamps.attributes, **provenance})


def read_stamps(path: str | Path, *, images: bool = True) -> Stamps:
    """Read a stamps file.

    Parameters
    ----------
    path : str or Path
        File written by `write_stamps`.
    images : bool
        Without, only the columns are read.

    Returns
    -------
    Stamps
        All rows.

    Raises
    ------
    Sim2SkyError
        If the file is missing, truncated or incomplete.
    """
    with open_hdf5(path) as file:
        missing = [name for name in ATTRIBUTES if name not in file.attrs]
        if missing:
            raise Sim2SkyError(
                f"attribute {', '.join(missing)} is missing",
                where=path,
                fix="make the file with `sim2sky observe` or `sim2sky observe-images`",
            )
        columns = {name: hdf5_dataset(file, name).asstr()[:].astype(str) for name in TEXT_COLUMNS}
        columns |= {name: hdf5_dataset(file, name)[:] for name in COLUMN_TYPES}
        columns |= {name: file[name][:] for name in PLACE_COLUMNS if name in file}
        attributes = {name: file.attrs[name] for name in ATTRIBUTES}
        attributes["bands"] = [str(band) for band in attributes["bands"]]
        nuisance = pd.DataFrame(index=pd.RangeIndex(len(columns["galaxy_id"])))
        if "nuisance" in file:
            names = [str(name) for name in file["nuisance"].attrs["names"]]
            nuisance = pd.DataFrame(file["nuisance"][:], columns=names)
        pixels = hdf5_dataset(file, "images")
        lengths = {name: len(values) for name, values in (columns | {"images": pixels}).items()}
        if len(set(lengths.values())) > 1:
            raise Sim2SkyError("columns have different lengths", where=path, got=lengths)
        return Stamps(columns, attributes, nuisance, pixels[:] if images else None)
