"""Galaxies drawn from formulas, and a dataset of them."""

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation

NOISE = 0.02


def blob(y=0.0, x=0.0, scale=3.0, size=61):
    """A round Gaussian of central brightness 1, away from the centre by (y, x)."""
    grid = np.mgrid[:size, :size] - (size - 1) / 2
    return np.exp(-(((grid[0] - y) ** 2 + (grid[1] - x) ** 2) / (2 * scale**2)))


def make_images(n, noise, seed=2):
    """Single galaxies at even rows, pairs at odd ones, in two bands."""
    random = np.random.default_rng(seed)
    images = np.stack([blob() for _ in range(n)])
    images[1::2] += 0.8 * np.stack([blob(*random.uniform(6, 8, 2)) for _ in range(n // 2)])
    images = np.stack([images, 0.5 * images], axis=1)
    return (images + noise * random.normal(size=images.shape)).astype("f4")


@pytest.fixture(scope="session")
def galaxy():
    return blob


@pytest.fixture
def dataset_file(tmp_path):
    """A writer of a dataset with 24 galaxies; 12 are for training, 4 for validation, 8 to test."""

    def write(name="noisy", noise=NOISE, change=None):
        images = make_images(24, noise)
        if change is not None:
            change(images)
        label = (np.arange(24) % 2).astype("i1")
        dataset = Dataset(
            images=images,
            label=label,
            galaxy_id=np.array([f"033-{i:06d}" for i in range(24)]),
            system_id=np.arange(24, dtype="i8") // 2,
            view=np.zeros(24, dtype="i4"),
            stage=np.where(label == 1, "pre", "isolated"),
            redshift=np.full(24, 2.0),
            flag=np.zeros(24, dtype="i4"),
            bands=["F814W", "F160W"],
            classes=["non-merger", "merger"],
            pixel_scale_arcsec=0.06,
            units="nJy",
            normalisation=Normalisation.fit(images, "asinh", np.full(2, 0.1)),
            domain=name,
        )
        path = tmp_path / f"{name}.h5"
        write_dataset(
            path,
            dataset,
            np.repeat([0, 1, 2], [12, 4, 8]),
            attributes={"noise": noise > 0, "noise_sigma": [NOISE, NOISE]},
            nuisance=pd.DataFrame({"n_particles": np.arange(24) // 4}),
        )
        return path

    return write


@pytest.fixture
def without_attribute():
    """A function that takes an attribute from a file."""

    def take(path, name):
        with h5py.File(path, "r+") as file:
            del file.attrs[name]
        return path

    return take
