"""The files that a configuration names."""

from pathlib import Path

import pytest
import yaml

from sim2sky.config import Config
from sim2sky.errors import Sim2SkyError
from sim2sky.inputs import check_inputs
from sim2sky.settings import parse_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def content(monkeypatch, tmp_path):
    """The configuration of one's own survey, in a folder that has what it names."""
    (tmp_path / "frames").mkdir()
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    return yaml.safe_load((ROOT / "config/my_survey.yaml").read_text())


def check(content):
    check_inputs(parse_settings(Config, content, "configuration"))


def test_what_is_there_is_taken(content):
    check(content)
    content["domains"]["survey_mocks"]["observe"].pop("bands")  # all of the survey's
    check(content)


def test_missing_files_are_named(content, tmp_path):
    (tmp_path / "frames").rmdir()
    message = r"domains\.survey_frames\.frames\.path: no such file or directory; got frames; corr"
    with pytest.raises(Sim2SkyError, match=message):
        check(content)
    (tmp_path / "frames").mkdir()
    content["domains"]["survey_mocks"]["survey"] = "sdsss"
    with pytest.raises(Sim2SkyError, match=r"survey_mocks\.survey: no such.*surveys/sdsss\.yaml"):
        check(content)
    content["domains"]["survey_mocks"]["survey"] = "own.yaml"
    own = yaml.safe_load((ROOT / "config/surveys/sdss.yaml").read_text())
    own["bands"]["sdss_r"]["psf"] = {"kind": "image", "path": "r.fits", "pixel_scale_arcsec": 0.4}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    with pytest.raises(Sim2SkyError, match=r"own\.yaml: bands\.sdss_r\.psf\.path: no such file"):
        check(content)
    content["experiments"]["my_survey"]["realism"]["reference"] = "shapes.csv"
    with pytest.raises(Sim2SkyError, match=r"my_survey\.realism\.reference: no such.*shapes\.csv"):
        check(content)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("observe", "a band is not in config/surveys/sdss.yaml; got sdss_z"),
        ("project", r"a band is not in samples\.nearby\.project\.bands; got sdss_i; expected one"),
        (
            "frames",
            r"not in domains\.survey_frames\.frames\.settings\.bands; got sdss_i",
        ),
    ],
)
def test_bands_that_are_missing_are_named(content, part, message):
    other = ["sdss_g", "sdss_r", "sdss_z"]
    domains = content["domains"]
    {
        "observe": domains["survey_mocks"]["observe"],
        "project": content["samples"]["nearby"]["project"],
        "frames": domains["survey_frames"]["frames"]["settings"],
    }[part]["bands"] = other
    with pytest.raises(Sim2SkyError, match=message):
        check(content)
