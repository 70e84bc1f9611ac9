"""Which method each criterion chooses, and what that costs, where both are known."""

import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.files import write_json
from sim2sky.train.criteria import CRITERIA
from sim2sky.train.settings import METHODS
from sim2sky.tune.command import choose_method
from sim2sky.tune.methods import method_table
from sim2sky.tune.regret import EvaluatedTrial

QUICK = EvaluateSettings(n_bootstrap=200)
N_SYSTEMS = 50


def predictions(n_right):
    """Two rows of each system; the first `n_right` of 50 systems are classified right."""
    system = np.repeat(np.arange(N_SYSTEMS), 2)
    label = system % 2
    merger = np.where((system < n_right) == (label == 1), 0.9, 0.1)
    return pd.DataFrame(
        {
            "experiment": "noise",
            "method": "any",
            "network": "deepmerge",
            "seed": 0,
            "domain": "target",
            "galaxy_id": [f"050-{number:06d}" for number in system],
            "system_id": system,
            "view": np.tile([0, 1], N_SYSTEMS),
            "stage": "unknown",
            "label": label,
            "probability_non-merger": 1 - merger,
            "probability_merger": merger,
            "predicted": (merger > 0.5).astype(int),
        }
    )


def scores(method, seed, criteria):
    settings = METHODS[method]
    return {
        "method": method,
        "network": "deepmerge",
        "trial": seed,
        "train_on": settings.train_on,
        "diverged": False,
        "criteria": criteria,
        "validation": {"domain": settings.train_on, "loss": 0.4, "balanced_accuracy": 0.8},
        "settings": {"method": settings.model_dump(mode="json")},
    }


def models(method, n_right, by_seed):
    """Models of one method: how many systems are right, and what snd says; the rest agrees."""
    return [
        EvaluatedTrial(
            scores(method, seed, dict.fromkeys(CRITERIA, n_right / 100) | {"snd": snd}),
            predictions(n_right),
        )
        for seed, snd in enumerate(by_seed)
    ]


def chosen(table, criterion):
    rows = table[(table["criterion"] == criterion) & table["chosen"]]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.fixture(scope="module")
def table():
    """mmd has 40 of 50 systems right, adabn 30 and source_only 25; snd prefers the worst."""
    return method_table(
        [
            *models("source_only", 25, [3.0, 3.0, 0.0]),
            *models("adabn", 30, [1.0, 1.0, 2.0]),
            *models("mmd", 40, [0.5, 0.5, 2.5]),
            *models("oracle", 45, [9.0, 9.0, 9.0]),
            *models("shuffled_labels", 20, [9.0, 9.0, 9.0]),
        ],
        QUICK,
    )


def test_a_criterion_that_is_right_costs_nothing(table):
    row = chosen(table, "information_maximisation")
    assert (row["method"], row["regret"], row["chosen_seeds"]) == ("mmd", 0, 3)
    assert row["balanced_accuracy"] == pytest.approx(40 / N_SYSTEMS)
    assert row["rank_correlation"] == pytest.approx(1)
    assert row["experiment"] == "noise"


def test_the_mean_over_seeds_chooses(table):
    row = chosen(table, "snd")
    assert row["method"] == "source_only"
    assert row["score"] == pytest.approx(2.0)
    assert row["score_seed_std"] == pytest.approx(np.sqrt(3))
    of_snd = table[table["criterion"] == "snd"].set_index("method")
    # the last seed by itself would choose mmd
    assert of_snd["chosen_seeds"].to_dict() == {"source_only": 2, "adabn": 0, "mmd": 1}
    # means 2, 4/3 and 7/6 against 25, 30 and 40
    assert row["rank_correlation"] == pytest.approx(-1)


def test_regret_is_the_share_of_systems_that_the_best_method_has_right_besides(table):
    row = chosen(table, "snd")
    assert row["regret"] == pytest.approx(15 / N_SYSTEMS)
    half_width = 1.96 * np.sqrt(0.3 * 0.7 / N_SYSTEMS)
    assert (row["regret_high"] - row["regret_low"]) / 2 == pytest.approx(half_width, rel=0.25)


def test_oracle_and_control_are_no_candidates(table):
    assert set(table["method"]) == {"source_only", "adabn", "mmd"}
    assert set(table["criterion"]) == set(CRITERIA)


def test_without_labels_the_choice_stands_and_its_cost_is_unknown():
    candidates = [*models("adabn", 30, [1.0]), *models("mmd", 40, [0.5])]
    for model in candidates:
        model.predictions["label"] = -1
    row = chosen(method_table(candidates, QUICK), "snd")
    assert row["method"] == "adabn"
    assert row[["balanced_accuracy", "regret", "regret_low", "rank_correlation"]].isna().all()
    assert np.isnan(row["score_seed_std"])  # of one seed


def test_a_method_without_a_score_is_not_chosen():
    table = method_table([*models("adabn", 30, [None]), *models("mmd", 40, [0.5])], QUICK)
    assert chosen(table, "snd")["method"] == "mmd"
    table = method_table([*models("adabn", 30, [None]), *models("mmd", 40, [None])], QUICK)
    assert not table.loc[table["criterion"] == "snd", "chosen"].any()
    assert (table.loc[table["criterion"] == "snd", "chosen_seeds"] == 0).all()


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(Sim2SkyError, match="nothing to choose between; got 1 models, none of a"):
        method_table(models("oracle", 45, [1.0]), QUICK)
    with pytest.raises(Sim2SkyError, match=r"cannot be compared; got mmd with seeds \[0\]"):
        method_table(models("mmd", 40, [1.0]), QUICK)
    uneven = [*models("adabn", 30, [1.0, 1.0]), *models("mmd", 40, [0.5])]
    with pytest.raises(Sim2SkyError, match=r"mmd with seeds \[0\]; expected two methods or more"):
        method_table(uneven, QUICK)


def test_command(tmp_path):
    folders = []
    for method, right in (("adabn", 30), ("mmd", 40)):
        folders.append(tmp_path / method / "deepmerge/0")
        folders[-1].mkdir(parents=True)
        content = scores(method, 0, dict.fromkeys(CRITERIA, right / 100))
        write_json(content, folders[-1] / "scores.json")
        predictions(right).to_parquet(folders[-1] / "predictions.parquet", index=False)
    output = tmp_path / "method_choice.parquet"
    choose_method(folders, output, '{"n_bootstrap": 100}')
    assert chosen(pd.read_parquet(output), "dev")["method"] == "mmd"
    assert len(pd.read_csv(output.with_suffix(".csv"))) == 2 * len(CRITERIA)
