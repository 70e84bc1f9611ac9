"""Two domains of the same galaxies, and models that tell their classes apart."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.train.model_file import Model, save_model
from sim2sky.train.networks import build_network

CLASSES = ["non-merger", "merger"]
SIZE = 24
BANDS = ["g", "r"]


def make_dataset(domain, noise, n=24):
    """Round galaxies and, as mergers, pairs of them, all in the test split."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    label = np.arange(n) % 2
    images = np.exp(-np.hypot(y, x) / 3)[None, None] * random.uniform(5, 10, (n, 2, 1, 1))
    images[label == 1] += 5 * np.exp(-np.hypot(y - 4, x - 4) / 2)
    images += noise * random.normal(size=images.shape)
    images = images.astype("f4")
    return Dataset(
        images=images,
        label=label.astype("i1"),
        galaxy_id=np.array([f"099-{i:06d}" for i in range(n)]),
        system_id=np.arange(n) // 3,
        view=np.zeros(n, dtype="i4"),
        stage=np.where(label == 1, "pre", "isolated"),
        redshift=np.full(n, 0.05),
        flag=np.zeros(n, dtype="i4"),
        bands=BANDS,
        classes=CLASSES,
        pixel_scale_arcsec=0.4,
        units="nJy",
        normalisation=Normalisation.fit(images, "asinh", np.full(2, 0.5)),
        domain=domain,
    )


def random_network(n_bands=2, n_classes=2, size=SIZE, name="deepmerge", seed=0):
    """A network whose BatchNorm does something."""
    torch.manual_seed(seed)
    network = build_network(name, n_bands, n_classes, size)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.3, 2)
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.normal_(0, 0.5)
    return network.eval()


@pytest.fixture(scope="session")
def source():
    return make_dataset("clean", 0.02)


@pytest.fixture(scope="session")
def target():
    return make_dataset("noisy", 0.4)


@pytest.fixture(scope="session")
def make_model(source, target):
    """A function that trains a model for a few steps on the source."""

    def make(seed=0, method="source_only", **options):
        network = random_network(seed=seed)
        images = torch.from_numpy(source.normalisation.apply(source.images))
        label = torch.from_numpy(source.label.astype(np.int64))
        optimiser = torch.optim.Adam(network.parameters(), 3e-3)
        for _ in range(30):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(images)[1], label).backward()
            optimiser.step()
        return Model(
            network=network,
            network_name="deepmerge",
            classes=CLASSES,
            bands=BANDS,
            image_size=SIZE,
            pixel_scale_arcsec=0.4,
            units="nJy",
            normalisation={"source": source.normalisation, "target": target.normalisation},
            method=method,
            seed=0,
            provenance={"stage": "train", "settings": "{}"},
            **options,
        )

    return make


@pytest.fixture(scope="session")
def model(make_model):
    return make_model()


@pytest.fixture(scope="session")
def files(make_model, source, target, tmp_path_factory):
    """Both datasets and two models on disk."""
    folder = tmp_path_factory.mktemp("attack")
    paths = SimpleNamespace(
        folder=folder, source=folder / "source.h5", target=folder / "target.h5"
    )
    for dataset, path in ((source, paths.source), (target, paths.target)):
        write_dataset(path, dataset, np.full(len(dataset), 2))
    paths.models = {}
    for seed, method in enumerate(("source_only", "mmd")):
        paths.models[method] = folder / f"models/{method}/deepmerge/0/model.pt"
        paths.models[method].parent.mkdir(parents=True)
        save_model(make_model(seed, method), paths.models[method])
    return paths
