"""Images to classify from the files of a folder."""

import hashlib
import logging
from collections import Counter
from pathlib import Path

import numpy as np

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_files import FITS, first_band_files, image_name
from sim2sky.observe.fits_image import (
    BadPixelsError,
    WrongBandsError,
    celestial_wcs,
    image_centre,
    image_scale_arcsec,
    read_plane,
)
from sim2sky.observe.images import PICTURES, image_suffix, read_image, read_picture, stem_id
from sim2sky.observe.settings import ObserveImagesSettings
from sim2sky.predict.block import Block, ImageFlag, compare_scale, image_flag, refuse_missing_bands
from sim2sky.train.model_file import Model

log = logging.getLogger("sim2sky")


class FolderImages:
    """The image files of a folder.

    Parameters
    ----------
    folder : Path
        PNG, JPEG or FITS images, kinds may be mixed.
    model : Model
        What the images are for.
    settings : ObserveImagesSettings or None
        How they come to the model's size; None: they have it.
    """

    def __init__(
        self, folder: Path, model: Model, settings: ObserveImagesSettings | None = None
    ) -> None:
        pattern = "*" if settings is None else settings.pattern
        paths = sorted(p for p in folder.glob(pattern) if p.is_file() and image_suffix(p))
        if settings is not None:
            _compare_settings(settings, model)
            chosen = {path for path in paths if image_suffix(path) in PICTURES}
            chosen |= set(first_band_files([p for p in paths if p not in chosen], settings))
            paths = [path for path in paths if path in chosen]
        if not paths:
            raise Sim2SkyError(
                "no images", where=folder, expected=f"files named {', '.join((*PICTURES, *FITS))}"
            )
        self.paths, self.model, self.settings = paths, model, settings
        stems = Counter(self._stem(path) for path in paths)
        # g.png and g.fits are two images
        self.names = [
            self._stem(path) if stems[self._stem(path)] == 1 else path.name for path in paths
        ]
        first = next((p for p in paths if image_suffix(p) not in PICTURES), None)
        if settings is None and model.units == "nJy" and first is not None:
            _compare_header(first, model)

    def __len__(self) -> int:
        return len(self.paths)

    def identity(self) -> str:
        """Return a digest of names, sizes and times."""
        digest = hashlib.sha256()
        for path in self.paths:
            state = path.stat()
            digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}\n".encode())
        return digest.hexdigest()

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
        chosen = self.paths[start:stop]
        shape = (len(self.model.bands), self.model.image_size, self.model.image_size)
        images = np.zeros((len(chosen), *shape), dtype=np.float32)
        flag = np.zeros(len(chosen), dtype=np.int32)
        place = np.full((2, len(chosen)), np.nan)
        for row, path in enumerate(chosen):
            units = "8bit" if image_suffix(path) in PICTURES else "nJy"
            if units != self.model.units:
                flag[row] = ImageFlag.WRONG_KIND
                continue
            try:
                pixels, *place[:, row] = self._pixels(path)
            except Sim2SkyError as error:
                flag[row] = _flag_of(error)
                log.warning("%s", error)
                continue
            flag[row] = image_flag(pixels, shape)
            if flag[row] == 0:
                images[row] = pixels
        names = np.array(self.names[start:stop])
        columns = {
            "galaxy_id": names,
            "view": np.zeros(len(chosen), dtype=np.int32),
            "system_id": np.array([stem_id(name) for name in names], dtype=np.int64),
            "ra_deg": place[0],
            "dec_deg": place[1],
        }
        return Block(images, columns, flag)

    def _pixels(self, path: Path) -> tuple[np.ndarray, float, float]:
        if self.settings is None:
            return read_pixels(path)
        image = read_image(path, self.settings)
        order = [self.settings.bands.index(band) for band in self.model.bands]
        return image.pixels[order], image.ra_deg, image.dec_deg

    def _stem(self, path: Path) -> str:
        if self.settings is not None and image_suffix(path) not in PICTURES:
            return image_name(path, self.settings)
        return path.name[: -len(image_suffix(path))]


def read_pixels(path: str | Path) -> tuple[np.ndarray, float, float]:
    """Return an image file as it is.

    Parameters
    ----------
    path : str or Path
        8-bit picture (alpha is dropped) or FITS file with a two- or
        three-dimensional image.

    Returns
    -------
    pixels : numpy.ndarray
        (C,H,W) float32, y up.
    ra_deg, dec_deg : float
        Of its centre; NaN unknown.

    Raises
    ------
    Sim2SkyError
        If the file is damaged or holds no image.
    """
    path = Path(path)
    if path.suffix.lower() in PICTURES:
        return read_picture(path).astype(np.float32), np.nan, np.nan
    pixels, header = read_plane(path, None)
    if pixels.ndim == 2:
        pixels = pixels[None]
    if pixels.ndim != 3:
        raise Sim2SkyError(
            "not an image", where=path, got=f"shape {pixels.shape}", expected="(C, H, W) or (H, W)"
        )
    return pixels.astype(np.float32), *image_centre(celestial_wcs(header), pixels.shape)


def _flag_of(error: Sim2SkyError) -> ImageFlag:
    """Return what an error says of the image."""
    if isinstance(error, WrongBandsError):
        return ImageFlag.WRONG_BANDS
    if isinstance(error, BadPixelsError):
        return ImageFlag.NOT_FINITE
    return ImageFlag.UNREADABLE


def _compare_settings(settings: ObserveImagesSettings, model: Model) -> None:
    """Refuse settings that do not give what the model takes."""
    refuse_missing_bands(settings.bands, model, "images.bands")
    if settings.image_pixels != model.image_size:
        raise Sim2SkyError(
            "images have another size than the model's",
            where="images.image_pixels",
            got=settings.image_pixels,
            expected=model.image_size,
        )


def _compare_header(path: Path, model: Model) -> None:
    """Say what a FITS header declares otherwise than the model."""
    try:
        header = read_plane(path, None)[1]
    except Sim2SkyError:
        return  # a damaged file is flagged where it is read
    unit = str(header.get("BUNIT", model.units))
    if unit.strip().lower() != model.units.lower():
        log.warning("%s: BUNIT is %s, the model was trained on %s", path, unit, model.units)
    compare_scale(path, image_scale_arcsec(celestial_wcs(header)), model)
