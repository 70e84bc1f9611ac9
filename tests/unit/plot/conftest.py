"""Inputs of the figures in the formats of the stages before, small but with an effect in them."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.plot.latent import NUMBERS

CLASSES = ["non-merger", "merger"]
# how far apart the classes' scores lie on source and target
SKILL = {
    "source_only": (3.2, 0.1),
    "adabn": (3.0, 1.4),
    "mmd": (2.8, 2.2),
    "dann": (2.8, 2.0),
    "sidda": (2.9, 2.1),
    "oracle": (1.8, 2.6),
}
OTHER_SKILL = (2.8, 1.4)


def make_predictions(
    method: str,
    seed: int,
    *,
    classes: list[str] = CLASSES,
    network: str = "deepmerge",
    n_systems: int = 40,
    strangers: bool = False,
) -> pd.DataFrame:
    """Predictions of one model for 4 views of each system, as `sim2sky evaluate` writes them."""
    tables = []
    for domain, skill in zip(("source", "target"), SKILL.get(method, OTHER_SKILL), strict=True):
        rng = np.random.default_rng([len(method), seed, int(domain == "target")])
        system_id = np.repeat(np.arange(n_systems), 4)
        label = system_id % (len(classes) + int(strangers and domain == "target"))
        # what the views of a system share makes their errors correlated
        offset = rng.normal(0, 0.8, (n_systems, len(classes)))[system_id]
        logits = rng.normal(0, 0.8, (len(label), len(classes))) + offset
        known = label < len(classes)
        logits[known, label[known]] += skill
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        tables.append(
            pd.DataFrame(
                {
                    "experiment": "noise",
                    "method": method,
                    "network": network,
                    "seed": seed,
                    "domain": domain,
                    "galaxy_id": [f"050-{system:06d}" for system in system_id],
                    "system_id": system_id,
                    "view": np.tile(np.arange(4), n_systems),
                    "stage": "unknown",
                    "label": label.astype(np.int8),
                    **{
                        f"probability_{name}": probabilities[:, k]
                        for k, name in enumerate(classes)
                    },
                    "predicted": probabilities.argmax(axis=1).astype(np.int8),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def make_table(methods: list[str], classes: list[str] = CLASSES) -> pd.DataFrame:
    """A result table whose balanced accuracy follows `SKILL`."""
    rows = []
    for method in methods:
        for domain, skill in zip(
            ("source", "target"), SKILL.get(method, OTHER_SKILL), strict=True
        ):
            balanced = 0.5 + 0.45 * np.tanh(skill / 2.4)
            row = {"method": method, "network": "deepmerge", "domain": domain}
            values = {
                "balanced_accuracy": balanced,
                "accuracy": balanced,
                "auc": min(balanced + 0.05, 0.99),
            }
            for k, name in enumerate(classes):
                if len(classes) > 2:
                    values[f"auc_{name}"] = 0.6 + 0.1 * k
                values[f"recall_{name}"] = np.clip(balanced + (k - 0.5) * (1.2 - skill / 3), 0, 1)
            for metric, value in values.items():
                row |= {
                    metric: value,
                    f"{metric}_low": value - 0.04,
                    f"{metric}_high": min(value + 0.035, 1),
                    f"{metric}_seed_std": 0.01,
                }
            rows.append(row)
    return pd.DataFrame(rows)


def make_history(method: str, seed: int, n_epochs: int = 15) -> pd.DataFrame:
    """Learning curves as `sim2sky train` writes them."""
    rng = np.random.default_rng([len(method), seed])
    epoch = np.arange(1, n_epochs + 1)
    fall = np.exp(-epoch / 5)
    table = pd.DataFrame(
        {
            "epoch": epoch,
            "learning_rate": 1e-3,
            "loss_class": 0.2 + 0.5 * fall + rng.normal(0, 0.01, n_epochs),
            "source_train_accuracy": 0.93 - 0.4 * fall + rng.normal(0, 0.01, n_epochs),
            "source_valid_loss": 0.25 + 0.5 * fall + rng.normal(0, 0.03, n_epochs),
            "source_valid_balanced_accuracy": 0.9 - 0.4 * fall + rng.normal(0, 0.02, n_epochs),
            "seconds": 2.0,
        }
    )
    if method == "oracle":  # it reads the target's labels
        judged = [name for name in table if name.startswith("source_")]
        target = table[judged].rename(columns=lambda name: name.replace("source", "target"))
        table = table.assign(**dict.fromkeys(judged, np.nan), **target)
    if method in {"mmd", "dann", "sidda"}:
        table[f"loss_{method}"] = 0.3 * fall + 0.05
    if method == "sidda":
        table["loss_weights"] = 0.2 - 0.4 * fall
    return table


@pytest.fixture
def experiment(tmp_path: Path) -> Callable[..., list[Path]]:
    """A writer of one file per model; returns the paths."""

    def write(name: str, make: Callable, methods: list[str], seeds: int = 2, **kw) -> list[Path]:
        paths = []
        for method in methods:
            for seed in range(seeds):
                folder = tmp_path / f"experiments/noise/models/{method}/deepmerge/{seed}"
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / name
                content = make(method, seed, **kw)
                if path.suffix == ".csv":
                    content.to_csv(path, index=False)
                elif path.suffix == ".parquet":
                    content.to_parquet(path, index=False)
                else:
                    content(path)
                paths.append(path)
        return paths

    return write


def galaxy_images(n_rows: int, n_bands: int, size: int, seed: int, noise: float) -> np.ndarray:
    """Smooth galaxies in nJy, odd rows with a companion."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    images = np.empty((n_rows, n_bands, size, size), dtype=np.float32)
    for row in range(n_rows):
        q, angle = rng.uniform(0.4, 1), rng.uniform(0, np.pi)
        u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        light = 40 * np.exp(-np.hypot(u, v / q) / (size / 14))
        if row % 2:
            dx, dy = rng.uniform(size / 9, size / 5, 2)
            light += 25 * np.exp(-np.hypot(x - dx, y - dy) / (size / 18))
        for band in range(n_bands):
            sky = rng.normal(0, noise, (size, size)) if noise else 0
            images[row, band] = light * (1 + 0.5 * band) + sky
    return images


@pytest.fixture
def write_dataset_file(tmp_path: Path) -> Callable[..., Path]:
    """A writer of a small dataset of 30 stamps."""
    from sim2sky.build.dataset import Dataset, write_dataset
    from sim2sky.build.normalisation import Normalisation

    def write(
        name: str = "hst_noisy",
        *,
        bands: tuple[str, ...] = ("F814W", "F160W"),
        units: str = "nJy",
        unlabelled: int = 0,
        pixel_scale_arcsec: float = 0.06,
    ) -> Path:
        n_rows = 30
        images = galaxy_images(n_rows, len(bands), 48, seed=1, noise=1.0)
        if units == "8bit":
            images = np.clip(4 * images, 0, 255).round()
        label = (np.arange(n_rows) % 2).astype(np.int8)
        label[:unlabelled] = -1
        softening = np.full(len(bands), 2.0)
        stretch = "linear" if units == "8bit" else "asinh"
        dataset = Dataset(
            images=images,
            label=label,
            galaxy_id=np.array([f"050-{row:06d}" for row in range(n_rows)]),
            system_id=np.arange(n_rows, dtype=np.int64) // 2,
            view=np.zeros(n_rows, dtype=np.int32),
            stage=np.where(label == 1, "pre", np.where(label == 0, "isolated", "unknown")),
            redshift=np.full(n_rows, 2.0),
            flag=np.zeros(n_rows, dtype=np.int32),
            bands=list(bands),
            classes=CLASSES,
            pixel_scale_arcsec=pixel_scale_arcsec,
            units=units,
            normalisation=Normalisation.fit(images, stretch, softening),
            domain=name,
        )
        path = tmp_path / f"domains/{name}/dataset.h5"
        split = np.repeat([0, 1, 2], [20, 4, 6])
        write_dataset(path, dataset, split, attributes={"survey": "hst_wfc3_acs"})
        return path

    return write


def make_explanation(
    method: str,
    seed: int,
    *,
    paired: bool = True,
    n_rows: int = 8,
    size: int = 48,
    explained: tuple[str, ...] = ("merger",),
) -> Callable[[Path], None]:
    """Grad-CAM of one model as `sim2sky explain` writes it; returns the writer."""

    def write(path: Path) -> None:
        rng = np.random.default_rng([len(method), seed])
        y, x = np.mgrid[:size, :size] / (size - 1) - 0.5
        with h5py.File(path, "w") as file:
            for number, domain in enumerate(("source", "target")):
                images = galaxy_images(n_rows, 2, size, seed=3, noise=[0, 2.0][number])
                place = rng.uniform(-0.3, 0.3, (n_rows, 2)) * (method == "source_only")
                cam = np.exp(
                    -((x - place[:, :1, None]) ** 2 + (y - place[:, 1:, None]) ** 2) / 0.03
                )
                probability = rng.uniform(0, 1, n_rows)
                first = 0 if paired else 100 * number
                group = file.create_group(domain)
                group["images"], group["gradcam"] = images, cam.astype("f4")
                for name in explained[1:]:
                    group[f"gradcam_{name}"] = 1 - cam.astype("f4")
                group["label"] = np.arange(n_rows, dtype="i1") % 2
                group["predicted"] = (probability > 0.5).astype("i1")
                group["probability"] = np.stack([1 - probability, probability], axis=1)
                group["galaxy_id"] = [f"050-{first + row:06d}" for row in range(n_rows)]
                group["view"] = np.zeros(n_rows, dtype="i4")
                ones = np.ones((n_rows, len(explained)))
                ones[0] = np.nan  # a map that is zero all over
                group["attribution_radius_r50"] = ones * (0.4 + 0.2 * number)
                group["attribution_on_sky"] = ones * (0.1 + 0.3 * number)
            file.attrs["explained_classes"] = explained
            file.attrs["classes"] = CLASSES

    return write


def make_latents(method: str, seed: int, *, n_rows: int = 120) -> Callable[[Path], None]:
    """Latents of one model as `sim2sky embed` writes them; returns the writer."""

    def write(path: Path) -> None:
        rng = np.random.default_rng([len(method), seed])
        domain = np.repeat([0, 1], n_rows // 2)
        label = np.arange(n_rows) % 2
        shift = 4.0 if method == "source_only" else 0.5
        points = rng.normal(0, 1, (n_rows, 2)) + np.outer(domain, [shift, 0])
        points[:, 1] += 4 * label * np.where(domain == 1, SKILL[method][1] / 3, 1)
        with h5py.File(path, "w") as file:
            file["isomap"], file["tsne"] = points, points[:, ::-1] * 3
            file["domain"], file["label"] = domain.astype("i1"), label.astype("i1")
            file.attrs["classes"] = CLASSES
            numbers = dict.fromkeys(NUMBERS, 0.51) | {
                "silhouette_domain": 0.12,
                "proxy_a_distance": 1.87 if method == "source_only" else 0.63,
                "domain_distance": shift / 2,
            }
            for name, value in numbers.items():
                for end, difference in (("", 0), ("_low", -0.1), ("_high", 0.1)):
                    file.attrs[name + end] = value + difference
            file.attrs["mmd_p_value"] = 0.034

    return write


def make_attribution(methods: list[str]) -> pd.DataFrame:
    """A table of `sim2sky tabulate-attribution`."""
    rows = []
    for number, method in enumerate(methods):
        for domain in ("source", "target"):
            about = {"method": method, "network": "deepmerge", "seed": 0, "domain": domain}
            entries = []
            for name in ("", *CLASSES):
                for radius in np.arange(0.25, 6, 0.5):
                    density = (3 - number) * np.exp(-radius / (1 + number)) + 0.2
                    entries.append(("attribution_density", name, radius, "", np.nan, density))
            for order, power in (("highest", 4), ("random", 1), ("lowest", 0.3)):
                for fraction in np.linspace(0, 1, 9):
                    left = 0.1 + 0.8 * (1 - fraction) ** power
                    entries.append(("deletion_probability", "", np.nan, order, fraction, left))
            for name in CLASSES:
                entries.append(("blank_map", name, np.nan, "", np.nan, 0.25 * number))
            for quantity, value in (
                ("decision_radius_r50", 2.5 - number),
                ("even_radius_r50", 3.4),
                ("deletion_gain", 0.2),
                ("insertion_gain", 0.1),
                ("random_weights_correlation", 0.05),
            ):
                entries.append((quantity, "", np.nan, "", np.nan, value))
            for quantity, name, radius, order, fraction, value in entries:
                row = {"quantity": quantity, "class": name, "radius_r50": radius}
                row |= {"order": order, "fraction": fraction, "reference": "", "value": value}
                ends = {"low": 0.9 * value, "high": 1.1 * value, "n_images": 8, "n_systems": 4}
                rows.append(about | row | ends)
    return pd.DataFrame(rows)


def make_diagnostics() -> pd.DataFrame:
    """Runs of a small suite: six encounters, one of which does not coalesce, and two controls."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "system": np.arange(8),
            "kind": ["merger"] * 6 + ["isolated"] * 2,
            "mass_ratio": [1.0, 0.8, 0.5, 0.3, 0.2, 0.1, np.nan, np.nan],
            "energy_drift": rng.normal(0, 0.003, 8),
            "momentum_drift": 1e-6,
            "coalescence_time_gyr": [1.2, 1.3, 1.5, 1.7, 2.1, np.nan, np.nan, np.nan],
        }
    )


@pytest.fixture
def factories() -> SimpleNamespace:
    """The makers of inputs, since test modules cannot import from here."""
    makers = (make_predictions, make_table, make_history, make_explanation, make_latents)
    makers += (make_attribution, make_diagnostics, galaxy_images)
    return SimpleNamespace(**{maker.__name__: maker for maker in makers})
