"""Settings of the calibration's scores and of the search for strange images."""

from pydantic import Field

from sim2sky.settings import Settings


class ReliabilitySettings(Settings):
    """How calibration, prediction sets and outliers are judged."""

    bins: int = Field(
        10, ge=2, description="Number of bins, of equally many test rows, in the probability."
    )
    coverage: float = Field(
        0.9,
        gt=0,
        lt=1,
        description="Probability with which a conformal prediction set shall hold the true class.",
    )
    perfect_draws: int = Field(
        500,
        ge=20,
        description="Number of draws of labels from the probabilities themselves, which say what "
        "error a perfectly calibrated forecaster would show with as few rows.",
    )
    latent_seeds: int = Field(
        1,
        ge=0,
        description="In so many seeds of each method of `show` the latent space is searched for "
        "outliers; 0: in none.",
    )
    injected_images: int = Field(
        100,
        ge=2,
        description="Number of target test images that are made strange in every way known, to "
        "see which scores notice.",
    )
    far_quantile: float = Field(
        0.99,
        gt=0,
        lt=1,
        description="An image is far if it lies farther from the training images of every domain "
        "than this share of held-out images does.",
    )
    shown_images: int = Field(
        8, ge=2, le=10, description="Number of the strangest images, and of the most ordinary."
    )
    n_bootstrap: int = Field(
        1000, ge=100, description="Number of resamples of the test systems behind each interval."
    )
    interval: float = Field(
        0.95, gt=0, lt=1, description="Probability that an interval (low to high) covers."
    )
    seed: int = Field(
        0, ge=0, description="Seed of the resampling, of the draws and of what is made strange."
    )
