"""Settings of the comparison of mocks with images."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from sim2sky.settings import Settings


class RealismSettings(Settings):
    """What is compared, and how its uncertainty is found."""

    reference: Path | None = Field(
        None,
        description="table of shapes of other galaxies (statmorph's HDF5, parquet or CSV), shown "
        "beside both domains in Gini, M20, concentration and asymmetry",
    )
    split: Literal["train", "validation", "test", "all"] = Field(
        "train",
        description="rows that are compared; mocks that are tuned on this page should not have "
        "seen the test images",
    )
    source_classes: list[str] | None = Field(
        None,
        min_length=1,
        description="classes of the source that are compared, null for all; mocks hold more "
        "mergers than a survey does, and that alone makes them more asymmetric",
    )
    n_sigma: float = Field(
        5.0,
        gt=0,
        description="surface brightness, in sky rms, above which a pixel counts for size and "
        "colour, in both domains alike",
    )
    n_bootstrap: int = Field(500, ge=10, description="resamples of the systems")
    interval: float = Field(0.95, gt=0, lt=1, description="probability inside an interval")
    seed: int = Field(0, ge=0, description="seed of the resamples")
