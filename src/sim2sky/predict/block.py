"""A block of images on its way to the networks, and what may be wrong with them."""

import logging
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

import numpy as np

from sim2sky.errors import Sim2SkyError
from sim2sky.train.model_file import Model

log = logging.getLogger("sim2sky")

SCALE_TOLERANCE = 0.01  # relative; a network does not notice less


class ImageFlag(IntFlag):
    """Why an image has no class; those up to `EMPTY` and `WRONG_KIND` leave no probabilities."""

    UNREADABLE = 1
    WRONG_BANDS = 2
    WRONG_SIZE = 4
    NOT_FINITE = 8  # or masked, in too many pixels
    EMPTY = 16  # a band is constant
    FLAGGED_INPUT = 32  # the stamps file has a flag for it, which is only passed on
    WRONG_KIND = 64  # a picture for a model of FITS images, or the other way round
    FAR = 128  # too far from the training images
    UNSURE = 256  # no class is likely enough, or the models disagree


UNFIT = ImageFlag(1 | 2 | 4 | 8 | 16 | 64)


@dataclass(frozen=True)
class Block:
    """Some images on their way to the networks; N rows.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W) float32; zero where the flag says why.
    columns : dict of numpy.ndarray
        galaxy_id (str), view, system_id, ra_deg, dec_deg (NaN unknown), all (N,).
    flag : numpy.ndarray
        (N,) int, bits of `ImageFlag`.
    """

    images: np.ndarray
    columns: dict[str, np.ndarray]
    flag: np.ndarray


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


def refuse_missing_bands(bands: list[str], model: Model, where: object) -> None:
    """Refuse images that lack a band.

    Parameters
    ----------
    bands : list of str
        Those of the images.
    model : Model
        What the images are for.
    where : object
        Named in the message.

    Raises
    ------
    Sim2SkyError
        If the model takes a band that is not among them.
    """
    if not set(model.bands) <= set(bands):
        raise Sim2SkyError(
            "images lack bands of the model",
            where=where,
            got=", ".join(bands),
            expected=", ".join(model.bands),
        )


def compare_scale(path: Path, scale_arcsec: float, model: Model) -> None:
    """Warn of another pixel scale than the model's.

    Parameters
    ----------
    path : Path
        Named in the warning.
    scale_arcsec : float
        NaN, a scale that varies, is not compared.
    model : Model
        What the images are for.
    """
    expected = model.pixel_scale_arcsec
    if abs(scale_arcsec - expected) > SCALE_TOLERANCE * expected:
        log.warning(
            "%s: pixels of %.4g arcsec, the model was trained on %.4g arcsec",
            path,
            scale_arcsec,
            expected,
        )
