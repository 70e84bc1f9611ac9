"""The picture that a survey's server makes of a field: resized, stretched, compressed."""

import io

import numpy as np
from PIL import Image

from sim2sky.observe.settings import ObserveSettings
from sim2sky.observe.stretch import rgb_composite


def thumbnail(
    images: np.ndarray, pixel_scale_arcsec: float, settings: ObserveSettings
) -> np.ndarray:
    """Return the stamp of a field, by way of the server's thumbnail if there is one.

    Parameters
    ----------
    images : numpy.ndarray
        (C,n,n) in nJy per pixel of the survey.
    pixel_scale_arcsec : float
        Side of its pixels.
    settings : ObserveSettings
        With a scene.

    Returns
    -------
    numpy.ndarray
        (C,H,W) float32: nJy per pixel of the stamp, or 8-bit values.
    """
    field_pixels = images.shape[-1]
    extent_arcsec = field_pixels * pixel_scale_arcsec
    if settings.scene.thumbnail_pixels is not None:
        images = resized(images, settings.scene.thumbnail_pixels, Image.Resampling.BICUBIC)
    if settings.rgb is not None:
        # the stretch takes light per pixel of the grid it is given
        light = images * (field_pixels / images.shape[-1]) ** 2
        images = rgb_composite(light, extent_arcsec / images.shape[-1], settings.rgb)
    if settings.scene.jpeg_quality is not None:
        images = compressed(images, settings.scene.jpeg_quality)
    # means over areas, as `observe_images` makes stamps; magnified, they would be steps
    shrinks = images.shape[-1] >= settings.image_pixels
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
    images = resized(images, settings.image_pixels, method)
    if settings.rgb is not None:
        return images
    return images * np.float32((field_pixels / settings.image_pixels) ** 2)


def resized(images: np.ndarray, pixels: int, method: Image.Resampling) -> np.ndarray:
    """Return images on another grid over the same field, their brightness kept.

    Parameters
    ----------
    images : numpy.ndarray
        (C,n,n).
    pixels : int
        Side of the new grid.
    method : PIL.Image.Resampling
        Kernel.

    Returns
    -------
    numpy.ndarray
        (C,pixels,pixels) float32.
    """
    grids = [Image.fromarray(image.astype(np.float32)) for image in images]
    return np.stack([np.asarray(grid.resize((pixels, pixels), method)) for grid in grids])


def compressed(rgb: np.ndarray, quality: int) -> np.ndarray:
    """Return an 8-bit picture after JPEG compression.

    Parameters
    ----------
    rgb : numpy.ndarray
        (3,H,W), 0 to 255.
    quality : int
        1 to 100.

    Returns
    -------
    numpy.ndarray
        (3,H,W) float32, whole numbers.
    """
    picture = Image.fromarray(np.clip(np.rint(rgb), 0, 255).astype(np.uint8).transpose(1, 2, 0))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=quality)
    return np.asarray(Image.open(buffer), dtype=np.float32).transpose(2, 0, 1)
