import json

import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.command import aggregate, evaluate
from sim2sky.evaluate.predictions import COLUMNS

SETTINGS = '{"n_bootstrap": 100}'


def test_evaluate_then_aggregate(files, tmp_path):
    outputs = [(tmp_path / f"{k}.parquet", tmp_path / f"{k}.json") for k in range(2)]
    for predictions, metrics in outputs:
        evaluate(files.model, files.source, files.target, predictions, metrics, SETTINGS, "noise")
    table = pd.read_parquet(outputs[0][0])
    assert set(COLUMNS) <= set(table)
    assert table.groupby("domain").size().to_dict() == {"source": 40, "target": 40}
    assert outputs[0][0].read_bytes() == outputs[1][0].read_bytes()
    assert outputs[0][1].read_text() == outputs[1][1].read_text()

    metrics = json.loads(outputs[0][1].read_text())
    assert metrics["about"]["positive_class"] == "merger"
    assert metrics["about"]["experiment"] == "noise"
    assert metrics["counts"]["target"] == {
        "rows": 40,
        "systems": 10,
        "rows_by_label": {"0": 20, "1": 20},
    }
    right = (table["label"] == table["predicted"])[table["domain"] == "target"]
    assert metrics["target"]["accuracy"]["value"] == pytest.approx(right.mean())
    assert metrics["source"]["asymmetry_auc"]["value"] > 0.9

    aggregate([outputs[0][0]], tmp_path / "table.parquet", SETTINGS)
    summary = pd.read_parquet(tmp_path / "table.parquet")
    assert summary["domain"].tolist() == ["source", "target"]
    for domain in ("source", "target"):
        row = summary[summary["domain"] == domain].iloc[0]
        for name in ("balanced_accuracy", "brier", "ece"):
            entry = metrics[domain][name]
            assert row[name] == entry["value"]
            assert row[f"{name}_low"] == entry["low"]
    csv = pd.read_csv(tmp_path / "table.csv")
    assert csv.columns.tolist() == summary.columns.tolist()


def test_unknown_setting_is_named(files, tmp_path):
    with pytest.raises(Sim2SkyError, match="unknown key 'bootstraps'; known keys: n_bootstrap"):
        aggregate([tmp_path / "x.parquet"], tmp_path / "t.parquet", '{"bootstraps": 3}')
