"""A galaxy's stars made ready for any line of sight, and the picture along one of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.cosmology import FLRW

from sim2sky import seeding
from sim2sky.project.flags import MapFlag
from sim2sky.project.framing import View, light_frame, light_radius
from sim2sky.project.settings import ProjectSettings
from sim2sky.project.smoothing import deposit, smoothing_lengths
from sim2sky.project.stellar_table import StellarTable

if TYPE_CHECKING:
    from sim2sky.readers import Stars


@dataclass(frozen=True)
class Field:
    """The star particles of a picture, before a line of sight is chosen.

    Attributes
    ----------
    position_kpc : ndarray, shape (N, 3)
        Relative to the galaxy, or to the companion for its stars.
    smoothing_kpc : ndarray, shape (N,)
        Radius of each star's kernel.
    flux_njy : ndarray, shape (N, B)
        Flux of each star in each band.
    is_companion : ndarray, shape (N,)
        Whether a star belongs to the chance companion.
    flag : MapFlag
        What is wrong with all views of it.
    neighbour_kpc : ndarray, shape (3,), or None
        Place of another galaxy of its group, relative to the galaxy.
    """

    position_kpc: np.ndarray
    smoothing_kpc: np.ndarray
    flux_njy: np.ndarray
    is_companion: np.ndarray
    flag: MapFlag
    neighbour_kpc: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.position_kpc)


@dataclass(frozen=True)
class Picture:
    """One map and how it was framed.

    Attributes
    ----------
    map_njy : ndarray, shape (B, M, M)
        Flux per pixel, float32, row = y (up), column = x.
    size_kpc : float
        R90 about the centre, NaN for an empty map.
    fov_kpc : float
        Side of the map, NaN for an empty map.
    flag : MapFlag
        Of the field and this view together.
    companion_sizes : float
        Distance on the sky of the galaxy's companion, chance or neighbour, in R90; NaN without.
    """

    map_njy: np.ndarray
    size_kpc: float
    fov_kpc: float
    flag: MapFlag
    companion_sizes: float = np.nan


def make_field(
    galaxies: "list[Stars]",
    galaxy_id: str,
    redshift: float,
    cosmology: FLRW,
    table: StellarTable,
    settings: ProjectSettings,
) -> Field:
    """Return the stars of a galaxy, with a chance companion's if there is one.

    The draw of ``n_particles`` comes before the smoothing, so that the kernels
    fit the stars that are drawn. It takes the same fraction of each galaxy and
    is followed by scaling each galaxy's stars to its full flux in each band.

    Parameters
    ----------
    galaxies : list of Stars
        The galaxy, or the galaxy and its companion, each centred on itself.
    galaxy_id : str
        Keys the random draw.
    redshift : float
        At which it is seen.
    cosmology : astropy.cosmology.FLRW
        Gives the luminosity distance.
    table : StellarTable
        Of the bands to make.
    settings : ProjectSettings
        Number of particles, neighbours and seed.

    Returns
    -------
    Field
        Possibly of no stars, flagged ``EMPTY``.
    """
    flag = MapFlag(0)
    usable = []
    for stars in galaxies:
        columns = (stars.initial_mass, stars.age_gyr, stars.metallicity)
        finite = np.isfinite(np.column_stack([stars.position_kpc, *columns])).all(axis=1)
        if not finite.all():
            flag |= MapFlag.NON_FINITE
        usable.append(stars.take(finite))

    counts = [len(stars) for stars in usable]
    if settings.n_particles is not None and sum(counts) < settings.n_particles:
        flag |= MapFlag.FEW_STARS
    random = seeding.generator("project", "particles", galaxy_id, seed=settings.seed)
    drawn = equal_draw(counts, settings.n_particles, random)

    parts = []
    for stars, rows in zip(usable, drawn, strict=True):
        flux = table.flux_njy(
            stars.initial_mass, stars.age_gyr, stars.metallicity, redshift, cosmology
        )
        position = np.asarray(stars.position_kpc, dtype=float)[rows]
        smoothing = smoothing_lengths(position, settings.k_neighbours)
        parts.append((position, smoothing, _scaled(flux[rows], flux.sum(axis=0))))
    position, smoothing, flux = (np.concatenate(column) for column in zip(*parts, strict=True))
    is_companion = np.repeat(np.arange(len(drawn)) > 0, [len(rows) for rows in drawn])
    if not flux.sum() > 0:
        flag |= MapFlag.EMPTY
    return Field(position, smoothing, flux, is_companion, flag)


def _scaled(flux: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return fluxes (N, B) scaled to a total per band (B,); zero stays zero."""
    drawn = flux.sum(axis=0)
    return flux * np.divide(total, drawn, out=np.zeros_like(drawn), where=drawn > 0)


def equal_draw(
    counts: list[int], n_particles: int | None, random: np.random.Generator
) -> list[np.ndarray]:
    """Return which particles of each galaxy to use: the same fraction of each.

    Parameters
    ----------
    counts : list of int
        Particles of each galaxy.
    n_particles : int or None
        How many to draw in all, without replacement; None draws all.
    random : numpy.random.Generator
        Source of the draw.

    Returns
    -------
    list of ndarray
        Rising row numbers, ``min(sum(counts), n_particles)`` in all.
    """
    total = sum(counts)
    if n_particles is None or total <= n_particles:
        return [np.arange(count) for count in counts]
    edges = np.round(np.cumsum([0, *counts]) * (n_particles / total)).astype(int)
    return [
        np.sort(random.choice(count, size=int(share), replace=False))
        for count, share in zip(counts, np.diff(edges), strict=True)
    ]


def take_picture(field: Field, view: View, settings: ProjectSettings) -> Picture:
    """Return the map of a field along one line of sight.

    Parameters
    ----------
    field : Field
        The stars.
    view : View
        Line of sight, framing and place of a companion.
    settings : ProjectSettings
        Framing and pixels.

    Returns
    -------
    Picture
        A zero map flagged ``EMPTY`` where there is nothing to frame.
    """
    pixels = settings.map_pixels
    empty = np.zeros((field.flux_njy.shape[1], pixels, pixels), dtype=np.float32)
    if MapFlag.EMPTY in field.flag:
        return Picture(empty, np.nan, np.nan, field.flag)

    light = field.flux_njy.sum(axis=1)
    xy, companion = projected_positions(field, light, view)
    if view.on_light:
        centre, size = light_frame(xy, light)
    else:
        centre = np.zeros(2)
        size = light_radius(xy, light, centre)
    fov = view.fov_sizes * size if settings.framing == "galaxy_size" else settings.fov_kpc
    if not fov > 0:
        return Picture(empty, np.nan, np.nan, field.flag | MapFlag.EMPTY)

    pixel_kpc = fov / pixels
    x_px, y_px = ((xy - centre) / pixel_kpc + view.jitter_px + (pixels - 1) / 2).T
    image = deposit(x_px, y_px, field.smoothing_kpc / pixel_kpc, field.flux_njy, pixels)
    flag = field.flag
    if 1 - image.sum() / light.sum() > settings.max_light_outside:
        flag |= MapFlag.LIGHT_CUT
    distance = float(np.hypot(*companion)) / size if size > 0 else np.nan
    return Picture(np.moveaxis(image, -1, 0).astype(np.float32), size, fov, flag, distance)


def projected_positions(
    field: Field, light: np.ndarray, view: View
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions on the sky plane, kpc from the primary's centre, x right and y up.

    Parameters
    ----------
    field : Field
        The stars.
    light : ndarray, shape (N,)
        Flux of each; R90 of the primary, the unit of a companion's offset, is of this light.
    view : View
        Lines of sight and place of the companion.

    Returns
    -------
    stars : ndarray, shape (N, 2)
        Of each star.
    companion : ndarray, shape (2,)
        Of the chance companion, else of the neighbour; NaN without.
    """
    xy = field.position_kpc @ view.rotation[:2].T
    offset = np.full(2, np.nan)
    if field.neighbour_kpc is not None:
        offset = view.rotation[:2] @ field.neighbour_kpc
    other = field.is_companion
    if other.any():
        _, size = light_frame(xy[~other], light[~other]) if not other.all() else (None, 0.0)
        direction = np.array([np.cos(view.offset_angle), np.sin(view.offset_angle)])
        companion = field.position_kpc[other] @ view.companion_rotation[:2].T
        offset = view.offset_sizes * size * direction
        xy[other] = companion + offset
    return xy, offset
