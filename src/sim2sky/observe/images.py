"""Real images of a survey, into the stamps format of the mocks."""

import hashlib
import logging
from pathlib import Path

import numpy as np
from astropy.io import fits
from PIL import Image, UnidentifiedImageError

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.labels import read_labels
from sim2sky.observe.settings import ObserveImagesSettings
from sim2sky.observe.stamps import FLAG_BAD_IMAGE, Stamps

log = logging.getLogger("sim2sky")

PICTURES = (".png", ".jpg", ".jpeg")
FITS = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")
BORDER_FRACTION = 0.1


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
    paths = _image_paths(Path(folder), settings.pattern)
    eight_bit = {_kind(path) for path in paths} == {"picture"}
    side = settings.image_pixels
    images = np.zeros((len(paths), len(settings.bands), side, side), dtype=np.float32)
    flag = np.zeros(len(paths), dtype=np.int32)
    for row, path in enumerate(paths):
        try:
            images[row] = read_image(path, settings)
        except Sim2SkyError as error:
            flag[row] = FLAG_BAD_IMAGE
            log.warning("%s; its stamp stays empty", error)
    if flag.all():
        raise Sim2SkyError("no image is readable", where=folder, got=f"{len(paths)} bad files")
    stems = [_stem(path) for path in paths]
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
    }
    attributes = {
        "bands": settings.bands,
        "pixel_scale_arcsec": settings.pixel_scale_arcsec or np.nan,
        "units": "8bit" if eight_bit else "nJy",
        "psf_fwhm_arcsec": settings.psf_fwhm_arcsec or [np.nan] * len(settings.bands),
        "survey": settings.survey,
        "noise": True,
    }
    return Stamps(columns, attributes, images=images)


def read_image(path: str | Path, settings: ObserveImagesSettings) -> np.ndarray:
    """Read one image, cropped and resized by averaging over area.

    Parameters
    ----------
    path : str or Path
        PNG, JPEG or FITS file.
    settings : ObserveImagesSettings
        How to read it.

    Returns
    -------
    numpy.ndarray
        (C,H,W) float32, y up; 8-bit values, or nJy per pixel of the stamp with
        the flux of the crop conserved.

    Raises
    ------
    Sim2SkyError
        If the file cannot be read, has other channels or holds NaN.
    """
    path = Path(path)
    if _kind(path) == "picture":
        return resized(_picture(path, len(settings.bands)), settings)
    pixels = _fits_image(path, len(settings.bands)) * settings.nano_jansky_per_unit
    crop = _central_square(pixels, settings.crop_fraction).shape[-1]
    return resized(pixels, settings) * np.float32((crop / settings.image_pixels) ** 2)


def resized(pixels: np.ndarray, settings: ObserveImagesSettings) -> np.ndarray:
    """Return the central part of an image at the stamp's size.

    Parameters
    ----------
    pixels : numpy.ndarray
        (C,y,x).
    settings : ObserveImagesSettings
        crop_fraction and image_pixels.

    Returns
    -------
    numpy.ndarray
        (C,H,W) float32; each pixel is the mean over its area.
    """
    square = _central_square(pixels, settings.crop_fraction)
    size = (settings.image_pixels, settings.image_pixels)
    return np.stack(
        [
            np.asarray(
                Image.fromarray(channel.astype(np.float32)).resize(size, Image.Resampling.BOX)
            )
            for channel in square
        ]
    )


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


def _suffix(path: Path) -> str:
    """Return the suffix in lower case, ``.fits.gz`` in one piece."""
    name = path.name.lower()
    return next((end for end in (*FITS[::-1], *PICTURES) if name.endswith(end)), "")


def _stem(path: Path) -> str:
    return path.name[: len(path.name) - len(_suffix(path))]


def _kind(path: Path) -> str:
    return "picture" if _suffix(path) in PICTURES else "fits"


def _image_paths(folder: Path, pattern: str) -> list[Path]:
    """Return the image files of a folder in the order of their names."""
    if not folder.is_dir():
        raise Sim2SkyError("folder of images not found", where=folder)
    paths = sorted(path for path in folder.glob(pattern) if path.is_file() and _suffix(path))
    if not paths:
        raise Sim2SkyError(
            "no images",
            where=folder / pattern,
            expected="files named " + ", ".join((*PICTURES, *FITS)),
        )
    kinds = {_kind(path) for path in paths}
    if len(kinds) > 1:
        raise Sim2SkyError(
            "8-bit pictures and FITS images are mixed",
            where=folder,
            fix="choose one kind with `pattern`",
        )
    stems = [_stem(path) for path in paths]
    if len(set(stems)) < len(stems):
        repeated = next(stem for stem in stems if stems.count(stem) > 1)
        raise Sim2SkyError("two images share a name", where=folder, got=repeated)
    return paths


def _picture(path: Path, n_bands: int) -> np.ndarray:
    """Return an 8-bit picture as (C,y,x), y up."""
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("L" if n_bands == 1 else "RGB"))
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        raise Sim2SkyError("not a readable picture", where=path, got=error) from error
    pixels = np.atleast_3d(pixels)
    if pixels.shape[2] != n_bands:
        raise Sim2SkyError(
            "a picture has another number of channels", where=path, got=3, expected=n_bands
        )
    # Pictures begin at the top, maps and FITS images at the bottom.
    return pixels[::-1].transpose(2, 0, 1)


def _fits_image(path: Path, n_bands: int) -> np.ndarray:
    """Return the first image of a FITS file as (C,y,x)."""
    try:
        with fits.open(path) as hdus:
            pixels = next(
                (hdu.data for hdu in hdus if hdu.is_image and hdu.data is not None), None
            )
    except (OSError, ValueError, TypeError) as error:
        raise Sim2SkyError("not a readable FITS file", where=path, got=error) from error
    if pixels is not None and pixels.ndim == 2:
        pixels = pixels[None]
    if pixels is None or pixels.ndim != 3 or len(pixels) != n_bands:
        raise Sim2SkyError(
            "a FITS image has an unexpected shape",
            where=path,
            got=None if pixels is None else pixels.shape,
            expected=f"({n_bands}, y, x)",
        )
    pixels = pixels.astype(np.float64)
    if not np.isfinite(pixels).all():
        raise Sim2SkyError("a FITS image holds NaN or infinity", where=path)
    return pixels


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
