"""Settings of the published datasets."""

from typing import Literal

from pydantic import Field, model_validator

from sim2sky.settings import Settings

Release = Literal["deepmerge", "deepmerge2_simsim", "deepmerge2_simreal", "deepadversaries"]
SIDES = {
    "deepmerge": ("pristine", "noisy"),
    "deepmerge2_simsim": ("source", "target"),
    "deepmerge2_simreal": ("source", "target"),
    "deepadversaries": ("y10", "y1"),
}
"""The datasets of each release."""
CLASSES = {
    "deepmerge": ["non-merger", "merger"],
    "deepmerge2_simsim": ["non-merger", "merger"],
    "deepmerge2_simreal": ["non-merger", "merger"],
    "deepadversaries": ["spiral", "elliptical", "merger"],
}
"""Classes of each release in the order of its labels."""


class PublishedSettings(Settings):
    """Which published dataset, and how it is split."""

    release: Release = Field(
        description="deepmerge: MAST 10.17909/t9-vqk6-pc80 (FITS); deepmerge2_simsim and "
        "deepmerge2_simreal: Zenodo 4507941; deepadversaries: Zenodo 5514180 (all .npy)"
    )
    side: str = Field(
        description="which of its two datasets: pristine or noisy (deepmerge), source or target "
        "(deepmerge2), y10 or y1 (deepadversaries)"
    )
    split: Literal["fair", "as_published"] = Field(
        "fair",
        description="fair: by galaxy, as found from the pixels; as_published: the release's own "
        "split, or rows at random where it has none, as its paper did, which leaks",
    )
    bands: list[str] = Field(
        min_length=1,
        description="name of each channel in the files' order; names and READMEs of the releases "
        "disagree on it, so it is yours to say",
    )
    classes: list[str] | None = Field(
        None, description="names of the labels 0, 1, ...; null: those of the paper"
    )
    pixel_scale_arcsec: float | None = Field(
        None, gt=0, description="side of a pixel [arcsec]; null is unknown"
    )
    fractions: tuple[float, float, float] = Field(
        (0.7, 0.1, 0.2),
        description="parts for training, validation and test, where the release has no split",
    )
    seed: int = Field(0, ge=0, description="seed of the splits")
    cameras: int = Field(
        4, ge=1, description="most views of one galaxy that a release holds, flips and turns aside"
    )
    camera_tolerance: float = Field(
        0.003,
        ge=0,
        description="views of one galaxy are those whose total flux agrees within this fraction "
        "in every band; 0 does not look for them",
    )
    softening_sigma: float = Field(
        3.0, gt=0, description="softening of the asinh stretch in units of the background rms"
    )

    @model_validator(mode="after")
    def _side_exists(self) -> "PublishedSettings":
        sides = SIDES[self.release]
        if self.side not in sides:
            raise ValueError(f"side is '{self.side}'; {self.release} has {' and '.join(sides)}")
        if min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ValueError("fractions must be positive and add up to 1")
        return self
