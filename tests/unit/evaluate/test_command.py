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


def test_shapes_and_histories_add_hard_rows_and_cost(files, tmp_path):
    folder = tmp_path / "models/source_only/deepmerge/2"
    evaluate(
        files.model,
        files.source,
        files.target,
        folder / "predictions.parquet",
        folder / "metrics.json",
        SETTINGS,
        "noise",
    )
    pd.DataFrame({"epoch": [1, 2], "seconds": [3.0, 5.0]}).to_csv(folder / "history.csv")
    rows = pd.read_parquet(folder / "predictions.parquet").query("domain == 'target'")
    shapes = rows[["galaxy_id", "view", "label"]].assign(split=2)
    shapes["second_component_ratio"] = [0.1, 0.5] * 20  # the odd rows: all are mergers
    shapes.loc[shapes.index[:8], "second_component_ratio"] = 0.5
    train = shapes.head(12).assign(split=0, galaxy_id="other", label=[0, 1, -1] * 4)
    pd.concat([shapes, train]).to_parquet(tmp_path / "shapes.parquet")
    aggregate(
        [folder / "predictions.parquet"],
        tmp_path / "table.parquet",
        SETTINGS,
        tmp_path / "shapes.parquet",
        tmp_path / "shapes.parquet",
        [folder / "history.csv"],
    )
    table = pd.read_parquet(tmp_path / "table.parquet").set_index("domain")
    assert table.loc["target", "n_hard"] == 16 + 8
    assert 0 <= table.loc["target", "auc_hard"] <= 1
    assert pd.isna(table.loc["source", "auc_hard"])
    assert table["train_seconds"].tolist() == [8, 8]
    assert table["images_per_second"].tolist() == [8 * 2 / 8] * 2  # 8 labelled rows, 2 epochs


def test_unknown_setting_is_named(files, tmp_path):
    with pytest.raises(Sim2SkyError, match="unknown key 'bootstraps'; known keys: n_bootstrap"):
        aggregate([tmp_path / "x.parquet"], tmp_path / "t.parquet", '{"bootstraps": 3}')
