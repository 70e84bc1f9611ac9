import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.provenance import stamp
from sim2sky.train.batches import Batches
from sim2sky.train.model_file import Model, save_model
from sim2sky.train.networks import build_network
from sim2sky.train.optimisation import learning_rate_schedule
from sim2sky.train.run import train_model
from sim2sky.train.settings import MethodSettings, TrainSettings
from sim2sky.train.transfer import adopt_weights, initial_weights, parameter_groups

QUICK = {"epochs": 3, "batch_size": 16}
FROZEN = {"learning_rate": 1e-30, "weight_decay": 0.0}


def train(pair, folder: Path, initial: Path | None = None, seed: int = 0, **settings):
    return train_model(
        TrainSettings(**{**QUICK, **settings}),
        *pair,
        seed=seed,
        device="cpu",
        model_path=folder / "model.pt",
        history_path=folder / "history.csv",
        initial_model_path=initial,
    )


def method_from(**origin) -> MethodSettings:
    start = {"experiment": "noise", "method": "source_only", **origin}
    return MethodSettings(name="tuned", init_from=start)


def parameters(network) -> dict[str, torch.Tensor]:
    return {name: value.detach() for name, value in network.named_parameters()}


@pytest.fixture
def trained(tmp_path):
    """A model file of 40 px, two bands and two classes."""
    torch.manual_seed(5)
    model = Model(
        network=build_network("deepmerge", 2, 2, 40),
        network_name="deepmerge",
        classes=["non-merger", "merger"],
        bands=["F814W", "F160W"],
        image_size=40,
        pixel_scale_arcsec=0.1,
        units="nJy",
        normalisation={
            domain: Normalisation("linear", [1.0, 1.0], [0.0, 0.0], [1.0, 1.0])
            for domain in ("source", "target")
        },
        method="source_only",
        seed=0,
        provenance=stamp("train", TrainSettings()),
    )
    save_model(model, tmp_path / "first.pt")
    return model, tmp_path / "first.pt"


@pytest.mark.parametrize(
    ("bands", "classes", "size", "new"),
    [
        (["F814W", "F160W"], ["non-merger", "merger"], 40, []),
        (["sdss_i", "sdss_g"], ["non-merger", "merger"], 40, []),
        (["sdss_g", "sdss_r", "sdss_i"], ["non-merger", "merger"], 40, ["features.0"]),
        (["F814W", "F160W"], ["spiral", "elliptical", "merger"], 40, ["classifier.4"]),
        (["F814W", "F160W"], ["merger", "non-merger"], 40, ["classifier.4"]),
        (["F814W", "F160W"], ["non-merger", "merger"], 75, ["classifier.0"]),
        (["sdss_g"], ["a", "b", "c"], 33, ["features.0", "classifier.0", "classifier.4"]),
    ],
)
def test_what_does_not_fit_stays_new_and_is_named(trained, caplog, bands, classes, size, new):
    first, path = trained
    torch.manual_seed(6)
    network = build_network("deepmerge", len(bands), len(classes), size)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with caplog.at_level("INFO", logger="sim2sky"):
        weights = initial_weights(path, network_name="deepmerge", bands=bands, classes=classes)
        taken_over = adopt_weights(network, weights)
    for name, value in network.state_dict().items():
        kept = name.rpartition(".")[0] in new
        assert torch.equal(value, before[name] if kept else first.network.state_dict()[name])
        if name in parameters(network):
            assert (name in taken_over) == (not kept)
    assert ("bands" in caplog.text) == (bands != first.bands)
    assert ("classes" in caplog.text) == (classes != first.classes)
    told = f"except those of {', '.join(new)}\n"
    assert told in caplog.text if new else "except" not in caplog.text


def test_image_size_does_not_matter_to_a_network_that_averages_its_maps(trained, tmp_path):
    first, _ = trained
    torch.manual_seed(5)
    model = replace(first, network=build_network("resnet18", 2, 2, 75), network_name="resnet18")
    save_model(model, tmp_path / "resnet.pt")
    weights = initial_weights(
        tmp_path / "resnet.pt", network_name="resnet18", bands=model.bands, classes=["a", "b"]
    )
    network = build_network("resnet18", 2, 2, 100)
    new = parameters(network).keys() - adopt_weights(network, weights)
    assert new == {"classifier.weight", "classifier.bias"}


def test_what_is_of_no_use_is_refused(trained, pair, tmp_path):
    _, path = trained
    with pytest.raises(
        Sim2SkyError, match=r"first.pt: the initial model is another network; got deepmerge; exp"
    ):
        initial_weights(path, network_name="resnet18", bands=["a"], classes=["b"])
    one, other = torch.nn.Linear(3, 2), torch.nn.Linear(5, 4)
    with pytest.raises(Sim2SkyError, match="no layer of the initial model fits"):
        adopt_weights(one, other.state_dict())
    with pytest.raises(
        Sim2SkyError,
        match=r"--initial-model: method tuned starts from trained weights; got nothing; "
        "expected the model of noise, source_only",
    ):
        train(pair, tmp_path, method=method_from())


def test_training_starts_from_the_initial_model(pair, tmp_path):
    first = train(pair, tmp_path / "first")
    initial = tmp_path / "first" / "model.pt"
    model = train(pair, tmp_path / "second", initial, seed=5, method=method_from(), **FROZEN)
    before = parameters(first.network)
    assert all(torch.equal(v, before[k]) for k, v in parameters(model.network).items())
    assert json.loads(model.provenance["inputs"]) == [*map(str, pair), str(initial)]


def test_layers_taken_over_learn_at_a_rate_of_their_own(toy, pair, tmp_path):
    """A factor of nearly zero freezes them, and only them."""
    first = train(pair, tmp_path / "first")
    narrow = toy(seed=3)
    narrow.images = narrow.images[:, :1]
    narrow.bands = ["sdss_g"]
    path = narrow.write(tmp_path / "one_band.h5")
    settings = {"method": method_from(rate_factor=1e-30), "weight_decay": 0.0, "seed": 5}
    initial = tmp_path / "first" / "model.pt"
    model = train((path, path), tmp_path / "second", initial, **settings)
    start = train((path, path), tmp_path / "start", initial, **{**settings, **FROZEN})
    before = parameters(first.network)
    for name, value in parameters(model.network).items():
        if name.startswith("features.0."):
            assert not torch.equal(value, parameters(start.network)[name])
        else:
            assert torch.equal(value, before[name])
    history = pd.read_csv(tmp_path / "second" / "history.csv")
    whole = train((path, path), tmp_path / "third", seed=5)
    assert whole.method == "source_only"
    expected = pd.read_csv(tmp_path / "third" / "history.csv")
    np.testing.assert_array_equal(history["learning_rate"], expected["learning_rate"])


def test_groups_of_the_optimiser_hold_everything_once_with_its_peak_rate():
    network, other = build_network("deepmerge", 2, 2, 16), torch.nn.Parameter(torch.zeros(3))
    settings = TrainSettings(method=method_from(rate_factor=0.1), learning_rate=2e-3, epochs=10)
    for taken_over in (set(), {"features.0.weight"}, set(parameters(network))):
        groups = parameter_groups(network, [other], taken_over, settings)
        found = [value for group in groups for value in group["params"]]
        assert {id(value) for value in found} == {id(v) for v in [*network.parameters(), other]}
        assert len(found) == len(list(network.parameters())) + 1
        optimiser = torch.optim.AdamW(groups)
        schedule = learning_rate_schedule(optimiser, settings, steps_per_epoch=10)
        rates = []
        for _ in range(100):
            rates.append(schedule.get_last_lr())
            optimiser.step()
            schedule.step()
        expected = [2e-3, 2e-4] if taken_over else [2e-3]
        np.testing.assert_allclose(np.max(rates, axis=0), expected, rtol=0.01)


class KilledError(BaseException):
    """Stands for a kill that leaves no time for anything."""


@pytest.mark.parametrize("other_start", [False, True])
def test_a_killed_training_goes_on_if_its_start_is_the_same(
    pair, tmp_path, monkeypatch, caplog, other_start
):
    for seed in (0, 1):
        train(pair, tmp_path / f"first{seed}", seed=seed, epochs=1)
    settings = {"method": method_from(rate_factor=0.3), "seed": 7}
    initial = tmp_path / "first0" / "model.pt"
    folder = tmp_path / "killed"
    calls = iter(range(12))
    original = Batches.next

    def next_or_kill(self):
        if next(calls, None) is None:
            raise KilledError
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "next", next_or_kill)
        with pytest.raises(KilledError):
            train(pair, folder, initial, **settings)
    if other_start:
        initial = tmp_path / "first1" / "model.pt"
    with caplog.at_level("INFO", logger="sim2sky"):
        resumed = train(pair, folder, initial, **settings).network.state_dict()
    assert ("going on from epoch" in caplog.text) == (not other_start)
    assert ("checkpoint ignored" in caplog.text) == other_start
    whole = train(pair, tmp_path / "whole", initial, **settings).network.state_dict()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
