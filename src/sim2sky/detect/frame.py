"""A survey frame without its sky, and the objects in it.

Background, detection and deblending are those of photutils (Bradley et al.,
doi:10.5281/zenodo.596036), which follows SExtractor (Bertin & Arnouts 1996,
A&AS 117, 393).
"""

import dataclasses
import warnings
from dataclasses import dataclass

import numpy as np
from astropy.convolution import convolve_fft
from astropy.utils.exceptions import AstropyWarning
from photutils.background import Background2D
from photutils.segmentation import (
    SegmentationImage,
    deblend_sources,
    detect_sources,
    make_2dgaussian_kernel,
)
from scipy import ndimage

from sim2sky.detect.settings import DetectSettings
from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_image import FitsImage

# Light that the threshold misses would count as sky: objects are grown by this many kernel
# widths before the sky is measured.
GROWTH_KERNELS = 4


@dataclass(frozen=True)
class Frame:
    """A frame of C bands without its sky.

    Parameters
    ----------
    pixels : numpy.ndarray
        (C,y,x) in nJy; bad pixels are 0.
    noise : numpy.ndarray
        (C,y,x) rms of the sky in nJy per pixel, infinite for bad pixels.
    bad : numpy.ndarray
        (y,x) bool.
    segments : photutils.segmentation.SegmentationImage or None
        The objects; None if there are none.
    parents : numpy.ndarray
        (y,x) the connected regions before deblending, 0 the sky.
    smoothed : numpy.ndarray
        (y,x) the sum of the bands, weighted by their noise, smoothed.
    """

    pixels: np.ndarray
    noise: np.ndarray
    bad: np.ndarray
    segments: SegmentationImage | None
    parents: np.ndarray
    smoothed: np.ndarray


def detect_objects(image: FitsImage, settings: DetectSettings, where: object) -> Frame:
    """Subtract the sky of a frame and find its objects.

    The sky is measured twice, the second time without the pixels of the objects
    that the first found.

    Parameters
    ----------
    image : FitsImage
        The frame.
    settings : DetectSettings
        Boxes, kernel, threshold.
    where : object
        Named in messages.

    Returns
    -------
    Frame
        With its objects.

    Raises
    ------
    Sim2SkyError
        If the frame has no sky to measure.
    """
    if image.bad.all():
        raise Sim2SkyError("the frame has no good pixel", where=where)
    covered = np.zeros(image.bad.shape, dtype=bool)
    first = _find(image, covered, settings, where)
    grown = int(np.ceil(GROWTH_KERNELS * settings.smoothing_fwhm_px / 2))
    covered = ndimage.binary_dilation(first.parents > 0, iterations=grown)
    return _deblended(_find(image, covered, settings, where), settings)


def weighted_sum(pixels: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the bands that has the least noise.

    Parameters
    ----------
    pixels, noise : numpy.ndarray
        (C,y,x).

    Returns
    -------
    mean, error : numpy.ndarray
        (y,x); 0 and infinity where the noise is infinite.
    """
    weights = 1 / noise**2
    total = weights.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(total > 0, (weights * pixels).sum(axis=0) / total, 0.0)
        return mean, 1 / np.sqrt(total)


def _find(image: FitsImage, covered: np.ndarray, settings: DetectSettings, where: object) -> Frame:
    """Return the frame with the regions found above a sky that leaves out covered pixels."""
    pixels = np.empty(image.pixels.shape)
    noise = np.empty(image.pixels.shape)
    for band, plane in enumerate(image.pixels):
        sky, noise[band] = _sky(
            np.where(image.bad, 0.0, plane), image.bad, covered, settings, where
        )
        pixels[band] = np.where(image.bad, 0.0, plane - sky)
    if image.weight is not None:
        noise *= _relative_noise(image)
    if not (noise[:, ~image.bad] > 0).all():
        raise Sim2SkyError(
            "the frame has no noise, so that nothing tells objects from sky", where=where
        )
    noise[:, image.bad] = np.inf
    summed, _ = weighted_sum(pixels, noise)
    kernel = make_2dgaussian_kernel(
        settings.smoothing_fwhm_px, size=2 * int(np.ceil(2 * settings.smoothing_fwhm_px)) + 1
    )
    smoothed = convolve_fft(summed, kernel, boundary="wrap", normalize_kernel=True)
    level, rms = _sky(smoothed, image.bad, covered, settings, where)
    if image.weight is not None:
        rms = rms * _relative_noise(image)
    smoothed = smoothed - level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)  # "No sources were found"
        found = detect_sources(
            smoothed, settings.n_sigma * rms, settings.min_pixels, mask=image.bad
        )
    parents = np.zeros(image.bad.shape, dtype=np.int32) if found is None else found.data
    return Frame(pixels, noise, image.bad, found, parents, smoothed)


def _deblended(frame: Frame, settings: DetectSettings) -> Frame:
    """Return a frame whose regions are taken apart into objects."""
    if frame.segments is None:
        return frame
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)  # regions with negative pixels
        segments = deblend_sources(
            frame.smoothed,
            frame.segments,
            settings.min_pixels,
            contrast=settings.deblend_contrast,
            progress_bar=False,
        )
    return dataclasses.replace(frame, segments=segments)


def _sky(
    plane: np.ndarray,
    bad: np.ndarray,
    covered: np.ndarray,
    settings: DetectSettings,
    where: object,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the level and the rms of the sky at each pixel."""
    side = min(settings.background_box_px, *plane.shape)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # boxes full of objects are filled in
            sky = Background2D(
                plane, side, mask=covered, coverage_mask=bad, exclude_percentile=80, filter_size=3
            )
            return sky.background, sky.background_rms
    except ValueError as error:  # every box is full
        raise Sim2SkyError(
            "no sky is left to measure between the objects",
            where=where,
            got=str(error).splitlines()[0],
            fix="enlarge background_box_px",
        ) from error


def _relative_noise(image: FitsImage) -> np.ndarray:
    """Return the noise that the weights say, in units of its median, (C,y,x) or (y,x) alike."""
    weight = np.where(image.bad, np.nan, image.weight)
    relative = np.sqrt(np.nanmedian(weight, axis=(1, 2), keepdims=True) / weight)
    return np.nan_to_num(relative.mean(axis=0), nan=1.0)
