import os
import signal
import subprocess
import sys
import time
from functools import partialmethod
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sim2sky.build.dataset import read_dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.train import loop
from sim2sky.train.batches import Batch, Batches
from sim2sky.train.criteria import CRITERIA
from sim2sky.train.data import read_training_data
from sim2sky.train.optimisation import (
    class_weights_of,
    deterministic,
    learning_rate_schedule,
    warmup_factor,
)
from sim2sky.train.run import choose_device, train_model
from sim2sky.train.settings import METHODS, MethodSettings, TrainSettings

QUICK = {"epochs": 3, "batch_size": 16}


def train(pair, folder: Path, seed: int = 0, **settings):
    return train_model(
        TrainSettings(**{**QUICK, **settings}),
        *pair,
        seed=seed,
        device="cpu",
        model_path=folder / "model.pt",
        history_path=folder / "history.csv",
    )


def same_weights(one, other) -> bool:
    states = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def accuracy(model, path: Path, domain: str) -> float:
    test = read_dataset(path, "test", labels=True)
    return float((model.predict(test.images, domain)[0].argmax(1) == test.label).mean())


def test_learns_one_blob_from_two(pair, tmp_path):
    model = train(pair, tmp_path, epochs=12, learning_rate=3e-3)
    assert accuracy(model, pair[0], "source") >= 0.9
    history = pd.read_csv(tmp_path / "history.csv")
    assert list(history) == [
        *("epoch", "learning_rate", "loss", "loss_class", "source_train_accuracy"),
        *("source_valid_loss", "source_valid_balanced_accuracy"),
        *(f"score_{name}" for name in CRITERIA),
        "seconds",
    ]
    assert history["epoch"].tolist() == list(range(1, 13))
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    assert not (tmp_path / "checkpoint.pt").exists()


def test_oracle_is_judged_on_the_target(pair, tmp_path):
    model = train(pair, tmp_path, method="oracle", epochs=20, learning_rate=3e-3)
    assert model.method == "oracle"
    assert accuracy(model, pair[1], "target") >= 0.75
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["source_valid_loss"].isna().all()
    assert history["target_valid_balanced_accuracy"].iloc[-1] >= 0.7


@pytest.mark.parametrize(
    "method", ["source_only", "adabn", "adabn_li", "mmd_fisher_entropy", "cdan", "dance"]
)
def test_target_labels_cannot_change_anything(toy, pair, tmp_path, method):
    """Neither wrong labels nor their meaning may reach a method that adapts."""
    expected = train(pair, tmp_path / "true", method=method, selection="source_validation")
    spoiled = toy(seed=2, noise=0.3)
    spoiled.label = 1 - spoiled.label
    target = spoiled.write(tmp_path / "spoiled.h5")
    actual = train(
        (pair[0], target), tmp_path / "false", method=method, selection="source_validation"
    )
    assert same_weights(actual, expected)
    if method == "adabn_li":
        statistics = actual.target_statistics, expected.target_statistics
        assert all(torch.equal(statistics[0][name], statistics[1][name]) for name in statistics[0])


def test_mixed_batches_change_batchnorm_alone_without_a_loss(pair, tmp_path):
    """With a learning rate of nearly zero, only the running statistics tell the methods apart."""
    settings = {"learning_rate": 1e-30, "weight_decay": 0.0}
    alone = train(pair, tmp_path / "a", **settings).network
    mixed = train(pair, tmp_path / "b", method="adabn", **settings).network
    assert torch.equal(alone.features[0].weight, mixed.features[0].weight)
    norms = alone.features[1], mixed.features[1]
    assert not torch.allclose(norms[0].running_mean, norms[1].running_mean, rtol=1e-3)

    # the mixed statistics are those of source and target together
    data = read_training_data(*pair, TrainSettings(method="adabn"))
    images = torch.cat([data.labelled.images, data.unlabelled.images]).permute(0, 3, 1, 2)
    with torch.no_grad():
        mean = mixed.features[0](images).mean((0, 2, 3))
    weight = 1 - 0.9 ** int(norms[1].num_batches_tracked)  # BatchNorm starts at 0, momentum 0.1
    torch.testing.assert_close(norms[1].running_mean, weight * mean, rtol=0.1, atol=0.02)


def test_a_target_that_passes_by_itself_leaves_no_trace_in_the_sources_statistics(pair, tmp_path):
    """With a learning rate of nearly zero, the source is normalised as if it were alone."""
    settings = {"learning_rate": 1e-30, "weight_decay": 0.0}
    alone = train(pair, tmp_path / "a", method="adabn_li", **settings)
    apart = train(pair, tmp_path / "b", method="dance", **settings)
    weights = alone.network.state_dict(), apart.network.state_dict()
    torch.testing.assert_close(*weights, rtol=1e-6, atol=1e-20)
    torch.testing.assert_close(
        alone.target_statistics, apart.target_statistics, rtol=1e-6, atol=1e-20
    )


@pytest.mark.parametrize(("statistics", "vanishes"), [("mixed", False), ("by domain", True)])
def test_a_scale_of_the_target_vanishes_where_it_passes_by_itself(
    pair, tmp_path, monkeypatch, statistics, vanishes
):
    """BatchNorm by domain has undone it before a loss sees it."""
    own = {"mixed_batches": True} if statistics == "mixed" else {"batchnorm": "target"}
    method = MethodSettings(name="m", losses={"mmd_median": 1.0}, **own)
    seen, plain = [], Batches.next

    def scaled(batches, factor):
        batch = plain(batches)
        return batch if batch.label is not None else batch._replace(images=factor * batch.images)

    for factor in (1.0, 4.0):
        monkeypatch.setattr(Batches, "next", partialmethod(scaled, factor))
        train(pair, tmp_path, method=method, epochs=1, learning_rate=1e-30)
        seen.append(pd.read_csv(tmp_path / "history.csv")["loss_mmd_median"].item())
    assert (seen[1] == pytest.approx(seen[0], rel=1e-2)) is vanishes


def test_mmd_is_part_of_the_loss(pair, tmp_path):
    train(pair, tmp_path, method="mmd")
    history = pd.read_csv(tmp_path / "history.csv")
    np.testing.assert_allclose(history["loss"], history["loss_class"] + history["loss_mmd"])
    assert (history["loss_mmd"] > 0).all()


def test_mmd_brings_the_domains_together(pair, tmp_path):
    """What is left of the discrepancy is less than where it is only watched."""
    final = {}
    for weight in (0.0, 5.0):
        method = MethodSettings(name="m", mixed_batches=True, losses={"mmd_median": weight})
        folder = tmp_path / str(weight)
        train(pair, folder, method=method, epochs=8)
        final[weight] = pd.read_csv(folder / "history.csv")["loss_mmd_median"].iloc[-1]
    assert final[5.0] < 0.7 * final[0.0]


def test_methods_start_alike_and_seeds_do_not(pair, tmp_path):
    frozen = {"learning_rate": 1e-30, "weight_decay": 0.0, "epochs": 1}
    first = train(pair, tmp_path / "a", **frozen).network.features[0].weight
    same = train(pair, tmp_path / "b", method="mmd", **frozen).network.features[0].weight
    other = train(pair, tmp_path / "c", seed=1, **frozen).network.features[0].weight
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_same_seed_same_weights(pair, tmp_path):
    runs = [train(pair, tmp_path / name, method="mmd") for name in "ab"]
    assert same_weights(*runs)
    bytes_of = [(tmp_path / name / "model.pt").read_bytes() for name in "ab"]
    assert bytes_of[0] == bytes_of[1]


class KilledError(BaseException):
    """Stands for a kill that leaves no time for anything."""


def interrupt(monkeypatch, call: int, action) -> None:
    """Do something when the batches are asked for the n-th time."""
    calls = 0
    original = Batches.next

    def counted(self):
        nonlocal calls
        calls += 1
        if calls == call:
            action()
        return original(self)

    monkeypatch.setattr(Batches, "next", counted)


def killed() -> None:
    raise KilledError


def sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, write_pair):
    """A training that nothing interrupted: datasets, settings, model and history."""
    folder = tmp_path_factory.mktemp("whole")
    pair = write_pair(folder)
    settings = {"method": "mmd", "selection": "source_validation"}
    model = train(pair, folder, **settings)
    return pair, settings, model, pd.read_csv(folder / "history.csv")


# 72 source rows make 5 steps of 16 an epoch; mmd asks for two batches a step
@pytest.mark.parametrize("call", [2, 11, 17, 27])
@pytest.mark.parametrize("end", ["kill", "sigterm"])
def test_resumed_training_ends_with_the_same_weights(
    whole, tmp_path, monkeypatch, caplog, call, end
):
    pair, settings, expected, expected_history = whole
    with monkeypatch.context() as patch:
        interrupt(patch, call, killed if end == "kill" else sigterm)
        with pytest.raises(KilledError if end == "kill" else SystemExit) as exit_info:
            train(pair, tmp_path, **settings)
    if end == "sigterm":
        assert exit_info.value.code == 143
        assert "SIGTERM: state saved" in caplog.text
    assert not (tmp_path / "model.pt").exists()
    with caplog.at_level("INFO", logger="sim2sky"):
        actual = train(pair, tmp_path, **settings)
    # a kill in the first epoch leaves no checkpoint
    assert ("going on from epoch" in caplog.text) == (end == "sigterm" or call > 10)
    assert same_weights(actual, expected)
    history = pd.read_csv(tmp_path / "history.csv")
    columns = [name for name in history if name != "seconds"]
    pd.testing.assert_frame_equal(history[columns], expected_history[columns], check_exact=True)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_killed_twenty_times_at_random_batches(pair, tmp_path, monkeypatch):
    """Half of the deaths are sudden and lose the epoch, half are announced and lose nothing."""
    settings = {"method": "mmd", "epochs": 20}
    expected = train(pair, tmp_path / "whole", **settings)
    random = np.random.default_rng(5)
    for death in range(20):
        with monkeypatch.context() as patch:
            # 10 batches an epoch, of both domains
            interrupt(patch, int(random.integers(1, 17)), (killed, sigterm)[death % 2])
            with pytest.raises((KilledError, SystemExit)):
                train(pair, tmp_path, **settings)
    assert torch.load(tmp_path / "checkpoint.pt")["parts"]["progress"]["epoch"] > 5
    assert same_weights(train(pair, tmp_path, **settings), expected)
    histories = [pd.read_csv(folder / "history.csv") for folder in (tmp_path / "whole", tmp_path)]
    histories = [history.drop(columns="seconds") for history in histories]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


@pytest.mark.parametrize("method", ["dann_scheduled", "sidda", "dance", "augmentation"])
def test_all_else_goes_on_too(pair, tmp_path, monkeypatch, method):
    """A discriminator, its dropout and schedule; automatic weights; a memory; random changes."""
    expected = train(pair, tmp_path / "whole", method=method)
    with monkeypatch.context() as patch:
        interrupt(patch, 13, sigterm)
        with pytest.raises(SystemExit):
            train(pair, tmp_path, method=method)
    assert same_weights(train(pair, tmp_path, method=method), expected)


@pytest.mark.parametrize("change", ["settings", "seed", "data", "parts", "damage"])
def test_a_checkpoint_of_another_training_is_ignored(
    toy, pair, tmp_path, monkeypatch, caplog, change
):
    folder = tmp_path / "broken"
    with monkeypatch.context() as patch:
        interrupt(patch, 13, killed)
        with pytest.raises(KilledError):
            train(pair, folder)
    settings, seed = {}, 0
    if change == "settings":
        settings = {"learning_rate": 2e-3}
    elif change == "seed":
        seed = 1
    elif change == "data":
        pair = (toy(seed=7).write(tmp_path / "other.h5"), pair[1])
    elif change == "parts":  # of a version that saved other things
        content = torch.load(folder / "checkpoint.pt")
        del content["parts"]["weighted_sum"]
        torch.save(content, folder / "checkpoint.pt")
    else:
        (folder / "checkpoint.pt").write_bytes(b"\0" * 100)
    with caplog.at_level("INFO", logger="sim2sky"):
        actual = train(pair, folder, seed=seed, **settings)
    assert "checkpoint ignored" in caplog.text
    assert "going on" not in caplog.text
    assert same_weights(actual, train(pair, tmp_path / "fresh", seed=seed, **settings))


def test_sigterm_of_a_real_process(pair, tmp_path):
    """A scheduler's signal ends the command with a status that is not zero."""
    program = (
        "import logging, typer\n"
        "from sim2sky.train.command import train\n"
        "logging.basicConfig(level=logging.INFO)\n"
        "app = typer.Typer(); app.command()(train); app()"
    )
    command = [
        *(sys.executable, "-c", program),
        *("--settings", '{"epochs": 4000, "batch_size": 16, "method": "adabn"}'),
        *("--source", str(pair[0]), "--target", str(pair[1]), "--seed", "3", "--device", "cpu"),
        *("--output", str(tmp_path / "m.pt"), "--history", str(tmp_path / "h.csv")),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "checkpoint.pt").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert "SIGTERM: state saved" in log
    assert (tmp_path / "checkpoint.pt").exists()
    assert not (tmp_path / "m.pt").exists()


def test_signal_handler_is_put_back(pair, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    train(pair, tmp_path, epochs=1)
    assert signal.getsignal(signal.SIGTERM) == before


def test_torch_is_left_as_it_was(pair, tmp_path):
    threads = torch.get_num_threads()
    with deterministic(threads + 1):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.get_num_threads() == threads + 1
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_infinite_loss_is_told(pair, tmp_path):
    with pytest.raises(Sim2SkyError, match=r"no longer a finite number.*lower learning_rate"):
        train(pair, tmp_path, learning_rate=1e30, epochs=5)


def test_cuda_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Sim2SkyError, match="--device cuda: no CUDA GPU found"):
        choose_device("cuda")
    with pytest.raises(Sim2SkyError, match="unknown device; got tpu; expected auto, cpu or cuda"):
        choose_device("tpu")
    assert choose_device("auto").type == "cpu"


def test_balanced_class_weights(toy, tmp_path):
    skewed = toy(n=100)
    skewed.label = (np.arange(100) % 4 == 0).astype(int)
    path = skewed.write(tmp_path / "skewed.h5")
    data = read_training_data(path, path, TrainSettings())
    label = data.labelled.label
    weights = class_weights_of(label, 2, TrainSettings())
    torch.testing.assert_close(weights, torch.tensor([60 / (2 * 45), 60 / (2 * 15)]))
    assert torch.equal(
        class_weights_of(label, 2, TrainSettings(class_weights="none")), torch.ones(2)
    )


def test_one_cycle_keeps_the_published_betas():
    parameter = torch.nn.Parameter(torch.zeros(1))
    settings = TrainSettings(epochs=10)
    optimiser = torch.optim.AdamW([parameter], settings.learning_rate, betas=settings.adam_betas)
    schedule = learning_rate_schedule(optimiser, settings, steps_per_epoch=7)
    rates = []
    for _ in range(70):
        rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
        assert optimiser.param_groups[0]["betas"] == (0.7, 0.8)
    assert max(rates) == pytest.approx(settings.learning_rate, rel=0.01)
    assert 15 <= np.argmax(rates) <= 25
    assert rates[-1] < 1e-2 * settings.learning_rate


def test_absent_class_has_no_weight():
    weights = class_weights_of(torch.tensor([0, 0, 2]), 3, TrainSettings())
    torch.testing.assert_close(weights, torch.tensor([0.5, 0.0, 1.0]))


@pytest.mark.parametrize(("done", "warmup", "factor"), [(1.5, 3, 0.5), (1.5, 1, 1), (0, 0, 1)])
def test_warmup_is_linear(done, warmup, factor):
    assert warmup_factor(done, warmup) == factor


def test_the_gradient_is_zeroed_before_each_step(pair, tmp_path, monkeypatch):
    """The gradient of a step is that of its batch alone."""
    gradients = []
    original = torch.optim.AdamW.step

    def watched(self, *args, **kwargs):
        gradients.append(self.param_groups[0]["params"][0].grad.clone())
        return original(self, *args, **kwargs)

    def same_batch(self):
        chosen = slice(self.batch_size)
        images = self.rows.images[chosen].permute(0, 3, 1, 2)
        return Batch(images, self.rows.label[chosen], torch.arange(self.batch_size))

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    monkeypatch.setattr(Batches, "next", same_batch)
    train(pair, tmp_path, epochs=1, learning_rate=1e-30, weight_decay=0.0)
    assert len(gradients) == 5
    for gradient in gradients[1:]:
        torch.testing.assert_close(gradient, gradients[0], rtol=1e-4, atol=1e-7)


def test_all_named_methods_run(pair, tmp_path):
    for name, method in METHODS.items():
        assert train(pair, tmp_path / name, method=name, epochs=2).method == name
        history = pd.read_csv(tmp_path / name / "history.csv")
        judged = [column for column in history if column.startswith(("loss", "weight"))]
        assert judged[2:][: len(method.losses)] == [f"loss_{loss}" for loss in method.losses]
        assert np.isfinite(history[judged]).all(axis=None)


def test_dance_is_told_which_images_a_batch_holds(pair, tmp_path, monkeypatch):
    seen = []
    original = loop.DomainBatch

    def watched(latent, logits, label, progress, index):
        seen.append(index)
        return original(latent, logits, label, progress, index)

    monkeypatch.setattr(loop, "DomainBatch", watched)
    train(pair, tmp_path, method="dance", epochs=2)
    target = torch.cat(seen[1::2])
    assert len(set(target[:64].tolist())) == 64  # four batches of a pass
    assert set(target.tolist()) == set(range(72))


def test_augmentation_changes_what_is_learned(pair, tmp_path):
    plain, changed = (train(pair, tmp_path / m, method=m) for m in ("source_only", "augmentation"))
    assert not same_weights(plain, changed)
    history = [pd.read_csv(tmp_path / m / "history.csv") for m in ("source_only", "augmentation")]
    # harder to fit, on images that are not the validation's
    assert history[1]["loss_class"].iloc[-1] > history[0]["loss_class"].iloc[-1]


def test_shuffled_labels_teach_nothing_but_the_training_images(toy, tmp_path):
    source = toy(n=200).write(tmp_path / "source.h5")
    test = read_dataset(source, "test", labels=True)
    scores = []
    for seed in range(3):
        model = train((source, source), tmp_path, method="shuffled_labels", seed=seed, epochs=6)
        scores.append((model.predict(test.images, "source")[0].argmax(1) == test.label).mean())
    assert 0.3 < np.mean(scores) < 0.7
    model = train((source, source), tmp_path, method="source_only", epochs=6)
    assert accuracy(model, source, "source") > 0.9


def test_automatic_weights_are_trained_after_a_third_and_recorded(pair, tmp_path):
    train(pair, tmp_path, method="sidda", epochs=6)
    history = pd.read_csv(tmp_path / "history.csv")
    assert list(history)[2:7] == [
        *("loss", "loss_class", "loss_sinkhorn", "weight_class", "weight_sinkhorn")
    ]
    weights = history[["weight_class", "weight_sinkhorn"]]
    assert (weights[:2] == 0.5).all(axis=None)
    assert (weights[3:] != 0.5).all(axis=None)
    np.testing.assert_allclose(history["loss"][:2], history["loss_class"][:2])
    assert weights["weight_class"].iloc[-1] > 0.5  # the classes are learned


def test_reversal_grows_with_the_training(pair, tmp_path, monkeypatch):
    seen = []
    original = loop.DomainBatch

    def watched(latent, logits, label, progress, index):
        seen.append(progress)
        return original(latent, logits, label, progress, index)

    monkeypatch.setattr(loop, "DomainBatch", watched)
    train(pair, tmp_path, method="dann_scheduled", epochs=2)
    # 5 steps an epoch, both domains
    np.testing.assert_allclose(seen, np.repeat(np.arange(10) / 10, 2))
