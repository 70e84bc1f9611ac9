"""Settings of what the page's latent map shows of each point."""

from pydantic import Field

from sim2sky.settings import Settings


class ExploreSettings(Settings):
    """Sizes of the pictures behind the points of the page's latent map."""

    stamp_pixels: int = Field(
        75, ge=16, description="Largest side of a stamp; larger ones are made smaller."
    )
    gradcam_pixels: int = Field(
        32, ge=8, description="Side of a Grad-CAM map, which is coarse anyway."
    )
    quality: int = Field(
        78, ge=1, le=100, description="Quality of the pictures' compression (WebP)."
    )
