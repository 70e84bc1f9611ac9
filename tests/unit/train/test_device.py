"""What a GPU is used for, as far as a CPU can tell: precision and where the images lie."""

import numpy as np
import pandas as pd
import pytest
import torch

from sim2sky.build.dataset import read_dataset
from sim2sky.train import residence
from sim2sky.train.batches import training_batches
from sim2sky.train.data import read_training_data
from sim2sky.train.optimisation import forward_precision
from sim2sky.train.residence import on_device
from sim2sky.train.run import train_model
from sim2sky.train.settings import TrainSettings

ELSEWHERE = torch.device("meta")  # a device whose tensors have a shape and no content


def train(pair, folder, **settings):
    return train_model(
        TrainSettings(epochs=12, batch_size=16, method="mmd", **settings),
        *pair,
        seed=0,
        device="cpu",
        model_path=folder / "model.pt",
        history_path=folder / "history.csv",
    )


def test_bfloat16_is_close_to_float32(pair, tmp_path):
    models, losses = {}, {}
    for precision in ("float32", "bfloat16"):
        models[precision] = train(pair, tmp_path / precision, precision=precision)
        losses[precision] = pd.read_csv(tmp_path / precision / "history.csv")["loss"]
    one, other = (m.network.state_dict() for m in models.values())
    assert {value.dtype for value in other.values()} <= {torch.float32, torch.int64}
    assert any(not torch.equal(one[name], other[name]) for name in one)
    # the first epoch differs by rounding alone; later the paths part, and end as well
    assert losses["bfloat16"][0] == pytest.approx(losses["float32"][0], rel=0.05)
    test = read_dataset(pair[0], "test", labels=True)
    for model in models.values():
        assert (model.predict(test.images, "source")[0].argmax(1) == test.label).mean() >= 0.85


def test_only_the_network_is_applied_in_bfloat16():
    layer, images = torch.nn.Linear(4, 2), torch.ones(3, 4)
    cpu = torch.device("cpu")
    with forward_precision(cpu, TrainSettings(precision="bfloat16")):
        assert layer(images).dtype == torch.bfloat16
    with forward_precision(cpu, TrainSettings()):
        assert layer(images).dtype == torch.float32


def test_images_are_moved_if_they_fit(pair, monkeypatch):
    data = read_training_data(*pair, TrainSettings(method="mmd"))
    needed = sum(
        rows.images.nbytes
        for rows in (data.labelled, data.unlabelled, data.validation, data.target_validation)
    )
    monkeypatch.setattr(residence, "free_memory", lambda device: 2 * needed)
    moved = on_device(data, ELSEWHERE)
    for name in ("labelled", "unlabelled", "validation", "target_validation"):
        assert getattr(moved, name).images.device == ELSEWHERE
    assert moved.labelled.label.device.type == "cpu"
    monkeypatch.setattr(residence, "free_memory", lambda device: 2 * needed - 1)
    assert on_device(data, ELSEWHERE) is data
    assert on_device(data, torch.device("cpu")) is data


def test_batches_are_cut_where_the_images_lie(pair, monkeypatch):
    monkeypatch.setattr(residence, "free_memory", lambda device: 2**40)
    settings = TrainSettings(method="mmd", batch_size=16)
    data = on_device(read_training_data(*pair, settings), ELSEWHERE)
    batches = training_batches(data, settings, 0, ELSEWHERE)
    here = training_batches(read_training_data(*pair, settings), settings, 0, torch.device("cpu"))
    batch, expected = batches["source"].next(), here["source"].next()
    assert batch.images.device == ELSEWHERE
    assert batch.images.shape == expected.images.shape
    np.testing.assert_array_equal(batches["source"].waiting, here["source"].waiting)
