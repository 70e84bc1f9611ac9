"""Real simulation files and real survey images, by configuration alone."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sim2sky.errors import Sim2SkyError

ROOT = Path(__file__).parents[2]
DATA = ROOT / ".." / "shared" / "data"
LYING = DATA / "simulations/other-codes/SimSpin_example_IllustrisTNG.hdf5"
IMAGES = DATA / "surveys/sdss-gz2-1000"

pytestmark = pytest.mark.workflow


def needs(path: Path):
    return pytest.mark.skipif(not path.exists(), reason=f"real data not here: {path.name}")


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
