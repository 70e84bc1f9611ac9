"""Two folders of small images, clean and noisy: one bright blob against two fainter ones."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

CONFIG = ("--configfile", "toy/config.yaml")
AUDIT = "results/experiments/toy/audit.json"
MODEL = "results/experiments/toy/models/mmd/deepmerge/0/model.pt"
BIN = Path(sys.executable).parent
SIZE = 32
IMAGES = 160
SETTINGS = {
    "bands": ["sdss_i", "sdss_r", "sdss_g"],
    "pattern": "*.png",
    "image_pixels": SIZE,
    "labels": {
        "id_column": "name",
        "classes": [
            {"name": "non-merger", "query": "label == 0"},
            {"name": "merger", "query": "label == 1"},
        ],
    },
}


def write_toy(folder: Path, epochs: int) -> None:
    """Write images, labels and the configuration to a folder `toy`."""
    domains = {}
    for name, noise, seed in (("clean", 4.0, 1), ("noisy", 25.0, 2)):
        write_images(folder / "toy" / name, noise, seed)
        domains[name] = {
            "images": {
                "path": f"toy/{name}",
                "labels": f"toy/{name}.csv",
                "settings": SETTINGS,
            },
            "build": {"nuisance": "warn"},
        }
    experiment = {
        "source": "clean",
        "target": "noisy",
        "methods": ["mmd"],
        "show": ["mmd"],
        "baselines": [],
        "seeds": [0, 1],
        "train": {"epochs": epochs, "batch_size": 16},
        "evaluate": {"n_bootstrap": 200},
    }
    content = {"domains": domains, "experiments": {"toy": experiment}}
    (folder / "toy/config.yaml").write_text(yaml.safe_dump(content))


def write_images(folder: Path, noise: float, seed: int) -> None:
    """Write PNG images, and beside the folder a CSV table of their labels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    folder.mkdir(parents=True)
    names = [f"{folder.name}_{number:03d}" for number in range(IMAGES)]
    label = np.arange(IMAGES) % 2
    for name, merger in zip(names, label, strict=True):
        angle = random.uniform(0, 2 * np.pi)
        away = 0.2 * SIZE * merger * np.array([np.cos(angle), np.sin(angle)])
        image = sum(
            np.exp(-((x - sign * away[0]) ** 2 + (y - sign * away[1]) ** 2) / (2 * 3.0**2))
            for sign in (-1, 1)
        )
        image = 60 + 80 * image[..., None] + random.normal(0, noise, (SIZE, SIZE, 3))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    pd.DataFrame({"name": names, "label": label}).to_csv(folder.with_suffix(".csv"), index=False)
