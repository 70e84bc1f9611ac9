import dataclasses

import h5py
import numpy as np
import pytest
import torch

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.explain.command import explain
from sim2sky.explain.domains import (
    choose_galaxies,
    explain_rows,
    explained_classes,
    mean_numbers,
)
from sim2sky.explain.settings import ExplainSettings
from sim2sky.train.model_file import Model, save_model
from sim2sky.train.networks import build_network

CLASSES = ["non-merger", "merger"]
SIZE = 24


def make_dataset(domain, noise, galaxies=range(40), label=None):
    numbers = np.asarray(galaxies)
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    images = np.exp(-np.hypot(y, x) / 3) + noise * random.normal(
        size=(len(numbers), 1, SIZE, SIZE)
    )
    label = numbers % 2 if label is None else np.full(len(numbers), label)
    return Dataset(
        images=images.astype("f4"),
        label=label.astype("i1"),
        galaxy_id=np.array([f"099-{i:06d}" for i in numbers]),
        system_id=numbers // 2,
        view=np.zeros(len(numbers), dtype="i4"),
        stage=np.where(label == 1, "pre", "isolated"),
        redshift=np.full(len(numbers), 0.05),
        flag=np.zeros(len(numbers), dtype="i4"),
        bands=["sdss_r"],
        classes=CLASSES,
        pixel_scale_arcsec=0.396,
        units="nJy",
        normalisation=Normalisation.fit(images, "asinh", np.full(1, 0.05)),
        domain=domain,
    )


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Model(
        network=build_network("deepmerge", n_bands=1, n_classes=2, image_size=SIZE).eval(),
        network_name="deepmerge",
        classes=CLASSES,
        bands=["sdss_r"],
        image_size=SIZE,
        pixel_scale_arcsec=0.396,
        units="nJy",
        normalisation={
            "source": make_dataset("clean", 0.0).normalisation,
            "target": make_dataset("noisy", 0.1).normalisation,
        },
        method="mmd",
        seed=0,
        provenance={"stage": "train", "settings": "{}"},
    )


def names(dataset, rows):
    return dataset.galaxy_id[rows].tolist()


def test_twins_are_shown_where_both_domains_hold_them():
    source = make_dataset("clean", 0.0, range(40))
    target = make_dataset("noisy", 0.1, range(59, 19, -1))
    rows = choose_galaxies(source, target, 10, seed=0)
    assert names(source, rows[0]) == names(target, rows[1])
    assert {int(name[4:]) for name in names(source, rows[0])} <= set(range(20, 40))
    assert np.bincount(source.label[rows[0]]).tolist() == [5, 5]


def test_strangers_are_chosen_each_by_itself():
    source = make_dataset("clean", 0.0, range(40))
    survey = make_dataset("survey", 0.1, range(100, 130))
    rows = choose_galaxies(source, survey, 10, seed=0)
    assert [len(r) for r in rows] == [10, 10]
    assert np.bincount(survey.label[rows[1]]).tolist() == [5, 5]


def test_unlabelled_rows_come_only_where_there_are_no_others():
    source = make_dataset("clean", 0.0, range(40))
    survey = make_dataset("survey", 0.1, range(100, 130), label=-1)
    assert len(choose_galaxies(source, survey, 10, seed=0)[1]) == 10
    mixed = dataclasses.replace(survey, label=np.where(np.arange(30) < 4, 1, -1).astype("i1"))
    assert sorted(choose_galaxies(source, mixed, 10, seed=0)[1]) == [0, 1, 2, 3]


def test_class_is_the_last_unless_named():
    assert explained_classes(ExplainSettings(), CLASSES) == ["merger"]
    assert explained_classes(ExplainSettings(classes=CLASSES), CLASSES) == CLASSES
    with pytest.raises(Sim2SkyError, match="does not know this class; got ring; expected non-m"):
        explained_classes(ExplainSettings(classes=["ring"]), CLASSES)


def test_numbers_of_an_image_follow_its_map_and_light(model):
    data = make_dataset("noisy", 0.1)
    settings = ExplainSettings(classes=["merger", "non-merger"])
    result = explain_rows(model, data, np.array([3, 8, 20]), "target", settings)
    assert result["gradcam"].shape == result["gradcam_non-merger"].shape == (3, SIZE, SIZE)
    assert not np.array_equal(result["gradcam"], result["gradcam_non-merger"])
    assert np.array_equal(result["images"], data.images[[3, 8, 20]])
    # the galaxy fills less than the frame; an even map would lie on sky mostly
    assert (result["light_radius"] < 0.5).all()
    sky = result["attribution_on_sky"]
    assert ((sky >= 0) & (sky <= 1) | np.isnan(sky)).all()


def test_means_by_class_have_intervals():
    n = 30
    label = np.arange(n) % 2
    explained = {
        "label": label,
        "system_id": np.arange(n) // 2,
        "attribution_radius": np.where(label == 1, 0.2, 0.6) + 0.01 * (np.arange(n) % 5),
        "attribution_on_sky": np.full(n, np.nan),
        "light_radius": np.full(n, 0.3),
    }
    means = mean_numbers(explained, CLASSES, ExplainSettings(n_bootstrap=200))
    assert means["attribution_radius_merger_mean"] == pytest.approx(0.22)
    assert means["attribution_radius_mean"] == pytest.approx(0.42)
    low, high = means["attribution_radius_merger_low"], means["attribution_radius_merger_high"]
    assert 0.21 < low < 0.22 < high < 0.23
    assert means["light_radius_low"] == pytest.approx(0.3)
    assert np.isnan(means["attribution_on_sky_mean"])


def test_command_writes_both_domains_and_the_same_file_twice(model, tmp_path):
    paths = {"source": tmp_path / "s.h5", "target": tmp_path / "t.h5"}
    split = np.where(np.arange(40) < 8, 0, 2)
    for (domain, path), noise in zip(paths.items(), (0.0, 0.1), strict=True):
        write_dataset(path, make_dataset(domain, noise), split)
    save_model(model, tmp_path / "model.pt")
    outputs = [tmp_path / "1.h5", tmp_path / "2.h5"]
    for output in outputs:
        explain(
            tmp_path / "model.pt",
            *paths.values(),
            output,
            '{"n_galaxies": 6, "n_bootstrap": 100}',
        )
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    with h5py.File(outputs[0]) as file:
        assert file.attrs["explained_class"] == "merger"
        assert file.attrs["same_galaxies"]
        assert list(file.attrs["bands"]) == ["sdss_r"]
        assert file.attrs["even_radius"] == pytest.approx(0.765, abs=0.002)
        for domain in ("source", "target"):
            group = file[domain]
            shown = group["galaxy_id"].asstr()[:]
            assert len(shown) == 6
            assert min(shown) >= "099-000008"  # test rows only
            maps = group["gradcam"][:]
            assert maps.dtype == np.float32
            assert maps.min() >= 0
            assert set(maps.max(axis=(1, 2))) <= {0, 1}
            assert group["probability"].shape == (6, 2)
            assert group.attrs["light_radius_mean"] == pytest.approx(
                group["light_radius"][:].mean()
            )
        assert (file["source/galaxy_id"][:] == file["target/galaxy_id"][:]).all()
