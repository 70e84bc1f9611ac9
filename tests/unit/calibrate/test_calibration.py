import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.calibrate.calibration import (
    calibrate_model,
    model_digest,
    read_calibration,
    write_calibration,
)
from sim2sky.calibrate.command import calibrate
from sim2sky.calibrate.ensemble import (
    distance_limits,
    pooled_distances,
    pooled_rows,
    read_calibrations,
)
from sim2sky.calibrate.settings import CalibrateSettings
from sim2sky.errors import Sim2SkyError
from sim2sky.predict.block import ImageFlag
from sim2sky.predict.catalogue import predict_catalogue
from sim2sky.predict.settings import PredictSettings
from sim2sky.provenance import stamp
from sim2sky.train.model_file import Model, load_model, save_model
from sim2sky.train.networks import build_network

SIZE, BANDS, CLASSES = 16, ["F814W", "F160W"], ["non-merger", "merger"]


def write_data(path, brightness=1.0, seed=0, classes=(0, 1), n=60):
    """Noise, brighter for mergers; rows in turn of training, validation and test."""
    random = np.random.default_rng(seed)
    label = np.resize(classes, n).astype("i1")
    images = brightness * (1 + label[:, None, None, None] + random.random((n, 2, SIZE, SIZE)))
    dataset = Dataset(
        images=images.astype("f4"),
        label=label,
        galaxy_id=np.array([f"099-{i:06d}" for i in range(n)]),
        system_id=np.arange(n),
        view=np.zeros(n, dtype=int),
        stage=np.full(n, "isolated"),
        redshift=np.full(n, 2.0),
        flag=np.zeros(n, dtype="i4"),
        bands=BANDS,
        classes=CLASSES,
        pixel_scale_arcsec=0.06,
        units="nJy",
        normalisation=Normalisation("linear", np.ones(2), np.full(2, 2.0), np.ones(2)),
        domain="mock",
    )
    write_dataset(path, dataset, np.arange(n) // 2 % 3)
    return path


@pytest.fixture
def files(tmp_path):
    """Two models with random weights and two domains."""
    for seed in (0, 1):
        torch.manual_seed(seed)
        normalisation = Normalisation("linear", np.ones(2), np.full(2, 2.0), np.ones(2))
        save_model(
            Model(
                network=build_network("deepmerge", 2, 2, SIZE),
                network_name="deepmerge",
                classes=CLASSES,
                bands=BANDS,
                image_size=SIZE,
                pixel_scale_arcsec=0.06,
                units="nJy",
                normalisation={"source": normalisation, "target": normalisation},
                method="mmd",
                seed=seed,
                provenance=stamp("train", {}),
            ),
            tmp_path / f"{seed}.pt",
        )
    write_data(tmp_path / "source.h5")
    write_data(tmp_path / "target.h5", brightness=1.1, seed=1)
    return tmp_path


def made(files, seed=0, target="target.h5", **settings):
    path = files / f"{seed}.h5"
    calibration = calibrate_model(
        load_model(files / f"{seed}.pt"),
        files / "source.h5",
        None if target is None else files / target,
        CalibrateSettings(neighbours=1, **settings),
    )
    write_calibration(calibration, path, {})
    return calibration, path


def test_it_holds_the_validation_rows_and_survives_the_file(files):
    calibration, path = made(files)
    read = read_calibration(path)
    assert read.rows["system_id"].tolist() == [i for i in range(60) if i // 2 % 3 == 1]
    assert read.rows["label"].tolist() == [0, 1] * 10
    model = load_model(files / "0.pt")
    with h5py.File(files / "source.h5") as file:
        images = file["images"][file["split"][:] == 1]
    expected = model.predict(images, "source")[0]
    assert read.rows["probability"] == pytest.approx(expected, abs=1e-6)
    assert read.model_digest == model_digest(model)
    for domain in ("source", "target"):
        assert np.array_equal(read.points[domain], calibration.points[domain])
        assert len(read.points[domain]) == 20
        assert len(read.held_out[domain]) == 20


def test_no_label_of_the_target_is_read(files):
    before, _ = made(files)
    with h5py.File(files / "target.h5", "r+") as file:
        file["label"][:] = 1
    after, _ = made(files)
    assert np.array_equal(before.points["target"], after.points["target"])
    assert np.array_equal(before.rows["probability"], after.rows["probability"])


def test_training_images_are_at_no_distance_and_others_far(files):
    calibration, _ = made(files)
    model = load_model(files / "0.pt")
    with h5py.File(files / "source.h5") as file:
        train = file["images"][file["split"][:] == 0]
    near = calibration.distances(model.predict(train, "source")[1])["source"]
    far = calibration.distances(model.predict(20 * train, "source")[1])["source"]
    assert near.max() < 0.02
    assert far.min() > calibration.held_out["source"].max()


def test_a_part_of_the_training_images_is_enough(files):
    calibration, _ = made(files, reference_images=10)
    whole, _ = made(files)
    assert len(calibration.points["source"]) == len(calibration.points["target"]) == 10
    assert np.array_equal(calibration.rows["probability"], whole.rows["probability"])


def test_an_ensemble_is_a_mean(files):
    (first, path), (second, other) = made(files, 0), made(files, 1)
    both = read_calibrations([path, other])
    mean = (first.rows["probability"] + second.rows["probability"]) / 2
    assert pooled_rows(both)["probability"] == pytest.approx(mean)
    latents = [np.zeros((3, 128)), np.ones((3, 128))]
    distances = pooled_distances(both, latents)["source"]
    each = [c.distances(v)["source"] for c, v in zip(both, latents, strict=True)]
    assert distances == pytest.approx(np.mean(each, axis=0))
    limit = distance_limits(both, 0.5)["target"]
    held = (first.held_out["target"] + second.held_out["target"]) / 2
    assert limit == pytest.approx(np.median(held))
    assert distance_limits([], 0.5) == {}


def test_calibrations_of_other_datasets_make_no_ensemble(files):
    _, path = made(files, 0)
    _, other = made(files, 1, target=None)
    with pytest.raises(Sim2SkyError, match="not made of the same datasets"):
        read_calibrations([path, other])


def test_a_class_without_validation_rows(files):
    write_data(files / "source.h5", classes=(0,))
    with pytest.raises(Sim2SkyError, match=r"no validation row is of class merger.*20 labelled"):
        made(files)


def test_other_bands(files):
    with h5py.File(files / "source.h5", "r+") as file:
        file.attrs["bands"] = ["F160W", "F814W"]
    with pytest.raises(Sim2SkyError, match="trained on other bands"):
        made(files)


def test_not_a_calibration(files):
    with pytest.raises(Sim2SkyError, match=r"not a calibration file.*sim2sky calibrate"):
        read_calibration(files / "source.h5")


def test_catalogue_with_calibration_says_what_is_far(files):
    """By the command, beside the model; images of another world get no class."""
    folder = files / "model"
    folder.mkdir()
    model = (files / "0.pt").rename(folder / "model.pt")
    calibrate(
        model=model,
        source=files / "source.h5",
        target=files / "target.h5",
        output=folder / "calibration.h5",
    )
    write_data(files / "strange.h5", brightness=50, seed=2)
    for name in ("target", "strange"):
        predict_catalogue(
            [model], files / f"{name}.h5", files / f"{name}.parquet", PredictSettings()
        )
    usual = pd.read_parquet(files / "target.parquet")
    strange = pd.read_parquet(files / "strange.parquet")
    columns = ["calibrated_non-merger", "calibrated_merger"]
    assert usual[columns].sum(axis=1).to_numpy() == pytest.approx(1)
    assert {"distance_source", "distance_target", "anomaly"} <= set(usual)
    assert (usual["predicted"] != "").mean() > 0.8
    assert (strange["predicted"] == "").all()
    assert (strange["flag"] & ImageFlag.FAR.value > 0).all()
    assert strange["anomaly"].min() > 1


def test_a_calibration_of_another_model_is_refused(files):
    made(files, 0)
    with pytest.raises(Sim2SkyError, match="calibration of another model"):
        predict_catalogue(
            [files / "1.pt"],
            files / "target.h5",
            files / "c.parquet",
            calibration_paths=[files / "0.h5"],
        )
