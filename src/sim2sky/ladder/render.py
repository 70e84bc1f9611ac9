"""Stamps of the same galaxies on every rung."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.build.dataset import Dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.ladder.galaxies import Galaxies
from sim2sky.ladder.plan import PLAIN_SCENE
from sim2sky.ladder.rungs_file import COLUMNS, Rendered, Step
from sim2sky.ladder.settings import Rung
from sim2sky.ladder.survey import depth_per_arcsec2, rung_bands
from sim2sky.measure.radii import half_light_radius
from sim2sky.observe.flux import NJY_AT_MAG_ZERO
from sim2sky.observe.framing import map_frame
from sim2sky.observe.instrument import Band
from sim2sky.observe.mock import convolved, observe_map
from sim2sky.observe.scene import Frame
from sim2sky.observe.settings import SurveySettings
from sim2sky.observe.sky import SkyPatches

PROPERTIES = ("magnitude", "surface_brightness", "half_light_arcsec", "redshift")


def reference_band(bands: list[Band]) -> int:
    """Return the number of the band whose magnitudes and depths are quoted: the middle one."""
    return len(bands) // 2


def observe_rung(
    galaxies: Galaxies, rung: Rung, survey: SurveySettings, sky: SkyPatches | None = None
) -> np.ndarray:
    """Observe all galaxies on one rung, as `sim2sky observe` does.

    Parameters
    ----------
    galaxies : Galaxies
        N maps.
    rung : Rung
        How.
    survey : SurveySettings
        As published.
    sky : SkyPatches, optional
        Patches of sky, for a rung that wants them.

    Returns
    -------
    numpy.ndarray
        (N,C,H,W) float32 in nJy per pixel or 8-bit values. Where the rung agrees with
        a domain's settings these are the domain's own stamps, bit by bit.

    Raises
    ------
    Sim2SkyError
        If the rung wants patches of sky and there are none, or a band is missing.
    """
    telescope = _Telescope.of(rung, survey, sky)
    return np.stack([telescope.observe(galaxies, row) for row in range(len(galaxies))])


def galaxy_properties(
    galaxies: Galaxies, rung: Rung, survey: SurveySettings
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return what the galaxies are, seen by a survey without noise and without surroundings.

    Parameters
    ----------
    galaxies : Galaxies
        N maps.
    rung : Rung
        Gives PSF, pixels, sizes and brightness.
    survey : SurveySettings
        As published.

    Returns
    -------
    light : numpy.ndarray
        (N,H,W) float32, nJy per pixel, all bands together.
    properties : pandas.DataFrame
        `PROPERTIES`: AB magnitude in the middle band, mean surface brightness within
        the half-light radius [mag/arcsec^2], that radius [arcsec], redshift; and
        ``r50``, the radius in half widths of the stamp.
    """
    changed = {"noise": False, "rgb": None}
    if rung.observe.scene is not None:
        changed["scene"] = rung.observe.scene.model_copy(update=PLAIN_SCENE)
    bare = rung.model_copy(
        update={"observe": rung.observe.model_copy(update=changed), "sky": False}
    )
    bands = rung_bands(survey, bare)
    images = observe_rung(galaxies, bare, survey)
    light = images.sum(axis=1)
    r50 = half_light_radius(light) / (light.shape[-1] / 2)
    scale = bands[0].pixel_scale_arcsec
    half_width = np.full(len(galaxies), rung.observe.image_pixels * scale / 2)
    if rung.observe.scene is not None:  # the map's field is the stamp's
        telescope = _Telescope.of(bare, survey)
        frames = [telescope.frame(galaxies, row) for row in range(len(galaxies))]
        half_width = np.array([frame.extent_arcsec for frame in frames]) / 2
    radius = r50 * half_width
    flux = images[:, reference_band(bands)].sum(axis=(1, 2), dtype=np.float64)
    magnitude = -2.5 * np.log10(flux / NJY_AT_MAG_ZERO)
    table = pd.DataFrame(
        {
            "magnitude": magnitude,
            "surface_brightness": magnitude + 2.5 * np.log10(2 * np.pi * radius**2),
            "half_light_arcsec": radius,
            "redshift": galaxies.columns["redshift"],
            "r50": r50,
        }
    )
    return light.astype(np.float32), table


def selected(properties: pd.DataFrame, rung: Rung) -> np.ndarray:
    """Return which galaxies a rung keeps.

    Parameters
    ----------
    properties : pandas.DataFrame
        From `galaxy_properties`.
    rung : Rung
        Its ``select`` is a query; None keeps all.

    Returns
    -------
    numpy.ndarray
        (N,) bool.

    Raises
    ------
    Sim2SkyError
        If the query is wrong or keeps fewer than two galaxies.
    """
    if rung.select is None:
        return np.ones(len(properties), dtype=bool)
    try:
        kept = properties[list(PROPERTIES)].eval(rung.select)
        kept = np.asarray(kept, dtype=bool) & np.ones(len(properties), dtype=bool)
    except Exception as error:
        raise Sim2SkyError(
            "the selection is no query of the galaxies",
            where=f"rung '{rung.name}'",
            got=f"{rung.select} ({error})",
            expected=f"a condition on {', '.join(PROPERTIES)}",
        ) from error
    if kept.sum() < 2:
        raise Sim2SkyError(
            "the selection keeps too few galaxies",
            where=f"rung '{rung.name}'",
            got=f"{kept.sum()} of {len(kept)} by {rung.select}",
            fix="widen it",
        )
    return kept


def depths(survey: SurveySettings, rung: Rung) -> dict[str, float | str]:
    """Return how deep a rung goes in the middle band.

    Parameters
    ----------
    survey : SurveySettings
        As published.
    rung : Rung
        With its exposure.

    Returns
    -------
    dict
        ``depth_band``; ``depth_mag_ab``, a point source at 5 sigma; ``depth_mag_arcsec2``,
        5 sigma over a square arcsecond of sky. Both are NaN without noise.
    """
    bands = rung_bands(survey, rung)
    band = bands[reference_band(bands)]
    noisy = rung.observe.noise and not rung.sky
    return {
        "depth_band": band.name,
        "depth_mag_ab": float(band.depth_5sigma_mag_ab()) if noisy else np.nan,
        "depth_mag_arcsec2": depth_per_arcsec2(band) if noisy else np.nan,
    }


def render_ladder(
    galaxies: Galaxies,
    dataset: Dataset,
    rungs: list[Rung],
    surveys: dict[Path, SurveySettings],
    sky: SkyPatches | None = None,
) -> Rendered:
    """Observe the galaxies on every rung.

    Parameters
    ----------
    galaxies : Galaxies
        Chosen test galaxies of the source.
    dataset : Dataset
        The source: classes, units and name.
    rungs : list of Rung
        In the order of the figures.
    surveys : dict of SurveySettings
        By file.
    sky : SkyPatches, optional
        For rungs that want them.

    Returns
    -------
    Rendered
        Steps are counted from 0 on each axis. The galaxies' light and properties are
        those on the last rung of realism, without noise and surroundings.
    """
    last = [rung for rung in rungs if rung.axis == "realism"][-1]
    light, properties = galaxy_properties(galaxies, last, surveys[last.survey])
    telescopes = [_Telescope.of(rung, surveys[rung.survey], sky) for rung in rungs]
    images = [[] for _ in rungs]
    for row in range(len(galaxies)):
        memory = _Memory()  # of one galaxy: rungs that differ in noise share its light
        for telescope, stamps in zip(telescopes, images, strict=True):
            stamps.append(telescope.observe(galaxies, row, memory))
    steps, counted = [], {"realism": 0, "exposure": 0}
    for rung, stamps in zip(rungs, images, strict=True):
        about = {
            "axis": rung.axis,
            "rung": rung.name,
            "step": counted[rung.axis],
            "exposure_factor": rung.exposure_factor,
            **depths(surveys[rung.survey], rung),
        }
        counted[rung.axis] += 1
        steps.append(Step(about, np.stack(stamps), selected(properties, rung)))
    return Rendered(
        columns={name: galaxies.columns[name] for name in COLUMNS},
        properties=properties,
        light=light,
        classes=list(dataset.classes),
        bands=list(dataset.bands),
        units=dataset.units,
        domain=dataset.domain,
        steps=steps,
    )


@dataclass(frozen=True)
class _Telescope:
    """A rung with its bands and patches of sky."""

    rung: Rung
    survey: SurveySettings
    bands: list[Band]
    patches: SkyPatches | None

    @classmethod
    def of(cls, rung: Rung, survey: SurveySettings, sky: SkyPatches | None = None) -> "_Telescope":
        """Return the telescope of a rung; see `observe_rung` for what is refused."""
        bands = rung_bands(survey, rung)
        grey = [band.name for band in bands if band.settings.wavelength_um is None]
        if rung.observe.scene is not None and grey:
            raise Sim2SkyError(
                f"survey '{survey.name}' has no wavelength_um of {', '.join(grey)}",
                where=f"rung '{rung.name}'",
                fix="add it to the survey's file: the colours of stars and neighbours need it",
            )
        if rung.sky and sky is None:
            raise Sim2SkyError(
                "a rung wants patches of sky", where=f"rung '{rung.name}'", fix="give --sky"
            )
        return cls(rung, survey, bands, sky.for_bands(bands, "--sky") if rung.sky else None)

    def frame(self, galaxies: Galaxies, row: int) -> Frame:
        """Return how large a galaxy's map appears."""
        key = _key(galaxies, row)
        redshift = galaxies.columns["redshift"][row]
        field_kpc = tuple(galaxies.field_kpc[row])
        where = f"galaxy {key[0]}"
        return map_frame(field_kpc, redshift, self.bands[0], self.rung.observe, where, key)

    def observe(
        self, galaxies: Galaxies, row: int, convolve: Callable[..., np.ndarray] | None = None
    ) -> np.ndarray:
        """Return the stamp of a galaxy."""
        light = galaxies.maps[row].astype(np.float64)
        key = (*_key(galaxies, row), self.survey.name)
        frame = self.frame(galaxies, row)
        return observe_map(
            light, frame, self.bands, self.rung.observe, key, self.patches, convolve
        )


class _Memory:
    """`convolved` that remembers its results."""

    def __init__(self) -> None:
        self.known: dict[tuple, np.ndarray] = {}

    def __call__(
        self, galaxy: np.ndarray, extent_arcsec: float, band: Band, pixels: int, seeing: float
    ) -> np.ndarray:
        light = hashlib.blake2b(galaxy.tobytes(), digest_size=16).digest()
        optics = (band.settings.psf, band.pixel_scale_arcsec, band.psf_pixel_arcsec)
        key = (light, *optics, extent_arcsec, pixels, seeing)
        if key not in self.known:
            self.known[key] = convolved(galaxy, extent_arcsec, band, pixels, seeing)
        # whoever observes adds noise to it
        return self.known[key].copy()


def _key(galaxies: Galaxies, row: int) -> tuple[str, int]:
    """Return galaxy_id and view."""
    return str(galaxies.columns["galaxy_id"][row]), int(galaxies.columns["view"][row])
