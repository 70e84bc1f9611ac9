"""Baselines, hard rows and null controls in the table, in closed form."""

import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.aggregate import summary_table
from sim2sky.evaluate.cost import training_costs, training_rows
from sim2sky.evaluate.hard import read_hard_rows
from sim2sky.evaluate.settings import EvaluateSettings

QUICK = EvaluateSettings(n_bootstrap=200)
N = 120


def predictions(method, score, network="deepmerge", domain="target", classes=2, **columns):
    """A classifier that gives label 0, 1, 2 ... in turn the scores of a rule."""
    label = np.arange(N) % classes
    merger = np.array([score(row, label[row]) for row in range(N)], dtype=float)
    rest = {f"probability_{k}": (1 - merger) / (classes - 1) for k in range(classes - 1)}
    table = pd.DataFrame(
        {
            "experiment": "noise",
            "method": method,
            "network": network,
            "seed": 0,
            "domain": domain,
            "galaxy_id": [f"033-{row:06d}" for row in range(N)],
            "system_id": np.arange(N) // 6,
            "view": 0,
            "stage": "pre",
            "label": label,
            **rest,
            "probability_merger": merger,
            "predicted": (merger > 0.5).astype("i1"),
        }
    )
    return table.assign(**columns)


def perfect(row, label):
    return 0.9 if label else 0.1


def useless(row, label):
    return 0.4


def right_outside(row, label):
    """Right, except that the first half of each six rows is not told apart."""
    return 0.5 if row % 6 < 3 else perfect(row, label)


HARD = pd.DataFrame({"galaxy_id": [f"033-{r:06d}" for r in range(N) if r % 6 < 3], "view": 0})


def table_of(*tables, hard=HARD, costs=None):
    predicted = pd.concat(tables, ignore_index=True)
    table = summary_table(predicted, QUICK, hard=hard, costs=costs)
    return table.set_index(["method", "domain"])


def test_baseline_is_set_against_the_first_network():
    table = table_of(
        predictions("asymmetry", right_outside, "morphology"),
        predictions("source_only", useless),
        predictions("adabn", right_outside),
        predictions("oracle", perfect),
        predictions("source_only", perfect, "resnet18"),
    )
    # baselines stand last, whatever the order of the files
    assert table.index.get_level_values(0).tolist() == [
        *("source_only", "adabn", "oracle", "source_only", "asymmetry")
    ]
    row = table.loc["asymmetry", "target"]
    own = row["balanced_accuracy"]
    assert 0.5 < own < 1
    assert row["gain_over_source_only"] == pytest.approx(own - 0.5)
    assert row["gain_over_adabn"] == 0
    assert row["gap_closed"] == pytest.approx((own - 0.5) / (1 - 0.5))
    assert pd.isna(row["negative_transfer"])


def test_auc_is_compared_with_baselines_on_all_and_on_hard_rows():
    table = table_of(
        predictions("source_only", perfect),
        predictions("mmd", useless),
        predictions("asymmetry", right_outside, "morphology"),
        predictions("second_component", perfect, "morphology"),
    )
    source_only, mmd = table.loc["source_only", "target"], table.loc["mmd", "target"]
    asymmetry = table.loc["asymmetry", "target"]
    assert source_only["n_hard"] == N // 2
    assert (source_only["auc_hard"], asymmetry["auc_hard"], mmd["auc_hard"]) == (1, 0.5, 0.5)
    # hard are two thirds of the negatives and a third of the positives; their pairs are ties
    assert asymmetry["auc"] == pytest.approx(1 - 0.5 * 2 / 3 * 1 / 3)
    assert source_only["auc_gain_over_asymmetry"] == pytest.approx(1 - asymmetry["auc"])
    assert source_only["auc_hard_gain_over_asymmetry"] == 0.5
    assert source_only["auc_hard_gain_over_asymmetry_low"] == 0.5  # in every resample
    assert source_only["auc_gain_over_second_component"] == 0
    assert mmd["auc_hard_gain_over_second_component"] == -0.5
    assert mmd["negative_transfer"]


def test_with_three_classes_the_last_is_compared():
    def knows_mergers(row, label):
        return 0.9 if label == 2 else 0.1

    table = table_of(
        predictions("source_only", knows_mergers, classes=3),
        predictions("asymmetry", useless, "morphology", classes=3),
    )
    row = table.loc["source_only", "target"]
    assert row["auc_merger"] == 1
    assert row["auc"] < 1  # a mean over classes
    assert row["auc_gain_over_asymmetry"] == 0.5
    assert row["auc_hard"] == 1


def test_without_baselines_and_shapes_the_table_is_as_wide_and_says_nothing():
    table = table_of(predictions("source_only", perfect), hard=None)
    row = table.loc["source_only", "target"]
    assert "auc_hard" not in row
    assert np.isnan(row["auc_gain_over_asymmetry"])
    assert np.isnan(row["auc_hard_gain_over_asymmetry"])


def test_hard_rows_of_one_class_have_no_auc():
    hard = HARD[HARD["galaxy_id"].str[-1].astype(int) % 2 == 0]
    row = table_of(predictions("source_only", perfect), hard=hard).loc["source_only", "target"]
    assert row["n_hard"] == len(hard)
    assert np.isnan(row["auc_hard"])


def test_method_scored_on_the_source_alone_has_no_target_row():
    table = table_of(
        predictions("source_only", perfect),
        predictions("source_only", perfect, domain="source"),
        predictions("leakage_probe", useless, "morphology", domain="source"),
    )
    assert table.index.tolist() == [
        *(("source_only", "source"), ("source_only", "target"), ("leakage_probe", "source"))
    ]
    assert table.loc["leakage_probe", "source"]["auc"] == 0.5


def test_null_controls_read_as_nothing_gained():
    # identical domains: both methods are right on the same rows; shuffled labels: on none
    table = table_of(
        predictions("source_only", right_outside),
        predictions("mmd", right_outside),
        predictions("shuffled_labels", useless),
        predictions("oracle", right_outside),
    )
    mmd = table.loc["mmd", "target"]
    gain = [mmd[f"gain_over_source_only{end}"] for end in ("", "_low", "_high")]
    assert gain == [0, 0, 0]
    assert not mmd["negative_transfer"]
    assert mmd["gap_closed_reason"] == "oracle - source_only = 0.000, below 0.02"
    assert table.loc["shuffled_labels", "target"]["balanced_accuracy"] == 0.5


def test_hard_rows_are_read_by_their_second_component(tmp_path):
    shapes = pd.DataFrame(
        {
            "galaxy_id": list("abcd"),
            "view": 0,
            "second_component_ratio": [0.0, 0.1, 0.11, np.nan],
        }
    )
    shapes.to_parquet(tmp_path / "morphology.parquet")
    assert read_hard_rows(tmp_path / "morphology.parquet", 0.1)["galaxy_id"].tolist() == ["c"]


def test_cost_is_the_mean_over_seeds(tmp_path):
    paths = []
    for method, seed, seconds in (("mmd", 0, 2.0), ("mmd", 1, 4.0), ("oracle", 0, 1.0)):
        path = tmp_path / f"models/{method}/deepmerge/{seed}/history.csv"
        path.parent.mkdir(parents=True)
        history = pd.DataFrame({"epoch": [1, 2], "seconds": seconds})
        if method == "oracle":
            history["target_train_accuracy"] = 0.5
        history.to_csv(path, index=False)
        paths.append(path)
    costs = training_costs(paths, source_rows=100, target_rows=50)
    assert costs.loc[("deepmerge", "mmd"), "train_seconds"] == pytest.approx((4 + 8) / 2)
    # 2 epochs of 100 images in 4 and in 8 s
    assert costs.loc[("deepmerge", "mmd"), "images_per_second"] == pytest.approx((50 + 25) / 2)
    assert costs.loc[("deepmerge", "oracle"), "images_per_second"] == pytest.approx(50)
    table = table_of(
        predictions("mmd", perfect),
        predictions("asymmetry", perfect, "morphology"),
        costs=costs,
    )
    assert table.loc["mmd", "target"]["train_seconds"] == pytest.approx(6)
    assert np.isnan(table.loc["asymmetry", "target"]["train_seconds"])
    assert np.isnan(training_rows(None))
    pd.DataFrame({"seconds_": [1]}).to_csv(paths[0])
    with pytest.raises(Sim2SkyError, match="history.csv: column seconds is missing"):
        training_costs(paths)
