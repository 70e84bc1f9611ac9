"""What lies around and in front of a galaxy on the real sky: stars, satellites, neighbours.

Mocks of lonely galaxies teach a classifier that any second object is a merger.
The objects are drawn without a look at the galaxy's label, painted into the
noise-free map and then pass through the same PSF and noise as the galaxy.
"""

from dataclasses import dataclass

import numpy as np

from sim2sky.observe.settings import SceneSettings

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
    area_arcmin2 = (frame.extent_arcsec / 60.0) ** 2
    middle = int(np.argsort(wavelength_um)[len(wavelength_um) // 2])
    own_flux = galaxy[middle].sum()
    crowding = 10 ** random.normal(0.0, settings.density_scatter_dex, size=2)

    n_stars = random.poisson(settings.stars_per_arcmin2 * crowding[0] * area_arcmin2)
    n_galaxies = random.poisson(settings.galaxies_per_arcmin2 * crowding[1] * area_arcmin2)
    fluxes = [
        _count_fluxes(n_stars, _STAR_SLOPE, random),
        _count_fluxes(n_galaxies, _GALAXY_SLOPE, random),
    ]
    anywhere = random.uniform(-0.5, 0.5, size=(n_stars + n_galaxies, 2)) * frame.extent_arcsec
    # A bright galaxy in front is a pair to whoever looks, and pairs are the sample's business.
    field = anywhere[n_stars:]
    alone = (fluxes[1] <= settings.satellite_flux_max * own_flux) | (
        np.hypot(*field.T) >= settings.neighbour_distance_sizes[0] * frame.size_arcsec
    )
    field, fluxes[1] = field[alone], fluxes[1][alone]

    superposed = random.poisson(settings.superposed_stars)
    satellites = random.poisson(settings.satellites)
    neighbours = random.poisson(settings.neighbours)
    near = [
        _around(superposed, 0.1, 3.0, frame.size_arcsec, random),
        _around(satellites, 0.2, 2.0, frame.size_arcsec, random),
        _around(neighbours, *settings.neighbour_distance_sizes, frame.size_arcsec, random),
    ]
    fluxes += [
        own_flux * _log_uniform(*settings.superposed_flux, superposed, random),
        own_flux * _log_uniform(0.01, settings.satellite_flux_max, satellites, random),
        own_flux * _log_uniform(0.05, 1.5, neighbours, random),
    ]
    place = np.concatenate([anywhere[:n_stars], near[0], field, *near[1:]])
    flux = np.concatenate([fluxes[0], fluxes[2], fluxes[1], *fluxes[3:]])
    n_points = n_stars + superposed
    slope = np.concatenate(
        [
            random.uniform(*settings.star_slope, size=n_points),
            random.uniform(*settings.galaxy_slope, size=len(flux) - n_points),
        ]
    )
    # a galaxy's size goes with the root of its flux: one surface brightness, with scatter
    radius = np.zeros(len(flux))
    ratio = flux[n_points:] / own_flux
    radius[n_points:] = (
        0.45
        * frame.size_arcsec
        * np.sqrt(ratio)
        * 10 ** random.normal(0.0, 0.15, size=len(flux) - n_points)
    )
    shape = random.uniform(size=(len(flux), 3))
    for values, position, size, draw in zip(
        coloured(flux, wavelength_um, slope), place, radius, shape, strict=True
    ):
        x, y = position / pixel_arcsec + (pixels - 1) / 2
        if size == 0:
            _paint_point(image, x, y, values)
        else:
            _paint_galaxy(image, x, y, size / pixel_arcsec, values, draw)
    return image


def _count_fluxes(n: int, slope: float, random: np.random.Generator) -> np.ndarray:
    """Return fluxes (n,) in nJy whose magnitudes follow a power law of counts."""
    low, high = 10 ** (slope * _BRIGHTEST_MAG), 10 ** (slope * _FAINTEST_MAG)
    magnitude = np.log10(random.uniform(low, high, size=n)) / slope
    return 3631e9 * 10 ** (-0.4 * magnitude)


def _log_uniform(low: float, high: float, n: int, random: np.random.Generator) -> np.ndarray:
    return np.exp(random.uniform(np.log(low), np.log(high), size=n))


def _around(
    n: int, nearest: float, farthest: float, size_arcsec: float, random: np.random.Generator
) -> np.ndarray:
    """Return places (n,2) in arcsec, even in distance between two multiples of a size."""
    distance = random.uniform(nearest, farthest, size=n) * size_arcsec
    angle = random.uniform(0, 2 * np.pi, size=n)
    return np.column_stack([distance * np.cos(angle), distance * np.sin(angle)])


def _paint_point(image: np.ndarray, x: float, y: float, flux: np.ndarray) -> None:
    """Share a point's flux among the four nearest pixels, so that its centroid is right."""
    left, low = int(np.floor(x)), int(np.floor(y))
    for row, weight_y in ((low, low + 1 - y), (low + 1, y - low)):
        for column, weight_x in ((left, left + 1 - x), (left + 1, x - left)):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                image[:, row, column] += flux * weight_x * weight_y


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
