"""Two domains of galaxies drawn from formulas, with their measured shapes."""

from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.measure.columns import FLAG_BAD, FLAG_NO_GALAXY, FLAG_NOT_MEASURED, FLAG_SUSPECT

N_ROWS, SIZE = 24, 41
BANDS = ["sdss_g", "sdss_r"]


def make_images(scale: float, noise: float, ratio: float, seed: int) -> np.ndarray:
    """Round Gaussians of a width and a flux ratio of their two bands."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    light = 100 * np.exp(-(x**2 + y**2) / (2 * scale**2))
    images = np.stack([ratio * light, light])[None] + random.normal(
        0, noise, (N_ROWS, len(BANDS), SIZE, SIZE)
    )
    return images.astype("f4") + 7  # a level that must not matter


@pytest.fixture
def domain(tmp_path):
    """A writer of a dataset and its table of shapes; returns both paths."""

    def write(
        name: str,
        *,
        scale: float = 3.0,
        noise: float = 1.0,
        ratio: float = 0.5,
        shift: float = 0.0,
        seed: int = 0,
        bands: list[str] = BANDS,
        units: str = "nJy",
    ) -> tuple[Path, Path]:
        images = make_images(scale, noise, ratio, seed)
        label = (np.arange(N_ROWS) % 2).astype("i1")
        dataset = Dataset(
            images=images,
            label=label,
            galaxy_id=np.array([f"{name}-{row}" for row in range(N_ROWS)]),
            system_id=1000 * seed + np.arange(N_ROWS, dtype="i8") // 2,
            view=np.arange(N_ROWS, dtype="i4") % 2,
            stage=np.where(label == 1, "pre", "isolated"),
            redshift=np.full(N_ROWS, 0.05),
            flag=np.zeros(N_ROWS, dtype="i4"),
            bands=bands,
            classes=["non-merger", "merger"],
            pixel_scale_arcsec=0.4,
            units=units,
            normalisation=Normalisation.fit(images, "asinh", np.full(2, 1.0)),
            domain=name,
        )
        split = np.repeat([0, 1, 2], [16, 2, 6])
        paths = tmp_path / f"{name}.h5", tmp_path / f"{name}.parquet"
        write_dataset(paths[0], dataset, split, attributes={"noise": True})
        random = np.random.default_rng(10 + seed)
        flag = np.zeros(N_ROWS, dtype=int)
        flag[:5] = [FLAG_BAD, FLAG_NO_GALAXY, FLAG_NOT_MEASURED, FLAG_SUSPECT, 0]
        shapes = pd.DataFrame(
            {
                **{key: getattr(dataset, key) for key in ("galaxy_id", "view", "system_id")},
                **{"split": split, "label": label, "stage": dataset.stage, "flag": flag},
                "sky_sigma": np.sqrt(2) * noise,
                "gini": random.normal(0.5 + shift, 0.03, N_ROWS),
                "m20": random.normal(-1.7, 0.1, N_ROWS),
                "concentration": random.normal(2.8, 0.2, N_ROWS),
                "asymmetry": np.full(N_ROWS, 99.0),  # not statmorph's
                "asymmetry_circle": random.normal(0.1, 0.05, N_ROWS),
            }
        )
        measured = ["gini", "m20", "concentration", "asymmetry_circle"]
        shapes.loc[flag & (FLAG_NOT_MEASURED | FLAG_NO_GALAXY) > 0, measured] = np.nan
        shapes.loc[0, measured] = 55.0  # a bad row has numbers, which must not be used
        shapes.to_parquet(paths[1], index=False)
        return paths

    return write


@pytest.fixture
def pair(domain):
    """Mocks that are larger, bluer and noisier than the images."""
    source = domain("mocks", scale=3.6, noise=2.0, ratio=0.6, seed=0)
    target = domain("images", seed=1)
    return SimpleNamespace(source=source, target=target)


@pytest.fixture
def hide_labels():
    """A function that takes the labels out of a dataset and its table."""

    def hide(dataset: Path, shapes: Path) -> None:
        with h5py.File(dataset, "r+") as file:
            del file["label"], file["stage"]
        pd.read_parquet(shapes).drop(columns=["label", "stage"]).to_parquet(shapes)

    return hide
