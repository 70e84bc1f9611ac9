"""Settings of the dataset: classes, split, normalisation and the audit."""

from typing import Literal

from pydantic import Field, model_validator

from sim2sky.observe.flags import StampFlag
from sim2sky.project.flags import MapFlag
from sim2sky.settings import Settings

# Bits of the flag that make an image unusable.
UNUSABLE_NAMES = {
    MapFlag.FEW_STARS: "fewer stars than n_particles of project",  # their grain tells the class
    MapFlag.EMPTY: "no stars in the map",
    MapFlag.UNREADABLE: "unreadable simulation files",
    StampFlag.BAD_MAP: "map with NaN",
    StampFlag.EMPTY_MAP: "map without light",
    StampFlag.BAD_IMAGE: "bad image",
}
UNUSABLE = int(sum(UNUSABLE_NAMES))


class BuildSettings(Settings):
    """How stamps become a dataset."""

    classes: list[str] = Field(
        ["non-merger", "merger"], min_length=2, description="Names of the labels 0, 1, ..."
    )
    class_rules: dict[str, str] = Field(
        {},
        description="For mocks, a pandas query for each class on the columns of the sample's "
        "galaxies.parquet (label, stage, morphology, sfr, ...); a galaxy that none matches is "
        "unlabelled. Empty: the sample's own label.",
    )
    fractions: tuple[float, float, float] = Field(
        (0.6, 0.15, 0.25), description="Parts of the systems for training, validation and test."
    )
    seed: int = Field(0, ge=0, description="Seed of the split.")
    softening_sigma: float = Field(
        3.0, gt=0, description="Softening of the asinh stretch in units of the background rms."
    )
    drop_unlabelled: bool = Field(
        True, description="Drop rows without a label; keep them for an unlabelled target."
    )
    drop_flags: int = Field(
        UNUSABLE, ge=0, description="Bit mask: rows with any of these flags are dropped."
    )
    duplicate_correlation: float = Field(
        0.98,
        gt=0,
        le=1,
        description="Fine structure of two images that correlates above this, flipped or turned "
        "any way, makes them the same image.",
    )
    nuisance: Literal["fail", "warn", "off"] = Field(
        "fail", description="What to do when nuisance features alone tell the class."
    )
    nuisance_margin: float = Field(
        0.05,
        ge=0,
        le=0.5,
        description="Nuisance features tell the class if the lower end of their AUC's 95 % "
        "interval is above 0.5 by this.",
    )

    @model_validator(mode="after")
    def _fractions_are_parts(self) -> "BuildSettings":
        if min(self.fractions) < 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ValueError("fractions must be positive and add up to 1")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("a class is named twice")
        if self.class_rules and set(self.class_rules) != set(self.classes):
            raise ValueError(
                f"class_rules are for {', '.join(self.class_rules)}, but classes are "
                f"{', '.join(self.classes)}"
            )
        return self
