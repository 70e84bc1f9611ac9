"""Settings of the calibration of a model."""

from pydantic import Field

from sim2sky.settings import Settings


class CalibrateSettings(Settings):
    """What is remembered of a model's training images, to tell how far a new image lies."""

    reference_images: int = Field(
        4096, ge=10, description="Most training images of each domain that are remembered."
    )
    components: int = Field(
        32, ge=1, description="Principal components of the latent space that are told apart."
    )
    neighbours: int = Field(
        10, ge=1, description="The distance of an image is that to its nearest neighbour number..."
    )
    seed: int = Field(0, ge=0, description="Seed of the choice of training images.")
