"""The whole workflow on config/test: from encounters to the gallery."""

import json
import os
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml

ROOT = Path(__file__).parents[2]
SIMULATIONS = ROOT / ".." / "shared" / "data" / "simulations"
CUTOUT = SIMULATIONS / "tng100-1-subhalo-565261/stars_565261.hdf5"
SUBBOX = SIMULATIONS / "tng50-4-subbox0"

pytestmark = pytest.mark.workflow


def needs(path: Path):
    return pytest.mark.skipif(not path.exists(), reason=f"real data not here: {path.name}")


CONFIG = ("--configfile", "config/test/config.yaml")
EARLIER = {
    "simulate_systems", "assemble_simulation", "select_galaxies", "project_maps",
    "observe_stamps", "build_dataset", "measure_shapes", "audit_experiment", "train_model",
}  # fmt: skip


def test_gallery_holds_every_figure(finished):
    figures = finished.folder / "results/figures"
    page = (figures / "index.html").read_text()
    kinds = ("roc", "confusion", "history", "gradcam", "attribution", "latent", "scores")
    kinds += ("ladder", "exposure", "attack", "church_window", "reliability", "outliers")
    for kind in kinds:
        assert (figures / f"noise_{kind}.png").stat().st_size > 5000
        assert (figures / f"noise_{kind}.pdf").stat().st_size > 2000
        assert f"noise_{kind}.png" in page


def test_page_has_the_points_of_the_shown_models_and_their_pictures_once(finished):
    folder = finished.folder / "results/figures/explore"
    scripts = {f"noise_{method}_deepmerge_0.js" for method in ("source_only", "mmd")}
    assert {path.name for path in folder.glob("*.js")} == scripts
    assert len([*folder.glob("stamps_*.webp")]) == 1
    assert sum(path.stat().st_size for path in folder.iterdir()) < 500_000


def test_both_domains_hold_the_same_galaxies_in_the_same_split(finished):
    with (
        h5py.File(finished.folder / "results/domains/pristine/dataset.h5") as pristine,
        h5py.File(finished.folder / "results/domains/noisy/dataset.h5") as noisy,
    ):
        for name in ("galaxy_id", "view", "system_id", "label", "split"):
            np.testing.assert_array_equal(pristine[name][:], noisy[name][:])
        system, split = noisy["system_id"][:], noisy["split"][:]
    assert pd.Series(split).groupby(system).nunique().max() == 1


def test_table_holds_every_method_in_both_domains(finished):
    table = pd.read_parquet(finished.folder / "results/experiments/noise/table.parquet")
    trained, baselines = {"source_only", "mmd"}, {"asymmetry", "random_forest"}
    assert set(table.method) == trained | baselines
    assert len(table) == 8
    assert set(table.method[table.train_seconds.notna()]) == trained
    assert table.n_hard.notna().equals(table.domain == "target")
    assert (table.accuracy_low <= table.accuracy).all()
    assert (table.accuracy <= table.accuracy_high).all()
    # one of three test systems is all there is of a class
    assert table.balanced_accuracy_low.isna().all()


def test_second_call_does_nothing_though_source_files_were_touched(finished):
    later = time.time() + 5
    for file in (finished.folder / "src/sim2sky").rglob("*.py"):
        os.utime(file, (later, later))
    run = finished.snakemake("results/figures", *CONFIG)
    assert "Nothing to be done" in run.stdout + run.stderr


def test_a_method_is_chosen_by_each_criterion(finished):
    folder = finished.folder / "results/experiments/noise"
    table = pd.read_parquet(folder / "method_choice.parquet")
    assert (folder / "method_choice.png").is_file()
    assert "oracle" not in set(table["method"])
    assert (table.groupby("criterion")["chosen"].sum() == 1).all()
    best = table.loc[table["balanced_accuracy"].idxmax(), "method"]
    assert (table.loc[table["method"] == best, "regret"] == 0).all()


def test_editing_a_stage_reruns_it_and_what_follows(finished):
    file = finished.folder / "src/sim2sky/evaluate/metrics.py"
    before = file.read_text()
    later = time.time() + 5
    file.write_text(before + "# an edit\n")
    os.utime(file, (later, later))
    try:
        rules = finished.planned_rules("results/figures", *CONFIG)
    finally:
        file.write_text(before)
        os.utime(file, (later, later))
    assert {"evaluate_model", "aggregate_scores", "plot_roc", "figures"} <= rules
    assert not rules & EARLIER


def test_changing_a_setting_reruns_what_it_touches(finished):
    config = finished.folder / "config/test/changed.yaml"
    text = (finished.folder / "config/test/config.yaml").read_text()
    assert "n_bootstrap: 200" in text
    config.write_text(text.replace("n_bootstrap: 200", "n_bootstrap: 201"))
    rules = finished.planned_rules("results/figures", "--configfile", str(config))
    assert "evaluate_model" in rules
    assert not rules & {"train_model", "build_dataset", "simulate_systems"}


def test_one_rule_can_be_rerun(finished):
    rules = finished.planned_rules("results/figures", *CONFIG, "-R", "train_model")
    assert {"train_model", "evaluate_model", "figures"} <= rules
    assert not rules & {"simulate_systems", "observe_stamps", "build_dataset"}


@pytest.fixture(scope="module")
def further(finished, tuned):
    """Three more experiments, run in one call; what the first of the models was before it."""
    config = yaml.safe_load((ROOT / "config/test/config.yaml").read_text())
    origin = {"experiment": "noise", "method": "mmd"}
    config["methods"] = {"tuned": {"name": "tuned", "init_from": origin}}
    back = {"source": "noisy", "target": "pristine", "seeds": [1]}
    back |= {"methods": ["source_only", "tuned"], "show": ["tuned"]}
    config["experiments"]["back"] = config["experiments"]["noise"] | back
    rules = {
        # kinds that every split of the tiny suite holds
        "even": "label == 0 and snapshot % 2 == 0",
        "odd": "label == 0 and snapshot % 2 == 1",
        "merger": "label == 1",
    }
    for name, origin, classes in (
        ("known", "pristine", ["even", "odd"]),
        ("three", "noisy", [*rules]),
    ):
        sort = {"classes": classes, "class_rules": {key: rules[key] for key in classes}}
        build = config["domains"][origin]["build"] | sort
        config["domains"][name] = {"stamps_of": origin, "build": build}
    config["experiments"]["open"] = config["experiments"]["noise"] | {
        "source": "known", "target": "three", "methods": ["source_only", "adabn", "oracle"],
        "baselines": [], "seeds": [0], "show": ["source_only"],
    }  # fmt: skip
    path = finished.folder / "config/test/further.yaml"
    path.write_text(yaml.safe_dump(config))
    first = finished.folder / "results/experiments/noise/models/mmd/deepmerge/1/model.pt"
    before = first.stat().st_mtime_ns
    targets = ["back/models/tuned/deepmerge/1/model.pt"]
    targets += [f"open/{name}.png" for name in ("confusion", "roc", "scores")]
    targets += ["tuned/regret.png", "tuned/models/mmd/deepmerge/0/model.pt"]
    finished.snakemake(
        *(f"results/experiments/{target}" for target in targets),
        *("--configfile", str(path), tuned(finished)[-1]),
    )
    return finished.folder / "results", first, before


def test_method_starts_from_a_model_of_another_experiment(further):
    results, first, before = further
    assert first.stat().st_mtime_ns == before
    log = results / "logs/train_model/back/tuned/deepmerge/1.log"
    assert "weights taken over from the initial model\n" in log.read_text()


def test_class_that_only_the_target_has(further):
    results, *_ = further
    folder = results / "experiments/open"
    assert not (results / "domains/known/stamps").exists()
    audit = json.loads((folder / "audit.json").read_text())
    assert audit["classes"]["target_only"] == ["merger"]
    table = pd.read_parquet(folder / "table.parquet").set_index(["method", "domain"])
    assert set(table.index) == {
        (method, domain)
        for method in ("source_only", "adabn", "oracle")
        for domain in ("source", "target")
    }
    assert not {"recall_merger", "auc_merger"} & set(table)
    in_target = table.xs("target", level="domain")
    assert in_target["h_score"].between(0, 1).all()
    assert in_target["unknown_auc"].between(0, 1).all()
    assert table.xs("source", level="domain")["h_score"].isna().all()


def test_final_models_take_the_settings_chosen_from_trials(further):
    results, *_ = further
    folder = results / "experiments/tuned"
    choice = json.loads((folder / "trials/mmd/deepmerge/choice.json").read_text())
    assert [trial["trial"] for trial in choice["trials"]] == [0, 1]
    scores = [trial["score"] for trial in choice["trials"]]
    assert choice["trial"] == scores.index(max(scores))
    assert choice["trials"][1]["settings"]["learning_rate"] == 1e-3
    assert choice["trials"][1]["settings"]["method"]["losses"] == {"mmd": 0.5}
    model = torch.load(folder / "models/mmd/deepmerge/0/model.pt")
    assert model["settings"] == choice["settings"] | {"on_divergence": "error"}
    assert model["seed"] == 0
    regret = pd.read_parquet(folder / "regret.parquet")
    assert set(regret["method"]) == {"source_only", "mmd", ""}
    assert (regret["regret"] >= 0).all()


def test_report_is_written(finished):
    finished.snakemake("results/figures", *CONFIG, "--report", "report.html")
    assert "Snakemake Report" in (finished.folder / "report.html").read_text()


def test_failing_job_shows_one_message_and_leaves_no_output(finished):
    dataset = finished.folder / "results/domains/noisy/stamps/000.h5"
    whole = dataset.read_bytes()
    dataset.write_bytes(whole[: len(whole) // 2])
    target = "results/domains/noisy/dataset.h5"
    kept = (finished.folder / target).read_bytes()
    try:
        run = finished.snakemake(target, *CONFIG, check=False)
    finally:
        dataset.write_bytes(whole)
    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert "stamps/000.h5: not a readable HDF5 file" in text
    assert "Traceback" not in text
    assert not (finished.folder / target).exists()
    assert not list((finished.folder / "results/domains/noisy").glob(".dataset*"))
    (finished.folder / target).write_bytes(kept)


@pytest.fixture(scope="module")
def with_real_simulations(finished):
    """The shipped example for a user's own simulations, with the paths of the real files."""
    config = yaml.safe_load((ROOT / "config/my_simulation.yaml").read_text())
    config["simulations"]["cutout"]["path"] = str(CUTOUT.resolve())
    config["simulations"]["subbox"]["path"] = str(SUBBOX.resolve())
    path = finished.folder / "config/real.yaml"
    path.write_text(yaml.safe_dump(config))
    return finished, ("--configfile", "config/test/config.yaml", str(path))


@pytest.fixture(scope="module")
def real_catalogues(with_real_simulations):
    """The folder of results in which the real simulations that are here have become catalogues."""
    project, words = with_real_simulations
    names = [name for name, path in (("cutout", CUTOUT), ("subbox", SUBBOX)) if path.exists()]
    project.snakemake(*(f"results/catalogues/{name}/000.parquet" for name in names), *words)
    return project.folder / "results"


@needs(CUTOUT)
def test_cutout_becomes_a_catalogue(real_catalogues):
    catalogue = pd.read_parquet(real_catalogues / "catalogues/cutout/000.parquet")
    assert len(catalogue) == 4  # one galaxy, four views
    assert catalogue["probability_merger"].between(0, 1).all()


@needs(SUBBOX)
def test_subbox_with_a_missing_file_becomes_a_flagged_catalogue(real_catalogues):
    galaxies = pd.read_parquet(real_catalogues / "samples/subbox/galaxies.parquet")
    assert len(galaxies) == 3
    assert (galaxies["flag"] != 0).all()
    assert (galaxies["label"] == -1).all()
    catalogue = pd.read_parquet(real_catalogues / "catalogues/subbox/000.parquet")
    assert len(catalogue) == 12
    assert catalogue["probability_merger"].between(0, 1).all()


@needs(SUBBOX)
def test_missing_snapshot_file_stops_the_rule_with_its_name(with_real_simulations):
    project, words = with_real_simulations
    path = Path(words[-1])
    config = yaml.safe_load(path.read_text())
    config["samples"]["subbox"]["select"]["on_missing"] = "error"
    strict = path.with_name("strict.yaml")
    strict.write_text(yaml.safe_dump(config))
    target = "results/samples/subbox/galaxies.parquet"
    run = project.snakemake(target, *words[:-1], str(strict), check=False)
    assert run.returncode != 0
    assert "snap_2332.7.hdf5" in run.stdout + run.stderr
    assert not (project.folder / target).exists()
