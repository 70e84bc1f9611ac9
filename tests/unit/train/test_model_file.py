import numpy as np
import pytest
import torch

from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.provenance import stamp
from sim2sky.train.model_file import Model, load_model, save_model
from sim2sky.train.networks import build_network
from sim2sky.train.settings import TrainSettings


@pytest.fixture
def model():
    torch.manual_seed(0)
    normalisation = {
        domain: Normalisation("asinh", [0.1, 0.2], [mean, 0.0], [1.0, 2.0])
        for domain, mean in (("source", 0.0), ("target", 0.5))
    }
    return Model(
        network=build_network("deepmerge", 2, 3, 16).eval(),
        network_name="deepmerge",
        classes=["spiral", "elliptical", "merger"],
        bands=["sdss_g", "sdss_r"],
        image_size=16,
        pixel_scale_arcsec=0.4,
        units="nJy",
        normalisation=normalisation,
        method="mmd",
        seed=3,
        provenance=stamp("train", TrainSettings(method="mmd")),
    )


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(7, 2, 16, 16)).astype(np.float32)


def test_comes_back_the_same(model, images, tmp_path):
    save_model(model, tmp_path / "m.pt")
    loaded = load_model(tmp_path / "m.pt")
    for name in ("classes", "bands", "image_size", "units", "method", "seed", "provenance"):
        assert getattr(loaded, name) == getattr(model, name)
    assert loaded.network_name == "deepmerge"
    assert not loaded.network.training
    for domain in ("source", "target"):
        assert loaded.normalisation[domain].to_dict() == model.normalisation[domain].to_dict()
        for actual, expected in zip(
            loaded.predict(images, domain), model.predict(images, domain), strict=True
        ):
            np.testing.assert_array_equal(actual, expected)


def test_file_is_plain_and_says_what_made_it(model, tmp_path):
    save_model(model, tmp_path / "m.pt")
    content = torch.load(tmp_path / "m.pt", weights_only=True)
    assert content["network"] == "deepmerge"
    assert content["network_arguments"] == {"n_bands": 2, "n_classes": 3, "image_size": 16}
    assert content["settings"]["method"]["losses"] == {"mmd": 1.0}
    assert content["provenance"]["stage"] == "train"
    assert content["normalisation"]["target"]["mean"] == [0.5, 0.0]


def test_prediction(model, images):
    probability, latent = model.predict(images, "source", batch_size=3)
    assert probability.shape == (7, 3)
    assert probability.dtype == np.float64
    np.testing.assert_allclose(probability.sum(1), 1, rtol=1e-12)
    assert latent.shape == (7, 128)
    assert latent.dtype == np.float32
    with torch.no_grad():
        logits = model.network(torch.from_numpy(model.normalisation["source"].apply(images)))[1]
    np.testing.assert_allclose(probability, logits.softmax(1).numpy(), rtol=1e-4)
    assert not np.allclose(probability, model.predict(images, "target")[0])


def test_prediction_of_nothing(model):
    probability, latent = model.predict(np.empty((0, 2, 16, 16), dtype=np.float32))
    assert probability.shape == (0, 3)
    assert latent.shape == (0, 128)


@pytest.mark.parametrize("shape", [(4, 3, 16, 16), (4, 2, 15, 16), (2, 16, 16)])
def test_images_that_do_not_fit(model, shape):
    with pytest.raises(
        Sim2SkyError,
        match=r"do not fit the model.*expected \(N, 2, 16, 16\), bands sdss_g, sdss_r",
    ):
        model.prepare(np.zeros(shape, dtype=np.float32))


def test_damaged_files(model, tmp_path):
    path = tmp_path / "m.pt"
    with pytest.raises(Sim2SkyError, match="m.pt: file not found"):
        load_model(path)
    save_model(model, path)
    whole = path.read_bytes()
    for damaged in (b"", b"not a model", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(Sim2SkyError, match="not a readable model file.*bytes"):
            load_model(path)
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(Sim2SkyError, match="not a model file of this version.*sim2sky model 1"):
        load_model(path)


def test_code_in_a_file_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trapped"), "w"))

    torch.save({"format": Trap()}, tmp_path / "m.pt")
    with pytest.raises(Sim2SkyError, match="not a readable model file"):
        load_model(tmp_path / "m.pt")
    assert not (tmp_path / "trapped").exists()
