import json

import numpy as np
import pandas as pd
import pytest

from sim2sky.calibrate.calibration import Calibration, write_calibration
from sim2sky.calibrate.neighbours import LatentAxes
from sim2sky.errors import Sim2SkyError
from sim2sky.fraction.command import fraction
from sim2sky.fraction.resampling import Held
from sim2sky.fraction.sample import Sample, estimate_shares, read_catalogue
from sim2sky.fraction.settings import FractionSettings

CLASSES = ["non-merger", "merger"]
VIEWS = 4


def classified(label, random, overconfidence=2.0):
    """Systems with several views; a system's views are alike, and the network is too sure."""
    system = np.repeat(np.arange(len(label)), VIEWS)
    score = random.normal(size=len(label))[system] + 0.7 * random.normal(size=len(system))
    score += np.where(label[system] == 1, 1.3, -1.3)
    logit = overconfidence * 1.7 * score
    merger = 1 / (1 + np.exp(-logit))
    return np.column_stack([1 - merger, merger]), label[system], system


def drawn(share, seed, n_held=60, n_sample=600):
    """Held-out rows with half of mergers, and a sample with few."""
    random = np.random.default_rng(seed)
    held = Held(*classified(np.arange(n_held) % 2, random))
    label = (random.permutation(n_sample) < round(share * n_sample)).astype(int)
    probability, _, group = classified(label, random)
    return Sample(probability, group), held


def test_three_percent_are_covered_in_at_least_90_of_100_draws():
    """In 320 draws, these among them, 95 % intervals cover in 95 % (bbse) and 92 % (em)."""
    settings = FractionSettings(n_bootstrap=200, thresholds=[0.5])
    covered = {"em": 0, "bbse": 0}
    for seed in range(100):
        sample, held = drawn(0.03, seed)
        result = estimate_shares(sample, held, CLASSES, settings)
        for name in covered:
            share = result[name]["merger"]
            covered[name] += share["low"] <= 0.03 <= share["high"]
    assert covered["bbse"] >= 90
    assert covered["em"] >= 87  # 92 expected, less two standard deviations


def test_counting_would_be_far_off():
    """What is called a merger is mostly none: the reason for all this."""
    sample, held = drawn(0.03, 0)
    result = estimate_shares(sample, held, CLASSES, FractionSettings(n_bootstrap=50))
    assert result["called"]["merger"] > 0.1
    assert result["em"]["merger"]["value"] < 0.06
    assert result["n_objects"] == 600 * VIEWS


def test_purity_and_completeness_at_the_true_share():
    sample, held = drawn(0.03, 3, n_held=2000, n_sample=20_000)
    settings = FractionSettings(n_bootstrap=50, thresholds=[0.5, 0.9])
    result = estimate_shares(sample, held, CLASSES, settings)
    random = np.random.default_rng(3)
    truth_held = held.label.reshape(-1, VIEWS)[:, 0]  # every second system merges
    assert truth_held.mean() == 0.5
    classified(np.arange(2000) % 2, random)
    label = np.repeat((random.permutation(20_000) < 600).astype(int), VIEWS)
    for row in result["thresholds"]:
        # the objects from the threshold on are those of greatest probability
        above = np.argsort(-sample.probability[:, 1])[: row["n_objects"]]
        purity = label[above].mean()
        completeness = label[above].sum() / label.sum()
        assert row["purity"]["low"] - 0.01 < purity < row["purity"]["high"] + 0.01
        assert row["completeness"]["value"] == pytest.approx(completeness, abs=0.05)
    assert result["thresholds"][1]["purity"]["value"] > result["thresholds"][0]["purity"]["value"]


def test_the_same_seed_gives_the_same_interval():
    sample, held = drawn(0.1, 0)
    results = [
        estimate_shares(sample, held, CLASSES, FractionSettings(n_bootstrap=30)) for _ in range(2)
    ]
    assert results[0] == results[1]


def test_a_class_that_nothing_shows_is_named():
    sample, held = drawn(0.1, 0)
    alone = Held(held.probability, np.zeros_like(held.label), held.system_id)
    with pytest.raises(Sim2SkyError, match="no held-out row of a class.*got none of merger"):
        estimate_shares(sample, alone, CLASSES, FractionSettings(n_bootstrap=20))


def test_unknown_class():
    sample, held = drawn(0.1, 0)
    with pytest.raises(Sim2SkyError, match=r"unknown class.*got mergers.*non-merger, merger"):
        estimate_shares(sample, held, CLASSES, FractionSettings(positive="mergers"))


@pytest.fixture
def catalogue(tmp_path):
    sample, held = drawn(0.2, 0, n_sample=100)
    table = pd.DataFrame(sample.probability, columns=[f"probability_{name}" for name in CLASSES])
    table["galaxy_id"] = [f"g{group}" for group in sample.group]
    table["system_id"] = sample.group
    table["predicted"] = np.where(sample.probability[:, 1] > 0.5, "merger", "non-merger")
    table.loc[:7, "predicted"] = ""
    table.loc[8:15, "probability_merger"] = np.nan
    path = tmp_path / "catalogue.parquet"
    table.to_parquet(path)
    return path, held


def test_objects_without_a_class_are_left_out(catalogue):
    sample, left_out = read_catalogue([catalogue[0]], CLASSES, abstained=False)
    assert (len(sample.group), left_out) == (400 - 16, 16)
    sample, left_out = read_catalogue([catalogue[0]], CLASSES, abstained=True)
    assert (len(sample.group), left_out) == (400 - 8, 8)
    assert len(np.unique(sample.group)) == 98


def test_a_table_of_other_classes_is_refused(catalogue):
    with pytest.raises(Sim2SkyError, match="column probability_spiral is missing"):
        read_catalogue([catalogue[0]], ["spiral", "merger"], abstained=False)


def test_command(catalogue, tmp_path):
    path, held = catalogue
    calibration = Calibration(
        classes=CLASSES,
        model_digest="x",
        rows={
            "galaxy_id": np.array([f"h{system}" for system in held.system_id]),
            "view": np.tile(np.arange(VIEWS), 60),
            "system_id": held.system_id,
            "label": held.label,
            "probability": held.probability,
        },
        axes=LatentAxes(np.zeros(2), np.eye(2), 1.0),
        points={"source": np.zeros((1, 3))},
        held_out={"source": np.zeros(len(held.label))},
        neighbours=1,
    )
    write_calibration(calibration, tmp_path / "calibration.h5", {})
    fraction(
        [path],
        [tmp_path / "calibration.h5"],
        tmp_path / "fraction.json",
        json.dumps({"n_bootstrap": 50}),
    )
    result = json.loads((tmp_path / "fraction.json").read_text())
    assert result["n_left_out"] == 16
    assert 0 < result["em"]["merger"]["low"] < result["em"]["merger"]["high"] < 1
    assert result["stage"] == "fraction"
    table = pd.read_parquet(tmp_path / "fraction.parquet")
    assert list(table)[:3] == ["threshold", "n_objects", "purity"]
    assert len(table) == 13
