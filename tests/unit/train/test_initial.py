import dataclasses

import numpy as np
import pytest
import torch

from sim2sky.build.normalisation import Normalisation
from sim2sky.train.initial import UNTRAINED, initial_network, untrained
from sim2sky.train.model_file import Model


@pytest.fixture
def model():
    plain = Normalisation("linear", np.ones(1), np.zeros(1), np.ones(1))
    return Model(
        network=initial_network("deepmerge", 1, 2, 16, seed=3).eval(),
        network_name="deepmerge",
        classes=["a", "b"],
        bands=["r"],
        image_size=16,
        pixel_scale_arcsec=0.1,
        units="nJy",
        normalisation={"source": plain, "target": plain},
        method="mmd",
        seed=3,
        provenance={},
        target_statistics={"features.1.running_mean": torch.ones(8)},
    )


def same(first, second):
    states = first.state_dict(), second.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_untrained_is_where_the_training_began(model):
    trained = dataclasses.replace(model, network=initial_network("deepmerge", 1, 2, 16, seed=9))
    before = untrained(trained)
    assert same(before.network, model.network)
    assert not same(before.network, trained.network)
    assert before.method == UNTRAINED
    assert before.target_statistics is None
    assert not before.network.training
    assert before.network_for("target") is before.network
    assert same(untrained(trained, 9).network, trained.network)


def test_global_random_numbers_go_on_undisturbed(model):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    untrained(model)
    assert torch.equal(torch.rand(3), expected)
