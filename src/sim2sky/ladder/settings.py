"""Settings of the ladder: what the user says, and what it comes to."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from sim2sky.observe.settings import ObserveSettings
from sim2sky.settings import Settings


class RungSettings(Settings):
    """One realism that is added; what is left out stays as on the rung before."""

    name: str = Field(description="Short name, for tables and figures.")
    psf_factor: float | None = Field(
        None, ge=0, description="Factor on the width of the survey's PSF; 0: no PSF at all."
    )
    pixel: bool | None = Field(
        None,
        description="Collect the light over the area of a pixel; false: take it at its middle.",
    )
    exposure_factor: float | None = Field(
        None, gt=0, description="Factor on the survey's total exposure time."
    )
    survey: str | None = Field(
        None, description="Another survey: a name under config/surveys, or a YAML path."
    )
    sky: bool | None = Field(
        None, description="Lay the galaxy on the patches of sky of the source's `sky_of`."
    )
    select: str | None = Field(
        None,
        description="Galaxies that the survey would hold, as a pandas query on their magnitude, "
        "surface_brightness [AB mag/arcsec^2, within the half-light radius], half_light_arcsec "
        "and redshift, without noise.",
    )
    observe: dict[str, Any] = Field(
        {},
        description="Changed settings of `observe`. A `scene` where there was none begins "
        "without stars, neighbours and sky residuals.",
    )


class LadderSettings(Settings):
    """Which realisms are added in which order, and which exposures are tried."""

    rungs: list[RungSettings] = Field(
        [],
        description="From the crudest image up. The first starts from the maps without PSF, "
        "pixel, noise and scene. Empty: PSF, pixel, noise, each part of the scene, patches of "
        "sky, and the target's survey, as far as the domains have them.",
    )
    cumulative: bool = Field(
        True,
        description="Each rung adds to the one before; false: each to the crudest image alone.",
    )
    selection: str | None = Field(
        None,
        description="A `select` for one more rung at the end: the survey's limits of magnitude, "
        "size or visibility.",
    )
    survey: str | None = Field(
        None,
        description="Observe with this survey instead of the domains' own: a name under "
        "config/surveys, or a YAML path. It needs the same bands.",
    )
    exposure_factors: list[float] = Field(
        [1 / 64, 1 / 16, 1 / 4, 1.0, 4.0, 16.0, 64.0],
        description="Factors on the survey's total exposure time; empty: none is tried.",
    )
    n_galaxies: int = Field(
        150, ge=4, description="Largest number of test images per rung, balanced over the classes."
    )
    all_seeds: bool = Field(
        False, description="Judge every seed of the methods that are shown, not the first alone."
    )
    outer_radius_r50: float = Field(
        1.5,
        gt=0,
        description="Radius, in units of the half-light radius, from which light is outskirts.",
    )
    light_fraction: float = Field(
        0.98,
        gt=0,
        lt=1,
        description="The galaxy is the brightest pixels, without noise, that hold this much of "
        "the light; the rest is sky.",
    )
    n_components: int = Field(
        50,
        ge=2,
        description="Number of principal components of the standardised latent vectors in which "
        "distances are measured.",
    )
    cv_folds: int = Field(
        5, ge=2, description="Number of folds, by system, of the classifier that tells domains."
    )
    n_bootstrap: int = Field(
        1000, ge=100, description="Number of resamples of the systems behind each interval."
    )
    interval: float = Field(
        0.95, gt=0, lt=1, description="Probability that an interval (low to high) covers."
    )
    seed: int = Field(0, ge=0, description="Seed of the choice of galaxies and the resampling.")

    @field_validator("rungs")
    @classmethod
    def _names_differ(cls, value: list[RungSettings]) -> list[RungSettings]:
        names = [rung.name for rung in value]
        if len(set(names)) < len(names):
            raise ValueError(f"two rungs have the same name: {', '.join(names)}")
        return value

    @field_validator("exposure_factors")
    @classmethod
    def _factors_are_positive(cls, value: list[float]) -> list[float]:
        if any(factor <= 0 for factor in value) or len(set(value)) < len(value):
            raise ValueError(f"exposure_factors must be positive and differ, not {value}")
        return sorted(value)


class Rung(Settings):
    """One way to observe, with all its values."""

    axis: Literal["realism", "exposure"] = Field(description="Ladder of realisms or exposures.")
    name: str = Field(description="Short name.")
    survey: Path = Field(description="YAML file of the survey.")
    psf_factor: float = Field(1.0, ge=0, description="Factor on the PSF's width; 0: none.")
    pixel: bool = Field(True, description="Collect the light over the area of a pixel.")
    exposure_factor: float = Field(1.0, gt=0, description="Factor on the exposure time.")
    sky: bool = Field(False, description="Patches of the survey's own sky.")
    select: str | None = Field(None, description="pandas query of the galaxies that stay.")
    observe: ObserveSettings = Field(description="How the maps become stamps.")


class ObserveLadderSettings(Settings):
    """What `sim2sky observe-ladder` renders."""

    rungs: list[Rung] = Field(min_length=1, description="In the order of the figures.")
    n_galaxies: int = Field(ge=4, description="Largest number of test images per rung.")
    seed: int = Field(0, ge=0, description="Seed of the choice of galaxies.")
