"""Regrets of criteria whose choices are known."""

import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.files import write_json
from sim2sky.train.criteria import CRITERIA as ALL
from sim2sky.train.settings import METHODS
from sim2sky.tune import regret
from sim2sky.tune.command import regret as command
from sim2sky.tune.regret import EvaluatedTrial, read_evaluated_trials, regret_table

QUICK = EvaluateSettings(n_bootstrap=200)
N_SYSTEMS = 50


def predictions(n_right, seed=0):
    """Four rows of each system; the first `n_right` of 50 systems are classified right."""
    system = np.repeat(np.arange(N_SYSTEMS), 4)
    label = system % 2
    right = system < n_right
    predicted = np.where(right, label, 1 - label)
    probability = np.where(predicted == 1, 0.9, 0.1)
    tables = []
    for domain in ("source", "target"):
        tables.append(
            pd.DataFrame(
                {
                    "experiment": "noise",
                    "method": "any",
                    "network": "deepmerge",
                    "seed": 1000,
                    "domain": domain,
                    "galaxy_id": [f"050-{number:06d}" for number in system],
                    "system_id": system,
                    "view": np.tile(np.arange(4), N_SYSTEMS),
                    "stage": "unknown",
                    "label": label.astype(np.int8),
                    "probability_non-merger": 1 - probability,
                    "probability_merger": probability,
                    # on the source all is right: it must not count
                    "predicted": (label if domain == "source" else predicted).astype(np.int8),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def scores(method, number, criteria, *, train_on="source", accuracy=0.8, diverged=False):
    return {
        "method": method,
        "network": "deepmerge",
        "trial": number,
        "train_on": train_on,
        "diverged": diverged,
        "criteria": criteria,
        "validation": {"domain": train_on, "loss": 0.4, "balanced_accuracy": accuracy},
        "settings": {"method": METHODS[method].model_dump(mode="json")},
    }


def evaluated(method, n_right, ranks, **kw):
    """One trial per number of right systems, with the same rank by every criterion."""
    trials = []
    for number, (right, rank) in enumerate(zip(n_right, ranks, strict=True)):
        table = predictions(right)
        criteria = dict.fromkeys(ALL, rank)
        if kw.get("train_on") == "target":
            trial = scores(method, number, {}, accuracy=rank, **kw)
        else:
            trial = scores(method, number, criteria, **kw)
        trials.append(EvaluatedTrial(trial, table[table["domain"] == "target"]))
    return trials


def row(table, scope, criterion, method=""):
    chosen = table[
        (table["scope"] == scope) & (table["criterion"] == criterion) & (table["method"] == method)
    ]
    assert len(chosen) == 1
    return chosen.iloc[0]


@pytest.fixture(scope="module")
def table():
    """mmd's trials are 30, 40, 20 of 50 right; source_only's 26, 24; the oracle's 44, 46."""
    trials = [
        *evaluated("source_only", [26, 24], [0.1, 0.2]),
        *evaluated("mmd", [30, 40, 20], [0.5, 0.4, 0.3]),
        *evaluated("oracle", [44, 46], [0.9, 0.95], train_on="target"),
    ]
    return regret_table(trials, QUICK)


def test_within_a_method(table):
    found = row(table, "method", "snd", "mmd")
    assert found["chosen_trial"] == 0
    assert found["best_trial"] == 1
    assert found["balanced_accuracy"] == pytest.approx(30 / 50)
    assert found["best_balanced_accuracy"] == pytest.approx(40 / 50)
    assert found["regret"] == pytest.approx(10 / 50)
    assert found["regret_low"] < found["regret"] < found["regret_high"]
    # ranks 3, 2, 1 against 2, 3, 1
    assert found["rank_correlation"] == pytest.approx(0.5)
    assert found["n_trials"] == 3
    assert found["experiment"] == "noise"


def test_interval_is_that_of_the_systems_that_differ(table):
    """The regret is the share of the 10 systems between the two trials among those drawn."""
    found = row(table, "method", "snd", "mmd")
    expected = 1.96 * np.sqrt(0.2 * 0.8 / N_SYSTEMS)
    assert (found["regret_high"] - found["regret_low"]) / 2 == pytest.approx(expected, rel=0.25)


def test_references(table):
    configured, random = (row(table, "method", name, "mmd") for name in ("configured", "random"))
    assert configured["regret"] == pytest.approx(0.2)
    assert random["balanced_accuracy"] == pytest.approx(30 / 50)
    assert random["chosen_method"] == ""
    assert pd.isna(random["chosen_trial"])
    assert np.isnan(random["rank_correlation"])


def test_mean_over_methods_is_that_of_their_regrets(table):
    found = row(table, "mean_over_methods", "snd")
    assert found["regret"] == pytest.approx((10 + 2) / 2 / 50)
    assert found["balanced_accuracy"] == pytest.approx((30 + 24) / 2 / 50)
    assert found["n_trials"] == 5


def test_one_choice_across_methods_without_the_oracle(table):
    found = row(table, "across_methods", "information_maximisation")
    assert (found["chosen_method"], found["chosen_trial"]) == ("mmd", 0)
    assert (found["best_method"], found["best_trial"]) == ("mmd", 1)
    assert found["regret"] == pytest.approx(0.2)
    assert "configured" not in set(table.loc[table["scope"] == "across_methods", "criterion"])


def test_the_oracle_is_judged_by_its_labels_alone(table):
    of_oracle = table[table["method"] == "oracle"]
    assert set(of_oracle["criterion"]) == {"target_validation", "configured", "random"}
    assert row(table, "method", "target_validation", "oracle")["regret"] == 0
    assert "target_validation" not in set(table.loc[table["method"] != "oracle", "criterion"])


def test_all_rows_are_there(table):
    criteria = set(regret.CRITERIA)
    assert criteria == set(ALL)
    blind = criteria | {"configured", "random"}
    for method in ("source_only", "mmd"):
        assert set(table.loc[table["method"] == method, "criterion"]) == blind
    assert len(table) == 2 * 8 + 3 + 8 + 7
    assert (table["regret"] >= 0).all()


def test_a_control_is_chosen_by_nothing():
    trials = [
        *evaluated("source_only", [26, 24], [0.1, 0.2]),
        *evaluated("mmd", [30, 40], [0.4, 0.5]),
        *evaluated("shuffled_labels", [10, 12], [0.9, 0.8]),
    ]
    table = regret_table(trials, QUICK)
    found = row(table, "across_methods", "snd")
    assert (found["chosen_method"], found["n_trials"]) == ("mmd", 4)
    of_control = table[table["method"] == "shuffled_labels"]
    assert set(of_control["criterion"]) == {"configured", "random"}


def test_diverged_trials_count_as_neither():
    trials = evaluated("mmd", [30, 20], [0.5, 0.4])
    trials += [
        EvaluatedTrial(
            scores("mmd", 2, dict.fromkeys(ALL, 9.0), diverged=True), trials[0].predictions
        )
    ]
    found = row(regret_table(trials, QUICK), "method", "snd", "mmd")
    assert (found["n_trials"], found["chosen_trial"], found["regret"]) == (2, 0, 0)


def test_a_criterion_without_scores_has_no_row():
    trials = evaluated("mmd", [30, 20], [None, None])
    table = regret_table(trials, QUICK)
    assert set(table["criterion"]) == {"configured", "random"}
    assert set(table["scope"]) == {"method"}  # one method: nothing to average or to choose between


def test_first_trial_diverged():
    trials = evaluated("mmd", [30, 20], [0.5, 0.4])
    first = scores("mmd", 0, dict.fromkeys(ALL, 0.5), diverged=True)
    trials[0] = EvaluatedTrial(first, trials[0].predictions)
    assert "configured" not in set(regret_table(trials, QUICK)["criterion"])


def test_target_without_labels_is_told():
    trials = evaluated("mmd", [30], [0.5])
    trials[0].predictions["label"] = -1
    with pytest.raises(
        Sim2SkyError, match="needs trials, and test rows of the target with labels"
    ):
        regret_table(trials, QUICK)


def write(folder, trial, table):
    folder.mkdir(parents=True)
    write_json(trial, folder / "scores.json")
    table.to_parquet(folder / "predictions.parquet", index=False)
    return folder


def test_command_reads_folders(tmp_path):
    folders = [
        write(
            tmp_path / str(number),
            scores("mmd", number, dict.fromkeys(ALL, rank)),
            predictions(right),
        )
        for number, (right, rank) in enumerate([(30, 0.5), (40, 0.4)])
    ]
    command(folders, tmp_path / "regret.parquet", '{"n_bootstrap": 100}')
    table = pd.read_parquet(tmp_path / "regret.parquet")
    assert row(table, "method", "dev", "mmd")["regret"] == pytest.approx(0.2)
    with pytest.raises(Sim2SkyError, match="the same trial comes twice"):
        read_evaluated_trials([*folders, folders[0]])


def test_other_test_rows_are_refused(tmp_path):
    good = write(tmp_path / "0", scores("mmd", 0, {}), predictions(30))
    fewer = predictions(30).iloc[:-4]
    bad = write(tmp_path / "1", scores("mmd", 1, {}), fewer)
    with pytest.raises(Sim2SkyError, match=r"1/predictions.parquet: evaluated on other test rows"):
        read_evaluated_trials([good, bad])
