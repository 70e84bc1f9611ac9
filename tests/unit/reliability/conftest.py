from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.calibrate.calibration import calibrate_model, write_calibration
from sim2sky.calibrate.settings import CalibrateSettings
from sim2sky.evaluate.command import evaluate
from sim2sky.train.model_file import Model, load_model, save_model
from sim2sky.train.networks import build_network

CLASSES = ["non-merger", "merger"]
SIZE = 24


def blobs(n, noise, seed=3):
    """Round galaxies, with a companion in every second one."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    images = np.exp(-np.hypot(y, x) / random.uniform(1.5, 2.5, size=(n, 1, 1)))
    images[1::2] += 0.7 * np.exp(-np.hypot(y - 5, x) / 1.5)
    images = images + noise * random.normal(size=images.shape)
    return np.stack([images, 0.5 * images], axis=1).astype("f4")


def make_dataset(domain, noise, classes=CLASSES, n=90, label=None):
    images = blobs(n, noise)
    label = (np.arange(n) % len(classes)).astype("i1") if label is None else label
    return Dataset(
        images=images,
        label=label,
        galaxy_id=np.array([f"033-{i // 2:06d}" for i in range(n)]),
        system_id=np.arange(n) // 3,
        view=(np.arange(n) % 2).astype("i4"),
        stage=np.full(n, "unknown"),
        redshift=np.full(n, 2.0),
        flag=np.zeros(n, dtype="i4"),
        bands=["F814W", "F160W"],
        classes=classes,
        pixel_scale_arcsec=0.06,
        units="nJy",
        normalisation=Normalisation.fit(images, "asinh", np.full(2, 0.1)),
        domain=domain,
    )


@pytest.fixture(scope="session")
def experiment(tmp_path_factory):
    """Two methods, two seeds, all that the stage reads; 30 rows in each split."""
    folder = tmp_path_factory.mktemp("noise")
    split = np.repeat([0, 1, 2], 30)
    datasets = {}
    for domain, noise in (("source", 0.0), ("target", 0.3)):
        datasets[domain] = make_dataset(domain, noise)
        write_dataset(folder / f"{domain}.h5", datasets[domain], split)
    strangers = make_dataset("three", 0.3, [*CLASSES, "other"])
    write_dataset(folder / "three.h5", strangers, split)
    write_dataset(
        folder / "unlabelled.h5", make_dataset("bare", 0.3, label=np.full(90, -1, "i1")), split
    )
    found = {"predictions": [], "held_out": [], "models": {}}
    for method in ("source_only", "mmd"):
        for seed in (0, 1):
            torch.manual_seed(10 * seed + len(method))
            here = folder / f"models/{method}/deepmerge/{seed}"
            here.mkdir(parents=True)
            save_model(
                Model(
                    network=build_network("deepmerge", 2, 2, SIZE).eval(),
                    network_name="deepmerge",
                    classes=CLASSES,
                    bands=["F814W", "F160W"],
                    image_size=SIZE,
                    pixel_scale_arcsec=0.06,
                    units="nJy",
                    normalisation={k: v.normalisation for k, v in datasets.items()},
                    method=method,
                    seed=seed,
                    provenance={"stage": "train", "settings": "{}"},
                ),
                here / "model.pt",
            )
            evaluate(
                here / "model.pt",
                folder / "source.h5",
                folder / "target.h5",
                here / "predictions.parquet",
                here / "metrics.json",
                '{"n_bootstrap": 100}',
                "noise",
                here / "held_out.parquet",
            )
            model = load_model(here / "model.pt")
            target = None if method == "source_only" else folder / "target.h5"
            calibration = calibrate_model(
                model, folder / "source.h5", target, CalibrateSettings(neighbours=2)
            )
            write_calibration(calibration, here / "calibration.h5", {})
            found["predictions"].append(here / "predictions.parquet")
            found["held_out"].append(here / "held_out.parquet")
            found["models"][method, seed] = (model, calibration)
    return SimpleNamespace(folder=folder, **found)


@pytest.fixture
def simulated():
    """A maker of predictions whose labels are drawn from them, before they are made too sure."""

    def make(split, n_systems, seed=0, sharpened=1.0, method="mmd", domain="source"):
        random = np.random.default_rng([seed, len(split)])
        system_id = np.repeat(np.arange(n_systems), 2)
        logit = 2.5 * random.normal(size=2 * n_systems)
        label = (random.random(2 * n_systems) < 1 / (1 + np.exp(-logit))).astype("i1")
        merger = 1 / (1 + np.exp(-sharpened * logit))
        return pd.DataFrame(
            {
                "experiment": "noise",
                "method": method,
                "network": "deepmerge",
                "seed": seed,
                "domain": domain,
                "galaxy_id": [f"{split}-{i}" for i in range(2 * n_systems)],
                "system_id": system_id,
                "view": 0,
                "stage": "unknown",
                "label": label,
                "probability_non-merger": 1 - merger,
                "probability_merger": merger,
                "predicted": (merger > 0.5).astype("i1"),
            }
        )

    return make
