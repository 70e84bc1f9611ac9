import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from sim2sky import readers
from sim2sky.errors import Sim2SkyError
from sim2sky.project.command import project
from sim2sky.project.flags import MapFlag
from sim2sky.project.framing import draw_view
from sim2sky.project.settings import ProjectSettings
from sim2sky.readers import open_simulation

DATA = Path(__file__).parents[3] / ".." / "shared/data"
CUTOUT = DATA / "simulations/tng100-1-subhalo-565261/stars_565261.hdf5"
SETTINGS = {"n_views": 2, "map_pixels": 32, "n_particles": 500, "fov_sizes_min": 4}


@pytest.fixture
def run(tmp_path, monkeypatch, simulation):
    """Return a function that projects a sample from the fake simulation and reads the file."""

    def run(sample, shard=0, **changes):
        def opened(path, *, on_missing):
            assert on_missing == changes.get("on_missing", "error")
            return simulation

        monkeypatch.setattr(readers, "open_simulation", opened)
        table, output = tmp_path / "galaxies.parquet", tmp_path / "maps.h5"
        sample.to_parquet(table)
        text = json.dumps({**SETTINGS, **changes})
        project(settings=text, simulation=tmp_path, sample=table, shard=shard, output=output)
        with h5py.File(output) as file:
            columns = {
                name: item.asstr()[()] if item.dtype == object else item[()]
                for name, item in file.items()
            }
            return columns, dict(file.attrs)

    return run


def test_content_of_the_file(run, sample):
    columns, attrs = run(sample)
    assert columns["maps"].shape == (12, 2, 32, 32)
    assert columns["maps"].dtype == np.float32
    assert list(attrs["bands"]) == ["F814W", "F160W"]
    assert attrs["map_pixels"] == 32
    assert attrs["stage"] == "project"
    assert columns["galaxy_id"].tolist() == np.repeat(sample.galaxy_id, 2).tolist()
    assert columns["view"].tolist() == [0, 1] * 6
    for name in ("system_id", "label", "redshift", "stage"):
        assert columns[name].tolist() == np.repeat(sample[name], 2).tolist()
    assert (columns["n_particles"] == 500).all()
    assert columns["flag"].tolist() == [0] * 8 + [2, 2] + [0, 0]
    view = draw_view("068-000003", 1, ProjectSettings(fov_sizes_min=4))
    assert columns["direction"][7].tolist() == view.rotation[2].tolist()
    assert columns["centre_offset_px"][7].tolist() == view.jitter_px.tolist()
    assert columns["fov_kpc"][7] == view.fov_sizes * columns["size_kpc"][7]
    assert np.ptp(columns["maps"].sum(axis=(1, 2, 3))) > 0


def test_shards_hold_what_one_file_holds_bit_for_bit(run, sample):
    whole, _ = run(sample)
    where = list(zip(whole["galaxy_id"], whole["view"], strict=True))
    seen = 0
    for shard in range(4):
        part, _ = run(sample, shard=shard, n_shards=4)
        rows = [where.index(key) for key in zip(part["galaxy_id"], part["view"], strict=True)]
        for name in whole:
            np.testing.assert_array_equal(part[name], whole[name][rows])
        seen += len(rows)
    assert seen == len(where)


def test_a_merger_that_cannot_be_seen_as_one_is_unclear(run, sample, simulation):
    """Galaxies 1 and 3 merge, and so does the projection; 3 has no neighbour at all."""
    simulation.neighbour = {1: [2.0, 0.0, 0.0]}
    projection = sample.companion_subhalo_id >= 0
    sample = sample.assign(label=np.where(projection, 1, sample.label))
    columns, _ = run(sample, n_views=8, visible_companion_sizes=[0.3, 1.8])
    distance = columns["companion_sizes"].reshape(6, 8)
    label, stage = columns["label"].reshape(6, 8), columns["stage"].reshape(6, 8)
    assert np.isnan(distance[[0, 2, 3, 4]]).all()
    assert (label[[0, 2, 4]] == 0).all()
    assert (label[3] == -1).all()
    seen = (distance >= 0.3) & (distance <= 1.8)
    assert 0 < seen[1].sum() < 8  # depends on the side from which it is seen
    for row in (1, 5):
        assert (label[row] == np.where(seen[row], 1, -1)).all()
        assert (stage[row] == np.where(seen[row], sample.stage[row], "unclear")).all()
    every, _ = run(sample, n_views=8)
    assert np.array_equal(every["maps"], columns["maps"])
    assert (every["label"].reshape(6, 8) == sample.label.to_numpy()[:, None]).all()


def test_more_views_keep_the_first_ones(run, sample):
    few, _ = run(sample[:1])
    many, _ = run(sample[:1], n_views=3)
    assert np.array_equal(few["maps"], many["maps"][:2])
    assert not np.array_equal(many["maps"][1], many["maps"][2])


def test_maps_do_not_know_the_label(run, sample):
    before, _ = run(sample)
    after, _ = run(sample.assign(label=1 - sample.label, stage="remnant", system_id=0))
    for name in ("maps", "fov_kpc", "centre_offset_px", "n_particles", "flag", "direction"):
        assert np.array_equal(before[name], after[name])


@pytest.mark.parametrize("n_shards", [1, 9])
def test_a_shard_without_galaxies(run, sample, n_shards):
    rows = sample[:0] if n_shards == 1 else sample
    columns, attrs = run(rows, shard=n_shards - 1, n_shards=n_shards)
    assert columns["maps"].shape == (0, 2, 32, 32)
    assert columns["direction"].shape == (0, 3)
    assert columns["galaxy_id"].tolist() == []
    assert columns["label"].dtype == np.int8
    assert list(attrs["bands"]) == ["F814W", "F160W"]


def test_a_bad_galaxy_is_flagged_and_the_others_are_whole(run, sample, simulation):
    position = simulation.galaxies[2].position_kpc.copy()
    position[5] = np.nan
    simulation.galaxies[2] = dataclasses.replace(simulation.galaxies[2], position_kpc=position)
    columns, _ = run(sample)
    assert (columns["flag"] & MapFlag.NON_FINITE > 0).tolist() == [False] * 4 + [True] * 2 + (
        [False] * 6
    )
    assert np.isfinite(columns["maps"]).all()


def test_missing_stars_stop_the_run_or_are_flagged(run, sample, simulation):
    del simulation.galaxies[3]
    with pytest.raises(Sim2SkyError, match=r"snap_068.3.hdf5: subhalo 3 is missing"):
        run(sample)
    columns, _ = run(sample, on_missing="skip")
    assert columns["flag"][6:8].tolist() == [MapFlag.UNREADABLE | MapFlag.EMPTY] * 2
    assert not columns["maps"][6:8].any()
    assert columns["maps"][8:].any(axis=(1, 2, 3)).all()


def test_stars_beyond_the_field_are_left_out(run, sample):
    columns, _ = run(sample[:1], field_radius_kpc=2.0)
    assert (columns["n_particles"] < 500).all()
    assert (columns["size_kpc"] < 2).all()


def test_errors(run, sample):
    with pytest.raises(
        ValueError, match=r"no such band: F999; the stellar populations have F814W"
    ):
        run(sample, bands=["F999"])
    with pytest.raises(Sim2SkyError, match=r"--shard: no such shard; got 3; expected 0 to 2"):
        run(sample, shard=3, n_shards=3)
    with pytest.raises(Sim2SkyError, match="column redshift, stage is missing"):
        run(sample.drop(columns=["redshift", "stage"]))
    with pytest.raises(
        Sim2SkyError, match="galaxy 068-000000 of the sample: a galaxy at redshift"
    ):
        run(sample.assign(redshift=0.0))


@pytest.mark.skipif(not CUTOUT.is_file(), reason="the TNG100 cutout is not beside the project")
def test_a_tng_galaxy(tmp_path, sample):
    """The real cutout at z = 0.05: its r-band light, TNG's own magnitudes, is on the map."""
    source = open_simulation(CUTOUT)
    snapshot = source.snapshots()[0]
    subhalo = int(source.subhalos(snapshot).subhalo_id.iloc[0])
    row = sample[:1].assign(snapshot=snapshot, subhalo_id=subhalo, redshift=0.05)
    row.to_parquet(tmp_path / "galaxies.parquet")
    settings = ProjectSettings(
        bands=["sdss_g", "sdss_r"], n_particles=None, framing="physical", fov_kpc=60
    )
    project(
        settings=settings.model_dump_json(),
        simulation=CUTOUT,
        sample=tmp_path / "galaxies.parquet",
        shard=0,
        output=tmp_path / "maps.h5",
    )
    with h5py.File(CUTOUT) as file, h5py.File(tmp_path / "maps.h5") as maps:
        real = file["PartType4/GFM_StellarFormationTime"][()] > 0
        theirs = file["PartType4/GFM_StellarPhotometrics"][()][real, 4:6]
        assert (maps["n_particles"][()] == real.sum()).all()
        flux = maps["maps"][()].sum(axis=(2, 3))
    distance = source.header(snapshot).cosmology.distmod(0.05).value
    absolute = -2.5 * np.log10(flux / 3631e9) - distance
    total = -2.5 * np.log10((10 ** (-0.4 * theirs)).sum(axis=0))
    # K correction to z = 0.05 of this galaxy: 0.1 in g, 0.05 in r; IMF 0.1; light cut < 5 %
    assert absolute == pytest.approx(np.tile(total, (3, 1)), abs=0.3)
