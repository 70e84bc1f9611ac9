"""Where the images to classify come from: a folder or an HDF5 file."""

from pathlib import Path
from typing import Protocol

import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.settings import ObserveImagesSettings
from sim2sky.predict.block import Block
from sim2sky.predict.folder import FolderImages
from sim2sky.predict.hdf5 import Hdf5Images
from sim2sky.predict.tables import read_table
from sim2sky.train.model_file import Model

HDF5 = (".h5", ".hdf5")


class Images(Protocol):
    """Where images come from."""

    def __len__(self) -> int: ...

    def identity(self) -> str:
        """Return a digest that changes when the images do."""
        ...

    def read(self, start: int, stop: int) -> Block:
        """Return the images of some rows."""
        ...


def open_images(
    path: str | Path, model: Model, settings: ObserveImagesSettings | None = None
) -> Images:
    """Return the images of a folder or a file, to be checked against what a model takes.

    Parameters
    ----------
    path : str or Path
        Folder of PNG, JPEG or FITS images, or an HDF5 file of stamps or a dataset.
    model : Model
        Says bands, size, units and pixel scale.
    settings : ObserveImagesSettings, optional
        How a folder's images come to the model's size; without, they have it.

    Returns
    -------
    Images
        In the order of the file, or of the names in the folder.

    Raises
    ------
    Sim2SkyError
        If there are no images or none of them can be in the model's units and bands.
    """
    path = Path(path)
    if path.is_dir():
        return FolderImages(path, model, settings)
    if path.suffix.lower() in HDF5:
        return Hdf5Images(path, model)
    raise Sim2SkyError(
        "no folder of images and no HDF5 file" if path.exists() else "images not found",
        where=path,
        expected="a folder of PNG, JPEG or FITS images, or stamps or a dataset (.h5)",
    )


def read_coordinates(path: str | Path) -> pd.DataFrame:
    """Read a table of places on the sky.

    Parameters
    ----------
    path : str or Path
        CSV, parquet or whatever astropy reads, with columns galaxy_id, ra_deg, dec_deg.

    Returns
    -------
    pandas.DataFrame
        ra_deg and dec_deg by galaxy_id.

    Raises
    ------
    Sim2SkyError
        If the table is unreadable, lacks a column or repeats an identifier.
    """
    table = read_table(path, ["galaxy_id", "ra_deg", "dec_deg"])
    table["galaxy_id"] = table["galaxy_id"].astype(str)
    if table["galaxy_id"].duplicated().any():
        raise Sim2SkyError(
            "an identifier is repeated",
            where=path,
            got=table.loc[table["galaxy_id"].duplicated(), "galaxy_id"].iloc[0],
        )
    return table.set_index("galaxy_id")[["ra_deg", "dec_deg"]]
