import numpy as np
import pytest
import torch

from sim2sky.build.dataset import read_dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.train.batchnorm import (
    batchnorm_statistics,
    running_statistics_kept,
    with_statistics,
)
from sim2sky.train.data import Rows
from sim2sky.train.model_file import load_model
from sim2sky.train.networks import build_network
from sim2sky.train.run import train_model
from sim2sky.train.settings import TrainSettings


def rows(n: int = 21, size: int = 16, shift: float = 0.0) -> Rows:
    random = torch.Generator().manual_seed(0)
    return Rows(2 * torch.randn(n, size, size, 2, generator=random) + shift, None)


def network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_network("deepmerge", 2, 2, 16).eval()


def test_statistics_of_the_first_layer_are_those_of_the_images():
    """In a single batch they are the mean and the variance over images and pixels."""
    images = rows(shift=1.0)
    statistics = batchnorm_statistics(network(), images, batch_size=21, seed=0)
    with torch.no_grad():
        values = (
            network().features[0](images.images.permute(0, 3, 1, 2)).transpose(0, 1).flatten(1)
        )
    torch.testing.assert_close(statistics["features.1.running_mean"], values.mean(1))
    torch.testing.assert_close(statistics["features.1.running_var"], values.var(1))


def test_batches_count_alike():
    """The mean over batches of 11 and 10, each image in one of them, whatever their order."""
    images = rows(n=21, shift=1.0)
    whole = batchnorm_statistics(network(), images, batch_size=21, seed=0)
    halves = batchnorm_statistics(network(), images, batch_size=10, seed=0)
    assert halves["features.1.num_batches_tracked"] == 2
    mean = "features.1.running_mean"
    torch.testing.assert_close(halves[mean], whole[mean], rtol=0.02, atol=0.01)
    again = batchnorm_statistics(network(), images, batch_size=10, seed=0)
    other = batchnorm_statistics(network(), images, batch_size=10, seed=1)
    assert all(torch.equal(halves[name], again[name]) for name in halves)
    assert not torch.equal(halves["features.5.running_var"], other["features.5.running_var"])


def test_the_network_stays_as_it_is():
    trained = network()
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    statistics = batchnorm_statistics(trained, rows(), batch_size=8, seed=0)
    other = with_statistics(trained, statistics)
    after = trained.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert trained.features[1].momentum == 0.1
    changed = {
        name for name, value in other.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == set(statistics)
    assert not other.training


def test_a_domain_normalised_by_its_own_statistics_has_none_of_its_shift():
    """What a shift and a scale of the images do to the network is undone (Li et al.)."""
    trained, plain = network(), rows(n=64)
    strange = Rows(0.3 * plain.images + 5, None)
    own = [
        with_statistics(trained, batchnorm_statistics(trained, domain, batch_size=64, seed=0))
        for domain in (plain, strange)
    ]
    with torch.no_grad():
        inner = slice(4, -4)  # away from the edge, where the padding is no part of the image
        first, second = (
            net.features[:2](domain.images.permute(0, 3, 1, 2))[..., inner, inner]
            for net, domain in zip(own, (plain, strange), strict=True)
        )
        shared = own[0].features[:2](strange.images.permute(0, 3, 1, 2))[..., inner, inner]
    assert (first - second).std() < 0.4 * (first - shared).std()


def test_running_statistics_are_kept_while_the_batch_is_normalised_by_itself():
    trained, images = network().train(), rows().images.permute(0, 3, 1, 2)
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    with torch.no_grad(), running_statistics_kept(trained):
        normalised = trained.features[:2](images)
    torch.testing.assert_close(normalised.mean((0, 2, 3)), trained.features[1].bias)
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())
    with torch.no_grad():
        trained.features[:2](images)
    assert not torch.equal(trained.features[1].running_mean, before["features.1.running_mean"])


def test_a_network_without_batchnorm_is_refused():
    with pytest.raises(Sim2SkyError, match="needs a network with BatchNorm"):
        batchnorm_statistics(torch.nn.Linear(3, 2), rows(), batch_size=4, seed=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the models lie."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def domains(folder, write_pair):
    """A clean source and a noisy target."""
    return dict(zip(("source", "target"), write_pair(folder), strict=True))


@pytest.fixture(scope="module")
def trained(folder, domains):
    """Models trained alike, with and without statistics of the target."""
    return {
        method: train_model(
            TrainSettings(method=method, epochs=3, batch_size=16),
            *domains.values(),
            seed=0,
            device="cpu",
            model_path=folder / method / "model.pt",
            history_path=folder / method / "history.csv",
        )
        for method in ("source_only", "adabn_li")
    }


def test_weights_are_those_of_the_source_alone(trained):
    states = [trained[method].network.state_dict() for method in ("source_only", "adabn_li")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_model_file_holds_both_statistics(trained, domains, folder):
    loaded = load_model(folder / "adabn_li" / "model.pt")
    images = {
        domain: read_dataset(path, "test", labels=False).images for domain, path in domains.items()
    }
    plain, adapted = trained["source_only"], trained["adabn_li"]
    for model in (adapted, loaded):
        for domain, equal in (("source", True), ("target", False)):
            expected = plain.predict(images[domain], domain)[0]
            actual = model.predict(images[domain], domain)[0]
            assert np.array_equal(actual, expected) == equal
    np.testing.assert_array_equal(
        loaded.predict(images["target"], "target")[0],
        adapted.predict(images["target"], "target")[0],
    )
    assert loaded.network_for("source") is loaded.network
    assert loaded.network_for("target") is loaded.network_for("target") is not loaded.network
    assert plain.network_for("target") is plain.network
