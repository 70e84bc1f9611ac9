"""The other galaxy of a pair."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from sim2sky.readers import Simulation

PLACE = ["x_kpc", "y_kpc", "z_kpc"]


class Neighbours:
    """Finds a galaxy's heaviest neighbour, reading each snapshot's catalogue once.

    Parameters
    ----------
    simulation : Simulation
        Gives the galaxies.
    radius_kpc : float
        How far away a neighbour may be, physical kpc.
    """

    def __init__(self, simulation: "Simulation", radius_kpc: float) -> None:
        self.simulation = simulation
        self.radius_kpc = radius_kpc
        self._of_snapshot: dict[int, tuple[pd.DataFrame, float]] = {}

    def of(self, snapshot: int, subhalo_id: int) -> np.ndarray | None:
        """Return where the heaviest other galaxy of the same friends-of-friends group is.

        Parameters
        ----------
        snapshot : int
            Snapshot.
        subhalo_id : int
            The galaxy.

        Returns
        -------
        ndarray, shape (3,), or None
            Relative to the galaxy, physical kpc; None where there is none within the radius.
        """
        if snapshot not in self._of_snapshot:
            subhalos = self.simulation.subhalos(snapshot).set_index("subhalo_id")
            box_size = self.simulation.header(snapshot).box_size_kpc
            self._of_snapshot[snapshot] = subhalos, box_size
        subhalos, box_size = self._of_snapshot[snapshot]
        galaxy = subhalos.loc[subhalo_id]
        group = subhalos[(subhalos["group_id"] == galaxy["group_id"])].drop(index=subhalo_id)
        offset = group[PLACE].to_numpy(float) - galaxy[PLACE].to_numpy(float)
        if np.isfinite(box_size):
            offset -= box_size * np.round(offset / box_size)  # across the periodic edge
        near = np.linalg.norm(offset, axis=1) <= self.radius_kpc
        if not near.any():
            return None
        return offset[near][group["stellar_mass"].to_numpy()[near].argmax()]
