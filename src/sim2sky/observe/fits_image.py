"""A survey's FITS image in nJy, with what its header and companions say of it."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales
from scipy import ndimage

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_files import band_files, companions
from sim2sky.observe.flux import flux_njy, njy_per_unit
from sim2sky.observe.settings import FitsSettings

UNIT_KEYS = ("BUNIT", "IMUNIT")
FILL_REACH_PX = 3  # a bad pixel farther than this from a good one is filled with the median


class WrongBandsError(Sim2SkyError):
    """An image has other channels than are asked for."""


class BadPixelsError(Sim2SkyError):
    """Too many pixels of an image are of no use."""


@dataclass(frozen=True)
class FitsImage:
    """An image of C bands on one grid.

    Parameters
    ----------
    pixels : numpy.ndarray
        (C,y,x) float64 in nJy per pixel, y up; bad pixels are NaN.
    bad : numpy.ndarray
        (y,x) bool: not finite, masked or without weight in some band.
    weight : numpy.ndarray or None
        (C,y,x) relative weights, inverse variances up to a factor.
    wcs : astropy.wcs.WCS or None
        Celestial coordinates, None if the header has none.
    njy_per_unit : numpy.ndarray or None
        (C,) what the file's values were multiplied by; None unknown.
    """

    pixels: np.ndarray
    bad: np.ndarray
    weight: np.ndarray | None
    wcs: WCS | None
    njy_per_unit: np.ndarray | None = None

    @property
    def pixel_scale_arcsec(self) -> float:
        """Side of a pixel; NaN without coordinates."""
        return image_scale_arcsec(self.wcs)

    def sky_position(self, x: float | np.ndarray, y: float | np.ndarray) -> tuple:
        """Return coordinates of pixels.

        Parameters
        ----------
        x, y : float or numpy.ndarray
            Counted from 0 at the centre of the first pixel.

        Returns
        -------
        ra_deg, dec_deg : float or numpy.ndarray
            ICRS or whatever the header's system is; NaN without coordinates.
        """
        if self.wcs is None:
            return np.full_like(x, np.nan, dtype=float), np.full_like(y, np.nan, dtype=float)
        return self.wcs.pixel_to_world_values(x, y)

    @property
    def centre(self) -> tuple[float, float]:
        """Right ascension and declination of the middle in degrees; NaN unknown."""
        return image_centre(self.wcs, self.bad.shape)

    def filled(self, max_bad_fraction: float, where: object) -> np.ndarray:
        """Return the pixels without holes.

        Parameters
        ----------
        max_bad_fraction : float
            Larger parts of bad pixels are refused.
        where : object
            Named in the message.

        Returns
        -------
        numpy.ndarray
            (C,y,x); a bad pixel takes the value of the nearest good one, or the
            median of its band if that is far away.

        Raises
        ------
        Sim2SkyError
            If too many pixels are bad.
        """
        fraction = float(self.bad.mean())
        if fraction > max_bad_fraction or fraction == 1:
            raise BadPixelsError(
                "too many bad pixels (NaN, masked or without weight)",
                where=where,
                got=f"{fraction:.1%}",
                expected=f"at most {max_bad_fraction:.1%}",
            )
        if fraction == 0:
            return self.pixels
        distance, nearest = ndimage.distance_transform_edt(self.bad, return_indices=True)
        middle = np.median(self.pixels[:, ~self.bad], axis=1)[:, None, None]
        close = self.pixels[:, nearest[0], nearest[1]]
        return np.where(distance <= FILL_REACH_PX, close, middle)


def read_fits_image(path: str | Path, settings: FitsSettings) -> FitsImage:
    """Read an image and its mask and weights.

    Parameters
    ----------
    path : str or Path
        FITS file of all bands, or that of the first band if the settings name
        a suffix for each.
    settings : FitsSettings
        Where bands, masks, weights and units are found.

    Returns
    -------
    FitsImage
        In nJy per pixel.

    Raises
    ------
    Sim2SkyError
        If a file cannot be read, has other bands, or no known unit.
    """
    path = Path(path)
    files = band_files(path, settings)
    planes = [_band_planes(file, len(settings.bands) // len(files), settings) for file in files]
    shapes = {plane.pixels.shape[1:] for plane in planes}
    if len(shapes) > 1:
        raise Sim2SkyError("the bands have different sizes", where=path, got=sorted(shapes))
    pixels = np.concatenate([plane.pixels for plane in planes])
    factor = np.concatenate([np.full(len(plane.pixels), plane.factor) for plane in planes])
    if settings.zero_point_mag_ab is not None:
        factor = flux_njy(np.array(settings.zero_point_mag_ab))
    pixels *= factor[:, None, None]
    bad = np.any([plane.bad for plane in planes], axis=0)
    for file in companions(path, settings.mask_files or [], settings):
        bad |= _mask(file, bad.shape, settings)
    weights = [plane.weight for plane in planes if plane.weight is not None]
    if settings.weight_files is not None:
        shape = (len(pixels) // len(settings.weight_files), *bad.shape)
        files = companions(path, settings.weight_files, settings)
        weights = [_weights(file, shape, settings) for file in files]
    weight = np.concatenate(weights) if weights else None
    if weight is not None:
        bad |= ~(weight > 0).all(axis=0)
    pixels[:, bad] = np.nan
    return FitsImage(pixels, bad, weight, planes[0].wcs, factor)


@contextmanager
def open_fits(path: Path) -> Iterator[fits.HDUList]:
    """Open a FITS file; what is wrong with it shows when its data are read.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    astropy.io.fits.HDUList
        Closed on leaving.

    Raises
    ------
    OSError
        If the data cannot be read since the file is cut off, which astropy only warns of.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", AstropyWarning)
        try:
            # astropy leaves a file open that it cannot read
            with path.open("rb") as file, fits.open(file) as hdus:
                yield hdus
        except Exception as error:
            cut = next((str(w.message) for w in told if "truncated" in str(w.message)), None)
            if cut is None:
                raise
            raise OSError(cut) from error


@dataclass(frozen=True)
class _Planes:
    """What one file holds: pixels and weights (C,y,x), bad pixels (y,x), coordinates, nJy."""

    pixels: np.ndarray
    bad: np.ndarray
    weight: np.ndarray | None
    wcs: WCS | None
    factor: float


def _band_planes(path: Path, n_bands: int, settings: FitsSettings) -> _Planes:
    """Read one file."""
    pixels, header = read_plane(path, settings.image_hdu)
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or len(pixels) != n_bands:
        raise WrongBandsError(
            "a FITS image has an unexpected shape",
            where=path,
            got=pixels.shape,
            expected=f"({n_bands}, y, x)",
        )
    wcs = celestial_wcs(header)
    factor = _njy_per_unit(header, wcs, path, settings)
    bad = ~np.isfinite(pixels).all(axis=0)
    weight = None
    if settings.mask_hdu is not None and settings.mask_files is None:
        bad |= _mask(path, bad.shape, settings)
    if settings.weight_hdu is not None and settings.weight_files is None:
        weight = _weights(path, pixels.shape, settings)
    return _Planes(pixels, bad, weight, wcs, factor)


def read_plane(path: Path, hdu: int | str | None) -> tuple[np.ndarray, fits.Header]:
    """Return the image of a HDU and its header.

    Parameters
    ----------
    path : Path
        FITS file.
    hdu : int or str or None
        Number or name; None is the first that holds an image.

    Returns
    -------
    pixels : numpy.ndarray
        float64, two or three axes.
    header : astropy.io.fits.Header
        Of the same HDU.

    Raises
    ------
    Sim2SkyError
        If the file is damaged or has no such image.
    """
    try:
        with open_fits(path) as hdus:
            if hdu is None:
                found = next(
                    (h for h in hdus if h.is_image and h.header.get("NAXIS", 0) > 1), None
                )
            else:
                found = hdus[hdu] if hdu in hdus or isinstance(hdu, int) else None
            if found is None or not found.is_image or found.data is None:
                raise ValueError("no image" if hdu is None else f"no image in HDU {hdu}")
            return np.array(found.data, dtype=np.float64), found.header.copy()
    except Exception as error:  # damaged data raise what each decompressor calls an error
        raise Sim2SkyError("not a readable FITS file", where=path, got=error or None) from error


def _mask(path: Path, shape: tuple, settings: FitsSettings) -> np.ndarray:
    """Return which pixels (y,x) a mask calls bad."""
    bits = read_plane(path, settings.mask_hdu)[0].astype(np.int64)
    if settings.mask_bits is not None:
        bits &= settings.mask_bits
    bad = bits != 0
    bad = bad.any(axis=0) if bad.ndim == 3 else bad
    if bad.shape != shape:
        raise Sim2SkyError(
            "mask and image differ in size", where=path, got=bad.shape, expected=shape
        )
    return bad


def _weights(path: Path, shape: tuple, settings: FitsSettings) -> np.ndarray:
    """Return inverse variances (C,y,x); 0 for what is none."""
    weight, _ = read_plane(path, settings.weight_hdu)
    if settings.weight_type != "inverse_variance":
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = weight if settings.weight_type == "variance" else weight * np.abs(weight)
            weight = np.where(variance > 0, 1 / variance, 0.0)
    weight = np.nan_to_num(weight, nan=0.0, posinf=0.0, neginf=0.0)
    if weight.shape not in (shape, shape[1:]):
        raise Sim2SkyError(
            "weights and image differ in size", where=path, got=weight.shape, expected=shape
        )
    return np.broadcast_to(weight, shape)


def celestial_wcs(header: fits.Header) -> WCS | None:
    """Return the celestial coordinates of a header.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of an image.

    Returns
    -------
    astropy.wcs.WCS or None
        Of two axes; None if there are none or they are wrong.
    """
    with warnings.catch_warnings(action="ignore"):  # old headers are full of harmless oddities
        try:
            wcs = WCS(header).celestial
        except Exception:  # a header may be wrong in any way; the image is still one
            return None
    return wcs if wcs.has_celestial else None


def image_scale_arcsec(wcs: WCS | None) -> float:
    """Return the side of a pixel.

    Parameters
    ----------
    wcs : astropy.wcs.WCS or None
        Celestial coordinates.

    Returns
    -------
    float
        arcsec; NaN without coordinates.
    """
    if wcs is None:
        return np.nan
    return float(np.sqrt(np.prod(proj_plane_pixel_scales(wcs)))) * 3600


def image_centre(wcs: WCS | None, shape: tuple[int, ...]) -> tuple[float, float]:
    """Return where the middle of an image is.

    Parameters
    ----------
    wcs : astropy.wcs.WCS or None
        Celestial coordinates.
    shape : tuple of int
        (..., y, x).

    Returns
    -------
    ra_deg, dec_deg : float
        NaN without coordinates.
    """
    if wcs is None:
        return np.nan, np.nan
    ra, dec = wcs.pixel_to_world_values((shape[-1] - 1) / 2, (shape[-2] - 1) / 2)
    return float(ra), float(dec)


def _njy_per_unit(
    header: fits.Header, wcs: WCS | None, path: Path, settings: FitsSettings
) -> float:
    """Return what to multiply pixels by; zero points of bands come later."""
    if settings.zero_point_mag_ab is not None:
        return 1.0
    if settings.nano_jansky_per_unit is not None:
        return settings.nano_jansky_per_unit
    if settings.zero_point_keyword is not None:
        if settings.zero_point_keyword not in header:
            raise Sim2SkyError(
                "the header lacks the zero point", where=path, expected=settings.zero_point_keyword
            )
        value = header[settings.zero_point_keyword]
        try:
            return float(flux_njy(float(value)))
        except (TypeError, ValueError) as error:
            raise Sim2SkyError(
                "the zero point in the header is no number",
                where=f"{path}: {settings.zero_point_keyword}",
                got=repr(value),
            ) from error
    text = next(filter(None, (str(header.get(key, "")).strip() for key in UNIT_KEYS)), "")
    factor = njy_per_unit(text, image_scale_arcsec(wcs))
    if factor is None:
        raise Sim2SkyError(
            "the image is not in a known unit of flux",
            where=path,
            got=text or f"no {' or '.join(UNIT_KEYS)} in the header",
            fix="set zero_point_mag_ab, zero_point_keyword or nano_jansky_per_unit (1 for nJy)",
        )
    return factor
