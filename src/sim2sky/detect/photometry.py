"""Positions, fluxes and radii of the objects in a frame, with flags."""

import warnings

import numpy as np
import pandas as pd
from astropy.utils.exceptions import AstropyWarning
from photutils.segmentation import SourceCatalog
from scipy import ndimage

from sim2sky.detect.frame import Frame, weighted_sum
from sim2sky.detect.settings import DetectSettings
from sim2sky.observe.fits_image import FitsImage
from sim2sky.observe.flags import StampFlag
from sim2sky.observe.flux import NJY_AT_MAG_ZERO

KRON = (2.5, 1.4, 0.0)  # factor on the Kron radius and least radii: SExtractor's
WIDE_KRON = (4.0, 1.4, 0.0)  # 99 % of an exponential disk's light; 2.5 holds 96 %
BRIGHT_SNR = 50.0  # of objects that show how much light the narrower apertures miss
FEWEST_BRIGHT = 5
DEPTH_SNR = 10.0
EDGE_PX = 2


def measure_objects(frame: Frame, image: FitsImage, settings: DetectSettings) -> pd.DataFrame:
    """Return a table of the objects of a frame.

    Fluxes are those in Kron apertures (Kron 1980, ApJS 43, 305) of 2.5 Kron radii,
    the pixels of neighbours replaced by those opposite, times what apertures of
    4 radii hold in units of that, in the median of the frame's bright and lonely
    objects. Positions are windowed centroids as SExtractor's.

    Parameters
    ----------
    frame : Frame
        From `sim2sky.detect.frame.detect_objects`.
    image : FitsImage
        The frame as it was read: coordinates, and values for saturation.
    settings : DetectSettings
        Bands and saturation.

    Returns
    -------
    pandas.DataFrame
        label, parent (the region before deblending), x, y (pixels from 0),
        ra_deg, dec_deg, flux_<band> and flux_error_<band> [nJy; that of the sky's
        noise in the aperture, while the apertures of faint objects scatter
        themselves, so that fluxes do by up to twice as much], magnitude (AB,
        last band; NaN for no light), radius_50_px, radius_90_px, ellipticity, snr
        and flag (bits of `sim2sky.observe.stamps`). No rows if there are no objects.
    """
    if frame.segments is None:
        return pd.DataFrame(columns=["label", "parent", "magnitude", "radius_50_px", "flag"])
    summed, error = weighted_sum(frame.pixels, frame.noise)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # objects without light in a band
        objects = _catalogue(summed, error, frame)
        x, y = np.atleast_2d(objects.centroid_win).T
        flux, flux_error = _values(objects.kron_flux), _values(objects.kron_flux_err)
        snr = flux / flux_error
        flag, parent = _flags(frame, image, objects, settings)
        wide = _values(objects.kron_photometry(WIDE_KRON)[0])
        growth = _growth(flux, wide, snr, flag)
        ra, dec = image.sky_position(x, y)
        table = {"label": _values(objects.labels), "parent": parent}
        table |= {"x": x, "y": y, "ra_deg": ra, "dec_deg": dec}
        for name, plane, noise in zip(settings.bands, frame.pixels, frame.noise, strict=True):
            band = _catalogue(plane, noise, frame, objects)
            table[f"flux_{name}"] = growth * _values(band.kron_flux)
            table[f"flux_error_{name}"] = growth * _values(band.kron_flux_err)
        last = table[f"flux_{settings.bands[-1]}"]
        table["magnitude"] = np.where(last > 0, -2.5 * np.log10(last / NJY_AT_MAG_ZERO), np.nan)
        for part in (50, 90):
            table[f"radius_{part}_px"] = _values(objects.flux_radius(part / 100))
        table |= {"ellipticity": _values(objects.ellipticity), "snr": snr, "flag": flag}
    return pd.DataFrame(table)


def depth_mag_ab(frame: Frame, table: pd.DataFrame) -> list[float]:
    """Return how deep a frame is, for galaxies of the size of its own.

    Parameters
    ----------
    frame : Frame
        With its noise.
    table : pandas.DataFrame
        From `measure_objects`.

    Returns
    -------
    list of float
        AB magnitude by band of a galaxy that has the median half-light radius of
        the frame's objects, and within it ten times the noise of the sky. NaN
        without objects.
    """
    radius = table["radius_50_px"].median() if len(table) else np.nan
    noise = np.median(frame.noise[:, ~frame.bad], axis=1)
    flux = 2 * DEPTH_SNR * noise * np.sqrt(np.pi) * radius
    return [float(value) for value in -2.5 * np.log10(flux / NJY_AT_MAG_ZERO)]


def _catalogue(
    plane: np.ndarray, error: np.ndarray, frame: Frame, detection: SourceCatalog | None = None
) -> SourceCatalog:
    """Return photutils' catalogue, in the apertures of another one if given."""
    return SourceCatalog(
        plane,
        frame.segments,
        convolved_data=frame.smoothed,
        error=error,
        mask=frame.bad,
        kron_params=KRON,
        detection_catalog=detection,
    )


def _values(quantity: object) -> np.ndarray:
    """Return a property of all objects as a plain array (N,)."""
    return np.atleast_1d(np.asarray(getattr(quantity, "value", quantity)))


def _growth(flux: np.ndarray, wide: np.ndarray, snr: np.ndarray, flag: np.ndarray) -> float:
    """Return the median ratio of wide to narrow fluxes of bright and lonely objects."""
    chosen = (snr > BRIGHT_SNR) & (flag == 0) & np.isfinite(wide)
    return float(np.median(wide[chosen] / flux[chosen])) if chosen.sum() >= FEWEST_BRIGHT else 1.0


def _flags(
    frame: Frame, image: FitsImage, objects: SourceCatalog, settings: DetectSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return the flags (N,) and the regions (N,) that objects were part of."""
    segments, labels = frame.segments.data, _values(objects.labels)
    height, width = segments.shape
    flag = np.zeros(len(labels), dtype=np.int32)
    boxes = [np.atleast_1d(getattr(objects, f"bbox_{end}")) for end in _BOX_ENDS]
    for ends, last in zip((boxes[:2], boxes[2:]), (width - 1, height - 1), strict=True):
        flag[(ends[0] < EDGE_PX) | (ends[1] > last - EDGE_PX)] |= StampFlag.EDGE
    parent = ndimage.maximum(frame.parents, segments, labels).astype(np.int64)
    members = np.bincount(parent)
    flag[members[parent] > 1] |= StampFlag.BLENDED
    touched = np.unique(segments[ndimage.binary_dilation(frame.bad, iterations=1)])
    flag[np.isin(labels, touched)] |= StampFlag.MASKED
    if settings.saturation is not None:
        limit = np.array(settings.saturation) * image.njy_per_unit
        with np.errstate(invalid="ignore"):
            full = (image.pixels >= limit[:, None, None]).any(axis=0)
        flag[np.isin(labels, np.unique(segments[full]))] |= StampFlag.SATURATED
    return flag, parent


_BOX_ENDS = ("xmin", "xmax", "ymin", "ymax")
