"""A toy problem: one bright blob against two fainter ones, clean or under noise."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation

BANDS = ["sdss_g", "sdss_r"]
CLASSES = ["non-merger", "merger"]


@dataclass
class Toy:
    """Images and labels that a test may spoil before they are written."""

    images: np.ndarray
    label: np.ndarray
    split: np.ndarray
    bands: list[str] = field(default_factory=lambda: list(BANDS))
    units: str = "nJy"
    pixel_scale_arcsec: float = 0.4
    classes: list[str] = field(default_factory=lambda: list(CLASSES))

    def write(self, path: Path, domain: str = "toy") -> Path:
        n, n_bands = self.images.shape[:2]
        training = np.nan_to_num(self.images[self.split == 0])
        dataset = Dataset(
            images=self.images,
            label=self.label.astype(np.int8),
            galaxy_id=np.array([f"099-{row:06d}" for row in range(n)]),
            system_id=np.arange(n),
            view=np.zeros(n, dtype=np.int32),
            stage=np.where(self.label == 1, "pre", "isolated"),
            redshift=np.full(n, 0.05),
            flag=np.zeros(n, dtype=np.int32),
            bands=self.bands,
            classes=self.classes,
            pixel_scale_arcsec=self.pixel_scale_arcsec,
            units=self.units,
            normalisation=Normalisation.fit(training, "asinh", np.full(n_bands, 0.1)),
            domain=domain,
        )
        write_dataset(path, dataset, self.split)
        return path


def make_toy(n: int = 120, size: int = 16, noise: float = 0.0, seed: int = 0) -> Toy:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    label = np.arange(n) % 2
    images = np.empty((n, 2, size, size), dtype=np.float32)
    for row in range(n):
        angle = rng.uniform(0, 2 * np.pi)
        away = 0.2 * size * label[row] * np.array([np.cos(angle), np.sin(angle)])
        width = rng.uniform(1.0, 1.5)
        image = sum(
            np.exp(-((x - sign * away[0]) ** 2 + (y - sign * away[1]) ** 2) / (2 * width**2))
            for sign in (-1, 1)
        )
        images[row] = rng.uniform(1, 3) * image
    images += rng.normal(0, noise, images.shape).astype(np.float32) if noise else 0
    split = np.repeat([0, 1, 2], [int(0.6 * n), int(0.2 * n), n - int(0.6 * n) - int(0.2 * n)])
    return Toy(images, label, split)


@pytest.fixture(scope="session")
def toy():
    """Return the maker of toy domains."""
    return make_toy


@pytest.fixture(scope="session")
def write_pair():
    """Return what writes a clean source and a noisy target to a folder."""

    def write(folder: Path) -> tuple[Path, Path]:
        return (
            make_toy(seed=1).write(folder / "source.h5", "clean"),
            make_toy(seed=2, noise=0.3).write(folder / "target.h5", "noisy"),
        )

    return write


@pytest.fixture
def pair(tmp_path, write_pair):
    """Return paths of a clean source and a noisy target, for the test to spoil."""
    return write_pair(tmp_path)
