from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.special import erf

from sim2sky.observe.settings import SurveySettings
from sim2sky.settings import read_settings

SURVEYS = Path(__file__).parents[3] / "config" / "surveys"


@pytest.fixture(scope="session")
def survey():
    """A survey of the repository by its name."""
    return lambda name: read_settings(SurveySettings, str(SURVEYS / f"{name}.yaml"))


def integrated_gaussian(pixels, sigma_pixels, flux, offset=(0.0, 0.0)):
    """A Gaussian integrated over pixels exactly (product of error functions)."""
    edges = np.arange(pixels + 1) - pixels / 2
    x, y = (
        np.diff(0.5 * (1 + erf((edges - shift) / (np.sqrt(2) * sigma_pixels)))) for shift in offset
    )
    return flux * y[:, None] * x[None, :]


@pytest.fixture(scope="session")
def gaussian_map():
    """The exact pixel integrals of a Gaussian."""
    return integrated_gaussian


@pytest.fixture
def make_maps(tmp_path):
    """Write a maps file as `project` does: off-centre Gaussians of 100 nJy and more."""

    def make(n=4, bands=("F814W", "F160W"), pixels=60, name="maps.h5", skip=()):
        rng = np.random.default_rng(1)
        maps = np.empty((n, len(bands), pixels, pixels), dtype="f4")
        for row in range(n):
            for band in range(len(bands)):
                offset = rng.uniform(-5, 5, 2)
                maps[row, band] = integrated_gaussian(
                    pixels, 4.0, 100.0 * (1 + row + band), offset
                )
        columns = {
            "maps": maps,
            "system_id": np.arange(n) // 2,
            "view": np.arange(n, dtype="i4") % 2,
            "label": (np.arange(n) // 2 % 2).astype("i1"),
            "redshift": np.full(n, 2.0),
            "size_kpc": np.full(n, 8.0),
            "fov_kpc": np.full(n, 36.0),
            "n_particles": np.full(n, 5000, dtype="i4"),
            "centre_offset_px": rng.normal(size=(n, 2)),
            "direction": np.tile([0.0, 0.0, 1.0], (n, 1)),
            "flag": np.zeros(n, dtype="i4"),
        }
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            for column, values in columns.items():
                if column not in skip:
                    file[column] = values
            text = h5py.string_dtype()
            names = [f"033-{row // 2:06d}" for row in range(n)]
            stages = ["pre" if row // 2 % 2 else "isolated" for row in range(n)]
            file.create_dataset("galaxy_id", data=names, dtype=text)
            file.create_dataset("stage", data=stages, dtype=text)
            file.attrs["bands"] = list(bands)
        return path

    return make
