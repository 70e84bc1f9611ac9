"""Snapshots without a group catalogue: galaxies are groups of stars found here."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.readers.friends import friends_of_friends
from sim2sky.readers.interface import SUBHALO_COLUMNS, Header, Stars
from sim2sky.readers.measure import centre_kpc, galaxy_summary
from sim2sky.readers.snapshot import Snapshot


class BareSimulation:
    """Snapshot directories alone, e.g. a subbox.

    A galaxy's ``subhalo_id`` is the row of the star at its centre, which does not depend
    on how the galaxy was found.

    Parameters
    ----------
    folders : dict of int to Path
        ``snapdir_NNN`` of each snapshot.
    on_missing : {"error", "skip"}
        What to do about missing files.
    linking_length_kpc : float
        Of friends-of-friends on the stars, physical kpc.
    min_star_particles : int
        Smaller groups are not listed.
    """

    def __init__(
        self,
        folders: dict[int, Path],
        on_missing: str,
        linking_length_kpc: float,
        min_star_particles: int,
    ) -> None:
        self._folders = folders
        self._on_missing = on_missing
        self._linking_length_kpc = linking_length_kpc
        self._min_star_particles = min_star_particles
        self._snapshot = lru_cache(maxsize=1)(self._read)

    def _read(self, snapshot: int) -> tuple[Snapshot, Stars, np.ndarray]:
        """Return a snapshot's files, all its stars and the group number of each."""
        files = Snapshot(self._folders[snapshot], self._on_missing)
        stars = files.stars()
        group = friends_of_friends(
            stars.position_kpc, self._linking_length_kpc, files.header.box_size_kpc
        )
        return files, stars, group

    def snapshots(self) -> list[int]:
        """Return the numbers of the snapshots that can be read."""
        return sorted(self._folders)

    def header(self, snapshot: int) -> Header:
        """Return epoch and cosmology of a snapshot."""
        return self._snapshot(snapshot)[0].header

    def subhalos(self, snapshot: int) -> pd.DataFrame:
        """Return one row per group of stars; see `Simulation.subhalos`."""
        files, stars, group = self._snapshot(snapshot)
        order = np.argsort(group, kind="stable")
        rows = []
        for members in np.split(order, np.cumsum(np.bincount(group))[:-1]):
            if len(members) < self._min_star_particles:
                continue
            galaxy = stars.take(members)
            box = files.header.box_size_kpc
            middle = centre_kpc(galaxy.position_kpc, galaxy.mass, box)
            distance = np.linalg.norm(galaxy.seen_from(middle, box).position_kpc, axis=1)
            centre_star = int(members[np.argmin(distance)])
            x, y, z = stars.position_kpc[centre_star]
            centred = galaxy.seen_from(stars.position_kpc[centre_star], box)
            rows.append(
                {"subhalo_id": centre_star, "group_id": int(group[centre_star])}
                | {"x_kpc": x, "y_kpc": y, "z_kpc": z}
                | galaxy_summary(centred)
                | {"morphology": "unknown", "flag": int(files.flag)}
            )
        return pd.DataFrame(rows, columns=SUBHALO_COLUMNS)

    def stars(self, snapshot: int, subhalo_id: int, radius_kpc: float | None = None) -> Stars:
        """Return the stars of a galaxy's group, or with a radius all stars within it."""
        files, stars, group = self._snapshot(snapshot)
        if not 0 <= subhalo_id < len(stars):
            raise Sim2SkyError(
                f"no galaxy {subhalo_id} in snapshot {snapshot}",
                where=self._folders[snapshot],
                got=f"{len(stars)} stars",
                fix="select the galaxies again: files have changed since",
            )
        field = stars if radius_kpc is not None else stars.take(group == group[subhalo_id])
        return field.seen_from(
            stars.position_kpc[subhalo_id], files.header.box_size_kpc, radius_kpc
        )

    def tree(self) -> None:
        """Return None: bare snapshots have no merger tree."""

    def merger_history(self) -> None:
        """Return None: bare snapshots have no catalogue of mergers."""
