"""Real images of a survey, into the stamps format of the mocks."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_files import FITS, first_band_files, fits_suffix, image_name
from sim2sky.observe.fits_image import (
    WrongBandsError,
    read_fits_image,
)
from sim2sky.observe.flags import StampFlag
from sim2sky.observe.labels import read_labels
from sim2sky.observe.settings import ObserveImagesSettings
from sim2sky.observe.stamps import Stamps

log = logging.getLogger("sim2sky")

PICTURES = (".png", ".jpg", ".jpeg")
BORDER_FRACTION = 0.1


@dataclass(frozen=True)
class SurveyImage:
    """A stamp made of one image of a survey.

    Parameters
    ----------
    pixels : numpy.ndarray
        (C,H,W) float32, y up; 8-bit values, or nJy per pixel.
    ra_deg, dec_deg : float
        Of its centre; NaN unknown.
    pixel_scale_arcsec : float
        Of the stamp; NaN unknown.
    """

    pixels: np.ndarray
    ra_deg: float = np.nan
    dec_deg: float = np.nan
    pixel_scale_arcsec: float = np.nan


def observe_images(
    folder: str | Path, labels: str | Path | None, settings: ObserveImagesSettings
) -> Stamps:
    """Read a folder of images.

    Parameters
    ----------
    folder : str or Path
        8-bit PNG or JPEG pictures, or FITS images of one (y,x) or several
        (band,y,x) bands; not both kinds.
    labels : str or Path or None
        CSV table for the rules of the settings.
    settings : ObserveImagesSettings
        How to read them.

    Returns
    -------
    Stamps
        Rows in the order of the file names; an unreadable file is flagged and
        its image is zero.

    Raises
    ------
    Sim2SkyError
        If there are no images, kinds are mixed, or none is readable.
    """
    paths = _image_paths(Path(folder), settings)
    eight_bit = {_kind(path) for path in paths} == {"picture"}
    side = settings.image_pixels
    images = np.zeros((len(paths), len(settings.bands), side, side), dtype=np.float32)
    flag = np.zeros(len(paths), dtype=np.int32)
    place = np.full((len(paths), 3), np.nan)
    for row, path in enumerate(paths):
        try:
            image = read_image(path, settings)
            images[row] = image.pixels
            place[row] = image.ra_deg, image.dec_deg, image.pixel_scale_arcsec
        except Sim2SkyError as error:
            flag[row] = StampFlag.BAD_IMAGE
            log.warning("%s; its stamp stays empty", error)
    if flag.all():
        raise Sim2SkyError("no image is readable", where=folder, got=f"{len(paths)} bad files")
    stems = [_name(path, settings) for path in paths]
    columns = {
        "galaxy_id": np.array(stems),
        "stage": np.full(len(paths), "unknown"),
        "system_id": np.array([stem_id(stem) for stem in stems], dtype=np.int64),
        "view": np.zeros(len(paths), dtype=np.int32),
        "label": _labels_of(stems, labels, settings),
        "redshift": np.full(len(paths), np.nan),
        "flag": flag,
        "noise_sigma": _noise_sigma(images, settings),
        "scale_arcsec_per_kpc": np.full(len(paths), np.nan),
        "ra_deg": place[:, 0],
        "dec_deg": place[:, 1],
    }
    attributes = {
        "bands": settings.bands,
        "pixel_scale_arcsec": settings.pixel_scale_arcsec or common_scale(place[flag == 0, 2]),
        "units": "8bit" if eight_bit else "nJy",
        "psf_fwhm_arcsec": settings.psf_fwhm_arcsec or [np.nan] * len(settings.bands),
        "survey": settings.survey,
        "noise": True,
    }
    return Stamps(columns, attributes, images=images)


def read_image(path: str | Path, settings: ObserveImagesSettings) -> SurveyImage:
    """Read one image, cropped and resized.

    Parameters
    ----------
    path : str or Path
        PNG, JPEG or FITS file; of several files by band, that of the first.
    settings : ObserveImagesSettings
        How to read it.

    Returns
    -------
    SurveyImage
        8-bit values, or nJy per pixel of the stamp with the flux of the crop
        conserved.

    Raises
    ------
    Sim2SkyError
        If the file cannot be read, has other channels or too many bad pixels.
    """
    path = Path(path)
    if _kind(path) == "picture":
        return SurveyImage(resized(read_picture(path, len(settings.bands)), settings))
    image = read_fits_image(path, settings)
    pixels = image.filled(settings.max_bad_fraction, path)
    square = _central_square(pixels, settings.crop_fraction)
    factor = square.shape[-1] / settings.image_pixels
    ra, dec = image.centre
    return SurveyImage(
        area_sums(square, settings.image_pixels),
        ra,
        dec,
        image.pixel_scale_arcsec * factor,
    )


def read_picture(path: str | Path, n_bands: int | None = None) -> np.ndarray:
    """Return an 8-bit picture.

    Parameters
    ----------
    path : str or Path
        PNG or JPEG file; an alpha channel is dropped.
    n_bands : int or None
        1 turns colours into grey, 3 repeats a grey channel; None: the picture's own.

    Returns
    -------
    numpy.ndarray
        (C,y,x) uint8, y up.

    Raises
    ------
    Sim2SkyError
        If the file is damaged, has more than 8 bits per channel or cannot have as
        many channels.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode.startswith(("I", "F")):
                raise ValueError(f"more than 8 bits per channel (mode {picture.mode})")
            own = 1 if picture.mode in ("1", "L", "LA") else 3
            pixels = picture.convert("L" if (n_bands or own) == 1 else "RGB")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError) as error:
        raise Sim2SkyError("not a readable picture", where=path, got=error) from error
    pixels = np.atleast_3d(np.asarray(pixels))
    if n_bands not in (None, pixels.shape[2]):
        raise WrongBandsError(
            "a picture has another number of channels", where=path, got=3, expected=n_bands
        )
    # Pictures begin at the top, maps and FITS images at the bottom.
    return pixels[::-1].transpose(2, 0, 1)


def resized(pixels: np.ndarray, settings: ObserveImagesSettings) -> np.ndarray:
    """Return the central part of a picture at the stamp's size, as mocks of pictures are made.

    Parameters
    ----------
    pixels : numpy.ndarray
        (C,y,x).
    settings : ObserveImagesSettings
        crop_fraction and image_pixels.

    Returns
    -------
    numpy.ndarray
        (C,H,W) float32; each pixel is the mean of those whose centres it holds.
    """
    square = _central_square(pixels, settings.crop_fraction)
    size = (settings.image_pixels, settings.image_pixels)
    planes = [Image.fromarray(channel.astype(np.float32)) for channel in square]
    return np.stack([np.asarray(plane.resize(size, Image.Resampling.BOX)) for plane in planes])


def area_sums(square: np.ndarray, side: int) -> np.ndarray:
    """Return an image on another grid, each pixel the light that falls on its area.

    Parameters
    ----------
    square : numpy.ndarray
        (C,n,n).
    side : int
        Pixels of the new side.

    Returns
    -------
    numpy.ndarray
        (C,side,side) float32 with the same sum in each band.
    """
    n = square.shape[-1]
    edges = np.arange(side + 1) * n / side
    old = np.arange(n)
    high = np.minimum(edges[1:, None], old + 1)
    low = np.maximum(edges[:-1, None], old)
    overlap = np.maximum(high - low, 0.0)
    return (overlap @ square.astype(np.float64) @ overlap.T).astype(np.float32)


def stem_id(stem: str) -> int:
    """Return a stable positive int64 for a file stem, used as its system.

    Parameters
    ----------
    stem : str
        File name without its suffix.

    Returns
    -------
    int
        63 bits of its SHA-256.
    """
    return int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8], "big") >> 1


def image_suffix(path: Path) -> str:
    """Return the suffix of an image file.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    str
        In lower case, ``.fits.gz`` in one piece; nothing for other files.
    """
    return path.suffix.lower() if path.suffix.lower() in PICTURES else fits_suffix(path)


def _name(path: Path, settings: ObserveImagesSettings) -> str:
    return path.stem if _kind(path) == "picture" else image_name(path, settings)


def _kind(path: Path) -> str:
    return "picture" if image_suffix(path) in PICTURES else "fits"


def common_scale(scales: np.ndarray) -> float:
    """Return the pixel scale of all images.

    Parameters
    ----------
    scales : numpy.ndarray
        (N,) of each, NaN unknown.

    Returns
    -------
    float
        Their median; NaN where they differ by a hundredth or more, or one is unknown.
    """
    middle = float(np.median(scales))
    return middle if (np.abs(scales - middle) < 0.01 * middle).all() else np.nan


def _image_paths(folder: Path, settings: ObserveImagesSettings) -> list[Path]:
    """Return the image files of a folder in the order of their names, one for each image."""
    if not folder.is_dir():
        raise Sim2SkyError("folder of images not found", where=folder)
    paths = sorted(p for p in folder.glob(settings.pattern) if p.is_file() and image_suffix(p))
    if all(_kind(path) == "fits" for path in paths):
        paths = first_band_files(paths, settings)
    if not paths:
        raise Sim2SkyError(
            "no images",
            where=folder / settings.pattern,
            expected="files named " + ", ".join((*PICTURES, *FITS)),
        )
    kinds = {_kind(path) for path in paths}
    if len(kinds) > 1:
        raise Sim2SkyError(
            "8-bit pictures and FITS images are mixed",
            where=folder,
            fix="choose one kind with `pattern`",
        )
    stems = [_name(path, settings) for path in paths]
    if len(set(stems)) < len(stems):
        repeated = next(stem for stem in stems if stems.count(stem) > 1)
        raise Sim2SkyError("two images share a name", where=folder, got=repeated)
    return paths


def _central_square(pixels: np.ndarray, fraction: float) -> np.ndarray:
    """Return the central square whose side is a fraction of the shorter side."""
    height, width = pixels.shape[-2:]
    side = max(1, round(fraction * min(height, width)))
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[..., top : top + side, left : left + side]


def _labels_of(
    stems: list[str], labels: str | Path | None, settings: ObserveImagesSettings
) -> np.ndarray:
    """Return the label of each image, -1 unknown."""
    if (labels is None) != (settings.labels is None):
        raise Sim2SkyError(
            "labels need a table and rules",
            got="no table" if labels is None else "no rules",
            fix="give both --labels and `labels` in the settings, or neither",
        )
    if labels is None:
        return np.full(len(stems), -1, dtype=np.int8)
    known = read_labels(labels, settings.labels)
    found = np.array([known.get(stem, -1) for stem in stems], dtype=np.int8)
    for label, name in enumerate(rule.name for rule in settings.labels.classes):
        log.info("%s: %d images", name, (found == label).sum())
    if (found < 0).all():
        raise Sim2SkyError(
            "no image has a label",
            where=labels,
            got=f"image '{stems[0]}', table '{next(iter(known), 'without matches')}'",
            fix="labels.id_column must hold the file names without suffix",
        )
    return found


def _noise_sigma(images: np.ndarray, settings: ObserveImagesSettings) -> np.ndarray:
    """Return the background rms (N,C): declared, or 1.48 MAD of each image's border."""
    if settings.noise_sigma is not None:
        return np.tile(np.array(settings.noise_sigma, dtype=np.float32), (len(images), 1))
    side = images.shape[-1]
    width = max(1, round(BORDER_FRACTION * side))
    border = np.ones((side, side), dtype=bool)
    border[width:-width, width:-width] = False
    pixels = images[..., border]
    centre = np.median(pixels, axis=-1, keepdims=True)
    return 1.4826 * np.median(np.abs(pixels - centre), axis=-1)
