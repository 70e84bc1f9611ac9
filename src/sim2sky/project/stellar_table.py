"""Band fluxes of star particles from a table of simple stellar populations."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from astropy.cosmology import FLRW

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5

SHIPPED_TABLE = Path(__file__).parent / "data" / "ssp_bc03_miles.h5"
NJY_AT_MAG_ZERO = 3631e9  # AB: 3631 Jy (Oke & Gunn 1983, ApJ 266, 713)


@dataclass(frozen=True)
class StellarTable:
    """Absolute magnitudes of populations of one age and metallicity.

    Interpolation is linear in the magnitude: over log age, log metallicity and
    redshift. Outside the ages and metallicities of the table the nearest one
    holds; a redshift outside is an error, since it would be another band.

    Attributes
    ----------
    bands : list of str
        B names.
    log_age_gyr : ndarray, shape (A,)
        log10 of the age in Gyr.
    log_metallicity : ndarray, shape (Z,)
        log10 of the mass fraction of metals.
    redshift : ndarray, shape (K,)
        Redshifts, rising.
    magnitude : ndarray, shape (B, A, Z, K)
        Absolute AB magnitude per solar mass formed, in the observed-frame
        band, the factor 1 + z included: m = magnitude + distance modulus.
    """

    bands: list[str]
    log_age_gyr: np.ndarray
    log_metallicity: np.ndarray
    redshift: np.ndarray
    magnitude: np.ndarray

    @classmethod
    @cache
    def read(cls, path: Path = SHIPPED_TABLE) -> "StellarTable":
        """Read a table made by `sim2sky.project.make_ssp_table`.

        Parameters
        ----------
        path : Path
            HDF5 file; by default the shipped table of BC03-MILES (Bruzual &
            Charlot 2003, MNRAS 344, 1000), described in its attributes.

        Returns
        -------
        StellarTable
            The table.

        Raises
        ------
        Sim2SkyError
            If the file is missing, unreadable or lacks a dataset.
        """
        with open_hdf5(path) as file:
            return cls(
                bands=list(hdf5_dataset(file, "band").asstr()[()]),
                log_age_gyr=np.log10(hdf5_dataset(file, "age_gyr")[()]),
                log_metallicity=np.log10(hdf5_dataset(file, "metallicity")[()]),
                redshift=hdf5_dataset(file, "redshift")[()],
                magnitude=hdf5_dataset(file, "magnitude")[()].astype(float),
            )

    def select(self, bands: list[str]) -> "StellarTable":
        """Return the table of some bands only.

        Parameters
        ----------
        bands : list of str
            Names, in the wanted order.

        Returns
        -------
        StellarTable
            The smaller table.

        Raises
        ------
        Sim2SkyError
            If the table lacks a band.
        """
        for band in bands:
            if band not in self.bands:
                raise Sim2SkyError(
                    f"band '{band}' is not in the table of stellar populations",
                    where="project: bands",
                    got=f"known bands: {', '.join(self.bands)}",
                    fix="correct the name, or add its filter curve to "
                    "sim2sky.project.make_ssp_table and make the table anew",
                )
        rows = [self.bands.index(band) for band in bands]
        return StellarTable(
            list(bands),
            self.log_age_gyr,
            self.log_metallicity,
            self.redshift,
            self.magnitude[rows],
        )

    def absolute_magnitude(
        self, age_gyr: np.ndarray, metallicity: np.ndarray, redshift: float
    ) -> np.ndarray:
        """Return the absolute AB magnitude per solar mass formed.

        Parameters
        ----------
        age_gyr, metallicity : ndarray, shape (N,)
            Age and mass fraction of metals.
        redshift : float
            At which the stars are seen.

        Returns
        -------
        ndarray, shape (N, B)
            Magnitudes.

        Raises
        ------
        Sim2SkyError
            If the redshift is outside the table.
        """
        low, high = self.redshift[[0, -1]]
        if not low <= redshift <= high:
            raise Sim2SkyError(
                "redshift outside the table of stellar populations",
                got=redshift,
                expected=f"{low:g} to {high:g}",
            )
        k, part = _locate(self.redshift, np.array(redshift))
        table = (1 - part) * self.magnitude[..., k] + part * self.magnitude[..., k + 1]
        table = np.moveaxis(table, 0, -1)
        tiny = 10.0 ** (self.log_metallicity[0] - 1)  # TNG stars reach 1e-10, others exactly 0
        a, in_age = _locate(self.log_age_gyr, np.log10(np.maximum(age_gyr, 1e-9)))
        z, in_metal = _locate(self.log_metallicity, np.log10(np.maximum(metallicity, tiny)))
        in_age, in_metal = in_age[:, None], in_metal[:, None]
        return (1 - in_age) * ((1 - in_metal) * table[a, z] + in_metal * table[a, z + 1]) + (
            in_age * ((1 - in_metal) * table[a + 1, z] + in_metal * table[a + 1, z + 1])
        )

    def flux_njy(
        self,
        initial_mass: np.ndarray,
        age_gyr: np.ndarray,
        metallicity: np.ndarray,
        redshift: float,
        cosmology: FLRW,
    ) -> np.ndarray:
        """Return the flux density of star particles as seen from Earth.

        Parameters
        ----------
        initial_mass : ndarray, shape (N,)
            Mass at birth in solar masses (``GFM_InitialMass``).
        age_gyr, metallicity : ndarray, shape (N,)
            Age and mass fraction of metals.
        redshift : float
            At which the stars are seen; their ages need not belong to it.
        cosmology : astropy.cosmology.FLRW
            Gives the luminosity distance.

        Returns
        -------
        ndarray, shape (N, B)
            nJy.

        Raises
        ------
        Sim2SkyError
            If the redshift is outside the table or zero, where nothing has a distance.
        """
        magnitude = self.absolute_magnitude(age_gyr, metallicity, redshift)
        distance_pc = cosmology.luminosity_distance(redshift).to_value("pc")
        if distance_pc < 1e5:
            raise Sim2SkyError(
                "a galaxy at redshift zero has no distance, hence no flux",
                got=f"redshift {redshift:g}",
                fix="give the sample the redshift at which it is observed",
            )
        magnitude += 5 * np.log10(distance_pc / 10)
        return initial_mass[:, None] * NJY_AT_MAG_ZERO * 10 ** (-0.4 * magnitude)


def _locate(nodes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of each value and its place in it, 0 to 1, clamped at the ends."""
    left = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, len(nodes) - 2)
    part = (values - nodes[left]) / (nodes[left + 1] - nodes[left])
    return left, np.clip(part, 0.0, 1.0)
