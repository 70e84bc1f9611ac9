"""What lies around and in front of a galaxy on the real sky: stars, satellites, neighbours.

Mocks of lonely galaxies teach a classifier that any second object is a merger.
The objects are drawn without a look at the galaxy's label, painted into the
noise-free map and then pass through the same PSF and noise as the galaxy.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sim2sky.observe.flux import flux_njy
from sim2sky.observe.settings import SceneSettings
from sim2sky.observe.stars import paint_star, stellar_flux

# Sersic (1963); b_n of Ciotti & Bertin (1999, A&A 352, 447, eq. 18) to order 1/n.
_TRUNCATION_RADII = 4.0  # effective radii after which a painted galaxy ends: 99 % of n = 1
_FAINTEST_MAG = 22.5  # fainter objects drown in the noise of the surveys this is meant for
_BRIGHTEST_MAG = 14.0
# Slopes d log10 N / d mag of counts at 16 < r < 22: stars at high latitude (Bahcall & Soneira
# 1980, ApJS 44, 73, fig. 1), galaxies (Yasuda et al. 2001, AJ 122, 1104, table 3).
_STAR_SLOPE = 0.15
_GALAXY_SLOPE = 0.45


@dataclass(frozen=True)
class Frame:
    """What a stamp shows.

    Parameters
    ----------
    extent_arcsec : float
        Side of the map on the sky.
    arcsec_per_kpc : float
        Scale of the stamp.
    size_arcsec : float
        R90 of the galaxy on the sky.
    """

    extent_arcsec: float
    arcsec_per_kpc: float
    size_arcsec: float


def coloured(flux: np.ndarray, wavelength_um: np.ndarray, slope: np.ndarray | float) -> np.ndarray:
    """Return fluxes per band of a power law in wavelength.

    Parameters
    ----------
    flux : numpy.ndarray
        (...,) at the middle band.
    wavelength_um : numpy.ndarray
        (C,) of the bands.
    slope : numpy.ndarray or float
        (...,) exponent of the wavelength in units of the middle band's.

    Returns
    -------
    numpy.ndarray
        (...,C).
    """
    relative = wavelength_um / np.median(wavelength_um)
    return np.asarray(flux)[..., None] * relative ** np.asarray(slope)[..., None]


def add_surroundings(
    galaxy: np.ndarray,
    frame: Frame,
    wavelength_um: np.ndarray,
    settings: SceneSettings,
    random: np.random.Generator,
) -> np.ndarray:
    """Return a map with stars and other galaxies painted into it.

    Parameters
    ----------
    galaxy : numpy.ndarray
        (C,M,M) in nJy per map pixel.
    frame : Frame
        Scale of the map.
    wavelength_um : numpy.ndarray
        (C,) of the bands; the middle one counts as the band of magnitudes.
    settings : SceneSettings
        How much of what.
    random : numpy.random.Generator
        Source of all choices.

    Returns
    -------
    numpy.ndarray
        (C,M,M) in nJy per map pixel.
    """
    image = galaxy.copy()
    pixels = galaxy.shape[-1]
    pixel_arcsec = frame.extent_arcsec / pixels
    middle = int(np.argsort(wavelength_um)[len(wavelength_um) // 2])
    own_flux = galaxy[middle].sum()
    crowding = 10 ** random.normal(0.0, settings.density_scatter_dex, size=2)

    image += _stars(settings, frame, (own_flux, crowding[0]), pixels, wavelength_um, random)
    for values, place, radius, draw in _galaxies(
        settings, frame, (own_flux, crowding[1]), wavelength_um, random
    ):
        x, y = place / pixel_arcsec + (pixels - 1) / 2
        _paint_galaxy(image, x, y, radius / pixel_arcsec, values, draw)
    return image


def _stars(
    settings: SceneSettings,
    frame: Frame,
    own: tuple[float, float],
    pixels: int,
    wavelength_um: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Return an image (C,M,M) of stars; `own` holds the galaxy's flux and the field's crowding."""
    own_flux, crowding = own
    # the halo of a bright star reaches in from outside
    side = 2 * frame.extent_arcsec
    n_field = random.poisson(settings.stars_per_arcmin2 * crowding * (side / 60.0) ** 2)
    n_near = random.poisson(settings.superposed_stars)
    place = np.concatenate(
        [
            random.uniform(-0.5, 0.5, size=(n_field, 2)) * side,
            _around(n_near, 0.1, 3.0, frame.size_arcsec, random),
        ]
    )
    flux = np.concatenate(
        [
            _count_fluxes(n_field, _STAR_SLOPE, random),
            own_flux * _log_uniform(*settings.superposed_flux, n_near, random),
        ]
    )
    temperature = _log_uniform(*settings.star_temperature_k, len(flux), random)
    spike_angle = random.uniform(0, np.pi / 2)  # one telescope, one direction
    image = np.zeros((len(wavelength_um), pixels, pixels))
    pixel_arcsec = frame.extent_arcsec / pixels
    for values, (x, y) in zip(
        stellar_flux(flux, wavelength_um, temperature),
        place / pixel_arcsec + (pixels - 1) / 2,
        strict=True,
    ):
        paint_star(image, (x, y), values, pixel_arcsec, spike_angle)
    return image


def _galaxies(
    settings: SceneSettings,
    frame: Frame,
    own: tuple[float, float],
    wavelength_um: np.ndarray,
    random: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray, float, np.ndarray]]:
    """Yield fluxes (C,), place (2,) and radius in arcsec, and shape (3,) of galaxies around."""
    own_flux, crowding = own
    n_field = random.poisson(
        settings.galaxies_per_arcmin2 * crowding * (frame.extent_arcsec / 60.0) ** 2
    )
    field = random.uniform(-0.5, 0.5, size=(n_field, 2)) * frame.extent_arcsec
    field_flux = _count_fluxes(n_field, _GALAXY_SLOPE, random)
    # A bright galaxy in front is a pair to whoever looks, and pairs are the sample's business.
    alone = (field_flux <= settings.satellite_flux_max * own_flux) | (
        np.hypot(*field.T) >= settings.neighbour_distance_sizes[0] * frame.size_arcsec
    )
    n_satellites = random.poisson(settings.satellites)
    n_neighbours = random.poisson(settings.neighbours)
    place = np.concatenate(
        [
            field[alone],
            _around(n_satellites, 0.2, 2.0, frame.size_arcsec, random),
            _around(n_neighbours, *settings.neighbour_distance_sizes, frame.size_arcsec, random),
        ]
    )
    flux = np.concatenate(
        [
            field_flux[alone],
            own_flux * _log_uniform(0.01, settings.satellite_flux_max, n_satellites, random),
            own_flux * _log_uniform(0.05, 1.5, n_neighbours, random),
        ]
    )
    slope = random.uniform(*settings.galaxy_slope, size=len(flux))
    # a galaxy's size goes with the root of its flux: one surface brightness, with scatter
    scatter = 10 ** random.normal(0.0, 0.15, size=len(flux))
    radius = 0.45 * frame.size_arcsec * np.sqrt(flux / own_flux) * scatter
    shape = random.uniform(size=(len(flux), 3))
    yield from zip(coloured(flux, wavelength_um, slope), place, radius, shape, strict=True)


def _count_fluxes(n: int, slope: float, random: np.random.Generator) -> np.ndarray:
    """Return fluxes (n,) in nJy whose magnitudes follow a power law of counts."""
    low, high = 10 ** (slope * _BRIGHTEST_MAG), 10 ** (slope * _FAINTEST_MAG)
    magnitude = np.log10(random.uniform(low, high, size=n)) / slope
    return flux_njy(magnitude)


def _log_uniform(low: float, high: float, n: int, random: np.random.Generator) -> np.ndarray:
    return np.exp(random.uniform(np.log(low), np.log(high), size=n))


def _around(
    n: int, nearest: float, farthest: float, size_arcsec: float, random: np.random.Generator
) -> np.ndarray:
    """Return places (n,2) in arcsec, even in distance between two multiples of a size."""
    distance = random.uniform(nearest, farthest, size=n) * size_arcsec
    angle = random.uniform(0, 2 * np.pi, size=n)
    return np.column_stack([distance * np.cos(angle), distance * np.sin(angle)])


def _paint_galaxy(
    image: np.ndarray, x: float, y: float, radius: float, flux: np.ndarray, draw: np.ndarray
) -> None:
    """Paint an elliptical Sersic profile; `draw` (3,) in [0,1) chooses its shape."""
    index = 1.0 + 2.0 * draw[0] ** 2
    axis_ratio = 0.25 + 0.75 * draw[1]
    angle = np.pi * draw[2]
    steepness = 2 * index - 1 / 3 + 4 / (405 * index)
    rows, columns = np.indices(image.shape[1:])
    along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    across = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
    # half a pixel added in quadrature keeps small galaxies from falling between pixels
    distance = np.sqrt((along**2 + (across / axis_ratio) ** 2) / radius**2 + 0.25 / radius**2)
    profile = np.exp(-steepness * distance ** (1 / index))
    profile[distance > _TRUNCATION_RADII + 1 / radius] = 0.0
    whole = 2 * np.pi * index * axis_ratio * radius**2 * _sersic_integral(steepness, index)
    total = profile.sum()
    if total > 0:
        # a galaxy that lies half outside keeps its surface brightness
        inside = 0 <= x < image.shape[2] and 0 <= y < image.shape[1]
        image += flux[:, None, None] * profile / (max(total, whole) if not inside else total)


def _sersic_integral(steepness: float, index: float) -> float:
    """Return the integral of exp(-b u^(1/n)) u du / n over all radii: b^-2n Gamma(2n)."""
    from math import gamma

    return steepness ** (-2 * index) * gamma(2 * index)
