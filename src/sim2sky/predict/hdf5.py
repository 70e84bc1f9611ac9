"""Images to classify from a file of stamps or a dataset."""

import json
from pathlib import Path

import numpy as np

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5
from sim2sky.observe.images import stem_id
from sim2sky.predict.block import Block, ImageFlag, compare_scale, image_flag, refuse_missing_bands
from sim2sky.train.model_file import Model


class Hdf5Images:
    """The images of a stamps file or a dataset.

    Parameters
    ----------
    path : Path
        The file.
    model : Model
        What the images are for.
    """

    def __init__(self, path: Path, model: Model) -> None:
        self.path, self.model = path, model
        with open_hdf5(path) as file:
            stored = hdf5_dataset(file, "images")
            for name in ("galaxy_id", "view", "flag"):
                hdf5_dataset(file, name)
            self.order = _compare_attributes(path, dict(file.attrs), model)
            side = model.image_size
            if stored.ndim != 4 or stored.shape[2:] != (side, side):
                raise Sim2SkyError(
                    "images have another size than the model's",
                    where=f"{path}:/images",
                    got=stored.shape,
                    expected=f"(N, C, {side}, {side})",
                    fix="observe the images at the model's size",
                )
            self.n_images = len(stored)

    def __len__(self) -> int:
        return self.n_images

    def identity(self) -> str:
        """Return a digest of the file's size and time."""
        state = self.path.stat()
        return json.dumps([str(self.path.resolve()), state.st_size, state.st_mtime_ns])

    def read(self, start: int, stop: int) -> Block:
        """Return the images of some rows.

        Parameters
        ----------
        start, stop : int
            From, to.

        Returns
        -------
        Block
            With a flag for each image that is of no use.
        """
        rows = slice(start, stop)
        with open_hdf5(self.path) as file:
            images = file["images"][rows][:, self.order]
            shape = images.shape[1:]
            flag = np.array([image_flag(pixels, shape) for pixels in images], dtype=np.int32)
            images[flag > 0] = 0
            flag[file["flag"][rows] != 0] |= ImageFlag.FLAGGED_INPUT
            names = file["galaxy_id"].asstr()[rows].astype(str)
            columns = {
                "galaxy_id": names,
                "view": file["view"][rows],
                "system_id": file["system_id"][rows]
                if "system_id" in file
                else np.array([stem_id(name) for name in names], dtype=np.int64),
                **{
                    name: file[name][rows] if name in file else np.full(len(names), np.nan)
                    for name in ("ra_deg", "dec_deg")
                },
            }
        return Block(images, columns, flag)


def _compare_attributes(path: Path, attributes: dict, model: Model) -> list[int]:
    """Return where the model's bands are in a file; refuse other units or bands."""
    missing = [name for name in ("bands", "units", "pixel_scale_arcsec") if name not in attributes]
    if missing:
        raise Sim2SkyError(f"attribute {', '.join(missing)} is missing", where=path)
    if attributes["units"] != model.units:
        raise Sim2SkyError(
            "images are in other units than the model's",
            where=path,
            got=attributes["units"],
            expected=model.units,
        )
    bands = [str(band) for band in attributes["bands"]]
    refuse_missing_bands(bands, model, path)
    compare_scale(path, float(attributes["pixel_scale_arcsec"]), model)
    return [bands.index(band) for band in model.bands]
