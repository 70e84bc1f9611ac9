from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from astropy.cosmology import FlatLambdaCDM

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import Stars

COSMOLOGY = FlatLambdaCDM(H0=67.74, Om0=0.3089)


def cloud(n, sigma_kpc, seed, offset=(0.0, 0.0, 0.0)):
    """A Gaussian cloud of stars of one age and metallicity."""
    random = np.random.default_rng(seed)
    position = random.normal(scale=sigma_kpc, size=(n, 3)) + offset
    mass = np.full(n, 1e6)
    return Stars(position, mass, 1.5 * mass, np.full(n, 1.0), np.full(n, 0.02), None)


class FakeSimulation:
    """Stars of subhaloes by number; a galaxy of 900 at 0, one of 600 at 1, ..."""

    def __init__(self):
        self.galaxies = {
            number: cloud(900 - 300 * (number % 2), 2.0 + number / 4, seed=number)
            for number in range(5)
        }

        self.neighbour = {}  # place relative to the galaxy

    def header(self, snapshot):
        assert snapshot == 68
        return SimpleNamespace(cosmology=COSMOLOGY, box_size_kpc=np.inf)

    def subhalos(self, snapshot):
        rows = [(number, number, 0.0, 0.0, 0.0) for number in self.galaxies]
        rows += [(100 + number, number, *place) for number, place in self.neighbour.items()]
        table = pd.DataFrame(rows, columns=["subhalo_id", "group_id", "x_kpc", "y_kpc", "z_kpc"])
        return table.assign(stellar_mass=1e9)

    def stars(self, snapshot, subhalo_id, radius_kpc=None):
        if subhalo_id not in self.galaxies:
            raise Sim2SkyError(f"subhalo {subhalo_id} is missing", where="snap_068.3.hdf5")
        stars = self.galaxies[subhalo_id]
        with np.errstate(invalid="ignore"):
            beyond = np.linalg.norm(stars.position_kpc, axis=1) > radius_kpc
        return stars.take(~beyond)


@pytest.fixture
def simulation():
    return FakeSimulation()


@pytest.fixture
def sample():
    """Five galaxies and a chance projection of galaxy 0 and 1."""
    rows = [
        {
            "galaxy_id": f"068-{number:06d}",
            "system_id": 10 + number,
            "snapshot": 68,
            "subhalo_id": number,
            "companion_subhalo_id": -1,
            "redshift": 2.0,
            "label": number % 2,
            "stage": "pre" if number % 2 else "isolated",
            "flag": 2 if number == 4 else 0,
        }
        for number in range(5)
    ]
    projection = {**rows[0], "galaxy_id": "068-000000+000001", "companion_subhalo_id": 1}
    return pd.DataFrame([*rows, {**projection, "label": 0, "stage": "projection"}])
