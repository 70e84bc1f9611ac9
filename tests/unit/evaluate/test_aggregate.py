import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.aggregate import read_predictions, summary_table
from sim2sky.evaluate.comparison import gap_closed
from sim2sky.evaluate.settings import EvaluateSettings

QUICK = EvaluateSettings(n_bootstrap=300)
N = 240


def predictions(method, share_right, seed=0, domain="target", network="deepmerge", **columns):
    """A classifier that is right in a given share of each class, on the same rows."""
    label = np.arange(N) % 2
    right = np.random.default_rng(seed + 100).permutation(N // 2) < share_right * N // 2
    right = np.repeat(right, 2)  # as often in either class
    merger = np.where(right == (label == 1), 0.8, 0.2)
    table = pd.DataFrame(
        {
            "experiment": "noise",
            "method": method,
            "network": network,
            "seed": seed,
            "domain": domain,
            "galaxy_id": [f"033-{i:06d}" for i in range(N)],
            "system_id": np.arange(N) // 4,
            "view": 0,
            "stage": "pre",
            "label": label,
            "probability_non-merger": 1 - merger,
            "probability_merger": merger,
            "predicted": (merger > 0.5).astype("i1"),
        }
    )
    return table.assign(**columns)


def table_of(*tables, settings=QUICK):
    result = summary_table(pd.concat(tables, ignore_index=True), settings)
    return result.set_index(["network", "method", "domain"])


def test_means_scatter_and_gap_in_closed_form():
    table = table_of(
        predictions("oracle", 0.9),
        predictions("mmd", 0.7, seed=0),
        predictions("mmd", 0.8, seed=1),
        predictions("source_only", 0.5),
        predictions("adabn", 0.6),
    )
    target = table.xs("target", level="domain").loc["deepmerge"]
    assert target.index.tolist() == ["source_only", "adabn", "mmd", "oracle"]
    mmd = target.loc["mmd"]
    assert mmd["balanced_accuracy"] == pytest.approx(0.75)
    assert mmd["balanced_accuracy_seed_std"] == pytest.approx(0.1 / np.sqrt(2))
    assert mmd["n_seeds"] == 2
    assert (mmd["n_rows"], mmd["n_systems"]) == (N, N // 4)
    assert mmd["gap_closed"] == pytest.approx((0.75 - 0.5) / (0.9 - 0.5))
    assert mmd["gap_closed_low"] < mmd["gap_closed"] < mmd["gap_closed_high"]
    assert mmd["gap_closed_reason"] == ""
    assert mmd["gain_over_adabn"] == pytest.approx(0.15)
    assert mmd["gain_over_source_only"] == pytest.approx(0.25)
    assert not mmd["negative_transfer"]
    assert target["gap_closed"]["source_only"] == 0
    assert target["gap_closed"]["oracle"] == 1
    assert np.isnan(target["balanced_accuracy_seed_std"]["oracle"])


def test_differences_are_paired():
    # adabn errs where source_only errs: the difference has no scatter though both have
    same = predictions("adabn", 0.7)
    target = table_of(predictions("source_only", 0.7), same, predictions("oracle", 0.9))
    adabn = target.loc["deepmerge", "adabn", "target"]
    assert adabn["balanced_accuracy_high"] - adabn["balanced_accuracy_low"] > 0.05
    assert (adabn["gain_over_source_only_low"], adabn["gain_over_source_only_high"]) == (0, 0)


def test_seeds_are_averaged_within_each_resample():
    # two seeds with the same errors are one seed; with other errors they narrow the interval
    def width(*seeds):
        tables = [predictions("source_only", 0.7, seed=s).assign(seed=k) for k, s in seeds]
        row = table_of(*tables).iloc[0]
        return row["balanced_accuracy_high"] - row["balanced_accuracy_low"]

    single = width((0, 0))
    assert width((0, 0), (1, 0)) == pytest.approx(single)
    assert width((0, 0), (1, 1), (2, 2), (3, 3)) < 0.8 * single


def soft(seed, scatter=1.5):
    """A model whose scores have a part of their own; the seeds' mean has less of it."""
    table = predictions("mmd", 1.0, seed=seed)
    score = np.random.default_rng(seed).normal(0.6 * (2 * table["label"] - 1), scatter)
    merger = 1 / (1 + np.exp(-score))
    columns = {"probability_merger": merger, "probability_non-merger": 1 - merger}
    return table.assign(**columns, predicted=(merger > 0.5).astype("i1"))


def test_an_ensemble_is_the_mean_probability_of_the_seeds():
    seeds = [soft(seed) for seed in range(5)]
    row = table_of(*[table.sample(frac=1, random_state=3) for table in seeds]).iloc[0]
    together = np.mean([table["probability_merger"] for table in seeds], axis=0)
    label = seeds[0]["label"]
    assert row["ensemble_auc"] == pytest.approx(roc_auc_score(label, together))
    assert row["ensemble_brier"] == pytest.approx(brier_score_loss(label, together))
    right = balanced_accuracy_score(label, together > 0.5)
    assert row["ensemble_balanced_accuracy"] == pytest.approx(right)
    assert row["auc"] + 0.05 < row["ensemble_auc_low"] < row["ensemble_auc"]
    assert "ensemble_auc_seed_std" not in row


def test_an_ensemble_of_equal_models_is_each_of_them_and_one_model_is_none():
    same = [soft(0).assign(seed=seed) for seed in range(3)]
    row = table_of(*same).iloc[0]
    for column in ("auc", "auc_low", "auc_high", "balanced_accuracy"):
        assert row[f"ensemble_{column}"] == pytest.approx(row[column])
    assert "ensemble_auc" not in table_of(same[0]).columns


def test_an_ensemble_is_set_against_what_needs_no_training():
    untrained = predictions("asymmetry", 0.7, network="morphology")
    row = table_of(*[soft(seed) for seed in range(5)], untrained).iloc[0]
    gain = row["ensemble_auc"] - roc_auc_score(untrained["label"], untrained["probability_merger"])
    assert row["ensemble_auc_gain_over_asymmetry"] == pytest.approx(gain)
    assert row["ensemble_auc_gain_over_asymmetry"] > row["auc_gain_over_asymmetry"]


def test_negative_transfer_is_flagged():
    table = table_of(predictions("source_only", 0.8), predictions("dann", 0.5))
    flags = table["negative_transfer"]
    assert flags.loc["deepmerge", "dann", "target"]
    assert not flags.loc["deepmerge", "source_only", "target"]


def test_networks_and_domains_are_kept_apart():
    table = table_of(
        predictions("source_only", 0.5, domain="source"),
        predictions("source_only", 0.6),
        predictions("source_only", 0.9, network="resnet18"),
        predictions("adabn", 0.7, network="resnet18"),
    )
    assert table["balanced_accuracy"].to_dict() == pytest.approx(
        {
            ("deepmerge", "source_only", "source"): 0.5,
            ("deepmerge", "source_only", "target"): 0.6,
            ("resnet18", "source_only", "target"): 0.9,
            ("resnet18", "adabn", "target"): 0.7,
        }
    )
    assert table.loc["resnet18", "adabn", "target"]["gain_over_source_only"] == pytest.approx(-0.2)
    assert pd.isna(table.loc["deepmerge", "source_only", "source"]["negative_transfer"])
    assert np.isnan(table.loc["deepmerge", "source_only", "source"]["gain_over_source_only"])


def test_gap_needs_source_only_and_oracle():
    row = table_of(predictions("mmd", 0.7)).iloc[0]
    assert np.isnan(row["gap_closed"])
    assert row["gap_closed_reason"] == "no target scores of source_only and oracle"
    assert np.isnan(row["gain_over_adabn"])
    assert pd.isna(row["negative_transfer"])


def test_small_and_negative_gaps_are_not_divided_by():
    ones = np.ones(201)
    for oracle in (0.51, 0.3):
        value, low, high, reason = gap_closed(0.6 * ones, 0.5 * ones, oracle * ones, QUICK)
        assert np.isnan([value, low, high]).all()
        assert reason == f"oracle - source_only = {oracle - 0.5:.3f}, below 0.02"


def test_gap_that_vanishes_in_resamples_has_no_interval():
    oracle = np.full(201, 0.6)
    oracle[1:21] = 0.5
    value, low, high, reason = gap_closed(np.full(201, 0.55), np.full(201, 0.5), oracle, QUICK)
    assert value == pytest.approx(0.5)
    assert np.isnan([low, high]).all()
    assert reason == "no interval: the gap vanishes in 10.0% of the resamples"


def test_target_without_labels_has_no_scores():
    row = table_of(predictions("source_only", 0.7, label=-1), predictions("oracle", 0.7, label=-1))
    assert row["n_rows"].tolist() == [0, 0]
    assert row["auc"].isna().all()
    assert row["negative_transfer"].isna().all()


def test_other_test_rows_are_refused():
    with pytest.raises(
        Sim2SkyError, match=r"method mmd, .*seed 0, domain target: scored on other"
    ):
        table_of(predictions("source_only", 0.5), predictions("mmd", 0.5)[:-4])


def test_files_are_read_and_checked(tmp_path):
    paths = [tmp_path / f"{k}.parquet" for k in range(3)]
    predictions("source_only", 0.5).to_parquet(paths[0])
    predictions("source_only", 0.5, seed=1).to_parquet(paths[1])
    predictions("mmd", 0.5).rename(columns={"probability_merger": "probability_pair"}).to_parquet(
        paths[2]
    )
    assert len(read_predictions(paths[:2])) == 2 * N
    with pytest.raises(Sim2SkyError, match="same model comes twice; got .*source_only.*seed 0"):
        read_predictions([paths[0], paths[1], paths[0]])
    with pytest.raises(Sim2SkyError, match=r"2\.parquet: other classes than in the first file"):
        read_predictions(paths)
    with pytest.raises(Sim2SkyError, match="no predictions given"):
        read_predictions([])
    predictions("mmd", 0.5).drop(columns="label").to_parquet(paths[2])
    with pytest.raises(Sim2SkyError, match="column label is missing"):
        read_predictions(paths)
