"""Settings of the measurement of shapes."""

from pydantic import Field

from sim2sky.settings import Settings


class MeasureSettings(Settings):
    """How galaxies are found in their stamps and measured.

    The threshold was chosen with labels: on clean Galaxy Zoo 2 mergers in SDSS the
    asymmetry's AUC is 0.90 at 3 sigma, 0.93 at 5 and 0.91 at 7, so that the baselines
    have seen the labels of those images. What else is set here are the defaults of
    photutils and statmorph, or saves time.
    """

    n_sigma: float = Field(
        5.0, gt=0, description="Surface brightness above which a pixel is a galaxy's, in sky rms."
    )
    min_pixels: int = Field(
        5, ge=1, description="Least number of connected pixels of a galaxy or a component."
    )
    deblend_contrast: float = Field(
        0.001, ge=0, le=1, description="Least part of a segment's flux that a component has."
    )
    skybox_pixels: int = Field(
        16, ge=2, description="Side of the box of empty sky that statmorph corrects by."
    )
    sersic_iterations: int = Field(
        100, ge=0, description="Most iterations of the Sersic fit; 0 leaves it out."
    )
    statmorph_training_rows: int | None = Field(
        2000,
        ge=0,
        description="Number of training rows, of whole systems, that statmorph measures beside "
        "all test rows; a forest needs no more. Null: all rows, also those of validation.",
    )
