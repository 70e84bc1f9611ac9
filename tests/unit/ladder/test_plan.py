from pathlib import Path

import pytest
import yaml

from sim2sky.config import Config, survey_file
from sim2sky.errors import Sim2SkyError
from sim2sky.ladder.plan import Telescope, plan_ladder
from sim2sky.ladder.settings import LadderSettings, RungSettings
from sim2sky.observe.settings import ObserveSettings, RgbSettings, SceneSettings
from sim2sky.settings import parse_settings

ROOT = Path(__file__).parents[3]
HST = ObserveSettings(bands=["F814W", "F160W"], noise=False)
CLEAN = Telescope("hst_wfc3_acs", HST)
NOISY = Telescope("hst_wfc3_acs", HST.model_copy(update={"noise": True}))


def planned(settings, source=CLEAN, target=NOISY):
    rungs = plan_ladder(settings, source, target, survey_file).rungs
    return {
        axis: [rung for rung in rungs if rung.axis == axis] for axis in ("realism", "exposure")
    }


def test_the_default_goes_from_the_bare_map_to_the_target():
    rungs = planned(LadderSettings())["realism"]
    assert [rung.name for rung in rungs] == ["simulation", "psf", "pixel", "noise"]
    assert [(rung.psf_factor, rung.pixel, rung.observe.noise) for rung in rungs] == [
        (0, False, False), (1, False, False), (1, True, False), (1, True, True),
    ]  # fmt: skip
    assert rungs[2].observe == CLEAN.observe  # the source itself
    assert rungs[3].observe == NOISY.observe  # the target itself
    assert str(rungs[0].survey) == "config/surveys/hst_wfc3_acs.yaml"


def test_exposures_are_those_of_the_last_rung():
    rungs = planned(LadderSettings(exposure_factors=[4, 0.25, 1]))["exposure"]
    assert [rung.exposure_factor for rung in rungs] == [0.25, 1, 4]
    assert all(rung.observe == NOISY.observe and rung.psf_factor == 1 for rung in rungs)
    # of a target without noise too: what is asked is what noise does
    rungs = planned(LadderSettings(exposure_factors=[1]), NOISY, CLEAN)["exposure"]
    assert rungs[0].observe.noise


def test_another_survey_of_the_target_is_the_last_rung():
    own = ObserveSettings(bands=["lsst_g", "lsst_r", "lsst_i"])
    rungs = planned(LadderSettings(), Telescope("lsst_y10", own), Telescope("lsst_y1", own))
    names = [rung.name for rung in rungs["realism"]]
    assert names == ["simulation", "psf", "pixel", "noise", "lsst_y1"]
    surveys = [rung.survey.stem for rung in rungs["realism"]]
    assert surveys == ["lsst_y10"] * 4 + ["lsst_y1"]
    assert {rung.survey.stem for rung in rungs["exposure"]} == {"lsst_y1"}


def test_a_scene_is_taken_apart():
    scene = SceneSettings(
        size_arcsec=(4, 12), colour_slope=(-0.5, 1), sky_residual_sigma=0.5, jpeg_quality=90
    )
    bands = ["sdss_i", "sdss_r", "sdss_g"]
    source = Telescope("sdss", ObserveSettings(bands=bands, rgb=RgbSettings(), scene=scene))
    rungs = planned(LadderSettings(selection="magnitude < 17"), source, None)["realism"]
    names = [rung.name for rung in rungs]
    assert names[:4] == ["simulation", "psf", "pixel", "noise"]
    assert names[4:8] == ["sizes", "seeing", "sky_residual", "stars"]
    assert names[8:] == ["neighbours", "dust", "thumbnail", "selection"]
    assert all(rung.observe.scene is None for rung in rungs[:4])
    sizes = rungs[4].observe.scene
    assert (sizes.stars_per_arcmin2, sizes.neighbours, sizes.psf_scatter) == (0, 0, 0)
    assert rungs[7].observe.scene.stars_per_arcmin2 == scene.stars_per_arcmin2
    assert rungs[7].observe.scene.satellites == 0
    assert rungs[-2].observe == rungs[-1].observe == source.observe
    assert [rung.select for rung in rungs[-2:]] == [None, "magnitude < 17"]


def test_patches_of_sky_are_a_rung_but_not_an_exposure():
    source = Telescope("hst_wfc3_acs", NOISY.observe, sky=True)
    rungs = planned(LadderSettings(), source, None)
    assert [rung.sky for rung in rungs["realism"]] == [False] * 4 + [True]
    assert rungs["realism"][-1].name == "sky"
    assert not any(rung.sky for rung in rungs["exposure"])


def test_rungs_add_up_or_stand_alone():
    steps = [
        RungSettings(name="psf", psf_factor=1),
        RungSettings(name="noise", observe={"noise": True}, exposure_factor=0.5),
    ]
    added = planned(LadderSettings(rungs=steps))
    assert added["realism"][1].psf_factor == 1
    # exposures go on from the last rung
    assert added["exposure"][3].exposure_factor == 0.5
    alone = planned(LadderSettings(rungs=steps, cumulative=False))
    assert [rung.psf_factor for rung in alone["realism"]] == [1, 0]
    assert alone["exposure"][0].psf_factor == 1
    assert alone["exposure"][0].pixel


def test_her_own_survey_replaces_that_of_the_domains():
    rungs = planned(LadderSettings(survey="my/telescope.yaml"))
    surveys = {str(rung.survey) for axis in rungs.values() for rung in axis}
    assert surveys == {"my/telescope.yaml"}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"observe": {"noise": 7}}, r"rung 'x': observe.noise: Input should be a valid boolean"),
        ({"observe": {"nose": True}}, r"rung 'x': observe.nose: Extra inputs are not permitted"),
        ({"observe": {"image_pixels": 40}}, r"takes image_pixels 75, not 40"),
        ({"observe": {"bands": ["F814W"]}}, r"takes bands \['F814W', 'F160W'\], not"),
        ({"observe": {"bands": ["a", "b", "c"], "rgb": {}}}, r"takes bands"),
        ({"sky": True}, r"rung 'x': the source domain has no 'sky_of'"),
    ],
)
def test_a_rung_that_cannot_be_is_refused(step, message):
    with pytest.raises(ValueError, match=message):
        planned(LadderSettings(rungs=[RungSettings(name="x", **step)]))


def test_units_stay_those_of_the_source():
    bands = ["sdss_i", "sdss_r", "sdss_g"]
    source = Telescope("sdss", ObserveSettings(bands=bands))
    rungs = [RungSettings(name="x", observe={"rgb": {}})]
    with pytest.raises(ValueError, match="units must be those of the source"):
        planned(LadderSettings(rungs=rungs), source, None)


@pytest.mark.parametrize(
    ("ladder", "message"),
    [
        ({"exposure_factors": [0, 1]}, "must be positive and differ"),
        ({"rungs": [{"name": "a"}, {"name": "a"}]}, "two rungs have the same name"),
        ({"rungs": [{"name": "a", "psf": 1}]}, "unknown key"),
    ],
)
def test_wrong_settings_are_refused(ladder, message):
    with pytest.raises(Sim2SkyError, match=message):
        parse_settings(LadderSettings, ladder, "ladder")


def test_the_configuration_refuses_what_cannot_be_observed():
    content = yaml.safe_load((ROOT / "config/survey_images.yaml").read_text())
    experiment = content["experiments"]["survey"]
    config = parse_settings(Config, content, "configuration")
    assert config.experiments_with("ladder") == config.experiments_with("exposure") == ["survey"]
    experiment["source"], experiment["target"] = experiment["target"], experiment["source"]
    with pytest.raises(Sim2SkyError, match="'sdss_images' has no noise-free maps"):
        parse_settings(Config, content, "configuration")
    experiment["source"] = "sdss_mocks"
    experiment["ladder"] = {"rungs": [{"name": "tiny", "observe": {"image_pixels": 10}}]}
    with pytest.raises(Sim2SkyError, match=r"experiments.survey.ladder: rung 'tiny'"):
        parse_settings(Config, content, "configuration")
