from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.train.model_file import Model, save_model
from sim2sky.train.networks import build_network

CLASSES = ["non-merger", "merger"]


def blobs(n, noise, seed=3, size=16):
    """Round galaxies, with a companion in every second one."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    images = np.exp(-np.hypot(y, x) / random.uniform(1.5, 2.5, size=(n, 1, 1)))
    images[1::2] += 0.7 * np.exp(-np.hypot(y - 4, x) / 1.5)
    images = images + noise * random.normal(size=images.shape)
    return np.stack([images, 0.5 * images], axis=1).astype("f4")


def make_dataset(domain, noise, n=60, classes=CLASSES, label=None):
    images = blobs(n, noise)
    label = (np.arange(n) % 2).astype("i1") if label is None else np.asarray(label, dtype="i1")
    return Dataset(
        images=images,
        label=label,
        galaxy_id=np.array([f"033-{i:06d}" for i in range(n)]),
        system_id=np.arange(n) // 4,
        view=(np.arange(n) % 3).astype("i4"),
        stage=np.where(label == 1, "pre", "isolated"),
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
def dataset():
    return make_dataset


@pytest.fixture(scope="session")
def model(dataset):
    torch.manual_seed(1)
    return Model(
        network=build_network("deepmerge", n_bands=2, n_classes=2, image_size=16).eval(),
        network_name="deepmerge",
        classes=CLASSES,
        bands=["F814W", "F160W"],
        image_size=16,
        pixel_scale_arcsec=0.06,
        units="nJy",
        normalisation={
            "source": dataset("pristine", 0.0).normalisation,
            "target": dataset("noisy", 0.3).normalisation,
        },
        method="source_only",
        seed=2,
        provenance={"stage": "train", "settings": "{}"},
    )


@pytest.fixture(scope="session")
def files(dataset, model, tmp_path_factory):
    """A model file and both domains' dataset files; the last 40 of 60 rows are the test."""
    folder = tmp_path_factory.mktemp("experiment")
    split = np.repeat([0, 1, 2], [12, 8, 40])
    for name, noise in (("source", 0.0), ("target", 0.3)):
        write_dataset(folder / f"{name}.h5", dataset(name, noise), split)
    save_model(model, folder / "model.pt")
    return SimpleNamespace(
        model=folder / "model.pt", source=folder / "source.h5", target=folder / "target.h5"
    )
