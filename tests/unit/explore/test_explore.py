"""Points and pictures of the page's latent map are those of the latents and the datasets."""

import dataclasses
import json

import h5py
import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.explain.gradcam import gradcam_maps
from sim2sky.explore.command import explore
from sim2sky.explore.settings import ExploreSettings
from sim2sky.explore.sheets import OPACITY, gradcam_tiles, stamp_tiles, write_sheets
from sim2sky.plot.images import colour_image, display_scale
from sim2sky.train.model_file import Model, save_model
from sim2sky.train.networks import build_network

CLASSES = ["non-merger", "merger"]
SIZE, N = 24, 20


def make_dataset(domain, noise, classes=CLASSES):
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE] - np.array([15.0, 8.0])[:, None, None]
    images = np.exp(-np.hypot(y, x) / random.uniform(1, 4, (N, 1, 1, 1)))
    images = images + noise * random.normal(size=images.shape)
    label = (np.arange(N) % len(classes)).astype("i1")
    label[-1] = -1
    return Dataset(
        images=images.astype("f4"),
        label=label,
        galaxy_id=np.array([f"099-{i:06d}" for i in range(N)]),
        system_id=100 + np.arange(N) // 2,
        view=np.full(N, 3, dtype="i4"),
        stage=np.where(label == 1, "pre", "isolated"),
        redshift=np.full(N, 0.05),
        flag=np.zeros(N, dtype="i4"),
        bands=["sdss_r"],
        classes=list(classes),
        pixel_scale_arcsec=0.396,
        units="nJy",
        normalisation=Normalisation.fit(images, "asinh", np.full(1, 0.05)),
        domain=domain,
    )


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    normalisation = make_dataset("x", 0.05).normalisation
    return Model(
        network=build_network("deepmerge", n_bands=1, n_classes=2, image_size=SIZE).eval(),
        network_name="deepmerge",
        classes=CLASSES,
        bands=["sdss_r"],
        image_size=SIZE,
        pixel_scale_arcsec=0.396,
        units="nJy",
        normalisation={"source": normalisation, "target": normalisation},
        method="mmd",
        seed=4,
        provenance={"stage": "train", "settings": "{}"},
    )


ROWS = [np.array([5, 2, 19, 11]), np.array([7, 5, 0])]


@pytest.fixture
def files(model, tmp_path):
    """A model, two datasets, and latents of some rows with the target's first."""
    datasets = {
        "source": make_dataset("clean", 0.0),
        "target": make_dataset("noisy", 0.1, [*CLASSES, "odd"]),
    }
    for side, dataset in datasets.items():
        write_dataset(tmp_path / f"{side}.h5", dataset, np.full(N, 2))
    save_model(model, tmp_path / "model.pt")
    rows = np.concatenate(ROWS[::-1])
    plane = np.random.default_rng(1).normal(size=(len(rows), 2)).astype("f4")
    with h5py.File(tmp_path / "latents.h5", "w") as file:
        file["galaxy_id"] = datasets["source"].galaxy_id[rows].astype(object)
        file["view"] = np.full(len(rows), 3)
        file["domain"] = np.repeat([1, 0], [3, 4])
        file["isomap"], file["tsne"] = plane, 7 * plane + 2

    def run(name="explore", **settings):
        explore(
            *(tmp_path / f for f in ("model.pt", "source.h5", "target.h5", "latents.h5", name)),
            json.dumps(settings),
        )
        text = (tmp_path / name / "points.js").read_text()
        assert text.startswith("sim2skyPoints(")
        assert text.endswith(");\n")
        return json.loads(text[len("sim2skyPoints(") : -3])

    return datasets, plane, run, tmp_path


def test_points_are_those_of_the_latents_source_first(files, model):
    datasets, _, run, _ = files
    points = run()
    assert points["n"] == 7
    assert points["domain"] == [0, 0, 0, 0, 1, 1, 1]
    assert points["domains"] == ["clean", "noisy"]
    assert points["id"] == [f"099-{i:06d}" for i in np.concatenate(ROWS)]
    assert points["view"] == [3] * 7
    assert points["system"] == [2, 1, 5, 4, 3, 2, 0]
    assert points["truths"] == ["non-merger", "merger", "odd"]
    assert points["truth"] == [1, 0, -1, 1, 1, 2, 0]
    assert [points["stages"][k] for k in points["stage"]][:2] == ["pre", "isolated"]
    probability = [
        model.predict(dataset.images[rows], side)[0]
        for (side, dataset), rows in zip(datasets.items(), ROWS, strict=True)
    ]
    stacked = np.concatenate(probability)
    np.testing.assert_allclose(np.array(points["probability"]).T, stacked, atol=1e-5)
    wanted = np.log(stacked[:, 1] / stacked[:, 0])
    np.testing.assert_allclose(points["log_odds"], wanted, atol=1e-4)
    assert points["predicted"] == stacked.argmax(axis=1).tolist()
    assert (points["classes"], points["explained"]) == (CLASSES, "merger")


def test_planes_keep_their_shape_and_fill_the_square(files):
    _, plane, run, _ = files
    planes = run()["planes"]
    wanted = np.concatenate([plane[3:], plane[:3]])
    isomap = np.array(planes["isomap"]).T
    assert np.abs(isomap).max() == pytest.approx(1, abs=1e-3)
    ratio = np.ptp(wanted, axis=0).max() / 2
    np.testing.assert_allclose(np.diff(isomap, axis=0) * ratio, np.diff(wanted, axis=0), atol=1e-3)
    np.testing.assert_allclose(planes["tsne"], planes["isomap"], atol=2e-4)


def test_sheets_hold_the_pictures_in_order(files, tmp_path):
    datasets, _, run, folder = files
    points = run(quality=100)
    stamps = points["stamps"]
    assert (stamps["side"], len(stamps["files"])) == (SIZE, 1)
    dataset = datasets["target"]
    scale, peak = display_scale(dataset.images[ROWS[1]], dataset.normalisation.softening)
    expected = colour_image(dataset.images[ROWS[1][1]], scale, peak)[::-1]
    with Image.open(folder / "explore" / stamps["files"][0]) as sheet:
        assert sheet.size == (SIZE * stamps["columns"], SIZE)
        tile = np.asarray(sheet.convert("RGB"))[:, 5 * SIZE : 6 * SIZE]
    assert np.abs(tile / 255 - expected).mean() < 0.03


def test_equal_stamps_have_equal_names_and_maps_have_their_own(files):
    _, _, run, _ = files
    first, second = run("one"), run("two")
    assert first == second
    smaller = run("three", stamp_pixels=16)
    assert smaller["stamps"]["side"] == 16
    assert smaller["stamps"]["files"] != first["stamps"]["files"]
    assert smaller["gradcam"] == first["gradcam"]


def test_evidence_is_coloured_and_clear_where_there_is_none(model):
    datasets = [make_dataset("clean", 0.0), make_dataset("noisy", 0.1)]
    settings = ExploreSettings(gradcam_pixels=SIZE)
    tiles = gradcam_tiles(model, datasets, ROWS, settings)
    prepared = model.prepare(datasets[0].images[ROWS[0]], "source")
    maps = gradcam_maps(model.network_for("source"), prepared, 1)[:, ::-1]
    assert tiles.shape == (7, SIZE, SIZE, 4)
    np.testing.assert_allclose(tiles[:4, ..., 3] / 255, OPACITY * maps, atol=3e-3)
    np.testing.assert_allclose(
        tiles[:4, ..., :3] / 255, colormaps["inferno"](maps)[..., :3], atol=3e-3
    )


def test_stamps_are_turned_as_in_the_mosaics_and_made_smaller():
    dataset = make_dataset("clean", 0.0)
    tiles = stamp_tiles([dataset], [np.arange(3)], ExploreSettings(stamp_pixels=16))
    assert tiles.shape == (3, 16, 16, 3)
    row, column = np.unravel_index(tiles[0].sum(axis=-1, dtype=int).argmax(), (16, 16))
    assert (row, column) == pytest.approx(((SIZE - 16) * 16 / SIZE, 8.5 * 16 / SIZE), abs=1)


def test_many_pictures_go_on_several_sheets(tmp_path):
    tiles = np.zeros((130, 4, 4, 3), dtype=np.uint8)
    tiles[129] = 250
    sheets = write_sheets(tiles, tmp_path, "stamps", ExploreSettings())
    assert len(sheets["files"]) == 2
    with Image.open(tmp_path / sheets["files"][1]) as sheet:
        assert sheet.size == (64, 4)
        assert np.asarray(sheet)[2, 6].min() > 200
    assert {path.name for path in tmp_path.iterdir()} == set(sheets["files"])


def test_latents_of_other_rows_are_refused_and_nothing_is_written(files):
    datasets, _, run, folder = files
    other = dataclasses.replace(datasets["target"], view=np.full(N, 1, dtype="i4"))
    write_dataset(folder / "target.h5", other, np.full(N, 2))
    with pytest.raises(
        Sim2SkyError,
        match=r"latents\.h5: the latents hold a galaxy that is not among the domain's test rows; "
        "got 099-000007, view 3; expected rows of domain noisy",
    ):
        run()
    assert not (folder / "explore").exists()
