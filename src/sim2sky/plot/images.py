"""Galaxy images as a reader sees them."""

import matplotlib.patheffects as effects
import numpy as np

OUTLINE = [effects.withStroke(linewidth=1.5, foreground="black")]  # text legible on any image


def grey_image(image: np.ndarray) -> np.ndarray:
    """Return the mean of the bands with an asinh stretch fitted to the image itself.

    Parameters
    ----------
    image : numpy.ndarray
        (C,H,W), any unit.

    Returns
    -------
    numpy.ndarray
        (H,W) in [0, 1].
    """
    mean = image.mean(axis=0, dtype=np.float64)
    sky = np.median(mean)
    scatter = 1.4826 * np.median(np.abs(mean - sky))
    peak = max(np.percentile(mean, 99.8) - sky, np.finfo(float).tiny)
    # images without noise have next to no scatter: then show three decades below the peak
    softening = max(scatter, 1e-3 * peak)
    low, high = -softening, peak
    stretched = np.arcsinh((mean - sky) / softening)
    low, high = np.arcsinh(low / softening), np.arcsinh(high / softening)
    return np.clip((stretched - low) / (high - low), 0, 1)


def colour_image(
    image: np.ndarray, scale: np.ndarray, peak: float, units: str = "nJy"
) -> np.ndarray:
    """Return an image as red, green and blue that keeps the colour of bright pixels.

    The stretch of Lupton et al. (2004, PASP 116, 133): all three colours are
    multiplied by asinh(I)/I of their mean I. Bands go from blue to red; of two
    bands the mean is green.

    Parameters
    ----------
    image : numpy.ndarray
        (C,H,W), bands in order of wavelength; red, green, blue if 8-bit.
    scale : numpy.ndarray
        (C,) value where the stretch turns from linear to logarithmic; their
        ratio is the colour that becomes grey.
    peak : float
        The mean of the bands, in units of `scale`, that becomes white.
    units : {"nJy", "8bit"}
        8-bit images were stretched by their survey and are shown as they are.

    Returns
    -------
    numpy.ndarray
        (H,W,3) in [0, 1].
    """
    if units == "8bit":
        colours = image if len(image) == 3 else np.repeat(image[:1], 3, axis=0)
        return np.clip(np.moveaxis(colours, 0, -1) / 255, 0, 1)
    scaled = image / np.asarray(scale, dtype=np.float64)[:, None, None]
    blue, red = scaled[0], scaled[-1]
    green = scaled[len(scaled) // 2] if len(scaled) > 2 else (blue + red) / 2
    floor = -0.5  # keeps the noise of the sky visible
    colours = np.stack([red, green, blue], axis=-1) - floor
    intensity = np.maximum(colours.mean(axis=-1), 1e-6)
    stretched = np.arcsinh(intensity) / np.arcsinh(peak - floor)
    colours = np.maximum(colours, 0) * (stretched / intensity)[..., None]
    # too bright pixels keep their hue instead of turning white band by band
    return np.clip(colours / np.maximum(colours.max(axis=-1, keepdims=True), 1), 0, 1)


def display_scale(images: np.ndarray, softening: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the scale and the peak with which `colour_image` shows images side by side.

    The bands are balanced so that the galaxies are grey in the mean: what is
    redder or bluer than the others then shows it.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W), those that are shown.
    softening : numpy.ndarray
        (C,) of their domain's normalisation.

    Returns
    -------
    scale : numpy.ndarray
        (C,) value where the stretch turns from linear to logarithmic.
    peak : float
        What becomes white, in units of the scale.
    """
    light = images.sum(axis=(0, 2, 3), dtype=np.float64)
    balance = light / light.mean() if (light > 0).all() else np.ones(len(light))
    scale = softening.mean() * balance
    peaks = (images / scale[:, None, None]).mean(axis=1).max(axis=(1, 2))
    return scale, float(max(np.median(peaks), 1))


def scale_bar_arcsec(width_arcsec: float) -> float:
    """Return a round length of a quarter to a half of the width of an image.

    Parameters
    ----------
    width_arcsec : float
        Width of the image in arcseconds.

    Returns
    -------
    float
        1, 2 or 5 times a power of ten, in arcseconds.
    """
    power = 10.0 ** np.floor(np.log10(width_arcsec / 2))
    return float(max(step * power for step in (1, 2, 5) if step * power <= width_arcsec / 2))
