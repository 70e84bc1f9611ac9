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


def test_all_classes_are_explained_the_last_first_unless_named():
    assert explained_classes(ExplainSettings(), CLASSES) == ["merger", "non-merger"]
    assert explained_classes(ExplainSettings(classes=["merger"]), CLASSES) == ["merger"]
    with pytest.raises(Sim2SkyError, match="does not know this class; got ring; expected non-m"):
        explained_classes(ExplainSettings(classes=["ring"]), CLASSES)


def test_numbers_of_an_image_follow_its_maps_and_light(model):
    data, rows = make_dataset("noisy", 0.1), np.array([3, 8, 20])
    settings = ExplainSettings(classes=["merger", "non-merger"], deletion_steps=4)
    unit = np.full(3, 4.0)
    result = explain_rows(model, data, rows, "target", settings, unit)
    assert result["gradcam"].shape == result["gradcam_non-merger"].shape == (3, SIZE, SIZE)
    assert not np.array_equal(result["gradcam"], result["gradcam_non-merger"])
    assert np.array_equal(result["images"], data.images[rows])
    # the galaxy fills less than the frame; an even map would lie on sky mostly
    assert (result["light_radius"] < 0.5).all()
    sky = result["attribution_on_sky"]
    assert sky.shape == (3, 2)
    assert ((sky >= 0) & (sky <= 1) | np.isnan(sky)).all()
    # half a width is 12 pixels, three units
    assert result["attribution_radius_r50"] == pytest.approx(
        3 * result["attribution_radius"], nan_ok=True
    )
    assert result["even_radius_r50"] == pytest.approx(3 * 0.765, abs=0.01)
    assert result["profile"].shape == (3, 2, 12)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    within_two = (np.hypot(y, x) < 8).mean()
    assert result["even_profile"][:, :4].sum(axis=1) == pytest.approx(within_two)
    assert result["deletion"].shape == (3, 3, 5)
    chosen = result["probability"][np.arange(3), result["predicted"]]
    assert result["deletion"][:, :, 0] == pytest.approx(np.repeat(chosen[:, None], 3, axis=1))


def test_deletion_of_a_class_that_is_not_explained_is_unknown(model):
    data = make_dataset("noisy", 0.1)
    options = (data, np.arange(4), "target")
    unit = np.full(4, 4.0)
    both = explain_rows(model, *options, ExplainSettings(deletion_steps=2), unit)
    (other,) = {0, 1} - set(both["predicted"].tolist())  # the fresh network sees one class only
    one = ExplainSettings(deletion_steps=2, classes=[CLASSES[other]])
    assert np.isnan(explain_rows(model, *options, one, unit)["deletion"]).all()
    assert np.isfinite(both["deletion"]).all()


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
            '{"n_galaxies": 6, "n_bootstrap": 100, "deletion_steps": 3}',
        )
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    with h5py.File(outputs[0]) as file:
        assert file.attrs["explained_class"] == "merger"
        assert list(file.attrs["explained_classes"]) == ["merger", "non-merger"]
        assert list(file.attrs["bands"]) == ["sdss_r"]
        unit = file["source/half_light_radius_px"][:]
        assert ((unit > 3) & (unit < 1.678 * 3)).all()  # discs of 3 pixels, cut off by the frame
        assert np.array_equal(file["target/half_light_radius_px"][:], unit)
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
            assert group["random_weights_correlation"].shape == (6, 2)
        assert (file["source/galaxy_id"][:] == file["target/galaxy_id"][:]).all()
