"""Settings of attacks and accidents."""

from typing import Literal

from pydantic import Field

from sim2sky.settings import Settings


class OnePixelSettings(Settings):
    """The search for the one pixel that changes a prediction."""

    n_galaxies: int = Field(
        150,
        ge=0,
        description="most correctly classified test images that are attacked in each domain, the "
        "classes in turn",
    )
    domains: list[Literal["source", "target"]] = Field(
        ["source", "target"], description="whose images are attacked"
    )
    population: int = Field(400, ge=5, description="candidates of a generation")
    iterations: int = Field(
        30, ge=1, description="most generations; the search ends at the first success"
    )
    factor: float = Field(
        0.5, gt=0, le=2, description="differential evolution's F, the weight of a difference"
    )


class AccidentSettings(Settings):
    """How strong each accident is, from mild to severe; an empty list leaves it out."""

    n_galaxies: int = Field(
        300,
        ge=1,
        description="most test images of each domain that accidents befall, the classes in turn",
    )
    cosmic_rays: list[float] = Field(
        [1, 3, 10, 30], description="mean number of hits in each band of an image"
    )
    dead_pixels: list[float] = Field(
        [0.003, 0.01, 0.03, 0.1], description="share of pixels of each band that read nothing"
    )
    dead_columns: list[float] = Field(
        [1, 2, 4, 8], description="columns of each band that read nothing"
    )
    rice: list[float] = Field(
        [0.25, 1, 4, 16],
        description="step between the values that Rice compression keeps, in units of the "
        "target's sky noise; fpack's default is 0.25",
    )
    hcompress: list[float] = Field(
        [0.5, 2, 8, 32],
        description="step between the coefficients that HCOMPRESS keeps, in units of the target's "
        "sky noise",
    )
    jpeg: list[float] = Field(
        [5, 20, 50, 80], description="100 less JPEG's quality, of images stretched to 8 bits"
    )
    psf_error: list[float] = Field(
        [1, 2, 3, 4],
        description="full width at half maximum in pixels of a Gaussian that blurs the image once "
        "more, its noise being what it was",
    )
    sky_oversubtraction: list[float] = Field(
        [0.25, 0.5, 1, 2],
        description="what is taken off every pixel, in units of the target's sky noise",
    )
    noise_level: list[float] = Field(
        [1.5, 2, 3, 5], description="sky noise, in units of the target's sky noise"
    )
    cosmic_ray_sigma: tuple[float, float] = Field(
        (20, 200),
        description="faintest and brightest value of a hit pixel above what was there, in units "
        "of the target's sky noise; hits are spread evenly in its logarithm",
    )
    cosmic_ray_length_px: float = Field(
        6, gt=0, description="mean length of a track, which is drawn from an exponential law"
    )


class AttackSettings(Settings):
    """Attacks by one pixel and accidents of strengths, on the same test images for all models."""

    one_pixel: OnePixelSettings = Field(
        OnePixelSettings(), description="a pixel chosen against the model"
    )
    accidents: AccidentSettings = Field(
        AccidentSettings(), description="what befalls images without anybody meaning it"
    )
    all_seeds: bool = Field(
        False,
        description="attack every seed of the methods that are shown, not the first alone",
    )
    church_galaxies: int = Field(
        6, ge=0, description="galaxies whose church window is computed; the figure shows the first"
    )
    church_points: int = Field(41, ge=3, description="points of a church window along each side")
    n_bootstrap: int = Field(1000, ge=100, description="resamples of the systems")
    interval: float = Field(0.95, gt=0, lt=1, description="probability inside an interval")
    seed: int = Field(
        0, ge=0, description="seed of the choice of galaxies, of attacks and accidents, resamples"
    )
