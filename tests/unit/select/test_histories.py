"""Where labels come from, and whether tree and catalogue agree."""

import json
import shutil

import h5py
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import open_simulation
from sim2sky.select.command import select
from sim2sky.select.sample import select_galaxies
from sim2sky.select.settings import SelectSettings

SETTINGS = {"min_star_particles": 1, "clear_gap_gyr": 0.3, "secondaries": True}


@pytest.fixture(scope="module")
def both(factory, tmp_path_factory):
    """A simulation with tree and catalogue."""
    path = tmp_path_factory.mktemp("both")
    factory.write_merger_history(path, factory.write_simulation(path))
    return path


def labelled(path, **changes):
    settings = SelectSettings(**(SETTINGS | changes))
    return select_galaxies(open_simulation(path), settings, path)


def test_tree_and_catalogue_agree(both, caplog):
    with caplog.at_level("INFO"):
        table, counts = labelled(both)
    assert counts["labels_from"] == "sublink"
    compared = counts["sublink_and_merger_history"]
    assert compared["galaxies"] == 70
    assert compared["agreement"] == 1.0
    assert compared["disagree"] == []
    assert compared["labels"]["merger"] == {"merger": 3, "non-merger": 0}
    assert "differ for 0 of 70 galaxies (0.0 %)" in caplog.text
    assert counts["kinds_of_mergers"] == {"major": 3, "minor": 0}
    assert (table["label"] == 1).sum() == 3


def test_disagreement_is_reported(both, tmp_path, caplog):
    path = tmp_path / "sim"
    shutil.copytree(both, path)
    with h5py.File(path / "postprocessing/MergerHistory/MergerHistory_007.hdf5", "a") as file:
        file["SnapNumLastMinorMerger"][2] = 7
        file["SnapNumLastMajorMerger"][0] = -1
    table, counts = labelled(path)
    compared = counts["sublink_and_merger_history"]
    assert compared["agreement"] == pytest.approx(69 / 70)
    assert compared["labels"]["non-merger"]["merger"] == 1
    assert compared["disagree"] == [
        {
            "galaxy_id": "007-000002",
            "sublink": {"stage": "isolated", "time_to_merger_gyr": None},
            "merger_history": {"stage": "post", "time_to_merger_gyr": pytest.approx(-0.1)},
        }
    ]
    assert "differ for 1 of 70 galaxies (1.4 %), 007-000002 for one" in caplog.text
    # the tree's labels stand
    assert (table["label"] == 1).sum() == 3


def test_labels_from_the_catalogue(both, tmp_path):
    expected, _ = labelled(both, mass_ratio_min=0.25)
    found, counts = labelled(both, mass_ratio_min=0.25, labels_from="merger_history")
    assert counts["labels_from"] == "merger_history"
    pd.testing.assert_frame_equal(
        found.drop(columns="mass_ratio"), expected.drop(columns="mass_ratio")
    )
    # without a tree the same labels, but no system over several snapshots
    path = tmp_path / "sim"
    shutil.copytree(both, path)
    shutil.rmtree(path / "postprocessing/trees")
    alone, counts = labelled(path, mass_ratio_min=0.25)
    assert counts["labels_from"] == "merger_history"
    assert "sublink_and_merger_history" not in counts
    assert alone["label"].tolist() == found["label"].tolist()
    assert alone["system_id"].nunique() > found["system_id"].nunique()
    with pytest.raises(Sim2SkyError, match="labels are to come from sublink, which is not there"):
        labelled(path, labels_from="sublink")


def test_ratio_that_the_catalogue_does_not_know(both, caplog):
    with caplog.at_level("INFO"):
        _, counts = labelled(both, mass_ratio_min=0.2)
    assert "sublink_and_merger_history" not in counts
    assert "not compared with the merger_history catalogue" in caplog.text
    with pytest.raises(Sim2SkyError, match=r"knows two mass ratios only; got 0\.2"):
        labelled(both, mass_ratio_min=0.2, labels_from="merger_history")


def test_minor_mergers_are_counted_apart(both):
    table, counts = labelled(both, mass_ratio_min=0.01)
    assert counts["kinds_of_mergers"] == {"major": 3, "minor": 3}
    mergers = table[table["label"] == 1]
    assert set(mergers["mass_ratio"].round(3)) == {0.05, 0.5}


def test_comparison_is_written_beside_the_table(both, tmp_path):
    settings = SelectSettings(**SETTINGS).model_dump_json()
    select(settings=settings, simulation=both, output=tmp_path / "galaxies.parquet")
    counts = json.loads((tmp_path / "galaxies.json").read_text())["counts"]
    assert counts["sublink_and_merger_history"]["agreement"] == 1.0
