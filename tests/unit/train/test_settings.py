import json

import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.settings import parse_settings, read_settings
from sim2sky.train.settings import METHODS, TrainSettings


def test_methods_by_name_and_in_full_are_the_same():
    full = METHODS["mmd"].model_dump(mode="json")
    assert TrainSettings(method="mmd") == TrainSettings(method=full)


def test_survive_json():
    settings = TrainSettings(method="adabn", epochs=3)
    assert read_settings(TrainSettings, json.dumps(settings.model_dump(mode="json"))) == settings


def test_what_the_methods_see():
    seen = {name: (m.train_on, m.mixed_batches, m.losses) for name, m in METHODS.items()}
    assert seen == {
        "source_only": ("source", False, {}),
        "augmentation": ("source", False, {}),
        "adabn_li": ("source", False, {}),
        "adabn": ("source", True, {}),
        "mmd": ("source", True, {"mmd": 1.0}),
        "mmd_median": ("source", True, {"mmd_median": 1.0}),
        "mmd_weighted": ("source", True, {"mmd_weighted": 1.0}),
        "mmd_fisher_entropy": ("source", True, {"mmd": 1.0, "fisher": 0.01, "entropy": 0.05}),
        "dann": ("source", True, {"dann": 1.0}),
        "dann_scheduled": ("source", True, {"dann_scheduled": 1.0}),
        "dann_fisher_entropy": ("source", True, {"dann": 1.0, "fisher": 0.01, "entropy": 0.05}),
        "coral": ("source", True, {"coral": 1.0}),
        "coral_mean": ("source", True, {"coral": 4.0, "mean": 1.0}),
        "cdan": ("source", True, {"cdan": 1.0}),
        "sidda": ("source", True, {"sinkhorn": "automatic"}),
        "dance": ("source", False, {"dance": 1.0}),
        "shuffled_labels": ("source", False, {}),
        "oracle": ("target", False, {}),
    }


def test_what_sets_methods_without_losses_apart():
    def names(wanted) -> list[str]:
        return [name for name, method in METHODS.items() if wanted(method)]

    assert names(lambda method: method.augmentation is not None) == ["augmentation"]
    assert names(lambda method: method.batchnorm == "target") == [
        "adabn_li",
        "dance",
    ]
    assert names(lambda method: method.shuffle_labels) == ["shuffled_labels"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"method": "dann2"}, "unknown method; known by name: source_only, augmentation, ada"),
        ({"method": {"name": "m", "losses": {"mmd": 1}}}, "need mixed_batches: true"),
        (
            {"method": {"name": "m", "batchnorm": "target", "mixed_batches": True}},
            "batchnorm: target keeps the target's images apart",
        ),
        (
            {"method": {"name": "m", "batchnorm": "target", "train_on": "target"}},
            "mixed_batches: false, train_on: source",
        ),
        (
            {"method": {"name": "m", "mixed_batches": True, "losses": {"wgan": 1}}},
            "'method.losses.wgan.*'mmd', 'mmd_median', 'mmd_weighted'",
        ),
        (
            {"method": {"name": "m", "mixed_batches": True, "losses": {"mmd": "auto"}}},
            "'method.losses.mmd.literal.*'automatic'",
        ),
        ({"adam_betas": [0.9, 1.0]}, r"both betas must lie in \[0, 1\)"),
        ({"batchsize": 3}, "unknown key 'batchsize'; known keys: network, method"),
    ],
)
def test_refusals(content, message):
    with pytest.raises(Sim2SkyError, match=message):
        parse_settings(TrainSettings, content, "config.yaml")
