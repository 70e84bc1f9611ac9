"""Which trial is chosen, by what, and what the file says of it."""

import json

import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.files import read_json
from sim2sky.train.criteria import CRITERIA
from sim2sky.train.run import chosen_settings
from sim2sky.train.settings import TrainSettings
from sim2sky.tune.choice import OWN_VALIDATION, best_trial, choose_trial, read_trials
from sim2sky.tune.command import choose


def trial(number, *, method="mmd", scores=None, accuracy=0.8, loss=0.4, diverged=False):
    settings = TrainSettings(method=method, epochs=number + 1, on_divergence="stop")
    target = settings.method.train_on == "target"
    criteria = {} if target else dict.fromkeys(CRITERIA, 0.1) | (scores or {})
    return {
        "method": method,
        "network": "deepmerge",
        "trial": number,
        "train_on": settings.method.train_on,
        "diverged": diverged,
        "criteria": criteria,
        "validation": {
            "domain": settings.method.train_on,
            "loss": loss,
            "balanced_accuracy": accuracy,
        },
        "settings": settings.model_dump(mode="json"),
    }


def test_highest_score_wins():
    trials = [trial(n, scores={"snd": value}) for n, value in enumerate([0.3, 0.9, 0.5])]
    choice = choose_trial(trials, "snd")
    assert (choice["trial"], choice["criterion"]) == (1, "snd")
    assert choice["settings"] == trials[1]["settings"]
    assert [entry["score"] for entry in choice["trials"]] == [0.3, 0.9, 0.5]
    assert choice["reason"] == "highest snd of 3 trials"


def test_of_equals_the_first():
    assert choose_trial([trial(0), trial(1)], "entropy")["trial"] == 0


def test_undefined_and_diverged_trials_are_not_chosen():
    trials = [
        trial(0, scores={"dev": -0.9}),
        trial(1, scores={"dev": None}),
        trial(2, scores={"dev": 5.0}, diverged=True),
        trial(3, scores={"dev": -0.5}),
    ]
    choice = choose_trial(trials, "dev")
    assert choice["trial"] == 3
    assert [entry["score"] for entry in choice["trials"]] == [-0.9, None, None, -0.5]


def test_without_any_score_the_configured_settings_are_taken():
    choice = choose_trial([trial(n, scores={"iwv": None}) for n in range(3)], "iwv")
    assert choice["trial"] == 0
    assert choice["reason"] == "no trial has a score by iwv: the first is taken"
    assert best_trial([trial(0, diverged=True)], "snd") is None


def test_an_oracle_is_chosen_by_its_own_validation():
    """Equal accuracies are common on few rows; then the loss decides."""
    numbers = [(0.8, 0.1), (0.9, 0.5), (0.9, 0.3), (0.9, None)]
    trials = [
        trial(n, method="oracle", accuracy=accuracy, loss=loss)
        for n, (accuracy, loss) in enumerate(numbers[:3])
    ]
    choice = choose_trial(trials, "information_maximisation")
    assert (choice["trial"], choice["criterion"]) == (2, OWN_VALIDATION)


def test_trials_of_two_methods_are_refused():
    with pytest.raises(Sim2SkyError, match="different methods or networks; got mmd, deepmerge; s"):
        choose_trial([trial(0), trial(1, method="source_only")], "snd")


def write(folder, number, content):
    path = folder / str(number) / "scores.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    return path


def test_command_writes_a_choice_that_train_takes(tmp_path):
    paths = [
        write(tmp_path, n, trial(n, scores={"information_maximisation": value}))
        for n, value in ((2, 0.1), (0, 0.2), (1, 0.6))
    ]
    choose(paths, tmp_path / "choice.json")
    content = read_json(tmp_path / "choice.json")
    assert [entry["trial"] for entry in content["trials"]] == [0, 1, 2]
    assert content["about"]["stage"] == "tune"
    settings = chosen_settings(TrainSettings(method="mmd"), tmp_path / "choice.json")
    # of the trial all but what it does when the loss diverges
    assert settings == TrainSettings(method="mmd", epochs=2)


@pytest.mark.parametrize(
    ("own", "got"),
    [
        (TrainSettings(method="dann"), "got mmd; expected dann"),
        (TrainSettings(method="mmd", network="resnet18"), "got deepmerge; expected resnet18"),
    ],
)
def test_a_choice_for_something_else_is_refused(tmp_path, own, got):
    choose([write(tmp_path, 0, trial(0))], tmp_path / "choice.json")
    with pytest.raises(Sim2SkyError, match=f"about another method or network; {got}"):
        chosen_settings(own, tmp_path / "choice.json")


def test_bad_scores_are_named(tmp_path):
    with pytest.raises(Sim2SkyError, match="no scores given"):
        read_trials([])
    first = write(tmp_path, 0, trial(0))
    again = write(tmp_path, "again", trial(0))
    with pytest.raises(Sim2SkyError, match=r"again/scores.json.*trial comes twice.*network deepm"):
        read_trials([first, again])
    content = trial(3)
    del content["criteria"]
    with pytest.raises(Sim2SkyError, match=r"key criteria is missing"):
        read_trials([write(tmp_path, 3, content)])
