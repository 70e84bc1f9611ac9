import dataclasses
import re

import numpy as np
import pytest

from sim2sky.build.dataset import labels_for_model, write_dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling
from sim2sky.evaluate.predictions import (
    class_names,
    predict_rows,
    resampled_scores,
    score_summary,
)
from sim2sky.evaluate.settings import EvaluateSettings

QUICK = EvaluateSettings(n_bootstrap=100)


def test_only_test_rows_are_read(files, model):
    rows = model.read_rows(files.source, "test")
    assert rows.galaxy_id.tolist() == [f"033-{i:06d}" for i in range(20, 60)]


def test_other_bands_are_refused(dataset, model, tmp_path):
    data = dataclasses.replace(dataset("x", 0.1), bands=["F160W", "F814W"])
    write_dataset(tmp_path / "x.h5", data, np.full(len(data), 2))
    with pytest.raises(Sim2SkyError, match="other bands; got F160W, F814W; expected F814W, F160W"):
        model.read_rows(tmp_path / "x.h5", "test")


def test_predictions_are_the_models_with_the_domains_normalisation(dataset, model):
    data = dataset("noisy", 0.3)
    tables = {d: predict_rows(model, data, d, experiment="e") for d in ("source", "target")}
    for domain, table in tables.items():
        expected, _ = model.predict(data.images, domain)
        assert class_names(table) == model.classes
        assert table["probability_merger"].to_numpy() == pytest.approx(expected[:, 1], rel=1e-6)
        assert (table["predicted"] == expected.argmax(axis=1)).all()
        assert (table["label"] == data.label).all()
    assert not np.allclose(
        tables["source"]["probability_merger"], tables["target"]["probability_merger"]
    )
    first = tables["target"].iloc[0]
    assert [first[key] for key in ("experiment", "method", "network", "seed", "domain")] == [
        *("e", "source_only", "deepmerge", 2, "target")
    ]


def test_image_with_nan_is_named(dataset, model):
    data = dataset("noisy", 0.3)
    images = data.images.copy()
    images[7, 0, 3, 3] = np.nan
    data = dataclasses.replace(data, images=images)
    with pytest.raises(Sim2SkyError, match="noisy, galaxy 033-000007: 1 of 60 predictions"):
        predict_rows(model, data, "target")


def test_labels_are_matched_by_name(dataset):
    data = dataset("x", 0.1, n=5, classes=["merger", "ring", "non-merger"], label=[0, 1, 2, -1, 0])
    assert labels_for_model(data, ["non-merger", "merger"]).tolist() == [1, 2, 0, -1, 1]


def test_no_common_class_is_refused(dataset):
    data = dataset("sky", 0.1, n=4, classes=["a", "b"])
    with pytest.raises(Sim2SkyError, match="domain sky: dataset and model share no class"):
        labels_for_model(data, ["c", "d"])


def test_unlabelled_rows_do_not_score_but_stay(dataset, model):
    label = np.arange(60) % 2
    half = np.where(np.arange(60) < 30, label, -1)
    whole = predict_rows(model, dataset("x", 0.3, n=60), "target")
    part = predict_rows(model, dataset("x", 0.3, n=60, label=half), "target")
    assert len(part) == 60
    of_part = score_summary(part, QUICK)
    of_first = score_summary(whole[:30], QUICK)
    assert {k: v["value"] for k, v in of_part.items()} == {
        k: v["value"] for k, v in of_first.items()
    }


def test_unknown_class_is_told_by_its_entropy_and_scores_nothing_else(dataset, model):
    classes = ["non-merger", "merger", "ring"]
    label = np.arange(60) % 3
    table = predict_rows(model, dataset("x", 0.3, classes=classes, label=label), "target")
    ring = table["label"] == 2
    table["probability_merger"] = np.where(ring, 0.45, 0.9)
    table["probability_non-merger"] = 1 - table["probability_merger"]
    resampling = Resampling.draw(table["system_id"].to_numpy(), 100, seed=0)
    result = resampled_scores(table, resampling, QUICK)
    assert result["unknown_auc"] == pytest.approx(1)
    assert result["recall_merger"] == pytest.approx(1)
    assert result["accuracy"][0] == pytest.approx(0.5)


def test_summary_brackets_the_value(dataset, model):
    table = predict_rows(model, dataset("x", 0.3), "target")
    random = np.random.default_rng(0)
    table["probability_merger"] = np.clip(
        0.5 + 0.2 * (2 * table["label"] - 1) + random.normal(scale=0.3, size=60), 0, 1
    )
    table["probability_non-merger"] = 1 - table["probability_merger"]
    summary = score_summary(table, QUICK)
    for name in ("auc", "balanced_accuracy", "brier", "f1"):
        entry = summary[name]
        assert entry["low"] < entry["value"] < entry["high"], name
    assert summary == score_summary(table, QUICK)


@pytest.mark.parametrize(
    ("label", "merger", "reasons"),
    [
        (-1, 0.7, {"auc": "no labelled test rows", "accuracy": "no labelled test rows"}),
        (
            1,
            0.7,
            {
                "auc": "all labelled test rows are of class 'merger'",
                "recall_non-merger": "no test rows of class 'non-merger'",
            },
        ),
        (
            2,
            0.7,
            {"accuracy": "all labelled test rows are of classes that the model does not know"},
        ),
        (
            None,
            0.2,
            {
                "precision_merger": "nothing was predicted as 'merger'",
                "purity_at_prior": "nothing was predicted as 'merger'",
            },
        ),
    ],
)
def test_undefined_scores_say_why(dataset, model, label, merger, reasons):
    table = predict_rows(model, dataset("x", 0.3), "target")
    if label is not None:
        table["label"] = label
    table["probability_merger"], table["probability_non-merger"] = merger, 1 - merger
    summary = score_summary(table, QUICK)
    for name, reason in reasons.items():
        assert summary[name] == {"value": None, "low": None, "high": None, "reason": reason}
    if label == 1:
        assert summary["accuracy"]["value"] == 1
        assert not re.search("reason", str(summary["accuracy"]))
