import numpy as np
import pandas as pd
import pytest

from sim2sky.build.dataset import Dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.observe.stamps import Stamps, write_stamps

CLASSES = ["non-merger", "merger"]


def blobs(n, bands=2, side=24, seed=0):
    """Smooth round galaxies with their own knots and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((side, side)) - (side - 1) / 2
    smooth = 200 * np.exp(-np.hypot(x, y) / 3)
    knots = rng.gamma(0.3, 3.0, (n, 1, side, side))
    return (smooth + knots + rng.normal(size=(n, bands, side, side))).astype("f4")


@pytest.fixture(scope="session")
def make_blobs():
    """Images of smooth round galaxies with their own knots and noise."""
    return blobs


@pytest.fixture
def make_dataset():
    """A dataset of systems with two views each; every second system merges."""

    def make(n_systems=12, domain="mock", seed=0, bands=2):
        n = 2 * n_systems
        system = np.repeat(np.arange(n_systems), 2)
        images = blobs(n, bands, seed=seed)
        return Dataset(
            images=images,
            label=(system % 2).astype("i1"),
            galaxy_id=np.array([f"033-{value:06d}" for value in system]),
            system_id=system,
            view=np.tile([0, 1], n_systems),
            stage=np.where(system % 2, "pre", "isolated"),
            redshift=np.full(n, 2.0),
            flag=np.zeros(n, dtype="i4"),
            bands=["F814W", "F160W", "F356W"][:bands],
            classes=CLASSES,
            pixel_scale_arcsec=0.06,
            units="nJy",
            normalisation=Normalisation.fit(images, "asinh", np.ones(bands)),
            domain=domain,
        )

    return make


@pytest.fixture
def make_stamps(tmp_path):
    """Write stamps of systems with two views each and return the file's path."""

    def make(systems=range(20), name="000.h5", images=None, units="nJy", nuisance=None, **changes):
        system = np.repeat(np.asarray(list(systems), dtype="i8"), 2)
        n = len(system)
        if images is None:
            images = blobs(n, seed=int(system.sum()))
        columns = {
            "galaxy_id": np.array([f"033-{value:06d}" for value in system]),
            "stage": np.where(system % 2, "pre", "isolated"),
            "system_id": system,
            "view": np.tile([0, 1], len(system) // 2),
            "label": (system % 2).astype("i1"),
            "redshift": np.full(n, 2.0),
            "flag": np.zeros(n, dtype="i4"),
            "noise_sigma": np.tile([1.0, 2.0], (n, 1)),
            "scale_arcsec_per_kpc": np.full(n, 0.1),
        } | {key: np.asarray(value) for key, value in changes.items()}
        if nuisance is None:
            nuisance = pd.DataFrame({"view": columns["view"], "n_particles": np.full(n, 5000)})
        attributes = {
            "bands": ["F814W", "F160W"],
            "pixel_scale_arcsec": 0.06,
            "units": units,
            "psf_fwhm_arcsec": [0.09, 0.15],
            "survey": "hst_wfc3_acs",
            "noise": True,
        }
        path = tmp_path / "stamps" / name
        write_stamps(path, Stamps(columns, attributes, nuisance, images), {"stage": "observe"})
        return path

    return make
