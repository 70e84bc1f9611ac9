"""Settings of the figures."""

from pydantic import Field

from sim2sky.settings import Settings


class PlotSettings(Settings):
    """What the figures leave open."""

    dpi: int = Field(200, ge=50, le=1200, description="resolution of the PNG, dots per inch")
    seed: int = Field(0, ge=0, description="seed of the bootstrap and of the choice of examples")
    n_bootstrap: int = Field(
        500, ge=10, description="resamples of the test systems for the band of a ROC curve"
    )
    interval: float = Field(
        0.95, gt=0, lt=1, description="probability inside the band of a ROC curve"
    )
    positive_class: str | None = Field(
        None, description="class that a ROC curve detects; unset takes the last class"
    )
    examples_per_class: int = Field(7, ge=1, le=12, description="stamps of a mosaic per class")
    gradcam_galaxies: int = Field(3, ge=1, le=6, description="galaxies in the Grad-CAM figure")
    church_galaxies: int = Field(3, ge=1, le=6, description="galaxies with a church window")
