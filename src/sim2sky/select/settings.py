"""Settings of the `select` stage."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sim2sky.settings import Settings


class SelectSettings(Settings):
    """Which galaxies make a sample, and what counts as a merger."""

    snapshots: Literal["all"] | list[int] = Field(
        "all", description="snapshot numbers to take galaxies from, or 'all'"
    )
    min_stellar_mass_msun: float = Field(
        1e9, ge=0, description="smallest stellar mass of a galaxy [solar masses]"
    )
    min_star_particles: int = Field(
        200, ge=1, description="smallest number of star particles of a galaxy"
    )
    labels_from: Literal["auto", "sublink", "merger_history"] = Field(
        "auto",
        description="where mergers are looked up: the SubLink tree or TNG's merger_history "
        "catalogue; auto is the tree where there is one. Where both are there the labels from "
        "either are compared and the disagreement reported",
    )
    mass_ratio_min: float = Field(
        0.1,
        gt=0,
        le=1,
        description="smallest stellar mass ratio of a merger that counts, taken when the "
        "secondary had its maximum stellar mass; the merger_history catalogue knows 0.1 (minor "
        "and major) and 0.25 (major)",
    )
    window_past_gyr: float = Field(
        0.25, ge=0, description="a merger so long ago or less makes the label 'merger' [Gyr]"
    )
    window_future_gyr: float = Field(
        0.25, ge=0, description="a merger so soon or sooner makes the label 'merger' [Gyr]"
    )
    clear_gap_gyr: float = Field(
        0.5,
        ge=0,
        description="a non-merger has no merger within this time on either side; between the "
        "window and this the label is unclear (-1) [Gyr]",
    )
    companion_distance_kpc: float = Field(
        100.0,
        gt=0,
        description="another galaxy of the same group and of at least mass_ratio_min is a "
        "companion within this distance [physical kpc]",
    )
    keep_unclear: bool = Field(
        False, description="whether galaxies between merger and non-merger stay, with label -1"
    )
    assume_no_merger_after_end: bool = Field(
        False,
        description="whether a galaxy with a companion may be a non-merger closer than "
        "clear_gap_gyr to the tree's last snapshot; else it is unclear: they may merge later",
    )
    secondaries: bool = Field(
        False,
        description="whether the less massive of two companions, or of a coming merger in one "
        "friends-of-friends group, gives a row too, though the other's picture shows both",
    )
    chance_projections: float = Field(
        0.0,
        ge=0,
        le=1,
        description="projections of two unrelated non-mergers to add, as a fraction of the "
        "non-mergers",
    )
    projection_mass_ratio_min: float = Field(
        0.15, gt=0, le=1, description="smallest stellar mass ratio of a projected pair"
    )
    projection_label: Literal["non-merger", "merger"] = Field(
        "non-merger",
        description="class of projected pairs: no mergers in a simulation, but people who label "
        "a survey's images cannot tell them from bound pairs",
    )
    max_rows_per_system: int | None = Field(
        None,
        ge=1,
        description="most rows of one label from one system, spread evenly over its snapshots; "
        "null is no limit",
    )
    max_class_ratio: float | None = Field(
        None,
        ge=1,
        description="most rows of the larger class per row of the smaller; null is no limit",
    )
    require_both_classes: bool = Field(
        True, description="whether a sample with a merger tree but of one class is an error"
    )
    observe_at_redshift: float | None = Field(
        None, gt=0, description="redshift at which all galaxies are put; null is the snapshot's"
    )
    linking_length_kpc: float = Field(
        10.0,
        gt=0,
        description="friends-of-friends linking length of the stars, for snapshots without a "
        "group catalogue [physical kpc]",
    )
    on_missing: Literal["error", "skip"] = Field(
        "error",
        description="stop at missing, truncated or inconsistent files, or go on without them "
        "and flag the galaxies concerned",
    )
    seed: int = Field(0, ge=0, description="seed of projections and balancing")

    @model_validator(mode="after")
    def _gap_holds_window(self) -> Self:
        if self.clear_gap_gyr < max(self.window_past_gyr, self.window_future_gyr):
            raise ValueError(
                f"clear_gap_gyr ({self.clear_gap_gyr}) is below the window "
                f"({self.window_past_gyr} past, {self.window_future_gyr} future)"
            )
        return self
