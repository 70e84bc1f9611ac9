"""Images to classify, block by block, from a folder or from an HDF5 file."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from PIL import Image

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5
from sim2sky.train.model_file import Model

log = logging.getLogger("sim2sky")

PICTURES = (".png", ".jpg", ".jpeg")
FITS = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")
HDF5 = (".h5", ".hdf5")
SCALE_TOLERANCE = 0.01  # relative; a network does not notice less


class ImageFlag(IntFlag):
    """Why an image has no probabilities, except `FLAGGED_INPUT`, which is only passed on."""

    UNREADABLE = 1
    WRONG_BANDS = 2
    WRONG_SIZE = 4
    NOT_FINITE = 8
    EMPTY = 16  # a band is constant
    FLAGGED_INPUT = 32  # the stamps file has a flag for it


@dataclass(frozen=True)
class Block:
    """Some images on their way to the networks; N rows.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W) float32; zero where the flag says why.
    galaxy_id : numpy.ndarray
        (N,) str.
    view : numpy.ndarray
        (N,) int.
    flag : numpy.ndarray
        (N,) int, bits of `ImageFlag`.
    """

    images: np.ndarray
    galaxy_id: np.ndarray
    view: np.ndarray
    flag: np.ndarray


def image_blocks(path: str | Path, model: Model, block_size: int) -> Iterator[Block]:
    """Yield the images of a folder or a file, checked against what a model takes.

    Parameters
    ----------
    path : str or Path
        Folder of PNG, JPEG or FITS images of the model's size, or an HDF5
        file of stamps or a dataset.
    model : Model
        Says bands, size, units and pixel scale.
    block_size : int
        Rows that are in memory at a time.

    Yields
    ------
    Block
        Rows in the order of the file, or of the names in the folder.

    Raises
    ------
    Sim2SkyError
        If there are no images or none of them can be in the model's units and bands.
    """
    path = Path(path)
    if path.is_dir():
        yield from _folder_blocks(path, model, block_size)
    elif path.suffix.lower() in HDF5:
        yield from _hdf5_blocks(path, model, block_size)
    else:
        raise Sim2SkyError(
            "no folder of images and no HDF5 file" if path.exists() else "images not found",
            where=path,
            expected="a folder of PNG, JPEG or FITS images, or stamps or a dataset (.h5)",
        )


def read_pixels(path: str | Path) -> np.ndarray:
    """Return an image file as it is.

    Parameters
    ----------
    path : str or Path
        8-bit picture (alpha is dropped) or FITS file with a two- or
        three-dimensional image.

    Returns
    -------
    numpy.ndarray
        (C,H,W) float32, y up.

    Raises
    ------
    Sim2SkyError
        If the file is damaged or holds no image.
    """
    path = Path(path)
    try:
        if path.suffix.lower() in PICTURES:
            with Image.open(path) as picture:
                if picture.mode.startswith(("I", "F")):
                    raise ValueError(f"more than 8 bits per channel (mode {picture.mode})")
                grey = picture.mode in ("1", "L", "LA")
                pixels = np.atleast_3d(np.asarray(picture.convert("L" if grey else "RGB")))
            # pictures begin at the top, FITS images at the bottom
            return pixels[::-1].transpose(2, 0, 1).astype(np.float32)
        with _open_fits(path) as hdus:
            pixels = next(hdu.data for hdu in hdus if hdu.is_image and hdu.data is not None)
            pixels = np.array(pixels, dtype=np.float32)
    except (OSError, SyntaxError, ValueError, TypeError, StopIteration) as error:
        raise Sim2SkyError("not a readable image", where=path, got=error or "no image") from error
    if pixels.ndim == 2:
        pixels = pixels[None]
    if pixels.ndim != 3:
        raise Sim2SkyError(
            "not an image", where=path, got=f"shape {pixels.shape}", expected="(C, H, W) or (H, W)"
        )
    return pixels


def image_flag(pixels: np.ndarray, shape: tuple[int, int, int]) -> ImageFlag:
    """Return what keeps an image from being classified.

    Parameters
    ----------
    pixels : numpy.ndarray
        (C,H,W).
    shape : tuple of int
        What the model takes.

    Returns
    -------
    ImageFlag
        0 if nothing.
    """
    flag = ImageFlag(0)
    if pixels.shape[0] != shape[0]:
        flag |= ImageFlag.WRONG_BANDS
    if pixels.shape[1:] != shape[1:]:
        flag |= ImageFlag.WRONG_SIZE
    if not np.isfinite(pixels).all():
        flag |= ImageFlag.NOT_FINITE
    elif pixels.size == 0 or (np.ptp(pixels, axis=(1, 2)) == 0).any():
        flag |= ImageFlag.EMPTY
    return flag


def _folder_blocks(folder: Path, model: Model, block_size: int) -> Iterator[Block]:
    paths = sorted(path for path in folder.iterdir() if _suffix(path))
    if not paths:
        raise Sim2SkyError(
            "no images", where=folder, expected=f"files named {', '.join((*PICTURES, *FITS))}"
        )
    for path in paths:
        units = "8bit" if _suffix(path) in PICTURES else "nJy"
        if units != model.units:
            raise Sim2SkyError(
                f"the model takes images in {model.units}",
                where=path,
                got="an 8-bit picture" if units == "8bit" else "a FITS image",
                expected="8-bit pictures" if model.units == "8bit" else "FITS images in nJy",
                fix="give images of the kind that the model was trained on",
            )
    if model.units == "nJy":
        _compare_header(paths[0], model)
    shape = (len(model.bands), model.image_size, model.image_size)
    for start in range(0, len(paths), block_size):
        chosen = paths[start : start + block_size]
        images = np.zeros((len(chosen), *shape), dtype=np.float32)
        flag = np.zeros(len(chosen), dtype=np.int32)
        for row, path in enumerate(chosen):
            try:
                pixels = read_pixels(path)
            except Sim2SkyError as error:
                flag[row] = ImageFlag.UNREADABLE
                log.warning("%s", error)
                continue
            flag[row] = image_flag(pixels, shape)
            if flag[row] == 0:
                images[row] = pixels
        names = np.array([path.name[: -len(_suffix(path))] for path in chosen])
        yield Block(images, names, np.zeros(len(chosen), dtype=np.int32), flag)


def _hdf5_blocks(path: Path, model: Model, block_size: int) -> Iterator[Block]:
    shape = (len(model.bands), model.image_size, model.image_size)
    with open_hdf5(path) as file:
        stored = hdf5_dataset(file, "images")
        columns = {name: hdf5_dataset(file, name) for name in ("galaxy_id", "view", "flag")}
        order = _compare_attributes(path, dict(file.attrs), model)
        if stored.ndim != 4 or stored.shape[2:] != shape[1:]:
            raise Sim2SkyError(
                "images have another size than the model's",
                where=f"{path}:/images",
                got=stored.shape,
                expected=f"(N, C, {shape[1]}, {shape[2]})",
                fix="observe the images at the model's size",
            )
        for start in range(0, len(stored), block_size):
            rows = slice(start, start + block_size)
            images = stored[rows][:, order]
            flag = np.array([image_flag(pixels, shape) for pixels in images], dtype=np.int32)
            images[flag > 0] = 0
            flag[columns["flag"][rows] != 0] |= ImageFlag.FLAGGED_INPUT
            names = columns["galaxy_id"].asstr()[rows].astype(str)
            yield Block(images, names, columns["view"][rows], flag)


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
    if not set(model.bands) <= set(bands):
        raise Sim2SkyError(
            "images lack bands of the model",
            where=path,
            got=", ".join(bands),
            expected=", ".join(model.bands),
        )
    _compare_scale(path, float(attributes["pixel_scale_arcsec"]), model)
    return [bands.index(band) for band in model.bands]


def _compare_header(path: Path, model: Model) -> None:
    """Say what a FITS header declares otherwise than the model."""
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    try:
        with _open_fits(path) as hdus:
            header = next(
                hdu.header for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0)
            )
    except (OSError, StopIteration):
        return  # a damaged file is flagged where it is read
    unit = header.get("BUNIT", model.units)
    if unit.strip().lower() != model.units.lower():
        log.warning("%s: BUNIT is %s, the model was trained on %s", path, unit, model.units)
    if "CTYPE1" in header:
        wcs = WCS(header).celestial
        _compare_scale(path, float(proj_plane_pixel_scales(wcs)[0]) * 3600, model)


@contextmanager
def _open_fits(path: Path) -> Iterator[fits.HDUList]:
    """Open a FITS file; what is wrong with it shows when its data are read."""
    # astropy leaves a file open that it cannot read, and warns before it raises
    with (
        warnings.catch_warnings(action="ignore", category=AstropyWarning),
        path.open("rb") as file,
        fits.open(file) as hdus,
    ):
        yield hdus


def _compare_scale(path: Path, scale_arcsec: float, model: Model) -> None:
    """Warn of another pixel scale; NaN, a scale that varies, is not compared."""
    expected = model.pixel_scale_arcsec
    if abs(scale_arcsec - expected) > SCALE_TOLERANCE * expected:
        log.warning(
            "%s: pixels of %.4g arcsec, the model was trained on %.4g arcsec",
            path,
            scale_arcsec,
            expected,
        )


def _suffix(path: Path) -> str:
    """Return the suffix of an image file, ``.fits.gz`` in one piece, or nothing."""
    name = path.name.lower()
    return next((end for end in (*FITS[::-1], *PICTURES) if name.endswith(end)), "")
