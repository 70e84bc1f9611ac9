"""The scores of real trainings, from the files that the workflow has."""

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.build.dataset import Dataset, read_dataset, write_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.files import read_json
from sim2sky.train import loop
from sim2sky.train.command import train
from sim2sky.train.criteria import CRITERIA
from sim2sky.train.model_file import load_model
from sim2sky.train.settings import TrainSettings
from sim2sky.tune.command import choose, score
from sim2sky.tune.scores import _number, n_epochs, score_trial

N = 120


def write_domain(path, noise, seed):
    """One bright blob, or two."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16] - 7.5
    label = np.arange(N) % 2
    offset = 3.0 * label[:, None, None]
    images = sum(np.exp(-((x - sign * offset) ** 2 + y**2) / 4) for sign in (-1, 1))
    images = (images[:, None] + noise * rng.normal(size=(N, 1, 16, 16))).astype("f4")
    dataset = Dataset(
        images=images,
        label=label.astype("i1"),
        galaxy_id=np.array([f"099-{row:06d}" for row in range(N)]),
        system_id=np.arange(N) // 2,
        view=np.zeros(N, dtype="i4"),
        stage=np.where(label == 1, "pre", "isolated"),
        redshift=np.full(N, 0.05),
        flag=np.zeros(N, dtype="i4"),
        bands=["F814W"],
        classes=["non-merger", "merger"],
        pixel_scale_arcsec=0.4,
        units="nJy",
        normalisation=Normalisation.fit(images[:72], "asinh", np.full(1, 0.1)),
        domain=path.stem,
    )
    write_dataset(path, dataset, np.repeat([0, 1, 2], [72, 24, 24]))
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("domains")
    return (
        write_domain(folder / "source.h5", 0.0, seed=1),
        write_domain(folder / "target.h5", 0.3, seed=2),
    )


def run(pair, folder, choice=None, **settings):
    """Train one model as the workflow does; returns its files."""
    folder.mkdir(exist_ok=True)
    text = TrainSettings(**{"epochs": 2, "batch_size": 16, **settings}).model_dump_json()
    model, history = folder / "model.pt", folder / "history.csv"
    train(text, *pair, model, history, seed=1000, device="cpu", choice=choice)
    return model, history


def test_scores_are_those_of_the_last_epoch(pair, tmp_path, monkeypatch):
    # the costly ones too, which a training computes only if they select its epoch
    monkeypatch.setattr(loop, "criteria_of_epoch", lambda settings, epoch: tuple(CRITERIA))
    files = run(pair, tmp_path, method="mmd")
    score(*files, *pair, tmp_path / "scores.json", trial=3)
    content = read_json(tmp_path / "scores.json")
    last = pd.read_csv(files[1]).iloc[-1]
    assert set(content["criteria"]) == set(CRITERIA)
    for name, value in content["criteria"].items():
        assert value == pytest.approx(last[f"score_{name}"], rel=1e-5)
    assert content["validation"]["loss"] == pytest.approx(last["source_valid_loss"], rel=1e-5)
    assert content["validation"]["domain"] == "source"
    assert (content["method"], content["network"], content["trial"]) == ("mmd", "deepmerge", 3)
    assert content["diverged"] is False
    assert TrainSettings(**content["settings"]) == TrainSettings(
        method="mmd", epochs=2, batch_size=16
    )
    assert content["about"]["stage"] == "tune"


def test_no_label_of_the_target_is_read(pair, tmp_path):
    files = run(pair, tmp_path)
    expected = score_trial(*files, *pair, trial=0)
    blind = tmp_path / "blind.h5"
    blind.write_bytes(pair[1].read_bytes())
    with h5py.File(blind, "r+") as file:
        del file["label"], file["stage"]
        # and no test row
        first = int((file["split"][:] < 2).sum())
        file["images"][first:] = np.nan
    assert score_trial(*files, pair[0], blind, trial=0) == expected


def test_an_oracle_has_its_own_validation_alone(pair, tmp_path):
    files = run(pair, tmp_path, method="oracle")
    content = score_trial(*files, *pair, trial=0)
    assert content["criteria"] == {}
    assert (content["train_on"], content["validation"]["domain"]) == ("target", "target")
    rows = read_dataset(pair[1], "validation", labels=True)
    predicted = load_model(files[0]).predict(rows.images, "target")[0].argmax(axis=1)
    recalls = [(predicted[rows.label == k] == k).mean() for k in (0, 1)]
    assert content["validation"]["balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_rounding_errors_are_no_reason_to_choose():
    """Information of networks that put all images into one class, as computed."""
    assert _number(-1.7e-16) == _number(2.2e-16) == 0
    assert _number(0.123456789123) == 0.123456789
    assert _number(np.nan) is None


def test_diverged_trial_is_known_by_its_history(pair, tmp_path):
    files = run(pair, tmp_path, learning_rate=1e30, on_divergence="stop")
    content = score_trial(*files, *pair, trial=0)
    assert content["diverged"] is True
    assert n_epochs(files[1]) == 0


def test_final_model_takes_the_chosen_settings(pair, tmp_path):
    """As the workflow does: trials, scores, choice, training with other settings."""
    paths = []
    for number, rate in enumerate((1e-30, 3e-3)):
        folder = tmp_path / str(number)
        files = run(pair, folder, learning_rate=rate, on_divergence="stop")
        paths.append(folder / "scores.json")
        score(*files, *pair, paths[-1], trial=number)
    choose(paths, tmp_path / "choice.json", "source_validation")
    choice = read_json(tmp_path / "choice.json")
    assert choice["trial"] == 1
    model, _ = run(pair, tmp_path / "final", choice=tmp_path / "choice.json")
    settings = TrainSettings.model_validate_json(load_model(model).provenance["settings"])
    assert settings == TrainSettings(epochs=2, batch_size=16, learning_rate=3e-3)


def test_missing_and_unreadable_history(tmp_path):
    with pytest.raises(Sim2SkyError, match=r"absent.csv: file not found"):
        n_epochs(tmp_path / "absent.csv")
    (tmp_path / "bad.csv").write_text('a,b\n1,2,3,4\n"')
    with pytest.raises(Sim2SkyError, match=r"bad.csv: not a readable CSV table"):
        n_epochs(tmp_path / "bad.csv")
