"""The settings of trials: the same budget for all, drawn once and for all."""

import numpy as np
import pytest

from sim2sky.config import Config
from sim2sky.errors import Sim2SkyError
from sim2sky.settings import parse_settings
from sim2sky.train.settings import TrainSettings
from sim2sky.tune.settings import Range, TuneSettings
from sim2sky.tune.trials import trial_settings

BASE = TrainSettings(method="mmd_fisher_entropy", epochs=8, learning_rate=2e-3)
DRAWN = range(1, 40)


def test_first_trial_is_as_configured():
    actual = trial_settings(BASE, TuneSettings(), 0)
    assert actual == BASE.model_copy(update={"on_divergence": "stop"})


def test_drawn_values_lie_in_the_space():
    tune = TuneSettings(
        space={
            "learning_rate": {"low": 1e-4, "high": 1e-2},
            "weight_decay": [0.0, 1e-2],
            "batch_size": [16, 64],
            "epochs": [4, 20],
            "warmup_share": [0.0, 0.5],
            "loss_factor": {"low": 0.1, "high": 10},
            "target_normalisation": ["source", "own"],
        }
    )
    trials = [trial_settings(BASE, tune, number) for number in DRAWN]
    rates = np.array([trial.learning_rate for trial in trials])
    assert rates.min() >= 1e-4
    assert rates.max() <= 1e-2
    # evenly in the logarithm: half of them below the geometric mean
    assert 0.3 < (rates < 1e-3).mean() < 0.7
    assert {trial.weight_decay for trial in trials} == {0.0, 1e-2}
    assert {trial.batch_size for trial in trials} == {16, 64}
    assert {trial.target_normalisation for trial in trials} == {"source", "own"}
    pairs = {(trial.epochs, trial.adaptation_warmup_epochs) for trial in trials}
    assert pairs == {(4, 0), (4, 2), (20, 0), (20, 10)}
    factors = np.array([trial.method.losses["mmd"] for trial in trials])
    assert len(set(factors)) > 30
    for name, weight in BASE.method.losses.items():
        np.testing.assert_allclose([t.method.losses[name] for t in trials], weight * factors, 0.01)


def test_a_value_depends_on_method_trial_and_seed_alone():
    wide = TuneSettings(space={"weight_decay": [0.0, 1.0]})
    narrow = TuneSettings(space={"warmup_share": None, "loss_factor": None}, trials=99)
    for number in DRAWN:
        # neither other dimensions nor more trials change what is drawn
        rates = {trial_settings(BASE, tune, number).learning_rate for tune in (wide, narrow)}
        assert len(rates) == 1
    one = trial_settings(BASE, TuneSettings(), 1).learning_rate
    assert one != trial_settings(BASE, TuneSettings(), 2).learning_rate
    assert one != trial_settings(BASE, TuneSettings(seed=1), 1).learning_rate
    other = TrainSettings(method="dann", epochs=8)
    assert one != trial_settings(other, TuneSettings(), 1).learning_rate


def test_known_draw():
    """A change of the draws would silently make other trials."""
    trial = trial_settings(TrainSettings(method="mmd"), TuneSettings(), 1)
    assert (trial.learning_rate, trial.adaptation_warmup_epochs, trial.method.losses) == (
        *(0.00136, 3.0),
        {"mmd": 0.232},
    )


def test_methods_without_losses_get_trials_too():
    trials = [
        trial_settings(TrainSettings(), TuneSettings(), number).learning_rate for number in DRAWN
    ]
    assert len(set(trials)) > 30


def test_automatic_weights_stay_automatic():
    trial = trial_settings(TrainSettings(method="sidda"), TuneSettings(), 3)
    assert trial.method == TrainSettings(method="sidda").method


def test_a_drawn_setting_is_checked():
    with pytest.raises(ValueError, match="batch_size"):
        trial_settings(BASE, TuneSettings(space={"batch_size": [1]}), 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"space": {"learning_rate": {"low": 1.0, "high": 0.1}}}, "low must not exceed high"),
        ({"space": {"epochs": []}}, "'epochs' has no values; use null"),
        ({"space": {"loss_factor": [-1.0]}}, "greater than 0"),
        ({"space": {"warmup_share": [1.5]}}, "less than or equal to 1"),
        ({"space": {"lerning_rate": [1.0]}}, "unknown key 'space.lerning_rate'; known keys: lear"),
        ({"criterion": "target_accuracy"}, "'source_validation', 'entropy'"),
        ({"trials": 0}, "greater than or equal to 1"),
    ],
)
def test_refusals(content, message):
    with pytest.raises(Sim2SkyError, match=message):
        parse_settings(TuneSettings, content, "config.yaml")


def test_range_of_one_value():
    tune = TuneSettings(space={"learning_rate": Range(low=0.01, high=0.01)})
    assert trial_settings(BASE, tune, 5).learning_rate == 0.01


def configuration(**tune):
    return {
        "domains": {name: {"sample": "s", "survey": "x"} for name in ("a", "b")},
        "samples": {"s": {"simulation": "m"}},
        "simulations": {"m": {"suite": "q"}},
        "suites": {"q": {}},
        "experiments": {
            "plain": {"source": "a", "target": "b"},
            "tuned": {"source": "a", "target": "b", "tune": tune, "train": {"epochs": 3}},
        },
    }


def test_configuration():
    config = parse_settings(Config, configuration(trials=3), "config.yaml")
    assert config.experiments["plain"].tune is None
    assert config.experiments_with("regret") == ["tuned"]
    trial = config.trial_settings("tuned", "mmd", "deepmerge", 2)
    assert trial == trial_settings(
        config.train_settings("tuned", "mmd", "deepmerge"), config.experiments["tuned"].tune, 2
    )
    config = parse_settings(Config, configuration(measure_regret=False), "config.yaml")
    assert config.experiments_with("regret") == []


def test_trials_must_not_share_a_seed_with_the_final_models():
    with pytest.raises(Sim2SkyError, match="'tune.training_seed' is 2, which is among 'seeds'"):
        parse_settings(Config, configuration(training_seed=2), "config.yaml")
