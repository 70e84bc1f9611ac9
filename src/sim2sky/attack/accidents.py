"""What befalls images: hits, dead pixels, compression, a wrong PSF, a wrong sky, more noise.

Images are changed in the dataset's units, before a model normalises them. What is drawn
depends on the kind of accident, the galaxy, its view and the band alone: all models and both
domains see the same accident, and a stronger one holds the weaker one.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from PIL import Image
from scipy import ndimage, stats

from sim2sky.attack.settings import AccidentSettings
from sim2sky.build.dataset import Dataset
from sim2sky.measure.sky import border_sky
from sim2sky.seeding import generator

FWHM_TO_SIGMA = 1 / (2 * np.sqrt(2 * np.log(2)))
TRACK_STEP_PX = 0.5  # finer than a pixel, so that no pixel of a track is left out
NO_DITHER = -1  # of FITS; its dither would depend on an image's place in the file
# of HCOMPRESS, whose scale counts steps of the integers that floats become first
HCOMPRESS_QUANTUM = 0.25
GREY_LEVELS = 255


@dataclass(frozen=True)
class Scene:
    """What an accident needs to know besides the images.

    Parameters
    ----------
    galaxy_id, view : numpy.ndarray
        (N,) each, of the images.
    own_noise, target_noise : numpy.ndarray
        (C,) sky noise of the images' own domain and of the target; see `sky_noise`.
    softening : numpy.ndarray
        (C,) brightness in whose units images are stretched for JPEG; see `Normalisation`.
    stretch : {"asinh", "linear"}
        How.
    units : str
        ``"nJy"`` or ``"8bit"``.
    settings : AccidentSettings
        Brightness and length of cosmic rays.
    seed : int
        The user's seed.
    """

    galaxy_id: np.ndarray
    view: np.ndarray
    own_noise: np.ndarray
    target_noise: np.ndarray
    softening: np.ndarray
    stretch: str
    units: str
    settings: AccidentSettings
    seed: int


def sky_noise(dataset: Dataset) -> np.ndarray:
    """Return the scatter of the sky in a domain's images.

    Parameters
    ----------
    dataset : Dataset
        Rows of one split.

    Returns
    -------
    numpy.ndarray
        (C,) median over the images of the robust scatter of their borders, see
        `sim2sky.measure.sky.border_sky`; the softening of the normalisation for a band
        whose borders are all even.
    """
    scatter = np.array([[border_sky(band)[1] for band in image] for image in dataset.images])
    noise = np.median(scatter, axis=0)
    return np.where(noise > 0, noise, dataset.normalisation.softening)


def befall(images: np.ndarray, name: str, strength: float, scene: Scene) -> np.ndarray:
    """Return images after an accident.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W) float32 in the dataset's units.
    name : str
        A key of `sim2sky.attack.kinds.ACCIDENTS`.
    strength : float
        How strong; see `AccidentSettings`.
    scene : Scene
        The same N rows.

    Returns
    -------
    numpy.ndarray
        float32, same shape; 8-bit images remain whole numbers from 0 to 255.
    """
    result = _ACCIDENTS[name](images, strength, scene).astype(np.float32)
    return np.clip(np.rint(result), 0, 255) if scene.units == "8bit" else result


def _each_band(images: np.ndarray, name: str, scene: Scene):  # noqa: ANN202
    """Yield image, band, a copy's view of the two and the generator that belongs to them."""
    for row, (galaxy, view) in enumerate(zip(scene.galaxy_id, scene.view, strict=True)):
        for band in range(images.shape[1]):
            random = generator("attack", name, galaxy, view, band, seed=scene.seed)
            yield band, images[row, band], random


def _cosmic_rays(images: np.ndarray, strength: float, scene: Scene) -> np.ndarray:
    """Add straight tracks of one brightness each; their number is Poisson distributed."""
    result = images.copy()
    low, high = np.log(scene.settings.cosmic_ray_sigma)
    height, width = images.shape[2:]
    for band, plane, random in _each_band(result, "cosmic_rays", scene):
        # by its quantile the number grows with the strength
        for _ in range(int(stats.poisson.ppf(random.uniform(), strength))):
            y, x, angle, level = random.uniform([0, 0, 0, low], [height, width, np.pi, high])
            length = random.exponential(scene.settings.cosmic_ray_length_px)
            along = np.arange(0, length + TRACK_STEP_PX, TRACK_STEP_PX)
            rows = np.floor(y + along * np.sin(angle)).astype(int)
            columns = np.floor(x + along * np.cos(angle)).astype(int)
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            hit = np.unique(rows[inside] * width + columns[inside])  # each pixel once
            plane[np.divmod(hit, width)] += np.exp(level) * scene.target_noise[band]
    return result


def _dead_pixels(images: np.ndarray, strength: float, scene: Scene) -> np.ndarray:
    """Set a share of the pixels to nought, the level of a subtracted sky."""
    result = images.copy()
    for _, plane, random in _each_band(result, "dead_pixels", scene):
        plane[random.uniform(size=plane.shape) < strength] = 0
    return result


def _dead_columns(images: np.ndarray, strength: float, scene: Scene) -> np.ndarray:
    """Set columns to nought."""
    result = images.copy()
    for _, plane, random in _each_band(result, "dead_columns", scene):
        plane[:, random.permutation(plane.shape[1])[: int(strength)]] = 0
    return result


def _rice(images: np.ndarray, strength: float, scene: Scene) -> np.ndarray:
    """Compress by Rice's method and back (Pence, Seaman & White 2009, PASP 121, 414)."""
    return _band_by_band(images, strength * scene.target_noise, "RICE_1", 0)


def _hcompress(images: np.ndarray, strength: float, scene: Scene) -> np.ndarray:
    """Compress by HCOMPRESS and back (White, Postman & Lattanzi 1992, in Digitised Surveys)."""
    scale = max(round(strength / HCOMPRESS_QUANTUM), 1)
    return _band_by_band(images, HCOMPRESS_QUANTUM * scene.target_noise, "HCOMPRESS_1", scale)


def _band_by_band(images: np.ndarray, step: np.ndarray, kind: str, scale: int) -> np.ndarray:
    """Return images after FITS compression, each band a cube whose planes are tiles."""
    result = np.empty_like(images, dtype=np.float32)
    for band in range(images.shape[1]):
        hdu = fits.CompImageHDU(
            np.ascontiguousarray(images[:, band], dtype=np.float32),
            compression_type=kind,
            tile_shape=(1, *images.shape[2:]),
            quantize_level=-float(step[band]),  # below nought: absolute, not relative to the noise
            quantize_method=NO_DITHER,
            hcomp_scale=scale,
        )
        file = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
        with fits.open(io.BytesIO(file.getvalue())) as content:
            result[:, band] = content[1].data
    return result


def _jpeg(images: np.ndarray, strength: float, scene: Scene) -> np.ndarray:
    """Compress to JPEG and back, each band grey, stretched from its darkest to its brightest."""
    result = np.empty_like(images, dtype=np.float32)
    for row in range(len(images)):
        for band, plane in enumerate(images[row].astype(np.float64)):
            if scene.units == "8bit":
                result[row, band] = _through_jpeg(plane, strength)
                continue
            bend = scene.stretch == "asinh"
            unit = scene.softening[band]
            flat = np.arcsinh(plane / unit) if bend else plane
            low, extent = flat.min(), max(np.ptp(flat), np.finfo(float).tiny)
            grey = _through_jpeg((flat - low) / extent * GREY_LEVELS, strength)
            flat = low + grey / GREY_LEVELS * extent
            result[row, band] = np.sinh(flat) * unit if bend else flat
    return result


def _through_jpeg(grey: np.ndarray, strength: float) -> np.ndarray:
    """Return grey levels (H,W) from 0 to 255 as JPEG of quality 100 less the strength has them."""
    file = io.BytesIO()
    image = Image.fromarray(np.rint(grey).astype(np.uint8))
    image.save(file, "JPEG", quality=round(100 - strength))
    with Image.open(io.BytesIO(file.getvalue())) as content:
        return np.asarray(content, dtype=np.float64)


def _psf_error(images: np.ndarray, strength: float, scene: Scene) -> np.ndarray:
    """Blur with a Gaussian, and put back the noise that this takes away.

    A wider PSF blurs the light, not the noise that the detector adds to it: white noise
    restores the variance, the small part that survives the blur being correlated.
    """
    sigma = strength * FWHM_TO_SIGMA
    blurred = ndimage.gaussian_filter(images, (0, 0, sigma, sigma), mode="nearest")
    point = np.zeros(images.shape[2:])
    point[tuple(side // 2 for side in point.shape)] = 1
    lost = np.sqrt(max(1 - (ndimage.gaussian_filter(point, sigma) ** 2).sum(), 0))
    return _with_noise(blurred, "psf_error", lost * scene.own_noise, scene)


def _sky_oversubtraction(images: np.ndarray, strength: float, scene: Scene) -> np.ndarray:
    """Take a constant off every pixel."""
    return images - (strength * scene.target_noise)[:, None, None]


def _noise_level(images: np.ndarray, strength: float, scene: Scene) -> np.ndarray:
    """Add white noise until the sky's scatter is so many times that of the target.

    What is noisier already stays as it is.
    """
    missing = (strength * scene.target_noise) ** 2 - scene.own_noise**2
    return _with_noise(images, "noise_level", np.sqrt(np.clip(missing, 0, None)), scene)


def _with_noise(images: np.ndarray, name: str, sigma: np.ndarray, scene: Scene) -> np.ndarray:
    """Return images with white noise of a scatter (C,)."""
    result = images.copy()
    for band, plane, random in _each_band(result, name, scene):
        plane += sigma[band] * random.normal(size=plane.shape)
    return result


_ACCIDENTS: dict[str, Callable[[np.ndarray, float, Scene], np.ndarray]] = {
    "cosmic_rays": _cosmic_rays,
    "dead_pixels": _dead_pixels,
    "dead_columns": _dead_columns,
    "rice": _rice,
    "hcompress": _hcompress,
    "jpeg": _jpeg,
    "psf_error": _psf_error,
    "sky_oversubtraction": _sky_oversubtraction,
    "noise_level": _noise_level,
}
