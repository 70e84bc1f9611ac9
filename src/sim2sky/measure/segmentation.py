"""The galaxy at the centre of a stamp: its pixels and its parts.

Detection and deblending are those of photutils (Bradley et al., doi:10.5281/zenodo.596036),
which follows SExtractor (Bertin & Arnouts 1996, A&AS 117, 393).
"""

import warnings
from dataclasses import dataclass

import numpy as np
from astropy.utils.exceptions import AstropyWarning
from photutils.segmentation import SegmentationImage, deblend_sources, detect_sources
from scipy import ndimage

from sim2sky.measure.settings import MeasureSettings

CENTRE_REACH = 0.1  # of the stamp's side: mergers may be centred between their nuclei


@dataclass(frozen=True)
class Components:
    """The parts into which a segment falls.

    Parameters
    ----------
    count : int
        At least 1.
    second_ratio : float
        Flux of the second brightest over that of the brightest; 0 for one part.
    separation_px : float
        Between the centroids of these two, in pixels; NaN for one part.
    """

    count: int
    second_ratio: float
    separation_px: float


def segments(image: np.ndarray, sigma: float, settings: MeasureSettings) -> np.ndarray:
    """Return the connected regions that stand out of the sky.

    Parameters
    ----------
    image : numpy.ndarray
        (H,W), sky subtracted.
    sigma : float
        Rms of the sky.
    settings : MeasureSettings
        ``n_sigma`` and ``min_pixels``.

    Returns
    -------
    numpy.ndarray
        (H,W) integers: 1, 2, ... the regions, 0 the sky.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)  # "No sources were found"
        found = detect_sources(image, settings.n_sigma * sigma, settings.min_pixels)
    return np.zeros(image.shape, dtype=np.int32) if found is None else found.data


def central_number(regions: np.ndarray) -> int:
    """Return the number of the region that is nearest to the centre of the image.

    Parameters
    ----------
    regions : numpy.ndarray
        (H,W) integers from `segments`.

    Returns
    -------
    int
        0 if none comes within a tenth of the image's side.
    """
    y, x = np.nonzero(regions)
    if len(y) == 0:
        return 0
    height, width = regions.shape
    distance = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)
    nearest = distance.argmin()
    if distance[nearest] > CENTRE_REACH * min(height, width):
        return 0
    return int(regions[y[nearest], x[nearest]])


def components(image: np.ndarray, segment: np.ndarray, settings: MeasureSettings) -> Components:
    """Return into which parts a galaxy falls.

    Parameters
    ----------
    image : numpy.ndarray
        (H,W), sky subtracted. It is not smoothed: two nuclei may be a PSF apart.
    segment : numpy.ndarray
        (H,W) bool, the galaxy.
    settings : MeasureSettings
        ``min_pixels`` and ``deblend_contrast``.

    Returns
    -------
    Components
        With fluxes that are sums over the pixels of each part.
    """
    with warnings.catch_warnings():
        # a segment with negative pixels is deblended in linear steps, and photutils says so
        warnings.simplefilter("ignore", AstropyWarning)
        parts = deblend_sources(
            image,
            SegmentationImage(segment.astype(np.int32)),
            settings.min_pixels,
            contrast=settings.deblend_contrast,
            progress_bar=False,
        )
    flux = ndimage.sum_labels(image, parts.data, parts.labels)
    if len(flux) < 2:
        return Components(1, 0.0, np.nan)
    first, second = np.argsort(-flux, kind="stable")[:2]
    places = ndimage.center_of_mass(image, parts.data, parts.labels[[first, second]])
    separation = float(np.hypot(*np.subtract(*places)))
    return Components(len(flux), float(flux[second] / flux[first]), separation)
