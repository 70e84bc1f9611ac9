"""Downloads from a local server that speaks the web API, and what the readers make of them."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import open_simulation
from sim2sky.retrieve.client import Client, Pace, same_site
from sim2sky.retrieve.run import retrieve_simulation
from sim2sky.retrieve.settings import RetrieveSettings
from sim2sky.retrieve.store import JOURNAL
from sim2sky.select.sample import select_galaxies
from sim2sky.select.settings import SelectSettings

KEY = "0123456789abcdef"


def paths(api):
    return [path.partition("?")[0] for path, _ in api.requests]


def test_galaxies_are_those_of_the_whole_simulation(api, settings, root, tmp_path):
    retrieve_simulation(settings(snapshots=[3, 9]), tmp_path)
    whole, brought = open_simulation(root), open_simulation(tmp_path / "manifest.json")
    assert brought.snapshots() == [3, 9]
    for snapshot in (3, 9):
        expected = whole.subhalos(snapshot).set_index("subhalo_id").drop(columns="morphology")
        found = brought.subhalos(snapshot).set_index("subhalo_id").drop(columns="morphology")
        assert found["stellar_mass"].is_monotonic_decreasing
        pd.testing.assert_frame_equal(found.sort_index(), expected, rtol=1e-6)
        for number in expected.index:
            for radius in (None, 6.0):
                ours = brought.stars(snapshot, number, radius)
                theirs = whole.stars(snapshot, number, radius)
                np.testing.assert_allclose(ours.position_kpc, theirs.position_kpc, atol=1e-9)
                np.testing.assert_array_equal(ours.age_gyr, theirs.age_gyr)
                assert ours.velocity_kms is None


def test_labels_are_those_of_the_whole_simulation(api, settings, root, tmp_path):
    """Also before the last snapshot, where a galaxy's own tree does not tell its future."""
    retrieve_simulation(settings(snapshots=[3, 4, 5]), tmp_path)
    select = SelectSettings(
        snapshots=[3, 4, 5], min_star_particles=1, clear_gap_gyr=0.3, secondaries=True
    )
    tables = [
        select_galaxies(open_simulation(path), select, path)[0].drop(columns="morphology")
        for path in (root, tmp_path)
    ]
    assert (tables[0]["label"] == 1).sum() > 2
    pd.testing.assert_frame_equal(*tables, rtol=1e-6)
    # galaxies that become one share a tree, which comes once
    trees = [path for path in paths(api) if path.endswith("full.hdf5")]
    assert len(trees) == len(set(trees)) == 6


def test_pictures_are_made_of_it(api, settings, tmp_path):
    from sim2sky.project.settings import ProjectSettings
    from sim2sky.project.shard import write_maps
    from sim2sky.select.command import select

    retrieve_simulation(settings(snapshots=[4]), tmp_path / "sim")
    manifest = tmp_path / "sim/manifest.json"
    given = SelectSettings(min_star_particles=1, observe_at_redshift=0.5, clear_gap_gyr=0.3)
    select(
        settings=given.model_dump_json(),
        simulation=manifest,
        output=tmp_path / "galaxies.parquet",
    )
    project = ProjectSettings(n_views=1, n_particles=None, map_pixels=16, bands=["F814W"])
    write_maps(project, manifest, tmp_path / "galaxies.parquet", 0, tmp_path / "maps.h5")
    with h5py.File(tmp_path / "maps.h5") as file:
        assert set(file["label"][:]) == {0, 1}
        assert (file["maps"][:].sum(axis=(1, 2, 3)) > 0).all()


def test_own_tree_of_an_early_galaxy_tells_its_past(api, root, factory, tmp_path):
    """As anyone may have downloaded it by hand."""
    redshifts = dict(enumerate(factory.REDSHIFTS))
    from sim2sky.readers import MergerTree

    path = tmp_path / "sublink_full_7_0.hdf5"
    path.write_bytes(api.tree(7, 0, "full"))
    galaxies = pd.DataFrame({"snapshot": [7, 5, 3], "subhalo_id": [0, 0, 0]})
    own = MergerTree([path], redshifts, factory.COSMOLOGY).histories(galaxies, 0.1)
    whole = open_simulation(root).tree().histories(galaxies, 0.1)
    assert own["complete"].all()
    columns = ["root_id", "past_gyr", "past_ratio", "future_gyr", "future_ratio", "partner_id"]
    pd.testing.assert_frame_equal(own[columns], whole[columns])
    assert own["future_known_gyr"].isna().all()


def test_cutouts_of_the_galaxy_alone(api, settings, tmp_path):
    given = {"cutouts": "subhalo", "trees": "mpb", "subhalos": [0]}
    retrieve_simulation(settings(snapshots=[3, 7], **given), tmp_path)
    simulation = open_simulation(tmp_path)
    alone = simulation.stars(3, 0)
    assert np.linalg.norm(alone.position_kpc, axis=1).max() < 20  # its companion is at 20 kpc
    galaxies = pd.DataFrame({"snapshot": [7, 3], "subhalo_id": [0, 0]})
    histories = simulation.tree().histories(galaxies, 0.1)
    # a main branch does not tell the merger in the past of the first
    assert histories["complete"].tolist() == [False, True]


def test_mass_limits_and_pages(api, settings, tmp_path, factory):
    limit = {"min_stellar_mass_msun": 4.5e10 / factory.H, "max_stellar_mass_msun": 9e10}
    retrieve_simulation(settings(trees="none", **limit), tmp_path)
    masses = open_simulation(tmp_path).subhalos(3)["stellar_mass"] * factory.H / 1e10
    np.testing.assert_allclose(masses, [6, 5], rtol=1e-5)
    retrieve_simulation(settings(trees="none", max_galaxies=4), tmp_path)
    masses = open_simulation(tmp_path).subhalos(3)["stellar_mass"] * factory.H / 1e10
    np.testing.assert_allclose(masses, [10, 9, 6, 5], rtol=1e-5)
    assert paths(api).count("/api/TNG100-1/snapshots/3/subhalos/") == 3  # pages of three
    with pytest.raises(Sim2SkyError, match="no galaxy within the mass limits"):
        retrieve_simulation(settings(min_stellar_mass_msun=1e15), tmp_path)


def test_second_run_downloads_nothing(api, settings, tmp_path):
    given = settings(trees="none", files=["groupcat", "offsets"])
    retrieve_simulation(given, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["galaxies"] == 8
    n = len(api.requests)
    retrieve_simulation(given, tmp_path)
    later = set(paths(api)[n:])
    # only lists, which may have changed, are asked for again
    assert not [path for path in later if re.search(r"\.hdf5$|subhalos/\d+", path)]
    assert json.loads((tmp_path / "manifest.json").read_text()) == manifest
    # a file that is damaged on disk comes anew
    cutout = next((tmp_path / "cutouts").iterdir())
    content = cutout.read_bytes()
    cutout.write_bytes(content[:-1] + b"x")
    retrieve_simulation(given, tmp_path)
    assert cutout.read_bytes() == content
    # other fields are another cutout
    retrieve_simulation(
        settings(trees="none", star_fields=[*given.star_fields, "Velocities"]), tmp_path
    )
    assert open_simulation(tmp_path).stars(3, 0).velocity_kms is not None


def test_group_catalogue_has_the_published_checksums(api, settings, root, tmp_path):
    retrieve_simulation(settings(max_galaxies=0, files=["groupcat", "offsets"]), tmp_path)
    for name in ("groups_003/fof_subhalo_tab_003.0.hdf5", "groups_003/fof_subhalo_tab_003.1.hdf5"):
        assert (tmp_path / "output" / name).read_bytes() == (root / "output" / name).read_bytes()
    assert (tmp_path / "postprocessing/offsets/offsets_003.hdf5").is_file()
    with pytest.raises(Sim2SkyError, match="no merger_history of snapshot 3"):
        retrieve_simulation(settings(max_galaxies=0, files=["merger_history"]), tmp_path)


def test_file_with_another_checksum_is_refused(api, settings, tmp_path):
    api.faults = {r"checksums": ["damage", 1]}
    retrieve_simulation(settings(max_galaxies=0, files=["groupcat"]), tmp_path / "a")
    true = api.answer

    def lying(path, query):
        content = true(path, query)
        return content.replace(content[:64], b"0" * 64) if "checksums" in path else content

    api.answer = lying
    with pytest.raises(Sim2SkyError, match="checksum is not the one that the server publishes"):
        retrieve_simulation(settings(max_galaxies=0, files=["groupcat"]), tmp_path / "b")
    assert not list((tmp_path / "b").rglob("*.0.hdf5"))
    assert not (tmp_path / "b/manifest.json").exists()


@pytest.mark.parametrize("fault", ["broken", "truncate", "silent", "stall", "damage"])
def test_faults_that_pass(api, settings, tmp_path, fault, monkeypatch):
    """A server that fails once, breaks off, falls silent or sends rubbish: all is whole after."""
    api.faults = {r"generated/halos_3_0": [fault, 1], r"mdb.hdf5": [fault, 1]}
    monkeypatch.setattr("sim2sky.retrieve.client._CHUNK", 512)
    silence = {"timeout_s": 0.7} if fault == "stall" else {}
    retrieve_simulation(settings(subhalos=[0, 3], parallel=1, **silence), tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    for path in tmp_path.rglob("*.hdf5"):
        with h5py.File(path) as file:
            assert len(file)
    assert len(open_simulation(tmp_path).stars(3, 0)) > 100
    ranges = [headers["Range"] for _, headers in api.requests if "Range" in headers]
    # after a break the rest is asked for, not the whole
    assert bool(ranges) == (fault in ("truncate", "stall"))


def test_throttled_server_is_given_its_pause(api, settings, tmp_path):
    api.faults = {r"halos/1/cutout": ["throttle", 1]}
    began = time.monotonic()
    retrieve_simulation(settings(trees="none", subhalos=[0, 2]), tmp_path)
    assert time.monotonic() - began >= 1.0
    assert len(open_simulation(tmp_path).subhalos(3)) == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("throttle", r"does not serve; got status 429 after 2 attempts"),
        ("broken", r"does not serve; got status 503 after 2 attempts.*run the same command"),
        ("truncate", r"does not come through; got .* after 2 attempts"),
        ("stall", r"does not come through; got the server fell silent after 2 attempts"),
        ("damage", r"the server sent a damaged file"),
    ],
)
def test_faults_that_stay(api, settings, tmp_path, fault, message):
    api.faults = {r"generated": [fault, 10**6]}
    timeout = 0.7 if fault == "stall" else 20
    with pytest.raises(Sim2SkyError, match=message):
        retrieve_simulation(
            settings(attempts=2, timeout_s=timeout, subhalos=[0], trees="none"), tmp_path
        )
    assert not (tmp_path / "manifest.json").exists()
    assert not list(tmp_path.rglob("cutouts/*.hdf5"))
    # when the server has recovered the same command goes on
    api.faults = {}
    retrieve_simulation(settings(subhalos=[0], trees="none"), tmp_path)
    assert len(open_simulation(tmp_path).subhalos(3)) == 1


def test_interrupted_run_goes_on(api, settings, tmp_path):
    api.faults = {r"halos/4/cutout": ["broken", 3]}
    given = settings(trees="none", parallel=1)
    with pytest.raises(Sim2SkyError, match="does not serve"):
        retrieve_simulation(given, tmp_path)
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('{"file": "half a li')
    api.counts.clear()
    retrieve_simulation(given, tmp_path)
    assert len(open_simulation(tmp_path).subhalos(3)) == 8
    assert api.counts["/api/TNG100-1/snapshots/3/subhalos/0/"] == 0
    assert api.counts["/api/TNG100-1/snapshots/3/halos/4/cutout.hdf5"] == 1


def test_key_is_needed_and_stays_secret(api, settings, tmp_path, monkeypatch, caplog):
    with caplog.at_level("DEBUG"):
        api.faults = {r"generated": ["truncate", 1]}
        retrieve_simulation(settings(subhalos=[0]), tmp_path)
    assert KEY not in caplog.text
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and KEY.encode() in p.read_bytes()]
    assert all(KEY not in path for path, _ in api.requests)
    monkeypatch.setenv("TNG_API_KEY", "wrong")
    with pytest.raises(Sim2SkyError, match="the server refuses the API key; got status 403") as e:
        retrieve_simulation(settings(), tmp_path / "b")
    assert "wrong" not in str(e.value)
    monkeypatch.delenv("TNG_API_KEY")
    with pytest.raises(Sim2SkyError, match="environment variable TNG_API_KEY: no API key"):
        retrieve_simulation(settings(), tmp_path / "b")
    monkeypatch.setenv("MINE", KEY)
    retrieve_simulation(settings(key_variable="MINE", subhalos=[0]), tmp_path / "b")


def test_key_does_not_go_to_another_site(api, settings, tmp_path):
    """127.0.0.1 sends the request on to localhost, which is another name."""
    port = api.server_address[1]
    true = api.answer

    def elsewhere(path, query):
        content = true(path, query)
        return f"http://localhost:{port}{content}" if isinstance(content, str) else content

    api.answer = elsewhere
    with pytest.raises(Sim2SkyError, match="refuses the API key"):
        retrieve_simulation(settings(subhalos=[0]), tmp_path)
    assert "api-key" not in {name.lower() for name in api.requests[-1][1]}


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("https://www.tng-project.org/api/", "https://data.tng-project.org/x", True),
        ("https://www.tng-project.org/api/", "http://www.tng-project.org/x", False),
        ("https://www.tng-project.org/api/", "https://tng-project.org.evil.com/x", False),
        ("http://127.0.0.1:1/", "http://10.0.0.1/", False),
        ("http://127.0.0.1:1/", "http://127.0.0.1:2/", True),
    ],
)
def test_where_the_key_may_go(first, second, same):
    assert same_site(first, second) == same


def test_links_are_followed_encrypted():
    client = Client(
        "https://www.tng-project.org/api", "k", per_second=1, timeout_s=1, attempts=1, backoff_s=0
    )
    link = "http://www.tng-project.org/api/TNG100-1/snapshots/99/subhalos/?limit=3&offset=3"
    assert client.url(link) == link.replace("http:", "https:")
    assert client.url("TNG100-1/") == "https://www.tng-project.org/api/TNG100-1/"


def test_what_is_not_there(api, settings, tmp_path):
    with pytest.raises(Sim2SkyError, match="no such simulation; got TNG100-9"):
        retrieve_simulation(settings(simulation="TNG100-9"), tmp_path)
    with pytest.raises(Sim2SkyError, match="no snapshot 50; got 0 to 9"):
        retrieve_simulation(settings(snapshots=[50]), tmp_path)
    with pytest.raises(Sim2SkyError, match="no subhalo 99 in snapshot 3"):
        retrieve_simulation(settings(subhalos=[99]), tmp_path)


def test_server_that_is_not_there(settings, tmp_path):
    with pytest.raises(Sim2SkyError, match="no answer from the server.*check the network"):
        retrieve_simulation(settings(base_url="http://127.0.0.1:9/api/"), tmp_path)


def test_cutout_that_is_gone(api, settings, tmp_path):
    retrieve_simulation(settings(trees="none"), tmp_path)
    (tmp_path / "cutouts/halo_003_2.hdf5").unlink()
    with pytest.raises(Sim2SkyError, match=r"halo_003_2\.hdf5: file is missing; got 5 of 6 files"):
        open_simulation(tmp_path)
    assert len(open_simulation(tmp_path, on_missing="skip").subhalos(3)) == 7
    (tmp_path / "galaxies.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Sim2SkyError, match=r"galaxies\.csv: not a table of galaxies"):
        open_simulation(tmp_path)


def test_pace_holds_for_all_threads_together():
    pace = Pace(per_second=50)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pace.wait(), range(16)))
    assert time.monotonic() - began >= 15 / 50


def test_settings_without_a_field_that_pictures_need():
    with pytest.raises(ValidationError, match="star_fields lacks GFM_Metallicity, Masses"):
        RetrieveSettings(
            simulation="TNG100-1",
            snapshots=[99],
            star_fields=["Coordinates", "GFM_InitialMass", "GFM_StellarFormationTime"],
        )


def test_command(api, settings, tmp_path):
    from sim2sky.retrieve.command import retrieve

    given = settings(subhalos=[0])
    retrieve(settings=given.model_dump_json(), output=tmp_path)
    assert open_simulation(tmp_path).snapshots() == [3]
