"""Stamps of objects, and patches of sky, cut out of a frame."""

import numpy as np
import pandas as pd
from scipy import ndimage

from sim2sky.detect.frame import Frame
from sim2sky.detect.settings import DetectSettings
from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_image import FitsImage
from sim2sky.observe.flags import StampFlag
from sim2sky.observe.images import area_sums

TRIES_PER_PATCH = 50


def wanted(table: pd.DataFrame, settings: DetectSettings) -> np.ndarray:
    """Return which objects become stamps.

    Parameters
    ----------
    table : pandas.DataFrame
        From `sim2sky.detect.photometry.measure_objects`.
    settings : DetectSettings
        Magnitudes, radii and signal to noise.

    Returns
    -------
    numpy.ndarray
        (N,) bool.
    """
    keep = (table["radius_50_px"] >= settings.min_radius_px) & (table["snr"] >= settings.min_snr)
    if settings.magnitude_range is not None:
        keep = keep & table["magnitude"].between(*settings.magnitude_range)
    return keep.to_numpy(dtype=bool)


def cut_stamp(
    frame: Frame, place: pd.Series, settings: DetectSettings
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the stamp of an object.

    Parameters
    ----------
    frame : Frame
        Where it is.
    place : pandas.Series
        x, y and radius_90_px of the object.
    settings : DetectSettings
        Field and size of the stamp.

    Returns
    -------
    pixels : numpy.ndarray
        (C,H,W) float32, nJy per pixel of the stamp, the flux conserved; zero if
        too much of it is missing.
    noise : numpy.ndarray
        (C,) rms of the sky per pixel of the stamp.
    flag : int
        0, or that of a bad image.
    """
    side = settings.image_pixels
    field = side
    if settings.field_radii is not None:
        field = max(8, round(settings.field_radii * place["radius_90_px"]))
    left, low = (round(place[axis] - (field - 1) / 2) for axis in ("x", "y"))
    pixels = _window(frame.pixels, left, low, field, 0.0)
    bad = _window(frame.bad[None], left, low, field, True)[0]
    noise = np.median(_window(frame.noise, left, low, field, np.nan)[:, ~bad], axis=1)
    noise = noise * field / side if (~bad).any() else np.full(len(pixels), np.nan)
    try:
        whole = FitsImage(pixels, bad, None, None).filled(settings.max_bad_fraction, "stamp")
    except Sim2SkyError:
        return np.zeros((len(pixels), side, side), dtype=np.float32), noise, StampFlag.BAD_IMAGE
    return area_sums(whole, side), noise, 0


def sky_patches(
    frame: Frame, n_patches: int, settings: DetectSettings, random: np.random.Generator
) -> np.ndarray:
    """Return patches of a frame with nothing in their middle; other objects stay.

    Parameters
    ----------
    frame : Frame
        Without its sky's mean level, which mocks do not have either.
    n_patches : int
        How many; there are fewer where the frame is crowded.
    settings : DetectSettings
        Their side, and how much of the middle is clear.
    random : numpy.random.Generator
        Source of places.

    Returns
    -------
    numpy.ndarray
        (n,C,P,P) float32 in nJy per pixel of the frame.
    """
    side = settings.sky_patch_px
    height, width = frame.bad.shape
    found = []
    if min(height, width) >= side:
        clear = ndimage.distance_transform_edt(frame.parents == 0)
        for _ in range(TRIES_PER_PATCH * n_patches):
            if len(found) == n_patches:
                break
            low, left = (int(random.integers(0, size - side + 1)) for size in (height, width))
            window = np.s_[low : low + side, left : left + side]
            middle = low + (side - 1) // 2, left + (side - 1) // 2
            if clear[middle] >= settings.sky_clear_px and not frame.bad[window].any():
                found.append(frame.pixels[:, *window].astype(np.float32))
    return np.array(found, dtype=np.float32).reshape(-1, len(frame.pixels), side, side)


def _window(planes: np.ndarray, left: int, low: int, side: int, outside: float) -> np.ndarray:
    """Return a square of (C,y,x) planes, filled where it reaches beyond them."""
    result = np.full((len(planes), side, side), outside, dtype=planes.dtype)
    height, width = planes.shape[1:]
    rows = slice(max(low, 0), min(low + side, height))
    columns = slice(max(left, 0), min(left + side, width))
    if rows.start < rows.stop and columns.start < columns.stop:
        target = np.s_[
            :, rows.start - low : rows.stop - low, columns.start - left : columns.stop - left
        ]
        result[target] = planes[:, rows, columns]
    return result
