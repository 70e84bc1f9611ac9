"""Which epoch is kept, and that no label of the target has a say in it."""

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from sim2sky.build.dataset import read_dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.train import loop
from sim2sky.train.batches import Batches
from sim2sky.train.criteria import CHEAP, CRITERIA
from sim2sky.train.data import read_training_data
from sim2sky.train.history import Progress
from sim2sky.train.optimisation import class_weights_of
from sim2sky.train.run import train_model
from sim2sky.train.selection import adapted_from, criteria_of_epoch, selection_score
from sim2sky.train.settings import TrainSettings
from sim2sky.train.validation import Judgement, judge, loss_and_recall, network_outputs

QUICK = {"epochs": 4, "batch_size": 16}


def train(pair, folder, seed=0, **settings):
    return train_model(
        TrainSettings(**{**QUICK, **settings}),
        *pair,
        seed=seed,
        device="cpu",
        model_path=folder / "model.pt",
        history_path=folder / "history.csv",
    )


def same_weights(one, other):
    states = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def judged_again(model, pair, **settings):
    """All criteria of a finished model."""
    settings = TrainSettings(**{**QUICK, **settings})
    data = read_training_data(*pair, settings)
    weights = class_weights_of(data.labelled.label, 2, settings)
    return judge({"source": model.network, "target": model.network}, data, weights, CRITERIA)


def remove_labels(path):
    with h5py.File(path, "r+") as file:
        del file["label"], file["stage"]


@pytest.mark.parametrize("selection", ["source_validation", "information_maximisation"])
def test_the_best_epoch_is_kept(pair, tmp_path, monkeypatch, selection):
    numbers = iter([0.3, 0.8, np.nan, 0.5])
    kept = []

    def judged(networks, *_):
        state = networks["source"].state_dict()
        kept.append({name: value.clone() for name, value in state.items()})
        number = next(numbers)
        loss = 9.0 if np.isnan(number) else -number
        return Judgement(loss, 0.5, dict.fromkeys(CRITERIA, number))

    monkeypatch.setattr(loop, "judge", judged)
    chosen = train(pair, tmp_path, selection=selection).network.state_dict()
    assert all(torch.equal(chosen[name], kept[1][name]) for name in chosen)
    assert not torch.equal(chosen["features.0.weight"], kept[3]["features.0.weight"])


@pytest.mark.parametrize("selection", ["entropy", "iwv"])
def test_the_kept_model_has_the_best_score_of_the_history(pair, tmp_path, selection):
    settings = {"method": "mmd", "selection": selection, "adaptation_warmup_epochs": 2}
    # a learning rate that makes the epochs differ, so that the best is not always the last
    model = train(pair, tmp_path, learning_rate=2e-2, schedule="constant", **settings)
    history = pd.read_csv(tmp_path / "history.csv")
    eligible = history[history["epoch"] >= 2]
    best = eligible[f"score_{selection}"].max()
    assert history[f"score_{selection}"].notna().all()
    score = judged_again(model, pair, method="mmd").scores[selection]
    assert score == pytest.approx(best, rel=1e-5)
    for name in {"iwv", "dev"} - {selection}:
        assert history[f"score_{name}"].isna().all()


def test_source_validation_score_is_the_validation_loss(pair, tmp_path):
    train(pair, tmp_path)
    history = pd.read_csv(tmp_path / "history.csv")
    scores = history["score_source_validation"]
    assert scores.iloc[-1] == pytest.approx(-history["source_valid_loss"].iloc[-1], rel=1e-5)
    # no epoch is chosen: only the last was passed over the target
    assert scores.iloc[:-1].isna().all()


def test_what_selects_changes_nothing_else(pair, tmp_path):
    """The scores draw no random numbers and leave BatchNorm alone."""
    columns = None
    for selection in ("last", "snd"):
        train(pair, tmp_path / selection, method="dann", selection=selection)
        history = pd.read_csv(tmp_path / selection / "history.csv").drop(columns="seconds")
        columns = history if columns is None else columns
        pd.testing.assert_frame_equal(history.iloc[-1:], columns.iloc[-1:], check_exact=True)
        chosen = [name for name in history if not name.startswith("score_")]
        pd.testing.assert_frame_equal(history[chosen], columns[chosen], check_exact=True)


@pytest.mark.parametrize(
    ("method", "selection"), [("source_only", "dev"), ("mmd", "information_maximisation")]
)
def test_the_targets_labels_need_not_exist(toy, pair, tmp_path, method, selection):
    expected = train(pair, tmp_path / "there", method=method, selection=selection)
    remove_labels(pair[1])
    actual = train(pair, tmp_path / "gone", method=method, selection=selection)
    assert same_weights(actual, expected)
    data = read_training_data(*pair, TrainSettings(method=method))
    assert data.target_validation.label is None
    assert len(data.target_validation) == 24


class KilledError(BaseException):
    """Stands for a kill that leaves no time for anything."""


def test_resumed_selection_is_the_same(pair, tmp_path, monkeypatch):
    settings = {"method": "mmd", "selection": "information_maximisation", "learning_rate": 2e-2}
    expected = train(pair, tmp_path / "whole", **settings)
    calls = 0
    original = Batches.next

    def killing(self):
        nonlocal calls
        calls += 1
        if calls == 33:  # 5 steps an epoch, two batches a step: in the last epoch
            raise KilledError
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "next", killing)
        with pytest.raises(KilledError):
            train(pair, tmp_path / "broken", **settings)
    actual = train(pair, tmp_path / "broken", **settings)
    assert same_weights(actual, expected)
    histories = [
        pd.read_csv(tmp_path / name / "history.csv").drop(columns="seconds")
        for name in ("whole", "broken")
    ]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


def test_checkpoint_knows_the_targets_validation_images(pair):
    before = read_training_data(*pair, TrainSettings()).digest()
    with h5py.File(pair[1], "r+") as file:
        row = np.flatnonzero(file["split"][:] == 1)[3]
        file["images"][row, 0, 2, 2] += 0.5
    assert read_training_data(*pair, TrainSettings()).digest() != before


def test_no_epoch_before_the_end_of_the_warm_up():
    judgement = Judgement(0.1, 0.9, dict.fromkeys(CRITERIA, 0.7))
    settings = TrainSettings(epochs=6, selection="snd", adaptation_warmup_epochs=2.5, method="mmd")
    scores = [selection_score(judgement, settings, epoch) for epoch in range(1, 7)]
    np.testing.assert_array_equal(scores, [np.nan, np.nan, 0.7, 0.7, 0.7, 0.7])
    # methods without losses choose between the same epochs
    assert adapted_from(settings.model_copy(update={"method": TrainSettings().method})) == 2.5
    # automatic weights begin after a third of the training: in the third epoch of six, in the
    # fourth of ten
    assert adapted_from(TrainSettings(epochs=6, method="sidda")) == 3
    assert adapted_from(TrainSettings(epochs=10, method="sidda")) == 4
    assert adapted_from(TrainSettings(epochs=1, method="sidda")) == 1
    # a warm-up longer than the training leaves the last epoch
    long = TrainSettings(epochs=6, selection="snd", adaptation_warmup_epochs=9)
    assert np.isfinite(selection_score(judgement, long, 6))
    assert np.isnan(selection_score(judgement, long, 5))


def test_rounding_errors_select_no_epoch():
    progress, network = Progress(), torch.nn.Linear(2, 2)
    for epoch, score in enumerate((1.1e-16, 2.2e-16, -1.0), start=1):
        progress.keep_if_best(score, network)
        progress.next_epoch()
        assert progress.epoch == epoch
    assert progress.best_epoch == 1
    progress.keep_if_best(0.1, network)
    assert progress.best_epoch == 4


def test_last_epoch_needs_no_score():
    judgement = Judgement(0.1, 0.9, {})
    assert np.isnan(selection_score(judgement, TrainSettings(), 12))


def test_costly_criteria_are_computed_when_needed():
    assert criteria_of_epoch(TrainSettings(selection="iwv", epochs=3), 2) == ("iwv",)
    assert criteria_of_epoch(TrainSettings(selection="iwv", epochs=3), 3) == (*CHEAP, "iwv")
    assert criteria_of_epoch(TrainSettings(epochs=3), 2) == ()
    assert criteria_of_epoch(TrainSettings(epochs=3), 3) == CHEAP


def test_an_oracle_is_selected_by_its_own_validation(pair, tmp_path, monkeypatch):
    models = {
        selection: train(pair, tmp_path / selection, method="oracle", selection=selection)
        for selection in ("source_validation", "information_maximisation")
    }
    assert same_weights(*models.values())
    history = pd.read_csv(tmp_path / "information_maximisation/history.csv")
    assert not [name for name in history if name.startswith("score_")]


def without_validation(toy, tmp_path):
    target = toy(seed=2, noise=0.3)
    target.split = np.where(target.split == 1, 0, target.split)
    return target.write(tmp_path / "target.h5")


def test_target_without_validation_rows_has_no_scores(toy, pair, tmp_path):
    target = without_validation(toy, tmp_path)
    train((pair[0], target), tmp_path)
    history = pd.read_csv(tmp_path / "history.csv")
    assert not [name for name in history if name.startswith("score_")]
    with pytest.raises(Sim2SkyError, match="selection by snd needs validation images of the targ"):
        train((pair[0], target), tmp_path, selection="snd")


def test_undefined_criterion_keeps_the_last_epoch(pair, tmp_path, monkeypatch, caplog):
    expected = train(pair, tmp_path / "last")
    monkeypatch.setattr(
        loop, "judge", lambda *_: Judgement(0.3, 0.5, dict.fromkeys(CRITERIA, np.nan))
    )
    actual = train(pair, tmp_path / "nan", selection="entropy")
    assert same_weights(actual, expected)
    assert "no epoch has a finite entropy: the last is kept" in caplog.text


def test_divergence_may_end_the_training_with_the_last_sound_epoch(pair, tmp_path, monkeypatch):
    """As of the third epoch the loss is no longer a number."""
    expected = train(pair, tmp_path / "two", epochs=2, schedule="constant")
    calls = 0
    original = Batches.next

    def poisoned(self):
        nonlocal calls
        calls += 1
        batch = original(self)
        return batch if calls <= 12 else batch._replace(images=batch.images * np.nan)

    monkeypatch.setattr(Batches, "next", poisoned)
    actual = train(pair, tmp_path / "four", schedule="constant", on_divergence="stop")
    assert same_weights(actual, expected)
    assert len(pd.read_csv(tmp_path / "four" / "history.csv")) == 2


def test_divergence_in_the_first_epoch_leaves_the_first_weights(pair, tmp_path):
    # the loss of the second step is infinite
    diverged = train(pair, tmp_path / "a", learning_rate=1e30, on_divergence="stop")
    frozen = train(pair, tmp_path / "b", learning_rate=1e-30, weight_decay=0.0, epochs=1)
    assert torch.equal(diverged.network.features[0].weight, frozen.network.features[0].weight)
    assert all(torch.isfinite(value).all() for value in diverged.network.state_dict().values())
    assert (tmp_path / "a" / "history.csv").read_text().strip() == ""


def test_a_last_step_that_ruins_the_network_is_divergence(pair, tmp_path):
    # one epoch of one step: its loss is finite, the weights after it are not
    settings = {"epochs": 1, "batch_size": 1000, "learning_rate": 1e30, "schedule": "constant"}
    with pytest.raises(
        Sim2SkyError, match=r"epoch 1: the loss is no longer a finite number; got {'validation"
    ):
        train(pair, tmp_path / "error", **settings)
    model = train(pair, tmp_path / "stop", on_divergence="stop", **settings)
    assert all(torch.isfinite(value).all() for value in model.network.state_dict().values())
    assert (tmp_path / "stop" / "history.csv").read_text().strip() == ""


def test_validation_is_the_mean_recall(pair):
    data = read_training_data(*pair, TrainSettings())

    class Constant(torch.nn.Module):
        def forward(self, images):
            return images.flatten(1), torch.tensor([[2.0, 1.0]]).expand(len(images), 2)

    rows = data.validation
    latent, logits = network_outputs(Constant(), rows, torch.device("cpu"), batch_size=5)
    assert torch.equal(latent, rows.images.permute(0, 3, 1, 2).flatten(1))
    loss, balanced = loss_and_recall(logits, rows.label, torch.tensor([1.0, 3.0]))
    log_sum = np.log(np.exp(2) + np.exp(1))
    assert balanced == 0.5
    assert loss == pytest.approx((1 * (log_sum - 2) + 3 * (log_sum - 1)) / 4)


def test_target_is_judged_with_its_own_batchnorm_statistics(pair, tmp_path):
    """The last epoch's scores are those of the finished model as it predicts."""
    model = train(pair, tmp_path, method="adabn_li", d4_average=True)
    settings = TrainSettings(**QUICK, method="adabn_li", d4_average=True)
    data = read_training_data(*pair, settings)
    probability, _ = model.predict(
        read_dataset(pair[1], "validation", labels=False).images, "target"
    )
    entropy = -(probability * np.log(probability)).sum(axis=1).mean()
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["score_entropy"].iloc[-1] == pytest.approx(-entropy, rel=1e-4)
    networks = {"source": model.network, "target": model.network}
    assert judge(networks, data, torch.ones(2), ["entropy"]).scores["entropy"] != pytest.approx(
        -entropy, rel=1e-2
    )


def test_each_domain_is_judged_by_its_own_network(pair):
    class Always(torch.nn.Module):
        def __init__(self, logits):
            super().__init__()
            self.logits = torch.tensor(logits)

        def forward(self, images):
            return images.flatten(1), self.logits.expand(len(images), 2)

    data = read_training_data(*pair, TrainSettings())
    networks = {"source": Always([0.0, 0.0]), "target": Always([50.0, 0.0])}
    judgement = judge(networks, data, torch.ones(2), CHEAP)
    assert judgement.loss == pytest.approx(np.log(2))
    assert judgement.scores["entropy"] == pytest.approx(0, abs=1e-9)
