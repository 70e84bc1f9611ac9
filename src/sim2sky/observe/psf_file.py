"""A PSF that a user has measured: a FITS image of it, or a model of PSFEx."""

import galsim
import numpy as np
from astropy.io import fits
from galsim.des import DES_PSFEx

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_image import open_fits, read_plane
from sim2sky.observe.settings import PsfSettings

BORDER_TOLERANCE = 0.02  # of the peak: a PSF that is cut off there was not meant to be one


def measured_psf(settings: PsfSettings) -> galsim.GSObject:
    """Return the PSF of a file as a GalSim profile of unit flux, lengths in arcsec.

    Both kinds hold the pixel that the stars were seen with.

    Parameters
    ----------
    settings : PsfSettings
        Of kind image or psfex.

    Returns
    -------
    galsim.GSObject
        Centred on the light's centroid (image) or as PSFEx centres it.

    Raises
    ------
    Sim2SkyError
        If the file is missing, damaged, or no PSF.
    """
    if not settings.path.is_file():
        raise Sim2SkyError("file of the PSF not found", where=settings.path)
    if settings.kind == "psfex":
        return _psfex(settings)
    pixels, _ = read_plane(settings.path, settings.hdu)
    if pixels.ndim == 3 and settings.plane is not None and settings.plane < len(pixels):
        pixels = pixels[settings.plane]
    if pixels.ndim != 2:
        raise Sim2SkyError(
            "an image of a PSF has two axes",
            where=settings.path,
            got=pixels.shape,
            fix="choose one with `plane`",
        )
    if not np.isfinite(pixels).all() or pixels.sum() <= 0:
        raise Sim2SkyError("the image of the PSF holds NaN or no light", where=settings.path)
    border = np.concatenate([pixels[[0, -1]].ravel(), pixels[:, [0, -1]].ravel()])
    if np.median(border) > BORDER_TOLERANCE * pixels.max():
        raise Sim2SkyError(
            "the image of the PSF has a sky or is cut off",
            where=settings.path,
            got=f"a border of {np.median(border) / pixels.max():.1%} of the peak",
            fix="subtract the sky, or give a larger image",
        )
    image = galsim.Image(pixels, scale=settings.pixel_scale_arcsec)
    psf = galsim.InterpolatedImage(image, flux=1.0)
    return psf.shift(-psf.centroid)


def _psfex(settings: PsfSettings) -> galsim.GSObject:
    """Return PSFEx's model at a place."""
    wcs = galsim.PixelScale(settings.pixel_scale_arcsec)
    try:
        # GalSim leaves a file open that is not one of PSFEx
        with open_fits(settings.path) as hdus:
            table = next(hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU))
            if "PSF_MASK" not in table.columns.names:
                raise ValueError("no column PSF_MASK")
        model = DES_PSFEx(str(settings.path), wcs=wcs)
        psf = model.getPSF(galsim.PositionD(*settings.position_px))
    except (OSError, LookupError, ValueError, TypeError, StopIteration) as error:
        raise Sim2SkyError(
            "not a readable file of PSFEx", where=settings.path, got=error or "no table"
        ) from error
    return psf.withFlux(1.0)
