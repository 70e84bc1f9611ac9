import json
import logging
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import Flag, open_simulation
from sim2sky.select.command import select
from sim2sky.select.sample import COLUMNS, select_galaxies
from sim2sky.select.settings import SelectSettings

LOW = {"min_star_particles": 5, "min_stellar_mass_msun": 1e9, "keep_unclear": True}


def run(simulation, **settings):
    return select_galaxies(
        simulation, SelectSettings(**(LOW | {"keep_unclear": True} | settings)), where="made"
    )


@pytest.fixture(scope="module")
def everything(simulation):
    return run(simulation, secondaries=True, clear_gap_gyr=0.45)


def test_table_has_the_columns_and_types_promised(everything):
    table, counts = everything
    assert {name: table[name].dtype for name in table} == COLUMNS
    assert table["galaxy_id"].is_unique
    assert table["galaxy_id"].iloc[0] == "000-000000"
    assert counts["galaxies"] == len(table) == 60 + 10
    assert counts["systems"] == 6
    assert sum(counts["stages"].values()) == len(table)


def test_stages_follow_the_known_merger(everything, branch_of):
    """Snapshots every 0.2 Gyr, coalescence half-way between snapshots 4 and 5."""
    table, _ = everything
    names = [branch_of[key] for key in zip(table["snapshot"], table["subhalo_id"], strict=True)]
    stages = table.assign(name=names).pivot(index="name", columns="snapshot", values="stage")
    before = [*["isolated"] * 3, "unclear", "pre"]
    assert stages.loc["a"].tolist() == [*before, "post", "unclear", *["remnant"] * 3]
    assert stages.loc["b"].tolist()[:5] == before
    for name in "cdegh":
        assert stages.loc[name].tolist() == ["isolated"] * 10
    pre = table[table["stage"] == "pre"]
    np.testing.assert_allclose(pre["time_to_merger"], 0.1, atol=1e-6)
    np.testing.assert_allclose(pre["mass_ratio"], 0.5)
    assert set(table.loc[table["label"] == 1, "stage"]) == {"pre", "post"}


def test_companions_at_the_end_of_the_tree(root, tmp_path):
    """Without its last snapshots the tree doesn't show the merger of a and b."""
    import h5py

    for snapshot in range(5):
        for kind in ("snapdir", "groups"):
            name = f"output/{kind}_{snapshot:03d}"
            shutil.copytree(root / name, tmp_path / name)
    (tmp_path / "trees/SubLink").mkdir(parents=True)
    source = root / "postprocessing/trees/SubLink/tree_extended.0.hdf5"
    with (
        h5py.File(source) as old,
        h5py.File(tmp_path / "trees/SubLink/tree_extended.0.hdf5", "w") as new,
    ):
        columns = {name: old[name][:] for name in old}
        keep = columns["SnapNum"] < 5
        last = columns["SnapNum"] == 4
        columns["DescendantID"][last] = -1
        columns["NextProgenitorID"][last] = -1
        for leaf in np.unique(columns["MainLeafProgenitorID"]):
            branch = columns["MainLeafProgenitorID"] == leaf
            columns["RootDescendantID"][branch] = columns["SubhaloID"][branch & last][0]
        for name, column in columns.items():
            new[name] = column[keep]
    simulation = open_simulation(tmp_path)
    chosen = {"snapshots": [4], "require_both_classes": False}
    table, _ = run(simulation, secondaries=True, **chosen)
    in_order = ["unclear", "unclear", *["isolated"] * 6]  # a and b; the rest, e and f included
    assert table["stage"].tolist() == in_order
    assert table["system_id"].nunique() == 6  # a and b are in one picture, hence one system
    table, _ = run(simulation, **chosen)
    assert table["subhalo_id"].tolist() == [0, *range(2, 8)]
    table, _ = run(simulation, assume_no_merger_after_end=True, **chosen)
    assert (table["stage"] == "isolated").all()


def test_window_edge_is_inclusive_in_spite_of_rounding(simulation):
    """Mergers 0.1, 0.3, 0.5 Gyr away in time differences of sums of redshift conversions."""
    table, _ = run(simulation, window_past_gyr=0.3, window_future_gyr=0.3)
    assert table.loc[table["label"] == 1, "snapshot"].tolist() == [3, 4, 5, 6]


def test_only_the_primary_of_a_coming_merger_is_taken(simulation, branch_of):
    table, _ = run(simulation)
    names = {branch_of[key] for key in zip(table["snapshot"], table["subhalo_id"], strict=True)}
    # f's merger with e is too minor to count: the satellite stays, as a non-merger would
    assert names == set("acdefgh")


def test_systems_are_root_descendants(everything, branch_of):
    table, _ = everything
    names = [branch_of[key] for key in zip(table["snapshot"], table["subhalo_id"], strict=True)]
    by_name = table.assign(name=names).groupby("name")["system_id"].unique()
    assert by_name["a"].tolist() == by_name["b"].tolist()
    assert by_name["e"].tolist() == by_name["f"].tolist()
    assert all(len(ids) == 1 for ids in by_name)


def test_cuts_are_counted(simulation):
    _, counts = run(simulation, min_stellar_mass_msun=5e10 / 0.7, min_star_particles=80)
    # per snapshot a c e g above the mass; a and e above 80 stars (6.67 in mass)
    assert list(counts["cuts"].values())[:4] == [70, 70, 40, 20]


def test_snapshots_are_chosen(simulation):
    table, _ = run(simulation, snapshots=[5, 2])
    assert table["snapshot"].unique().tolist() == [2, 5]
    with pytest.raises(Sim2SkyError, match="no snapshot 17, 20; got 0, 1, 2"):
        run(simulation, snapshots=[5, 20, 17])


def test_redshift_of_the_snapshot_or_as_observed(simulation, factory):
    table, _ = run(simulation)
    np.testing.assert_allclose(table["redshift"], np.array(factory.REDSHIFTS)[table["snapshot"]])
    table, _ = run(simulation, observe_at_redshift=2.0)
    assert (table["redshift"] == 2.0).all()


def test_nothing_left_names_the_cut_that_did_it(simulation):
    with pytest.raises(
        Sim2SkyError,
        match=r"no galaxy is left; .*min_stellar_mass_msun 1e\+13: 0; min_star.*1\.57e\+11 solar",
    ):
        run(simulation, min_stellar_mass_msun=1e13)


def test_empty_catalogue_says_so(root, tmp_path):
    import h5py

    shutil.copytree(root / "output/snapdir_003", tmp_path / "snapdir_003")
    for path in (tmp_path / "snapdir_003").iterdir():
        with h5py.File(path, "a") as file:
            file.pop("PartType4", None)
            file["Header"].attrs["NumPart_ThisFile"] = [0] * 6
    with pytest.raises(Sim2SkyError, match="no galaxy is left; got subhaloes in all: 0"):
        run(open_simulation(tmp_path))


def test_one_class_only(simulation):
    with pytest.raises(Sim2SkyError, match=r"the sample has no merger; got 7 isolated.*windows"):
        run(simulation, snapshots=[1], mass_ratio_min=0.9, min_star_particles=36)
    with pytest.raises(Sim2SkyError, match="no non-merger.*assume_no_merger_after_end"):
        run(simulation, snapshots=[5], min_stellar_mass_msun=1.05e11 / 0.7)
    table, _ = run(simulation, snapshots=[1], mass_ratio_min=0.9, require_both_classes=False)
    assert set(table["label"]) == {0}


def test_projections_join_systems(simulation):
    table, counts = run(simulation, chance_projections=0.1)
    new = table[table["stage"] == "projection"]
    n_single = ((table["label"] == 0) & (table["stage"] != "projection")).sum()
    assert counts["stages"]["projection"] == len(new) == round(0.1 * n_single) > 1
    for row in new.itertuples():
        members = table["subhalo_id"].isin([row.subhalo_id, row.companion_subhalo_id])
        assert table.loc[members & (table["snapshot"] == row.snapshot), "system_id"].nunique() == 1
    assert table["system_id"].nunique() == 6 - new["system_id"].nunique()


def test_projections_count_as_mergers_where_people_label(simulation):
    table, counts = run(simulation, chance_projections=0.1, projection_label="merger")
    usual, _ = run(simulation, chance_projections=0.1)
    projected = table["stage"] == "projection"
    assert (table["label"][projected] == 1).all()
    assert (usual["label"][usual["stage"] == "projection"] == 0).all()
    assert table["label"][~projected].equals(usual["label"][~projected])
    assert counts["labels"]["1"] == int((table["label"] == 1).sum())


def test_shortage_of_projections_is_logged(simulation, caplog):
    with caplog.at_level(logging.WARNING, "sim2sky"):
        table, _ = run(simulation, snapshots=[4, 5], chance_projections=1.0)
    assert (table["stage"] == "projection").sum() < (table["label"] == 0).sum() / 2
    assert "too few systems share a snapshot" in caplog.text


def test_cap_and_balance(simulation):
    table, _ = run(simulation, max_rows_per_system=2)
    assert table.groupby(["system_id", "label"]).size().max() == 2
    table, counts = run(simulation, max_class_ratio=2.0)
    assert counts["labels"]["0"] == 2 * counts["labels"]["1"]


def test_without_a_tree_all_is_unknown(root, tmp_path, caplog):
    shutil.copytree(root / "output/snapdir_003", tmp_path / "output/snapdir_003")
    shutil.copytree(root / "output/groups_003", tmp_path / "output/groups_003")
    table, _ = run(open_simulation(tmp_path))
    assert set(table["label"]) == {-1}
    assert set(table["stage"]) == {"unknown"}
    # but two galaxies in one group are in one picture
    assert table["system_id"].nunique() == 6
    assert (table["system_id"] > 0).all()
    again, _ = run(open_simulation(tmp_path))
    assert again.equals(table)
    assert "two systems" not in caplog.text
    shutil.copytree(root / "output/snapdir_004", tmp_path / "output/snapdir_004")
    shutil.copytree(root / "output/groups_004", tmp_path / "output/groups_004")
    run(open_simulation(tmp_path))
    assert "the same galaxy in two snapshots counts as two systems" in caplog.text


def command_line(settings, simulation, output):
    import typer

    app = typer.Typer()
    app.command()(select)
    arguments = ["--simulation", str(simulation), "--output", str(output)]
    result = CliRunner().invoke(app, ["--settings", json.dumps(settings), *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_command_writes_the_same_table_twice(root, tmp_path):
    outputs = [tmp_path / name / "galaxies.parquet" for name in "ab"]
    for output in outputs:
        assert command_line(LOW | {"chance_projections": 0.2}, root, output).exit_code == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    table = pd.read_parquet(outputs[0])
    assert list(table) == list(COLUMNS)
    about = json.loads(outputs[0].with_suffix(".json").read_text())
    assert about["stage"] == "select"
    assert about["counts"]["galaxies"] == len(table)


def test_command_on_a_real_cutout(real_data, tmp_path):
    output = tmp_path / "galaxies.parquet"
    settings = {"min_stellar_mass_msun": 1e8, "observe_at_redshift": 0.05}
    command_line(settings, real_data / "tng100-1-subhalo-565261", output)
    row = pd.read_parquet(output).iloc[0]
    assert (row["galaxy_id"], row["label"], row["stage"]) == ("099-565261", -1, "unknown")
    assert row["system_id"] == 60000015200059278  # RootDescendantID in its main branch file
    assert row["redshift"] == 0.05


def test_command_on_a_real_subbox(real_data, tmp_path):
    output = tmp_path / "galaxies.parquet"
    settings = {"min_star_particles": 20, "min_stellar_mass_msun": 1e8}
    with pytest.raises(Sim2SkyError, match=r"snap_2332\.7\.hdf5: file is missing"):
        command_line(settings, real_data / "tng50-4-subbox0", output)
    command_line(settings | {"on_missing": "skip"}, real_data / "tng50-4-subbox0", output)
    table = pd.read_parquet(output)
    assert len(table) == 3
    assert (table["flag"] == int(Flag.MISSING_FILE)).all()
    assert table["system_id"].is_unique


def test_unclear_galaxies_are_dropped_by_default(simulation, everything):
    table, counts = run(simulation, secondaries=True, clear_gap_gyr=0.45, keep_unclear=False)
    kept = everything[0][everything[0]["stage"] != "unclear"]
    assert table["galaxy_id"].tolist() == kept["galaxy_id"].tolist()
    assert counts["cuts"]["clearly merging or not (keep_unclear)"] == len(kept)
