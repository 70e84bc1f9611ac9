"""Settings of the `project` stage."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sim2sky.settings import Settings

BANDS = (
    *("F814W", "F160W", "F356W"),
    *(f"sdss_{band}" for band in "ugriz"),
    *(f"lsst_{band}" for band in "ugrizy"),
)
"""What the shipped table of stellar populations knows; it takes seconds to open."""


class ProjectSettings(Settings):
    """How stars become maps. No picture may depend on a galaxy's label."""

    bands: list[str] = Field(
        ["F814W", "F160W"],
        min_length=1,
        description="observed-frame bands: F814W, F160W, F356W, sdss_u/g/r/i/z, lsst_u/g/r/i/z/y",
    )
    n_views: int = Field(3, ge=1, description="random lines of sight per galaxy")
    seed: int = Field(0, ge=0, description="seed of views, framing and particle draws")
    map_pixels: int = Field(150, ge=8, description="side of a map [pixels]")
    framing: Literal["galaxy_size", "physical"] = Field(
        "galaxy_size",
        description="'galaxy_size': the side is a random multiple of the galaxy's R90; "
        "'physical': every map has the side fov_kpc",
    )
    fov_sizes_min: float = Field(
        3.0, gt=0, description="smallest side of a map with framing galaxy_size [R90]"
    )
    fov_sizes_max: float = Field(
        5.0, gt=0, description="largest side of a map with framing galaxy_size [R90]"
    )
    fov_kpc: float = Field(50.0, gt=0, description="side of a map with framing physical [kpc]")
    field_radius_kpc: float = Field(
        50.0, gt=0, description="stars further from the galaxy's centre than this are left out"
    )
    n_particles: int | None = Field(
        5000,
        ge=1,
        description="star particles drawn per galaxy, so that grain does not tell the class; "
        "null takes all",
    )
    k_neighbours: int = Field(
        16, ge=1, description="a star is smoothed over the distance of this neighbour"
    )
    centre: Literal["light", "subhalo", "either"] = Field(
        "light",
        description="middle of the map: centroid of the light, the subhalo's centre, or either "
        "by a coin, as surveys centre on a pair's light or on its brighter galaxy",
    )
    centre_jitter_px: float = Field(
        3.0, ge=0, description="random shift of the middle, at most this much in x and y [pixels]"
    )
    projection_offset_sizes_min: float = Field(
        0.4, ge=0, description="smallest offset of a chance companion [R90 of the primary]"
    )
    projection_offset_sizes_max: float = Field(
        1.8, ge=0, description="largest offset of a chance companion [R90 of the primary]"
    )
    max_light_outside: float = Field(
        0.05, gt=0, le=1, description="flag a map that misses more of the field's light than this"
    )
    visible_companion_sizes: tuple[float, float] | None = Field(
        None,
        description="a view of a merger is one only if its companion lies, on the sky, between "
        "these distances from it [R90 of the picture]; others, remnants too, become unclear "
        "(label -1): for surveys labelled by people, who call a merger what they see as one. "
        "null: every view has the galaxy's label",
    )
    n_shards: int = Field(1, ge=1, description="files that the maps are spread over")
    on_missing: Literal["error", "skip"] = Field(
        "error", description="stop at missing simulation files, or flag the galaxies they hold"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("fov_sizes", "projection_offset_sizes"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise ValueError(f"{name}_min ({low}) is above {name}_max ({high})")
        visible = self.visible_companion_sizes
        if visible is not None and not 0 <= visible[0] < visible[1]:
            raise ValueError(f"visible_companion_sizes must be [nearest, farthest], not {visible}")
        if len(set(self.bands)) < len(self.bands):
            raise ValueError(f"bands are named twice: {', '.join(self.bands)}")
        if unknown := [band for band in self.bands if band not in BANDS]:
            raise ValueError(
                f"no such band: {', '.join(unknown)}; the stellar populations have "
                f"{', '.join(BANDS)}"
            )
        return self
