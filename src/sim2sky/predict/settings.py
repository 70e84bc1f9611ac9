"""Settings of a catalogue of predictions."""

from pydantic import Field

from sim2sky.observe.settings import ObserveImagesSettings
from sim2sky.settings import Settings


class PredictSettings(Settings):
    """How images are read and when the models keep silent about one."""

    images: ObserveImagesSettings | None = Field(
        None,
        description="How a folder of images is brought to the models' size and units; null: its "
        "images are so already.",
    )
    distance_quantile: float = Field(
        0.99,
        gt=0,
        le=1,
        description="An image gets no class if it lies farther from the training images of every "
        "domain than this share of held-out images does.",
    )
    min_probability: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="An image gets no class if the calibrated probability of each is lower.",
    )
    max_spread: float | None = Field(
        None,
        gt=0,
        description="An image gets no class if the models of an ensemble scatter by more than "
        "this in the probability of a class; null: however they scatter.",
    )
    block_size: int = Field(512, ge=1, description="Images in memory at a time.")
