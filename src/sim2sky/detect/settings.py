"""Settings of the detection of galaxies in survey frames."""

from pydantic import Field, model_validator

from sim2sky.observe.settings import FitsSettings


class DetectSettings(FitsSettings):
    """How frames are read, which of their objects become stamps and how these are framed."""

    survey: str = Field("unknown", description="Name of the survey.")
    psf_fwhm_arcsec: list[float] | None = Field(None, description="Per band; null: unknown.")
    background_box_px: int = Field(
        64,
        ge=8,
        description="Side of the boxes in which the sky is measured.",
    )
    smoothing_fwhm_px: float = Field(
        3.0,
        gt=0,
        description="Width of the Gaussian that smooths a frame for detection.",
    )
    n_sigma: float = Field(
        3.0, gt=0, description="Threshold of the smoothed frame in units of its own noise."
    )
    min_pixels: int = Field(8, ge=1, description="Least connected pixels of an object.")
    deblend_contrast: float = Field(
        0.005, ge=0, le=1, description="Least part of an object's flux that a component has."
    )
    saturation: list[float] | None = Field(
        None,
        description="Pixel value of saturation by band, in the frame's own units.",
    )
    magnitude_range: tuple[float, float] | None = Field(
        None, description="AB magnitudes in the last band of what becomes a stamp; null: any."
    )
    min_radius_px: float = Field(
        0.0, ge=0, description="Least half-light radius, to leave out stars."
    )
    min_snr: float = Field(
        5.0, ge=0, description="Least ratio of a flux to its error for an object to have a stamp."
    )
    image_pixels: int = Field(75, ge=8, description="Side of a stamp.")
    field_radii: float | None = Field(
        None,
        gt=0,
        description="Side of a stamp's field in radii that hold 90 % of the galaxy's light, as "
        "mocks are framed; it is resized to the stamp. Null: the frame's own pixels.",
    )
    max_bad_fraction: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Largest part of a stamp that may be outside the frame, NaN, masked or "
        "without weight, and is filled; more, and the stamp is flagged and empty.",
    )
    sky_patches: int = Field(
        0, ge=0, description="Number of patches of sky without an object in their middle."
    )
    sky_patch_px: int = Field(
        128, ge=8, description="Side of a patch, at least that of the mocks' field."
    )
    sky_clear_px: float = Field(
        12.0, ge=0, description="Radius in the middle of a patch that no object reaches."
    )
    seed: int = Field(0, ge=0, description="Seed of the places of the patches.")

    @model_validator(mode="after")
    def _one_value_per_band(self) -> "DetectSettings":
        for name in ("saturation", "psf_fwhm_arcsec"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.bands):
                raise ValueError(f"{name} needs one value for each of {len(self.bands)} bands")
        return self
