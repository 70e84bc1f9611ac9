import dataclasses

import h5py
import numpy as np
import pytest
import torch

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.embed.command import embed
from sim2sky.embed.latents import embed_latents, latent_rows
from sim2sky.embed.settings import EmbedSettings
from sim2sky.train.initial import initial_network
from sim2sky.train.model_file import Model, save_model
from sim2sky.train.networks import build_network

CLASSES = ["non-merger", "merger"]
QUICK = EmbedSettings(n_per_domain=40, n_bootstrap=100, perplexity=10)


def make_dataset(domain, offset, n=100):
    random = np.random.default_rng(0)
    label = (np.arange(n) % 2).astype("i1")
    y, x = np.mgrid[:16, :16] - 7.5
    images = np.exp(-np.hypot(y, x) / random.uniform(1, 4, size=(n, 1, 1, 1))) + offset
    images = images + 0.05 * random.normal(size=images.shape)
    return Dataset(
        images=images.astype("f4"),
        label=label,
        galaxy_id=np.array([f"099-{i:06d}" for i in range(n)]),
        system_id=np.arange(n) // 2,
        view=np.zeros(n, dtype="i4"),
        stage=np.where(label == 1, "pre", "isolated"),
        redshift=np.full(n, 0.05),
        flag=np.zeros(n, dtype="i4"),
        bands=["sdss_r"],
        classes=CLASSES,
        pixel_scale_arcsec=0.396,
        units="nJy",
        # one normalisation for both, so that an offset between the domains remains
        normalisation=Normalisation("asinh", np.full(1, 0.1), np.ones(1), np.ones(1)),
        domain=domain,
    )


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    normalisation = make_dataset("x", 0.0).normalisation
    return Model(
        network=build_network("deepmerge", n_bands=1, n_classes=2, image_size=16).eval(),
        network_name="deepmerge",
        classes=CLASSES,
        bands=["sdss_r"],
        image_size=16,
        pixel_scale_arcsec=0.396,
        units="nJy",
        normalisation={"source": normalisation, "target": normalisation},
        method="dann",
        seed=0,
        provenance={"stage": "train", "settings": "{}"},
    )


def test_rows_are_balanced_twins_with_the_models_latents(model):
    source, target = make_dataset("clean", 0.0), make_dataset("noisy", 0.5)
    rows = latent_rows(model, source, target, QUICK)
    assert np.bincount(rows["domain"]).tolist() == [40, 40]
    assert np.bincount(rows["label"]).tolist() == [40, 40]
    assert (rows["galaxy_id"][:40] == rows["galaxy_id"][40:]).all()
    number = [int(name[4:]) for name in rows["galaxy_id"][40:]]
    _, latent = model.predict(target.images[number], "target")
    assert rows["latent"][40:] == pytest.approx(latent, abs=1e-5)


def test_equal_domains_have_no_distance_and_moved_ones_have(model):
    source = make_dataset("clean", 0.0)
    _, same, _ = embed_latents(latent_rows(model, source, source, QUICK), CLASSES, QUICK)
    _, moved, _ = embed_latents(
        latent_rows(model, source, make_dataset("noisy", 2.0), QUICK), CLASSES, QUICK
    )
    assert same["domain_distance"] == pytest.approx(0, abs=1e-6)
    assert same["proxy_a_distance"] < 0.3
    assert same["silhouette_domain"] < 0
    assert moved["domain_distance"] > 1
    assert moved["proxy_a_distance"] == pytest.approx(2)
    assert moved["silhouette_domain"] > 0.3
    assert same["fisher_ratio_domain"] == pytest.approx(0, abs=1e-6)
    assert same["mmd_squared"] == pytest.approx(0, abs=1e-6)
    assert same["mmd_p_value"] == 1
    assert moved["mmd_squared"] > 0.3
    assert moved["mmd_p_value"] <= 0.02


def test_every_resampled_number_has_an_interval_around_it(model):
    rows = latent_rows(model, make_dataset("a", 0.0), make_dataset("b", 0.3), QUICK)
    planes, numbers, resamples = embed_latents(rows, CLASSES, QUICK)
    for name, values in resamples.items():
        assert values.shape == (101,), name
        assert numbers[name] == values[0]
        assert numbers[f"{name}_low"] <= numbers[f"{name}_high"], name
    for plane, points in planes.items():
        assert points.shape == (80, 2)
        assert 0 < numbers[f"{plane}_distance_correlation"] <= 1
        assert 0.5 < numbers[f"{plane}_trustworthiness"] <= 1
    for kind in ("distance_correlation", "geodesic_correlation", "trustworthiness"):
        more = numbers[f"isomap_{kind}"] - numbers[f"tsne_{kind}"]
        assert numbers[f"isomap_over_tsne_{kind}"] == pytest.approx(more)


def test_rows_without_label_count_by_their_prediction(model):
    rows = latent_rows(model, make_dataset("a", 0.0), make_dataset("b", 1.0), QUICK)
    rows["predicted"] = rows["label"].copy()
    _, labelled, _ = embed_latents(rows, CLASSES, QUICK)
    rows["label"] = np.where(rows["domain"] == 1, -1, rows["label"])
    _, unlabelled, _ = embed_latents(rows, CLASSES, QUICK)
    assert unlabelled["domain_distance_merger"] == labelled["domain_distance_merger"]
    assert np.isnan(unlabelled["silhouette_class_target"])
    assert unlabelled["silhouette_class_source"] == labelled["silhouette_class_source"]


def test_untrained_state_is_that_of_the_seed(model, tmp_path):
    split = np.where(np.arange(100) < 10, 0, 2)
    write_dataset(tmp_path / "s.h5", make_dataset("clean", 0.0), split)
    before = {}
    for method, factor in (("mmd", 1.5), ("dann", 3.0)):
        network = initial_network("deepmerge", 1, 2, 16, seed=7)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter *= factor
        trained = dataclasses.replace(model, network=network.eval(), method=method, seed=7)
        save_model(trained, tmp_path / f"{method}.pt")
        before[method] = tmp_path / f"{method}.h5"
        paths = (tmp_path / f"{method}.pt", tmp_path / "s.h5", tmp_path / "s.h5", before[method])
        embed(*paths, QUICK.model_dump_json(), untrained=True)
    # whatever the training made of it
    assert before["mmd"].read_bytes() == before["dann"].read_bytes()
    with h5py.File(before["mmd"]) as file:
        assert file.attrs["method"] == "untrained"
        assert file.attrs["seed"] == 7


def test_command_writes_the_same_file_twice(model, tmp_path):
    split = np.where(np.arange(100) < 10, 0, 2)
    write_dataset(tmp_path / "s.h5", make_dataset("clean", 0.0), split)
    write_dataset(tmp_path / "t.h5", make_dataset("noisy", 0.5), split)
    save_model(model, tmp_path / "model.pt")
    outputs = [tmp_path / "1.h5", tmp_path / "2.h5"]
    for output in outputs:
        embed(
            tmp_path / "model.pt",
            tmp_path / "s.h5",
            tmp_path / "t.h5",
            output,
            QUICK.model_dump_json(),
        )
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    with h5py.File(outputs[0]) as file:
        assert file["isomap"].shape == file["tsne"].shape == (80, 2)
        assert file["latent"].dtype == np.float32
        assert len(file["galaxy_id"].asstr()[:]) == 80
        assert min(file["galaxy_id"].asstr()[:]) >= "099-000010"  # test rows only
        assert list(file.attrs["domains"]) == ["clean", "noisy"]
        for name in ("silhouette_class", "proxy_a_distance", "domain_distance_merger_high"):
            assert np.isfinite(file.attrs[name]), name
