import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.metrics import calibration_error
from sim2sky.reliability.held_out import fit_held_out
from sim2sky.reliability.probabilities import COLUMNS, curve_table, probability_table
from sim2sky.reliability.settings import ReliabilitySettings

CLASSES = ["non-merger", "merger"]
SETTINGS = ReliabilitySettings(n_bootstrap=200, perfect_draws=100)


def number(table, quantity, probabilities="raw", seed=-1, **where):
    where = {"quantity": quantity, "probabilities": probabilities, "seed": seed, **where}
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


@pytest.fixture
def too_sure(simulated):
    """Two seeds of a method whose logits are three times too large, on both domains."""
    tests = [
        simulated("test", 300, seed, 3.0, domain=domain)
        for seed in (0, 1)
        for domain in ("source", "target")
    ]
    for table in tests:  # both seeds judge the same rows
        table["galaxy_id"] = [f"t-{i}" for i in range(len(table))]
    held = pd.concat([simulated("validation", 300, seed, 3.0) for seed in (0, 1)])
    return pd.concat(tests), held


def test_scaling_on_held_out_rows_mends_what_is_too_sure(too_sure):
    tests, held = too_sure
    fitted = fit_held_out(held, CLASSES, 0.9)
    assert fitted["mmd", "deepmerge", 0].scaling.inverse_temperature == pytest.approx(
        1 / 3, rel=0.2
    )
    table = probability_table(tests, fitted, SETTINGS)
    assert list(table) == COLUMNS
    for domain in ("source", "target"):
        raw = number(table, "ece", domain=domain)
        scaled = number(table, "ece", "scaled", domain=domain)
        assert raw["value"] > 2 * number(table, "ece_perfect", domain=domain)["high"]
        assert scaled["value"] < number(table, "ece_perfect", "scaled", domain=domain)["high"]
        change = number(table, "ece_change", "scaled", domain=domain)
        assert change["value"] == pytest.approx(scaled["value"] - raw["value"])
        assert change["high"] < 0
        covered = number(table, "coverage_by_rows", domain=domain)
        assert covered["value"] == pytest.approx(0.9, abs=0.04)
    assert number(table, "ece", domain="source")[["n_images", "n_systems"]].tolist() == [600, 300]


def test_the_value_is_the_mean_over_seeds_and_that_of_the_metric(too_sure):
    tests, held = too_sure
    table = probability_table(tests, fit_held_out(held, CLASSES, 0.9), SETTINGS)
    each = []
    for seed in (0, 1):
        rows = tests[(tests["seed"] == seed) & (tests["domain"] == "target")]
        probability = rows[["probability_non-merger", "probability_merger"]].to_numpy()
        each.append(
            calibration_error(rows["label"].to_numpy(), probability, np.ones((len(rows), 1)), 10)[
                0
            ]
        )
        assert number(table, "ece", seed=seed, domain="target")["value"] == each[-1]
    assert number(table, "ece", domain="target")["value"] == pytest.approx(np.mean(each))


def test_test_rows_change_nothing_that_is_fitted_and_held_out_rows_are_not_scored(too_sure):
    tests, held = too_sure
    turned = tests.assign(label=1 - tests["label"])
    first = probability_table(tests, fit_held_out(held, CLASSES, 0.9), SETTINGS)
    second = probability_table(turned, fit_held_out(held, CLASSES, 0.9), SETTINGS)
    fitted = first[first["domain"] == "validation"]
    assert fitted["quantity"].tolist() == [
        "inverse_temperature", "threshold", "threshold_by_rows",
    ] * 2  # fmt: skip
    pd.testing.assert_frame_equal(fitted, second[second["domain"] == "validation"])
    other = held.assign(**{"probability_merger": 0.5, "probability_non-merger": 0.5})
    third = probability_table(tests, fit_held_out(other, CLASSES, 0.9), SETTINGS)
    raw = [number(table, "brier", domain="source")["value"] for table in (first, third)]
    assert raw[0] == raw[1]


def test_what_a_method_gains_over_source_only_is_paired(simulated, too_sure):
    tests, held = too_sure
    control = tests.assign(method="source_only")
    worse = held.assign(method="source_only")
    # source_only comes last, and its difference is still there
    table = probability_table(
        pd.concat([tests, control]), fit_held_out(pd.concat([held, worse]), CLASSES, 0.9), SETTINGS
    )
    gain = number(table, "ece_minus_source_only", domain="target")
    assert gain[["value", "low", "high"]].tolist() == [0, 0, 0]
    assert gain["method"] == "mmd"


def test_targets_without_labels_and_unknown_classes_do_not_enter(too_sure):
    tests, held = too_sure
    blind = tests.assign(label=np.where(tests["domain"] == "target", -1, tests["label"]))
    fitted = fit_held_out(held, CLASSES, 0.9)
    table = probability_table(blind, fitted, SETTINGS)
    assert set(table["domain"]) == {"source", "validation"}
    assert set(curve_table(blind, fitted, SETTINGS)["domain"]) == {"source"}
    stranger = tests.assign(label=np.where(tests["system_id"] < 100, 2, tests["label"]))
    table = probability_table(stranger, fitted, SETTINGS)
    assert number(table, "brier", domain="target")["n_systems"] == 200


def test_curves_pool_the_seeds(too_sure):
    tests, held = too_sure
    curves = curve_table(tests, fit_held_out(held, CLASSES, 0.9), SETTINGS)
    part = curves[(curves["domain"] == "source") & (curves["probabilities"] == "raw")]
    assert part["n_images"].sum() == 600
    assert (part["low"] <= part["frequency"]).all()
    assert (part["frequency"] <= part["high"]).all()
    rows = tests[tests["domain"] == "source"]
    weighted = (part["frequency"] * part["n_images"]).sum() / 600
    assert weighted == pytest.approx(rows["label"].mean())


def test_held_out_rows_without_a_class(too_sure):
    _, held = too_sure
    with pytest.raises(Sim2SkyError, match=r"no validation row is of class merger.*600 labelled"):
        fit_held_out(held.assign(label=0), CLASSES, 0.9)
    with pytest.raises(Sim2SkyError, match="held-out rows of other classes"):
        fit_held_out(held, ["a", "b"], 0.9)


def test_a_model_without_held_out_rows(too_sure):
    tests, held = too_sure
    fitted = fit_held_out(held[held["seed"] == 0], CLASSES, 0.9)
    with pytest.raises(
        Sim2SkyError, match=r"no held-out rows: method mmd.*seed 1.*--held-out|no held-out rows"
    ):
        probability_table(tests, fitted, SETTINGS)
