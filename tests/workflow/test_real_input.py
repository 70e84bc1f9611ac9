"""Real simulation files and real survey images, by configuration alone."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sim2sky.errors import Sim2SkyError

ROOT = Path(__file__).parents[2]
DATA = ROOT / ".." / "shared" / "data"
CUTOUT = DATA / "simulations/tng100-1-subhalo-565261/stars_565261.hdf5"
SUBBOX = DATA / "simulations/tng50-4-subbox0"
LYING = DATA / "simulations/other-codes/SimSpin_example_IllustrisTNG.hdf5"
IMAGES = DATA / "surveys/sdss-gz2-1000"

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("run")]


def needs(path: Path):
    return pytest.mark.skipif(not path.exists(), reason=f"real data not here: {path.name}")


@pytest.fixture(scope="module")
def with_real_simulations(finished):
    """The shipped example for a user's own simulations, with the paths of the real files."""
    config = yaml.safe_load((ROOT / "config/my_simulation.yaml").read_text())
    config["simulations"]["cutout"]["path"] = str(CUTOUT.resolve())
    config["simulations"]["subbox"]["path"] = str(SUBBOX.resolve())
    path = finished.folder / "config/real.yaml"
    path.write_text(yaml.safe_dump(config))
    return finished, ("--configfile", "config/test/config.yaml", str(path))


@needs(CUTOUT)
def test_cutout_becomes_a_catalogue(with_real_simulations):
    project, words = with_real_simulations
    project.snakemake("results/catalogues/cutout/000.parquet", *words)
    catalogue = pd.read_parquet(project.folder / "results/catalogues/cutout/000.parquet")
    assert len(catalogue) == 4  # one galaxy, four views
    assert catalogue["probability_merger"].between(0, 1).all()


@needs(SUBBOX)
def test_subbox_with_a_missing_file_becomes_a_flagged_catalogue(with_real_simulations):
    project, words = with_real_simulations
    project.snakemake("results/catalogues/subbox/000.parquet", *words)
    galaxies = pd.read_parquet(project.folder / "results/samples/subbox/galaxies.parquet")
    assert len(galaxies) == 3
    assert (galaxies["flag"] != 0).all()
    assert (galaxies["label"] == -1).all()
    catalogue = pd.read_parquet(project.folder / "results/catalogues/subbox/000.parquet")
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


@needs(LYING)
def test_header_that_lies_about_its_star_count_is_caught(tmp_path):
    from sim2sky.select.command import select

    output = tmp_path / "galaxies.parquet"
    with pytest.raises(Sim2SkyError, match="123468|123,468"):
        select(settings="{}", simulation=LYING, output=output)
    assert not output.exists()


@needs(IMAGES)
def test_survey_images_become_a_dataset_with_the_labels_of_people(project):
    config = yaml.safe_load((ROOT / "config/survey_images.yaml").read_text())
    images = config["domains"]["sdss_images"]["images"]
    images["path"] = str((IMAGES / "images").resolve())
    images["labels"] = str((IMAGES / "labels.csv").resolve())
    path = project.folder / "config/images.yaml"
    path.write_text(yaml.safe_dump(config))
    project.snakemake("results/domains/sdss_images/dataset.h5", "--configfile", str(path))
    audit = json.loads((project.folder / "results/domains/sdss_images/audit.json").read_text())
    counts = pd.DataFrame(audit["rows"]).sum(axis=1)
    assert counts["merger"] == 152
    assert counts["non-merger"] == 735
    assert counts["unlabelled"] == 113
    assert audit["passed"]
