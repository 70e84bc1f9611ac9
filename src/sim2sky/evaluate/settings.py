"""Settings of the evaluation and of the table over seeds."""

from pydantic import Field

from sim2sky.settings import Settings


class EvaluateSettings(Settings):
    """How predictions are scored, one model at a time and over all seeds."""

    n_bootstrap: int = Field(
        1000, ge=100, description="Number of resamples of the test systems behind each interval."
    )
    interval: float = Field(
        0.95, gt=0, lt=1, description="Probability that an interval (low to high) covers."
    )
    seed: int = Field(0, ge=0, description="Seed of the resampling.")
    calibration_bins: int = Field(
        10,
        ge=2,
        description="Number of bins, of equally many test rows, of the calibration error.",
    )
    survey_positive_fraction: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="Fraction of the last class (mergers) among the survey's galaxies, for the "
        "purity that a catalogue would have; a balanced test split says nothing of it.",
    )
    minimum_gap: float = Field(
        0.02,
        gt=0,
        description="Smallest advantage of the oracle over source_only, in balanced accuracy on "
        "the target, of which a closed fraction is quoted.",
    )
    hard_component_ratio: float = Field(
        0.1,
        ge=0,
        description="A target row is hard if its second brightest component has more than this "
        "part of the brightest one's flux: the rows of auc_hard.",
    )
    batch_size: int = Field(256, ge=1, description="Images per forward pass.")
