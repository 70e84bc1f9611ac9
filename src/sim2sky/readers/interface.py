"""What every reader gives, whatever the files look like."""

from dataclasses import dataclass, fields
from enum import IntFlag
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
import pandas as pd
from astropy.cosmology import FlatLambdaCDM

if TYPE_CHECKING:
    from sim2sky.readers.merger_history import MergerHistory
    from sim2sky.readers.tree import MergerTree


class Flag(IntFlag):
    """Bits of the column ``flag``: why a galaxy is not as good as it should be."""

    MISSING_FILE = 1
    """Files of its snapshot are missing or unreadable; stars may be absent."""
    COUNT_MISMATCH = 2
    """The file holds another number of stars than its header claims."""
    NOT_COSMOLOGICAL = 4
    """SubhaloFlag is 0: a clump formed inside a galaxy (TNG data release, Nelson+2019)."""


@dataclass(frozen=True)
class Header:
    """Epoch, cosmology and size of a snapshot.

    Attributes
    ----------
    redshift, scale_factor : float
        Of the snapshot.
    hubble : float
        H0 in units of 100 km/s/Mpc.
    omega_m : float
        Matter density parameter today.
    box_size_kpc : float
        Side of the periodic box in physical kpc; infinite where there is none.
    cosmology : astropy.cosmology.FlatLambdaCDM
        Of the header's parameters, without radiation as in the simulations themselves.
    """

    redshift: float
    scale_factor: float
    hubble: float
    omega_m: float
    box_size_kpc: float
    cosmology: FlatLambdaCDM


@dataclass(frozen=True)
class Stars:
    """Star particles; wind particles are already left out.

    Attributes
    ----------
    position_kpc : ndarray, shape (N, 3)
        Physical kpc.
    mass, initial_mass : ndarray, shape (N,)
        Now and at birth, solar masses.
    age_gyr : ndarray, shape (N,)
        At the snapshot.
    metallicity : ndarray, shape (N,)
        Mass fraction of elements heavier than helium.
    velocity_kms : ndarray, shape (N, 3), or None
        Peculiar velocity; None where the file has none.
    """

    position_kpc: np.ndarray
    mass: np.ndarray
    initial_mass: np.ndarray
    age_gyr: np.ndarray
    metallicity: np.ndarray
    velocity_kms: np.ndarray | None

    def __len__(self) -> int:
        return len(self.mass)

    def take(self, rows: np.ndarray) -> Self:
        """Return the stars at `rows`, an index or boolean array."""
        return type(self)(
            **{
                item.name: None if (column := getattr(self, item.name)) is None else column[rows]
                for item in fields(self)
            }
        )

    def seen_from(
        self, centre_kpc: np.ndarray, box_size_kpc: float, radius_kpc: float | None = None
    ) -> Self:
        """Return the stars relative to a centre, through the periodic boundary if nearer.

        Parameters
        ----------
        centre_kpc : ndarray, shape (3,)
            New origin.
        box_size_kpc : float
            Side of the periodic box, or infinity.
        radius_kpc : float, optional
            Leave out what is further away than this.

        Returns
        -------
        Stars
            Centred stars.
        """
        offset = periodic_offset(self.position_kpc - centre_kpc, box_size_kpc)
        columns = {item.name: getattr(self, item.name) for item in fields(self)}
        centred = type(self)(**{**columns, "position_kpc": offset})
        if radius_kpc is None:
            return centred
        return centred.take(np.linalg.norm(offset, axis=1) <= radius_kpc)

    @classmethod
    def join(cls, parts: list[Self]) -> Self:
        """Return the stars of several tables as one; velocities only if all have them."""
        columns = {}
        for item in fields(cls):
            values = [getattr(part, item.name) for part in parts]
            present = all(value is not None for value in values)
            columns[item.name] = np.concatenate(values) if present else None
        return cls(**columns)


def periodic_offset(offset: np.ndarray, box_size: float) -> np.ndarray:
    """Return separations wrapped into half a box on either side.

    Parameters
    ----------
    offset : ndarray
        Coordinate differences.
    box_size : float
        Side of the periodic box in the same unit, or infinity.

    Returns
    -------
    ndarray
        The nearest image's separation.
    """
    if not np.isfinite(box_size):
        return offset
    return offset - box_size * np.round(offset / box_size)


SUBHALO_COLUMNS = [
    "subhalo_id",
    "group_id",
    "x_kpc",
    "y_kpc",
    "z_kpc",
    "stellar_mass",
    "half_mass_radius_kpc",
    "sfr",
    "n_stars",
    "morphology",
    "flag",
]
"""Columns of `Simulation.subhalos`."""


class Simulation(Protocol):
    """Galaxies of one simulation; see `open_simulation`."""

    def snapshots(self) -> list[int]:
        """Return the numbers of the snapshots that can be read."""

    def header(self, snapshot: int) -> Header:
        """Return epoch and cosmology of a snapshot."""

    def subhalos(self, snapshot: int) -> pd.DataFrame:
        """Return one row per subhalo with stars of a snapshot.

        Returns
        -------
        pandas.DataFrame
            subhalo_id, group_id, x_kpc, y_kpc, z_kpc (physical), stellar_mass (Msun),
            half_mass_radius_kpc, sfr (Msun/yr), n_stars, morphology ("disk",
            "elliptical" or "unknown") and flag (`Flag`).
        """

    def stars(self, snapshot: int, subhalo_id: int, radius_kpc: float | None = None) -> Stars:
        """Return all stars of a galaxy's field, centred on it.

        The field is the friends-of-friends group, so that companions and tidal debris
        are in the picture; with `radius_kpc` only what lies within it.
        """

    def tree(self) -> "MergerTree | None":
        """Return the merger tree, or None where there is none."""

    def merger_history(self) -> "MergerHistory | None":
        """Return TNG's catalogue of mergers, or None where there is none."""
