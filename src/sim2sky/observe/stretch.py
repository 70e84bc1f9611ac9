"""The 8-bit colour composite of survey thumbnails, for mocks."""

import numpy as np
from astropy.visualization import make_lupton_rgb

from sim2sky.observe.settings import RgbSettings
from sim2sky.seeding import generator

SKY_PIXELS = 256


def rgb_composite(
    images: np.ndarray, pixel_scale_arcsec: float, settings: RgbSettings
) -> np.ndarray:
    """Return the Lupton et al. (2004) composite of three images.

    The stretch acts on surface brightness, since that is what stays when a
    thumbnail is resized.

    Parameters
    ----------
    images : numpy.ndarray
        (3,H,W) in nJy per pixel; red, green, blue.
    pixel_scale_arcsec : float
        Side of a pixel.
    settings : RgbSettings
        The stretch.

    Returns
    -------
    numpy.ndarray
        (3,H,W) float32, whole numbers from 0 to 255.
    """
    brightness = images / pixel_scale_arcsec**2
    channels = [
        scale * (channel - black)
        for scale, channel, black in zip(
            settings.scales, brightness, settings.minimum_njy_arcsec2, strict=True
        )
    ]
    with np.errstate(divide="ignore", invalid="ignore"):  # astropy divides, then takes the 0
        rgb = make_lupton_rgb(
            *channels, minimum=0, stretch=settings.stretch_njy_arcsec2, Q=settings.q
        )
    return rgb.transpose(2, 0, 1).astype(np.float32)


def rgb_noise_sigma(
    noise_sigma_njy: np.ndarray, pixel_scale_arcsec: float, settings: RgbSettings
) -> np.ndarray:
    """Return the rms of blank sky after the stretch.

    The stretch is not linear and clips at black, so it is measured on a fixed
    realisation of blank sky.

    Parameters
    ----------
    noise_sigma_njy : numpy.ndarray
        (3,) background rms in nJy per pixel.
    pixel_scale_arcsec : float
        Side of a pixel.
    settings : RgbSettings
        The stretch.

    Returns
    -------
    numpy.ndarray
        (3,) in 8-bit units.
    """
    sky = generator("observe", "blank sky").normal(size=(3, SKY_PIXELS, SKY_PIXELS))
    sky *= np.asarray(noise_sigma_njy)[:, None, None]
    return rgb_composite(sky, pixel_scale_arcsec, settings).std(axis=(1, 2))
