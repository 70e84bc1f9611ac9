"""Settings of the `simulate` stage: the suite of N-body runs, and simulations made of it."""

from pydantic import Field, model_validator

from sim2sky.settings import Settings


class SuiteSettings(Settings):
    """A suite of collisionless encounters and isolated galaxies.

    Lengths, times and masses are nominal (a system has 5e10 Msun of stars); `assemble`
    rescales them.
    """

    encounters: int = Field(20, ge=0, description="number of galaxy pairs that collide")
    disks: int = Field(16, ge=0, description="number of isolated disk galaxies")
    ellipticals: int = Field(8, ge=0, description="number of isolated elliptical galaxies")
    seed: int = Field(1, ge=0, description="seed of all random choices")
    batch_size: int = Field(4, ge=1, description="systems simulated in one job")
    star_particles: int = Field(5500, ge=100, description="star particles of every system")
    halo_particles: int = Field(3000, ge=100, description="dark-matter particles of every system")
    softening_kpc: float = Field(0.6, gt=0, description="softening length of all particles")
    timestep_gyr: float = Field(0.0025, gt=0, description="longest step of the integrator")
    steps_per_orbit: float = Field(
        10.0, gt=0, description="steps at least in the shortest orbit of a system's galaxies"
    )
    duration_gyr: float = Field(2.0, gt=0, description="length of the encounters' runs")
    after_coalescence_gyr: float | None = Field(
        None,
        ge=0.35,  # `integrate.coalescence_time` looks 0.3 Gyr ahead, and its median a bit more
        description="an encounter's run ends this long after its cores have come together, if "
        "that is earlier; without it all last `duration_gyr`",
    )
    isolated_duration_gyr: float = Field(
        0.8,
        gt=0,
        le=1.0,
        description="length of the isolated galaxies' runs; later, disks thicken and form bars",
    )
    snapshot_interval_gyr: float = Field(0.1, gt=0, description="time between two snapshots")
    mass_ratio_min: float = Field(
        0.1, gt=0, le=1, description="smallest stellar mass ratio of an encounter"
    )
    mass_ratio_max: float = Field(
        1.0, gt=0, le=1, description="largest stellar mass ratio of an encounter"
    )
    separation_kpc: float = Field(45.0, gt=0, description="distance at the start of an encounter")
    pericentre_min_kpc: float = Field(
        1.0, gt=0, description="smallest distance of closest approach, as aimed at"
    )
    pericentre_max_kpc: float = Field(
        6.0, gt=0, description="largest distance of closest approach, as aimed at"
    )
    binding_max: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="largest binding energy of an orbit in units of the pair's interaction "
        "energy at the start; 0 is parabolic",
    )
    coalescence_kpc: float = Field(
        2.0, gt=0, description="two cores that stay nearer than this have coalesced"
    )
    theta: float = Field(0.95, gt=0, lt=1, description="opening criterion of the multipole forces")
    max_energy_drift: float = Field(
        0.01, gt=0, description="relative change of total energy that fails a run"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "SuiteSettings":
        for low, high in (
            ("mass_ratio_min", "mass_ratio_max"),
            ("pericentre_min_kpc", "pericentre_max_kpc"),
            ("isolated_duration_gyr", "duration_gyr"),
            ("snapshot_interval_gyr", "isolated_duration_gyr"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} must not exceed {high}")
        if self.n_systems == 0:
            raise ValueError("at least one encounter, disk or elliptical is needed")
        return self

    @property
    def n_systems(self) -> int:
        """Number of systems of all kinds."""
        return self.encounters + self.disks + self.ellipticals

    @property
    def n_batches(self) -> int:
        """Number of jobs."""
        return -(-self.n_systems // self.batch_size)


class SimulationSettings(Settings):
    """When and how large the systems of a suite are as a simulation."""

    redshift_final: float = Field(2.0, ge=0, description="redshift of the last snapshot")
    log_stellar_mass: tuple[float, float] = Field(
        (10.3, 11.2),
        description="range of log10 of a whole system's stellar mass in Msun, drawn uniformly "
        "whatever its kind, so that luminosity does not tell the label",
    )
    size_factor: float = Field(
        0.65,
        gt=0,
        description="half-mass radius of a disk galaxy of 5e10 Msun over the half-light radius "
        "8.9 (1+z)^-0.75 kpc of van der Wel et al. (2014); times go with its power 1.5, as "
        "gravity asks",
    )
    first_stars_gyr: float = Field(
        0.5, gt=0, description="age of the Universe when the oldest stars formed"
    )
    disk_timescale_gyr: float = Field(
        4.0, gt=0, description="time in which the star formation rate of a disk falls by e"
    )
    spheroid_age_fractions: tuple[float, float] = Field(
        (0.5, 0.95), description="ages of spheroids' stars, in units of the oldest stars'"
    )
    metallicity_at_1e10_dex: float = Field(
        -0.2, description="log10 of central metallicity over solar at 1e10 Msun of stars"
    )
    metallicity_gradient_dex: float = Field(
        -0.15, description="change of log10 metallicity per half-mass radius outwards"
    )
    metallicity_scatter_dex: float = Field(
        0.15, ge=0, description="scatter of log10 metallicity from star to star"
    )
    files_per_snapshot: int = Field(2, ge=1, description="files of each snapshot and catalogue")
    seed: int = Field(0, ge=0, description="seed of masses and stellar populations")

    @property
    def length_scale(self) -> float:
        """Physical over nominal length for a system of 5e10 Msun.

        The isolated disks' nominal half-mass radius is 3.6 kpc; the relation of late types
        at the final redshift is that of van der Wel et al. (2014, ApJ 788, 28, section 5).
        """
        return self.size_factor * 8.9 * (1.0 + self.redshift_final) ** -0.75 / 3.6

    @property
    def time_scale(self) -> float:
        """Physical over nominal time."""
        return self.length_scale**1.5
