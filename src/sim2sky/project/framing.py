"""Where the observer stands and how the picture is cut: view, centre and size."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from sim2sky import seeding
from sim2sky.project.settings import ProjectSettings

LIGHT_FRACTION = 0.9
MAX_ITERATIONS = 20  # of the centroid; it settles in a few
SETTLED = 1e-3  # steps of the centroid below this fraction of R90 do not matter


@dataclass(frozen=True)
class View:
    """All that is random about one picture, drawn without knowing what is in it.

    Attributes
    ----------
    rotation : ndarray, shape (3, 3)
        Rows: x axis, y axis of the image and the direction to the observer.
    companion_rotation : ndarray, shape (3, 3)
        The same for a chance companion.
    fov_sizes : float
        Side of the picture in R90.
    jitter_px : ndarray, shape (2,)
        Shift (x, y) of the picture's middle in pixels.
    offset_sizes : float
        Distance of a chance companion in R90 of the primary.
    offset_angle : float
        Direction of a chance companion, radian from x towards y.
    on_light : bool
        Whether the picture's middle is the centroid of the light.
    """

    rotation: np.ndarray
    companion_rotation: np.ndarray
    fov_sizes: float
    jitter_px: np.ndarray
    offset_sizes: float
    offset_angle: float
    on_light: bool


def draw_view(galaxy_id: str, view: int, settings: ProjectSettings) -> View:
    """Return the view of a galaxy that belongs to a number.

    Parameters
    ----------
    galaxy_id : str
        The galaxy.
    view : int
        Number of the view.
    settings : ProjectSettings
        Ranges and seed.

    Returns
    -------
    View
        Isotropic in direction and roll; the same for the same arguments.
    """
    random = seeding.generator("project", galaxy_id, view, seed=settings.seed)
    jitter = settings.centre_jitter_px
    return View(
        rotation=_random_rotation(random),
        companion_rotation=_random_rotation(random),
        fov_sizes=random.uniform(settings.fov_sizes_min, settings.fov_sizes_max),
        jitter_px=random.uniform(-jitter, jitter, size=2),
        offset_sizes=random.uniform(
            settings.projection_offset_sizes_min, settings.projection_offset_sizes_max
        ),
        offset_angle=random.uniform(0, 2 * np.pi),
        on_light=settings.centre == "light"
        or (settings.centre == "either" and bool(random.integers(2))),
    )


def _random_rotation(random: np.random.Generator) -> np.ndarray:
    """Return a uniformly random rotation: four normal numbers are a random quaternion."""
    return Rotation.from_quat(random.normal(size=4)).as_matrix()


def light_radius(xy: np.ndarray, light: np.ndarray, centre: np.ndarray) -> float:
    """Return the projected radius about a centre that encloses 90 % of the light.

    Parameters
    ----------
    xy : ndarray, shape (N, 2)
        Projected positions.
    light : ndarray, shape (N,)
        Flux of each star.
    centre : ndarray, shape (2,)
        Same unit as `xy`.

    Returns
    -------
    float
        R90, same unit.
    """
    return _enclosing_radius(_distance(xy, centre), light)


def light_frame(xy: np.ndarray, light: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the centroid of the light inside R90, and R90 about it.

    Iterated from the origin, so that a distant fragment does not pull the
    centre: only what lies within R90 of the last centre counts.

    Parameters
    ----------
    xy : ndarray, shape (N, 2)
        Projected positions.
    light : ndarray, shape (N,)
        Flux of each star, not all zero.

    Returns
    -------
    centre : ndarray, shape (2,)
        Same unit as `xy`.
    size : float
        R90, same unit.
    """
    centre = np.zeros(2)
    distance = _distance(xy, centre)
    size = _enclosing_radius(distance, light)
    for _ in range(MAX_ITERATIONS):
        counted = np.where(distance <= size, light, 0.0)
        last, centre = centre, counted @ xy / counted.sum()
        distance = _distance(xy, centre)
        size = _enclosing_radius(distance, light)
        if np.hypot(*(centre - last)) <= SETTLED * size:
            break
    return centre, size


def _distance(xy: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the distances (N,) of points (N, 2) from a centre; hypot is six times slower."""
    return np.sqrt((xy[:, 0] - centre[0]) ** 2 + (xy[:, 1] - centre[1]) ** 2)


def _enclosing_radius(distance: np.ndarray, light: np.ndarray) -> float:
    """Return the distance within which `LIGHT_FRACTION` of the light lies."""
    order = np.argsort(distance)
    enclosed = np.cumsum(light[order])
    return float(np.interp(LIGHT_FRACTION * enclosed[-1], enclosed, distance[order]))
