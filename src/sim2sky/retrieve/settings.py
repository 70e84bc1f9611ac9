"""Settings of the `retrieve` stage."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sim2sky.settings import Settings

STAR_FIELDS = (
    "Coordinates",
    "Masses",
    "GFM_InitialMass",
    "GFM_Metallicity",
    "GFM_StellarFormationTime",
)


class RetrieveSettings(Settings):
    """What to download from the TNG web API, and how hard to pull."""

    simulation: str = Field(description="name of the run, e.g. TNG100-1")
    snapshots: list[int] = Field(min_length=1, description="snapshot numbers")
    subhalos: list[int] | None = Field(
        None, description="numbers of the galaxies, in each snapshot; null: the heaviest ones"
    )
    max_galaxies: int = Field(
        100, ge=0, description="most galaxies of a snapshot, in order of stellar mass; 0 is none"
    )
    min_stellar_mass_msun: float = Field(
        1e10, ge=0, description="smallest stellar mass of a galaxy [solar masses]"
    )
    max_stellar_mass_msun: float | None = Field(
        None, gt=0, description="largest stellar mass of a galaxy [solar masses]; null is no limit"
    )
    cutouts: Literal["halo", "subhalo"] = Field(
        "halo",
        description="stars of the galaxy's whole friends-of-friends group, with its companions in "
        "the picture, or of the galaxy alone, which hides who it is about to merge with",
    )
    star_fields: list[str] = Field(
        list(STAR_FIELDS), description="fields of the stars in the cutouts"
    )
    trees: Literal["full", "mpb", "none"] = Field(
        "full",
        description="SubLink trees: whole ones, down to the last snapshot, of which labels are "
        "made; main progenitor branches, which can't tell mergers; or none",
    )
    files: list[Literal["groupcat", "snapshot", "offsets", "merger_history", "sublink"]] = Field(
        [],
        description="whole files of the snapshots: group catalogue, particles, offsets, the "
        "merger_history catalogue, and the trees of all galaxies; snapshots and trees of large "
        "runs are terabytes",
    )
    base_url: str = Field("https://www.tng-project.org/api/", description="address of the API")
    key_variable: str = Field(
        "TNG_API_KEY",
        description="name of the environment variable that holds your API key; the key itself "
        "has no place in a configuration",
    )
    parallel: int = Field(4, ge=1, le=16, description="downloads at once")
    requests_per_second: float = Field(
        5.0, gt=0, description="most requests of all downloads together [1/s]"
    )
    timeout_s: float = Field(60.0, gt=0, description="longest silence of the server [s]")
    attempts: int = Field(6, ge=1, description="tries of each request before giving up")
    backoff_s: float = Field(
        1.0, ge=0, description="pause after the first failure, doubled after each further one [s]"
    )

    @model_validator(mode="after")
    def _fields_suffice(self) -> Self:
        lacking = sorted(set(STAR_FIELDS) - set(self.star_fields))
        if lacking:
            raise ValueError(f"star_fields lacks {', '.join(lacking)}, which pictures need")
        return self
