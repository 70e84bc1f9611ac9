"""What the configuration refuses, and what it adds."""

import copy
from pathlib import Path

import pytest
import yaml

from sim2sky.config import Config
from sim2sky.errors import Sim2SkyError
from sim2sky.settings import parse_settings
from sim2sky.train.settings import METHODS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def content():
    """Two experiments, the second of which starts from the first."""
    content = yaml.safe_load((ROOT / "config/test/config.yaml").read_text())
    first = content["experiments"]["noise"]
    first |= {"methods": ["source_only", "mmd"], "networks": ["deepmerge"], "seeds": [0, 1]}
    content["methods"] = {
        "tuned": {"name": "tuned", "init_from": {"experiment": "noise", "method": "mmd"}}
    }
    second = copy.deepcopy(first) | {"source": "noisy", "target": "pristine"}
    second |= {"methods": ["source_only", "tuned"], "show": ["tuned"]}
    content["experiments"] = {"noise": first, "back": second}
    del content["catalogues"]
    return content


def parsed(content) -> Config:
    return parse_settings(Config, content, "configuration")


def refused(content) -> str:
    with pytest.raises(Sim2SkyError) as info:
        parsed(content)
    return str(info.value)


def test_own_methods_stand_beside_the_published_ones(content):
    content["methods"]["mmd"] = {"name": "mmd", "mixed_batches": True, "losses": {"mmd": 3.0}}
    config = parsed(content)
    assert config.methods.keys() == METHODS.keys() | {"tuned"}
    assert config.methods["mmd"].losses == {"mmd": 3.0}
    assert config.methods["adabn"] == METHODS["adabn"]


def test_a_method_may_start_from_another_experiment(content):
    settings = parsed(content).train_settings("back", "tuned", "deepmerge")
    assert settings.method.init_from.model_dump() == {
        "experiment": "noise",
        "method": "mmd",
        "rate_factor": 1.0,
    }


def test_a_method_may_start_from_another_of_its_experiment(content):
    content["experiments"]["noise"]["methods"].append("tuned")
    assert "tuned" in parsed(content).experiments["noise"].methods


def test_a_start_that_is_not_there_is_named_in_one_sentence(content):
    origin = content["methods"]["tuned"]["init_from"]
    origin["experiment"] = "nosie"
    assert refused(content) == (
        "configuration: methods.tuned.init_from.experiment: 'nosie' is not defined under "
        "'experiments' (there: noise, back)"
    )
    origin |= {"experiment": "noise", "method": "adabn"}
    assert refused(content) == (
        "configuration: methods.tuned.init_from.method: 'adabn' is not defined under "
        "'experiments.noise.methods' (there: source_only, mmd)"
    )


def test_the_start_needs_the_same_networks_and_seeds(content):
    second = content["experiments"]["back"]
    second["seeds"] = [1, 3, 2]
    assert refused(content) == (
        "configuration: methods.tuned.init_from: experiments.back needs experiments.noise to "
        "have the seeds 2, 3 too"
    )
    second |= {"seeds": [0], "networks": ["deepmerge", "resnet18"]}
    assert "to have the networks resnet18 too" in refused(content)
    content["experiments"]["noise"]["networks"] = ["resnet18", "deepmerge"]
    parsed(content)


@pytest.mark.parametrize("link", ["tuned", "again"])
def test_methods_that_start_from_each_other_are_refused(content, link):
    methods = content["methods"]
    content["experiments"]["noise"]["methods"] += ["tuned", "again"]
    methods["again"] = {"name": "again", "init_from": {"experiment": "noise", "method": "tuned"}}
    methods["tuned"]["init_from"]["method"] = link
    circle = "tuned from tuned" if link == "tuned" else "tuned from again from tuned"
    assert refused(content) == (
        f"configuration: methods.tuned.init_from: no method begins, {circle}"
    )


def test_unknown_network_is_refused_before_anything_runs(content):
    content["experiments"]["noise"]["networks"] = ["resnet50"]
    with pytest.raises(Sim2SkyError, match=r"networks.0': .*'deepmerge'.*; got 'resnet50'"):
        parsed(content)


def test_a_domain_may_sort_the_images_of_another_anew(content):
    content["domains"]["sorted"] = {"stamps_of": "noisy", "build": {"seed": 3}}
    content["experiments"]["back"]["target"] = "sorted"
    config = parsed(content)
    assert config.stamps_domain("sorted") == "noisy"
    assert config.sample_of("sorted") == "distant"
    assert config.n_shards("sorted") == config.n_shards("noisy") == 2
    assert config.mock_domains == ["pristine", "noisy"]  # nothing is observed again
    assert config.used_embedded_simulations == ["distant"]


def test_church_windows_need_two_views_of_one_sample(content):
    content["experiments"]["back"].pop("attack", None)
    config = parsed(content)
    assert (
        config.experiments_with("attack") == config.experiments_with("church_window") == ["noise"]
    )
    content["samples"]["other"] = copy.deepcopy(content["samples"]["distant"])
    content["domains"]["noisy"]["sample"] = "other"
    config = parsed(content)
    assert (config.experiments_with("attack"), config.experiments_with("church_window")) == (
        ["noise"],
        [],
    )
    content["domains"]["noisy"]["sample"] = "distant"
    content["experiments"]["noise"]["attack"]["church_galaxies"] = 0
    assert parsed(content).experiments_with("church_window") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stamps_of": "nosy"}, "domains.sorted.stamps_of: 'nosy' is not defined under 'domains'"),
        ({"stamps_of": "sorted"}, "domains.sorted.stamps_of: 'sorted' has no stamps of its own"),
        (
            {"sample": "distant"},
            "name either a 'sample' with its 'survey', 'images', 'frames', 'published' or "
            "'stamps_of'",
        ),
    ],
)
def test_stamps_of_no_use_are_named(content, changes, message):
    content["domains"]["sorted"] = {"stamps_of": "noisy", "survey": "sdss"} | changes
    assert message in refused(content)


PUBLISHED = {"path": ".", "settings": {"release": "deepmerge", "side": "noisy", "bands": ["a"]}}


def test_published_dataset_has_no_stamps(content):
    content["domains"]["mast"] = {"published": PUBLISHED}
    assert Config.model_validate(content).published_domains == ["mast"]
    content["domains"]["sorted"] = {"stamps_of": "mast", "survey": "sdss"}
    assert "domains.sorted.stamps_of: 'mast' has no stamps of its own" in refused(content)
    del content["domains"]["sorted"]
    content["catalogues"] = {"x": {"domain": "mast", "experiment": "noise"}}
    assert "catalogues.x.domain: 'mast' is a published dataset" in refused(content)


def test_downloaded_simulation(content):
    retrieve = {"simulation": "TNG100-1", "snapshots": [99]}
    content["simulations"]["tng"] = {"retrieve": retrieve}
    assert Config.model_validate(content).retrieved_simulations == ["tng"]
    content["simulations"]["tng"]["path"] = "."
    assert "name one of 'suite', 'path' and 'retrieve'" in refused(content)


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ({"frames": {"path": "f", "settings": {"bands": ["r"]}}}, "its sky_patches is 0"),
        ({"images": {"path": "f", "settings": {"bands": ["r"]}}}, "'sky' has no frames"),
    ],
)
def test_sky_comes_from_frames(content, domain, message):
    content["domains"]["sky"] = domain
    content["domains"]["noisy"]["sky_of"] = "sky"
    assert message in refused(content)


def test_frames_with_patches_are_a_sky(content):
    settings = {"bands": ["F814W"], "sky_patches": 10}
    content["domains"]["sky"] = {"frames": {"path": "frames", "settings": settings}}
    content["domains"]["noisy"]["sky_of"] = "sky"
    config = parse_settings(Config, content, "configuration")
    assert config.frame_domains == ["sky"]
    assert config.n_shards("sky") == 1


def test_only_mocks_are_laid_on_a_sky(content):
    images = {"path": "f", "settings": {"bands": ["r"]}}
    content["domains"]["real"] = {"images": images, "sky_of": "noisy"}
    assert "'sky_of' is for a domain of mocks" in refused(content)
