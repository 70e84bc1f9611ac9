import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sim2sky.baseline.command import baseline
from sim2sky.baseline.predictions import predict_baseline, read_shapes
from sim2sky.baseline.settings import BASELINES
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.aggregate import read_predictions
from sim2sky.evaluate.predictions import COLUMNS
from sim2sky.measure.columns import FLAG_BAD, FLAG_BAD_SERSIC


def area(predictions, domain="target"):
    rows = predictions[predictions["domain"] == domain]
    return roc_auc_score(rows["label"] == 1, rows["probability_merger"])


def test_every_baseline_has_the_form_of_a_trained_model(shapes, tmp_path):
    shapes().to_parquet(tmp_path / "source.parquet")
    shapes(seed=1).to_parquet(tmp_path / "target.parquet")
    paths = []
    for name in BASELINES:
        paths.append(tmp_path / f"{name}.parquet")
        files = tmp_path / "source.parquet", tmp_path / "target.parquet", paths[-1]
        baseline(name, *files, 3, "noise")
    table = read_predictions(paths)
    assert set(COLUMNS) <= set(table)
    assert set(table["network"]) == {"morphology"}
    assert set(table["seed"]) == {3}
    assert table.groupby(["method", "domain"]).size().eq(120).all()
    total = table["probability_non-merger"] + table["probability_merger"]
    assert total.to_numpy() == pytest.approx(1)
    for name, rows in table.groupby("method"):
        assert area(rows, "source") > 0.85 or name == "leakage_probe"
    probe = table[table["method"] == "leakage_probe"]
    assert set(probe["domain"]) == {"source"}
    assert 0.35 < area(probe, "source") < 0.65
    with pytest.raises(Sim2SkyError, match="--method: unknown baseline; got vote; expected gini"):
        baseline("vote", *files)


def test_auc_of_a_cut_is_that_of_its_score(shapes):
    source, target = shapes(), shapes(seed=1)
    test = target[target["split"] == 2]
    found = predict_baseline("asymmetry", source, target, seed=0)
    assert area(found) == pytest.approx(roc_auc_score(test["label"], test["asymmetry"]))
    rows = found[found["domain"] == "target"]
    assert (rows["predicted"].to_numpy() == (test["asymmetry"] > 0.35)).all()


def test_target_labels_are_not_learned_from(shapes):
    source, target = shapes(), shapes(seed=1)
    for name in BASELINES:
        first = predict_baseline(name, source, target, seed=0)
        second = predict_baseline(name, source, target.assign(label=1 - target["label"]), seed=0)
        assert first["probability_merger"].equals(second["probability_merger"]), name


def test_test_rows_of_the_source_are_not_learned_from(shapes):
    source = shapes()
    spoilt = source.copy()
    spoilt.loc[spoilt["split"] == 2, "label"] = 0
    for name in BASELINES:
        first = predict_baseline(name, source, source, seed=0)
        second = predict_baseline(name, spoilt, source, seed=0)
        assert first["probability_merger"].equals(second["probability_merger"]), name


def test_probe_finds_a_leak(shapes):
    source = shapes()
    source["nuisance_n_particles"] += 5000 * source["label"].astype(int)
    assert area(predict_baseline("leakage_probe", source, source, seed=0), "source") > 0.99


def test_probe_without_features_is_at_chance(shapes):
    source = shapes().drop(columns=["nuisance_n_particles", "nuisance_redshift"])
    found = predict_baseline("leakage_probe", source, source, seed=0)
    assert (found["probability_merger"] == 0.5).all()


def test_forest_depends_on_its_seed_alone(shapes):
    source = shapes()
    first, again, other = (
        predict_baseline("random_forest", source, source, seed=seed)["probability_merger"]
        for seed in (0, 0, 1)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_classes_weigh_alike_in_the_forest(shapes):
    source = shapes()
    rare = source[(source["label"] == 0) | (np.arange(len(source)) % 10 < 2)]
    rare.attrs = source.attrs
    found = predict_baseline("random_forest", rare, source, seed=0)
    recall = found.query("domain == 'target' and label == 1")["predicted"].mean()
    assert recall > 0.8


def test_three_classes(shapes):
    classes = ("spiral", "elliptical", "merger")
    source = shapes(n=360, classes=classes)
    found = predict_baseline("random_forest", source, source, seed=0)
    assert (found["predicted"] == found["label"]).mean() > 0.9
    cut = predict_baseline("asymmetry", source, source, seed=0)
    assert [name for name in cut if name.startswith("probability_")] == [
        f"probability_{name}" for name in classes
    ]
    assert cut["probability_spiral"].to_numpy() == pytest.approx(cut["probability_elliptical"])


def test_classes_of_the_target_are_numbered_by_the_sources(shapes):
    source = shapes()
    target = shapes(seed=1, classes=("star", "merger", "non-merger"))
    target["label"] = np.arange(len(target)) % 4 - 1
    rows = predict_baseline("asymmetry", source, target, seed=0).query("domain == 'target'")
    expected = {-1: -1, 0: 2, 1: 1, 2: 0}  # star is unknown to the source
    own = target[target["split"] == 2]["label"]
    assert rows["label"].tolist() == [expected[label] for label in own]


def test_flagged_numbers_are_not_used(shapes, tmp_path):
    table = shapes()
    table.loc[0, "flag"] = FLAG_BAD
    table.loc[1, "flag"] = FLAG_BAD_SERSIC
    table.to_parquet(tmp_path / "shapes.parquet")
    read = read_shapes(tmp_path / "shapes.parquet")
    assert np.isnan(read.loc[0, ["gini", "m20", "sersic_n"]].astype(float)).all()
    assert np.isfinite(read.loc[0, "asymmetry"])  # ours, not statmorph's
    assert np.isnan(read.loc[1, "sersic_n"])
    assert read.loc[1, "gini"] == table.loc[1, "gini"]
    read.loc[:, "gini"] = np.nan
    for name in ("gini_m20", "random_forest"):
        assert predict_baseline(name, read, read, seed=0)["probability_merger"].notna().all()


def test_bad_input_is_refused(shapes, tmp_path):
    table = shapes()
    with pytest.raises(Sim2SkyError, match="source mocks: no labelled training rows"):
        predict_baseline("asymmetry", table.assign(label=-1), table, seed=0)
    table.attrs = {}
    table.to_parquet(tmp_path / "shapes.parquet")
    with pytest.raises(Sim2SkyError, match="does not name its classes.*sim2sky measure"):
        read_shapes(tmp_path / "shapes.parquet")
    pd.DataFrame({"galaxy_id": ["a"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(Sim2SkyError, match="column view, system_id, split, label, flag"):
        read_shapes(tmp_path / "other.parquet")
