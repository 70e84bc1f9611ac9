"""Ages, metallicities and initial masses of star particles.

The particles know nothing of gas, so their histories are laid onto them. The star
formation history is stationary: a particle keeps its age from snapshot to snapshot,
as if new stars replaced those that age. An evolving one would make later snapshots,
and so remnants, redder by construction, and colour would tell the label.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim2sky.seeding import generator
from sim2sky.simulate.galaxies import DISK
from sim2sky.simulate.runs import SystemRun
from sim2sky.simulate.settings import SimulationSettings

Array = NDArray[np.float64]

SOLAR_METALLICITY = 0.0127
"""Mass fraction of metals in the Sun as IllustrisTNG counts it (Wiersma+2009)."""


@dataclass(frozen=True)
class Population:
    """What the stars of a system are made of; N bodies, NaN for the halo's.

    Parameters
    ----------
    age_gyr : array (N,)
        Age at every snapshot.
    metallicity : array (N,)
        Mass fraction of metals.
    surviving_fraction : array (N,)
        Present over initial mass.
    """

    age_gyr: Array
    metallicity: Array
    surviving_fraction: Array


def surviving_fraction(age_gyr: Array) -> Array:
    """Return which part of its initial mass a stellar population still has.

    Behroozi, Wechsler & Conroy (2013, ApJ 770, 57), eq. 14, for a Chabrier IMF.

    Parameters
    ----------
    age_gyr : array
        Ages.

    Returns
    -------
    array
        Between 0 and 1.
    """
    return 1.0 - 0.05 * np.log1p(np.asarray(age_gyr) / 0.0014)


def populate(
    run: SystemRun, log_mass: float, oldest_gyr: float, settings: SimulationSettings
) -> Population:
    """Draw the stellar populations of a system.

    Disks have formed stars at a rate that falls as exp(-t / tau) from `oldest_gyr` ago
    until now; spheroids are old. Metallicity follows the stellar mass with a slope of 0.3 dex
    per dex and falls outwards.

    Parameters
    ----------
    run : SystemRun
        The system.
    log_mass : float
        log10 of its stellar mass in Msun.
    oldest_gyr : float
        Largest age.
    settings : SimulationSettings
        Numbers of the recipe.

    Returns
    -------
    Population
        For all bodies.
    """
    rng = generator("assemble", "populations", run.system, seed=settings.seed)
    n = len(run.mass)
    uniform, scatter = rng.random(n), rng.normal(0.0, settings.metallicity_scatter_dex, n)
    tau = settings.disk_timescale_gyr
    # inverse of the cumulative distribution of p(age) ~ exp(age / tau) on [0, oldest]
    disk_age = tau * np.log1p(uniform * np.expm1(oldest_gyr / tau))
    low, high = settings.spheroid_age_fractions
    spheroid_age = oldest_gyr * (low + (high - low) * uniform)
    age = np.where(run.component == DISK, disk_age, spheroid_age)
    dex = (
        settings.metallicity_at_1e10_dex
        + 0.3 * (log_mass - 10.0)
        + settings.metallicity_gradient_dex * np.minimum(run.birth_radius, 5.0)
        + scatter
    )
    stars = run.component > 0
    metallicity = SOLAR_METALLICITY * 10.0 ** np.clip(dex, -2.0, 0.5)
    return Population(
        np.where(stars, age, np.nan),
        np.where(stars, metallicity, np.nan),
        np.where(stars, surviving_fraction(age), np.nan),
    )
