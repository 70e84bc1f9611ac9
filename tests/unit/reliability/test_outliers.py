from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from sim2sky.errors import Sim2SkyError
from sim2sky.reliability.command import outliers, reliability
from sim2sky.reliability.detection import detection_table, ranking_table
from sim2sky.reliability.outliers import extremes, search_outliers, strangeness
from sim2sky.reliability.probabilities import COLUMNS
from sim2sky.reliability.search import SCORES, read_search, write_search
from sim2sky.reliability.settings import ReliabilitySettings
from sim2sky.reliability.strange import KINDS

SETTINGS = ReliabilitySettings(n_bootstrap=100, injected_images=12, shown_images=4)


@pytest.fixture(scope="module")
def search(experiment):
    """A maker of what is found with one model, in a target of the experiment's folder."""

    def make(method="mmd", seed=0, target="target"):
        model, calibration = experiment.models[method, seed]
        datasets = {
            domain: model.read_rows(experiment.folder / f"{name}.h5", "test")
            for domain, name in (("source", "source"), ("target", target))
        }
        return search_outliers(model, calibration, datasets, SETTINGS, {"stage": "outliers"})

    return make


def test_scores_of_strangeness_are_those_of_their_papers(experiment):
    model, calibration = experiment.models["mmd", 0]
    images = model.read_rows(experiment.folder / "target.h5", "test").images
    found = strangeness(model, images, "target", calibration)
    with torch.no_grad():
        latent, logits = model.network_for("target")(model.prepare(images, "target"))
    probability = logits.double().softmax(1).numpy()
    assert found["energy"] == pytest.approx(-logits.logsumexp(1).numpy(), abs=1e-5)
    assert found["confidence"] == pytest.approx(1 - probability.max(1), abs=1e-6)
    # all components are kept (2 x 30 training images), so that distances are exact
    train = [
        model.predict(model.read_rows(experiment.folder / f"{domain}.h5", "train").images, domain)
        for domain in ("source", "target")
    ]
    each = [
        NearestNeighbors(n_neighbors=2).fit(points).kneighbors(latent.numpy())[0][:, 1]
        for _, points in train
    ]
    peer = np.min(each, axis=0) / calibration.axes.scatter
    assert (found["distance"] <= peer * 1.001 + 1e-4).all()  # a lower bound: the rest is a length
    assert np.corrcoef(found["distance"], peer)[0, 1] > 0.98


def test_what_is_next_to_certain_still_has_an_order(experiment):
    model, calibration = experiment.models["mmd", 0]
    images = model.read_rows(experiment.folder / "target.h5", "test").images[:3]
    certain = SimpleNamespace(
        logits=lambda *_: (
            np.array([[0.0, 50.0], [0.0, 60.0], [70.0, 0.0]]),
            model.predict(images)[1],
        )
    )
    found = strangeness(certain, images, "target", calibration)
    for name in ("confidence", "entropy"):
        assert np.argsort(-found[name]).tolist() == [0, 1, 2]
        assert (found[name] > 0).all()


def test_it_survives_the_file(search, tmp_path):
    made = search()
    write_search(made, tmp_path / "outliers.h5")
    read = read_search(tmp_path / "outliers.h5")
    assert read.attributes["classes"] == ["non-merger", "merger"]
    assert read.attributes["reference"] == ["source", "target"]
    for name in ("rows", "strange"):
        for key, columns in getattr(made, name).items():
            for column, values in columns.items():
                assert np.array_equal(getattr(read, name)[key][column], values), (key, column)
    assert set(read.images) == set(made.images)


def test_the_extremes_are_ranked_and_hold_each_galaxy_once():
    rows = {
        "galaxy_id": np.array(["a", "b", "a", "c", "b"]),
        "distance": np.array([3.0, 5.0, 4.0, 1.0, 0.5]),
    }
    found = extremes(rows, 2)
    assert found["strangest"].tolist() == [1, 2]
    assert found["ordinary"].tolist() == [4, 3]
    assert extremes(rows, 9)["strangest"].tolist() == [1, 2, 3]


def test_areas_are_sklearns(search):
    made = search()
    table = detection_table([made], SETTINGS)
    assert list(table) == COLUMNS
    mean = table[(table["seed"] == -1) & (table["domain"] == "target")]
    value = mean.set_index(["quantity", "score", "kind"])["value"]
    rows = made.rows["target"]
    wrong = rows["predicted"] != rows["label"]
    ordinary = made.strange["ordinary"]
    for score in SCORES:
        assert value["error_auc", score, ""] == pytest.approx(roc_auc_score(wrong, rows[score]))
        every = [ordinary[score]]
        for kind in KINDS:
            both = [ordinary[score], made.strange[kind][score]]
            expected = roc_auc_score(np.repeat([0, 1], 12), np.concatenate(both))
            assert value["strange_auc", score, kind] == pytest.approx(expected)
            every.append(made.strange[kind][score])
        expected = roc_auc_score(np.arange(12 * 7) >= 12, np.concatenate(every))
        assert value["strange_auc", score, "any"] == pytest.approx(expected)
    assert value["distance_median", "distance", ""] == pytest.approx(
        np.median(rows["distance"]), rel=0.1
    )
    assert value["far_share", "distance", ""] == rows["far"].mean()
    assert "unknown_auc" not in set(table["quantity"])
    made_strange = mean[mean["quantity"] == "strange_auc"]
    assert set(made_strange["n_images"]) == {12}


def test_a_class_that_the_model_does_not_know(search):
    made = search(target="three")
    table = detection_table([made], SETTINGS)
    rows = made.rows["target"]
    unknown = rows["label"] == 2
    assert unknown.sum() == 10
    for score in SCORES:
        found = table[
            (table["quantity"] == "unknown_auc")
            & (table["score"] == score)
            & (table["seed"] == -1)
        ]
        assert found["domain"].tolist() == ["target"]
        expected = roc_auc_score(unknown, rows[score])
        assert found["value"].iloc[0] == pytest.approx(expected)
        assert found["low"].iloc[0] <= expected <= found["high"].iloc[0]


def test_a_target_without_labels_is_searched_all_the_same(search):
    made = search(target="unlabelled")
    table = detection_table([made], SETTINGS)
    target = table[table["domain"] == "target"]
    assert "error_auc" not in set(target["quantity"])
    assert "strange_auc" in set(target["quantity"])
    assert (ranking_table([made])["label"] == "").all()


def test_seeds_are_averaged_and_none_counts_twice(search):
    table = detection_table([search(seed=0), search(seed=1)], SETTINGS)
    chosen = table[(table["quantity"] == "far_share") & (table["domain"] == "target")]
    value = chosen.set_index("seed")["value"]
    assert value[-1] == pytest.approx((value[0] + value[1]) / 2)
    with pytest.raises(Sim2SkyError, match=r"come twice.*method mmd, network deepmerge, seed 0"):
        detection_table([search(), search()], SETTINGS)


def test_the_ranking_begins_with_the_farthest(search):
    table = ranking_table([search("source_only"), search()])
    part = table[table["method"] == "mmd"]
    assert part["rank"].tolist() == list(range(1, 31))
    assert part["distance"].is_monotonic_decreasing
    assert set(table["label"]) == {"non-merger", "merger"}


def test_the_calibration_of_another_model_is_refused(experiment):
    model, _ = experiment.models["mmd", 0]
    _, other = experiment.models["mmd", 1]
    datasets = {"target": model.read_rows(experiment.folder / "target.h5", "test")}
    with pytest.raises(Sim2SkyError, match="calibration of another model"):
        search_outliers(model, other, datasets, SETTINGS, {})


def test_the_commands_write_all_tables(experiment, tmp_path):
    text = SETTINGS.model_dump_json()
    for method in ("source_only", "mmd"):
        here = experiment.folder / f"models/{method}/deepmerge/0"
        outliers(
            model=here / "model.pt",
            calibration=here / "calibration.h5",
            source=experiment.folder / "source.h5",
            target=experiment.folder / "target.h5",
            output=tmp_path / f"{method}.h5",
            settings=text,
        )
    reliability(
        predictions=experiment.predictions,
        held_out=experiment.held_out,
        output=tmp_path / "reliability.parquet",
        curves=tmp_path / "curves.parquet",
        outliers=[tmp_path / "source_only.h5", tmp_path / "mmd.h5"],
        ranking=tmp_path / "outliers.parquet",
        settings=text,
    )
    table = pd.read_parquet(tmp_path / "reliability.parquet")
    assert set(table["seed"]) == {-1, 0, 1}
    assert set(table["domain"]) == {"source", "target", "validation"}
    assert table.attrs["classes"] == ["non-merger", "merger"]
    assert table.attrs["coverage"] == 0.9
    written = pd.read_csv(tmp_path / "reliability.csv")
    assert len(written) == len(table)
    assert len(pd.read_csv(tmp_path / "outliers.csv")) == 60
    # held-out rows lie in no test split
    held = pd.read_parquet(experiment.held_out[0])
    tests = pd.read_parquet(experiment.predictions[0])
    assert not set(held["system_id"]) & set(tests["system_id"])
    assert set(held["domain"]) == {"source"}


def test_probabilities_can_be_judged_without_a_search(experiment, tmp_path):
    reliability(
        predictions=experiment.predictions,
        held_out=experiment.held_out,
        output=tmp_path / "reliability.parquet",
        curves=tmp_path / "curves.parquet",
        ranking=tmp_path / "outliers.parquet",
        settings=SETTINGS.model_dump_json(),
    )
    assert len(pd.read_parquet(tmp_path / "outliers.parquet")) == 0
    assert set(pd.read_parquet(tmp_path / "reliability.parquet")["score"]) == {""}
