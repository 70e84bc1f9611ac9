from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from sim2sky.build.dataset import SPLITS, Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.ladder.settings import LadderSettings, Rung
from sim2sky.observe.mock import observe_maps
from sim2sky.observe.settings import ObserveSettings, SurveySettings
from sim2sky.settings import read_settings
from sim2sky.train.model_file import Model, save_model
from sim2sky.train.networks import build_network

SURVEYS = Path(__file__).parents[3] / "config" / "surveys"
CLASSES = ["non-merger", "merger"]
SIDE = 32
CLEAN = ObserveSettings(bands=["F814W", "F160W"], noise=False, image_pixels=SIDE)
NOISY = CLEAN.model_copy(update={"noise": True})
QUICK = LadderSettings(
    n_galaxies=12, exposure_factors=[0.25, 1, 4], n_bootstrap=100, n_components=5, cv_folds=3
)
N = 24


@pytest.fixture(scope="session")
def survey():
    """A survey of the repository by its name."""
    return lambda name: read_settings(SurveySettings, str(SURVEYS / f"{name}.yaml"))


@pytest.fixture(scope="session")
def rung():
    """A rung of HST with some values changed."""

    def make(observe=CLEAN, **changed):
        values = {"axis": "realism", "name": "rung", "survey": SURVEYS / "hst_wfc3_acs.yaml"}
        return Rung(**(values | changed), observe=observe)

    return make


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A sample as `project` leaves it, two domains of it, and a network that is not trained.

    Mergers are double; of 12 systems with two views each.
    """
    folder = tmp_path_factory.mktemp("sample")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: 2 * SIDE, : 2 * SIDE] - (2 * SIDE - 1) / 2
    maps = np.empty((N, 2, 2 * SIDE, 2 * SIDE), dtype="f4")
    label = (np.arange(N) // 2 % 2).astype("i1")
    for row in range(N):
        light = np.exp(-np.hypot(x, y / rng.uniform(0.5, 1)) / 5)
        if label[row]:
            light += 0.8 * np.exp(-np.hypot(x - 9, y + rng.uniform(-9, 9)) / 4)
        maps[row] = 800 * light / light.sum() * np.array([1.0, 1.5])[:, None, None]
    columns = {
        "maps": maps,
        "system_id": np.arange(N) // 2,
        "view": np.arange(N, dtype="i4") % 2,
        "label": label,
        "redshift": np.full(N, 2.0),
        "size_kpc": np.full(N, 5.0),
        "fov_kpc": np.full(N, 20.0),
        "n_particles": np.full(N, 5000, dtype="i4"),
        "centre_offset_px": np.zeros((N, 2)),
        "flag": np.zeros(N, dtype="i4"),
    }
    path = folder / "maps.h5"
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[name] = values
        text = h5py.string_dtype()
        for name, values in (
            ("galaxy_id", [f"033-{row // 2:06d}" for row in range(N)]),
            ("stage", ["pre" if merger else "isolated" for merger in label]),
        ):
            file.create_dataset(name, data=values, dtype=text)
        file.attrs["bands"] = ["F814W", "F160W"]
    hst = read_settings(SurveySettings, str(SURVEYS / "hst_wfc3_acs.yaml"))
    normalisation = Normalisation("asinh", np.full(2, 3.0), np.zeros(2), np.ones(2))
    stamps, paths = {}, {}
    for domain, settings in (("clean", CLEAN), ("noisy", NOISY)):
        stamps[domain] = observe_maps(path, hst, settings)
        column = stamps[domain].columns
        dataset = Dataset(
            images=stamps[domain].images,
            normalisation=normalisation,
            bands=["F814W", "F160W"],
            classes=CLASSES,
            pixel_scale_arcsec=0.06,
            units="nJy",
            domain=domain,
            **{name: column[name] for name in ("label", "galaxy_id", "system_id", "view")},
            **{name: column[name] for name in ("stage", "redshift", "flag")},
        )
        paths[domain] = folder / f"{domain}.h5"
        write_dataset(paths[domain], dataset, np.full(N, SPLITS["test"]))
    torch.manual_seed(0)
    model = Model(
        network=build_network("compact", n_bands=2, n_classes=2, image_size=SIDE).eval(),
        network_name="compact",
        classes=CLASSES,
        bands=["F814W", "F160W"],
        image_size=SIDE,
        pixel_scale_arcsec=0.06,
        units="nJy",
        normalisation={"source": normalisation, "target": normalisation},
        method="mmd",
        seed=3,
        provenance={"stage": "train", "settings": "{}"},
    )
    save_model(model, folder / "model.pt")
    return SimpleNamespace(
        folder=folder,
        maps=path,
        stamps=stamps,
        datasets=paths,
        model=model,
        model_path=folder / "model.pt",
    )
