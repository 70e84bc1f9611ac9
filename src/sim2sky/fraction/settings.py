"""Settings of the estimate of a class's share."""

from pydantic import Field

from sim2sky.settings import Settings


class FractionSettings(Settings):
    """How the share of a class in a sample is estimated, and how sure it is."""

    positive: str | None = Field(
        None,
        description="Class that is asked for; null: the last.",
    )
    interval: float = Field(0.95, gt=0, lt=1, description="Probability that intervals cover.")
    n_bootstrap: int = Field(1000, ge=20, description="Draws behind the intervals.")
    thresholds: list[float] = Field(
        [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99],
        min_length=1,
        description="Calibrated probabilities from which on an object counts as positive, for "
        "the table of purity and completeness.",
    )
    include_abstained: bool = Field(
        False, description="Count objects too, of which the catalogue says no class."
    )
    seed: int = Field(0, ge=0, description="Seed of the draws.")
