"""Images made strange on purpose, to see who notices.

What goes wrong with frames, stamps and pipelines, in a drastic form: these are no
models of instruments, the question is whether such images are told from ordinary ones.
"""

from collections.abc import Callable

import numpy as np

from sim2sky.measure.sky import border_sky
from sim2sky.seeding import generator

STAR_PEAK = 30.0  # over the galaxy's brightest pixel
STAR_FWHM_PX = 3.0
MOFFAT_BETA = 3.0  # wings between those of a Gaussian and the seeing's 2.5
COSMIC_RAY_PEAK = 10.0
COSMIC_RAY_LENGTH = (0.15, 0.4)  # in widths of the image
TWIN_DISTANCE = (0.15, 0.25)  # likewise

Change = Callable[[np.ndarray, np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def _bright_star(
    light: np.ndarray,
    level: np.ndarray,
    sigma: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Put a star, of the galaxy's colour, somewhere on the image."""
    size = light.shape[1:]
    y, x = (random.uniform(0.1, 0.9) * side for side in size)
    rows, columns = np.indices(size)
    core = STAR_FWHM_PX / (2 * np.sqrt(2 ** (1 / MOFFAT_BETA) - 1))
    profile = (1 + ((rows - y) ** 2 + (columns - x) ** 2) / core**2) ** -MOFFAT_BETA
    return level + light + STAR_PEAK * _peak(light) * profile


def _cosmic_ray(
    light: np.ndarray,
    level: np.ndarray,
    sigma: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Draw the track of a particle, a pixel wide, through one band."""
    result = level + light
    band = random.integers(len(light))
    size = np.array(light.shape[1:])
    length = random.uniform(*COSMIC_RAY_LENGTH) * size.min()
    angle = random.uniform(0, 2 * np.pi)
    steps = np.linspace(0, length, int(4 * length) + 2)[:, None]
    track = random.uniform(0.2, 0.8, 2) * size + steps * [np.sin(angle), np.cos(angle)]
    rows, columns = np.clip(np.floor(track).astype(int), 0, size - 1).T
    result[band, rows, columns] += COSMIC_RAY_PEAK * _peak(light)[band, 0, 0]
    return result


def _doubled(
    light: np.ndarray,
    level: np.ndarray,
    sigma: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Add the galaxy once more, turned by a quarter and shifted."""
    angle = random.uniform(0, 2 * np.pi)
    distance = random.uniform(*TWIN_DISTANCE) * min(light.shape[1:])
    shift = np.round(distance * np.array([np.sin(angle), np.cos(angle)])).astype(int)
    twin = np.roll(np.rot90(light, axes=(1, 2)), shift, axis=(1, 2))
    for axis, step in enumerate(shift, start=1):  # what was rolled over the edge is gone
        edge = slice(0, step) if step >= 0 else slice(step, None)
        twin[(slice(None),) * axis + (edge,)] = 0
    return level + light + twin


def _empty(
    light: np.ndarray,
    level: np.ndarray,
    sigma: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Leave the level of the sky and nothing else."""
    return level + np.zeros_like(light)


def _noise_only(
    light: np.ndarray, level: np.ndarray, sigma: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Leave the sky with its noise, without the galaxy."""
    return level + sigma * random.normal(size=light.shape)


def _negative(
    light: np.ndarray,
    level: np.ndarray,
    sigma: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Turn the light's sign around."""
    return level - light


KINDS: dict[str, Change] = {
    "bright_star": _bright_star,
    "cosmic_ray": _cosmic_ray,
    "doubled": _doubled,
    "empty": _empty,
    "noise_only": _noise_only,
    "negative": _negative,
}


def make_strange(
    images: np.ndarray,
    kind: str,
    galaxy_id: np.ndarray,
    view: np.ndarray,
    *,
    units: str,
    seed: int,
) -> np.ndarray:
    """Return images made strange in one way.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W).
    kind : str
        Key of `KINDS`: ``bright_star``, a point source thirty times as bright as the
        galaxy's peak; ``cosmic_ray``, a track of ten times that, in one band; ``doubled``,
        the galaxy a second time beside itself; ``empty``, the sky's level; ``noise_only``,
        the sky's level and noise; ``negative``, light below the sky in place of above.
    galaxy_id, view : numpy.ndarray
        (N,) each; what is drawn for an image depends on these and the seed alone.
    units : str
        ``"8bit"`` values stay between 0 and 255.
    seed : int
        The user's seed.

    Returns
    -------
    numpy.ndarray
        (N,C,H,W) float32.
    """
    result = np.empty(images.shape, dtype=np.float32)
    for number, (image, galaxy, line) in enumerate(zip(images, galaxy_id, view, strict=True)):
        level, sigma = np.array([border_sky(band) for band in image]).T[:, :, None, None]
        random = generator("reliability", kind, galaxy, line, seed=seed)
        result[number] = KINDS[kind](image.astype(np.float64) - level, level, sigma, random)
    return np.clip(result, 0, 255) if units == "8bit" else result


def _peak(light: np.ndarray) -> np.ndarray:
    """Return the brightest pixel of each band above the sky, (C,1,1)."""
    return light.max(axis=(1, 2), keepdims=True)
