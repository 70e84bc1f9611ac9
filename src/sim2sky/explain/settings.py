"""Settings of the explanations."""

from pydantic import Field

from sim2sky.settings import Settings


class ExplainSettings(Settings):
    """Which galaxies and classes are explained."""

    n_galaxies: int = Field(
        48, ge=1, description="Number of test images per domain, balanced over the classes."
    )
    all_seeds: bool = Field(
        False,
        description="Explain every seed of the methods that are shown, not the first alone: where "
        "a network looks may differ from one training to the next.",
    )
    classes: list[str] = Field(
        [],
        description="Classes whose evidence is mapped; the first gives the main map. "
        "Empty: all, the last (mergers) first.",
    )
    light_sigma: float = Field(
        3.0,
        gt=0,
        description="Brightness above the image's border, in units of the border's scatter, from "
        "which a pixel counts as light and not as sky.",
    )
    profile_max_r50: float = Field(
        6.0, gt=0, description="How far out radial profiles go, in half-light radii of the galaxy."
    )
    profile_bin_r50: float = Field(
        0.5, gt=0, description="Width of an annulus of a radial profile, in half-light radii."
    )
    deletion_steps: int = Field(
        16,
        ge=2,
        description="In how many equal shares the pixels of an image give way to empty sky.",
    )
    random_networks: int = Field(
        3, ge=1, description="How often the weights are drawn anew for the control of the maps."
    )
    n_bootstrap: int = Field(
        1000, ge=100, description="Number of resamples of the systems behind each interval."
    )
    interval: float = Field(
        0.95, gt=0, lt=1, description="Probability that an interval (low to high) covers."
    )
    seed: int = Field(0, ge=0, description="Seed of the choice of galaxies and the resampling.")
