"""What the pixels of a survey's images are like: bad ones, sky, noise."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.stats import mad_std

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_image import read_plane

_MOST_PIXELS = 100_000_000  # read in all, so that a folder of large frames does not take minutes
_BORDER_FRACTION = 0.1
_SKY_NOTICED = 1.0  # sky over its own noise per pixel above which it is worth a word


@dataclass(frozen=True)
class Pixels:
    """One image.

    Attributes
    ----------
    bad : float
        Share of pixels that are NaN or infinite.
    sky, noise : float
        Median of the border's pixels and their rms (1.48 MAD), in the file's units,
        of the band where the sky is the most in units of its noise; NaN where nothing
        is good.
    empty : bool
        No pixel differs from another.
    """

    bad: float
    sky: float
    noise: float
    empty: bool


def measure_pixels(image: np.ndarray) -> Pixels:
    """Return what an image's pixels are like.

    Parameters
    ----------
    image : numpy.ndarray
        (y,x) or (band,y,x).

    Returns
    -------
    Pixels
        Of all its bands.
    """
    good = np.isfinite(image)
    width = max(1, round(_BORDER_FRACTION * min(image.shape[-2:])))
    border = np.ones(image.shape[-2:], dtype=bool)
    border[width:-width, width:-width] = False
    skies = []
    for plane in image.reshape(-1, *image.shape[-2:]):
        values = plane[border & np.isfinite(plane)]
        if len(values):
            skies.append((float(np.median(values)), float(mad_std(values))))
    sky, noise = max(skies, key=_in_noise, default=(np.nan, np.nan))
    return Pixels(float(1 - good.mean()), sky, noise, bool(np.ptp(image[good]) == 0))


def folder_notes(files: list[Path]) -> tuple[dict[str, str], list[str]]:
    """Return facts and notes on the pixels of a folder's FITS images.

    Parameters
    ----------
    files : list of Path
        Those whose headers are readable.

    Returns
    -------
    facts : dict of str
        Sky and noise.
    notes : list of str
        What may be wrong.
    """
    read: list[Pixels] = []
    damaged = []
    budget = _MOST_PIXELS
    for file in files:
        try:
            image, _ = read_plane(file, None)
        except Sim2SkyError:  # its header, which was read before, is whole
            damaged.append(file.name)
            continue
        read.append(measure_pixels(image) if np.isfinite(image).any() else _NOTHING)
        budget -= image.size
        if budget <= 0:
            break
    useful = [pixels for pixels in read if not pixels.empty]
    notes = []
    if damaged:
        notes.append(f"The pixels of {len(damaged)} can't be read, such as {damaged[0]}.")
    if n_empty := len(read) - len(useful):
        notes.append(f"{n_empty} of {len(read)} are empty: no pixel differs from another.")
    if n_bad := sum(pixels.bad > 0 for pixels in useful):
        most = max(pixels.bad for pixels in useful)
        notes.append(f"{n_bad} of {len(read)} have NaN or infinite pixels, up to {most:.1%}.")
    if not useful:
        return {}, notes
    sky, noise = (float(np.median([getattr(p, key) for p in useful])) for key in ("sky", "noise"))
    ratio = float(np.median([_in_noise((p.sky, p.noise)) for p in useful]))
    facts = {"border, median": f"{sky:.4g} per pixel, rms {noise:.4g}"}
    if noise == 0:
        notes.append("No noise at the border: not the sky, or a simulation without it.")
    elif ratio > _SKY_NOTICED:
        notes.append(
            f"The border's median is {ratio:.1f} times its noise: the sky is in the images, or "
            "the galaxies fill them. `frames` subtracts the sky; `images` and `predict` do not."
        )
    return facts, notes


_NOTHING = Pixels(1.0, np.nan, np.nan, True)


def _in_noise(sky_and_noise: tuple[float, float]) -> float:
    sky, noise = sky_and_noise
    return abs(sky) / noise if noise > 0 else 0.0
