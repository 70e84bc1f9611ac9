import numpy as np
import pandas as pd
import pytest
import torch

from sim2sky.train.model_file import load_model
from sim2sky.train.networks import NETWORKS, build_network
from sim2sky.train.networks.symmetry import D4Averaged
from sim2sky.train.run import train_model
from sim2sky.train.settings import TrainSettings


def eight_copies(images: np.ndarray) -> list[np.ndarray]:
    return [
        np.rot90(side, turns, axes=(2, 3)).copy()
        for side in (images, images[:, :, ::-1])
        for turns in range(4)
    ]


@pytest.fixture(params=[("deepmerge", 40), *((name, 33) for name in NETWORKS)])
def network(request):
    """A network whose BatchNorm has seen something."""
    name, size = request.param
    torch.manual_seed(0)
    built = build_network(name, 2, 3, size)
    built.train()(torch.randn(8, 2, size, size))
    return built.eval(), size


@torch.no_grad()
def test_logits_are_the_mean_over_the_copies_and_do_not_depend_on_the_turn(network):
    plain, size = network
    averaged = D4Averaged(plain)
    images = np.random.default_rng(1).normal(size=(2, 2, size, size)).astype(np.float32)
    copies = [torch.from_numpy(copy) for copy in eight_copies(images)]
    single = torch.stack([plain(copy)[1] for copy in copies])
    for copy in copies:
        latent, logits = averaged(copy)
        torch.testing.assert_close(logits, single.mean(0), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(latent, plain(copy)[0])
    # without the mean each copy has scores of its own
    apart = (single[:, None] - single[None]).abs().amax((2, 3))
    assert (apart[~torch.eye(8, dtype=bool)] > 1e-3).all()


def train(pair, folder, **settings):
    model = train_model(
        TrainSettings(epochs=2, batch_size=16, **settings),
        *pair,
        seed=0,
        device="cpu",
        model_path=folder / "model.pt",
        history_path=folder / "history.csv",
    )
    return model, pd.read_csv(folder / "history.csv")


def test_a_model_file_keeps_the_average_and_training_is_the_same(pair, tmp_path):
    plain, plain_history = train(pair, tmp_path / "plain")
    _, history = train(pair, tmp_path / "averaged", d4_average=True)
    model = load_model(tmp_path / "averaged" / "model.pt")
    weights = plain.network.state_dict()
    assert all(torch.equal(weights[k], v) for k, v in model.network.state_dict().items())
    assert (history["loss"] == plain_history["loss"]).all()
    # validation is what the finished model will be: averaged
    assert (history["source_valid_loss"] != plain_history["source_valid_loss"]).all()

    images = np.random.default_rng(1).normal(size=(6, 2, 16, 16)).astype(np.float32)
    expected, latent = model.predict(images)
    np.testing.assert_array_equal(latent, plain.predict(images)[1])
    for copy in eight_copies(images):
        np.testing.assert_allclose(model.predict(copy)[0], expected, rtol=1e-5)
    assert np.abs(plain.predict(images)[0] - expected).max() > 1e-3


def test_a_file_from_before_the_average_is_a_plain_model(pair, tmp_path):
    train(pair, tmp_path)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    del content["d4_average"]
    torch.save(content, tmp_path / "old.pt")
    assert not load_model(tmp_path / "old.pt").d4_average
