"""The file of rungs: the same galaxies' stamps on each, written once for all models."""

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, hdf5_dataset, open_hdf5

COLUMNS = ("galaxy_id", "view", "system_id", "label")


@dataclass(frozen=True)
class Step:
    """One rung as it was rendered.

    Parameters
    ----------
    about : dict
        axis, rung, step (counted from 0 on its axis), exposure_factor, depth_band,
        depth_mag_ab and depth_mag_arcsec2.
    images : numpy.ndarray
        (N,C,H,W) float32.
    kept : numpy.ndarray
        (N,) bool, which galaxies the rung's selection keeps.
    """

    about: dict
    images: np.ndarray
    kept: np.ndarray


@dataclass(frozen=True)
class Rendered:
    """All rungs; N galaxies.

    Parameters
    ----------
    columns : dict of numpy.ndarray
        `COLUMNS`, (N,) each; label is an index in `classes`.
    properties : pandas.DataFrame
        From `sim2sky.ladder.render.galaxy_properties`.
    light : numpy.ndarray
        (N,H,W) without noise and surroundings, all bands together.
    classes, bands : list of str
        K and C names.
    units : str
        ``"nJy"`` or ``"8bit"``.
    domain : str
        The source.
    steps : list of Step
        In the order of the figures.
    """

    columns: dict[str, np.ndarray]
    properties: pd.DataFrame
    light: np.ndarray
    classes: list[str]
    bands: list[str]
    units: str
    domain: str
    steps: list[Step]

    def __len__(self) -> int:
        return len(self.light)


def write_rungs(path: str | Path, rendered: Rendered, provenance: dict[str, str]) -> None:
    """Write a file of rungs.

    Parameters
    ----------
    path : str or Path
        Output HDF5 file.
    rendered : Rendered
        What to write.
    provenance : dict of str
        From `sim2sky.provenance.stamp`.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name in COLUMNS:
            values = rendered.columns[name]
            file[name] = values.astype(object) if values.dtype.kind == "U" else values
        for name, values in rendered.properties.items():
            file[f"properties/{name}"] = values.to_numpy(dtype="f8")
        file["light"] = rendered.light.astype("f4")
        for number, step in enumerate(rendered.steps):
            group = file.create_group(f"rungs/{number:03d}")
            group["images"] = step.images.astype("f4")
            group["kept"] = step.kept
            group.attrs["about"] = json.dumps(step.about)
        file.attrs.update(
            classes=list(rendered.classes),
            bands=list(rendered.bands),
            units=rendered.units,
            domain=rendered.domain,
            **provenance,
        )


def read_rungs(path: str | Path) -> Rendered:
    """Read a file of rungs.

    Parameters
    ----------
    path : str or Path
        Written by `write_rungs`.

    Returns
    -------
    Rendered
        All of it.

    Raises
    ------
    Sim2SkyError
        If the file is missing, truncated or something else.
    """
    with open_hdf5(path) as file:
        if "rungs" not in file or "classes" not in file.attrs:
            raise Sim2SkyError(
                "no file of rungs", where=path, fix="make it with `sim2sky observe-ladder`"
            )
        columns = {name: hdf5_dataset(file, name)[:] for name in COLUMNS[1:]}
        columns["galaxy_id"] = hdf5_dataset(file, "galaxy_id").asstr()[:].astype(str)
        return Rendered(
            columns=columns,
            properties=pd.DataFrame({name: v[:] for name, v in file["properties"].items()}),
            light=hdf5_dataset(file, "light")[:],
            classes=[str(name) for name in file.attrs["classes"]],
            bands=[str(name) for name in file.attrs["bands"]],
            units=str(file.attrs["units"]),
            domain=str(file.attrs["domain"]),
            steps=[
                Step(
                    json.loads(group.attrs["about"]),
                    hdf5_dataset(group, "images")[:],
                    hdf5_dataset(group, "kept")[:].astype(bool),
                )
                for _, group in sorted(file["rungs"].items())
            ],
        )
