"""Cutouts, bare snapshots and other codes, on made files and on real ones."""

import h5py
import numpy as np
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import Flag, open_simulation


def write_cutout(path, factory, *, subhalo=7, n=100, claimed=None, redshift=0.5, drop=()):
    random = np.random.default_rng(subhalo)
    fields = {
        "Coordinates": (random.normal(0, 2.0, (n, 3)) + 1.0) % factory.BOX,
        "Masses": np.full(n, 1e-3),
        "GFM_InitialMass": np.full(n, 2e-3),
        "GFM_Metallicity": np.full(n, 0.02),
        "GFM_StellarFormationTime": np.full(n, 0.5),
    }
    with h5py.File(path, "w") as file:
        header = file.create_group("Header").attrs
        counts = [0, 0, 0, 0, n if claimed is None else claimed, 0]
        values = {"Redshift": redshift, "HubbleParam": factory.H, "Omega0": factory.OMEGA_M}
        values |= {"BoxSize": factory.BOX, "NumPart_ThisFile": counts, "SnapshotNumber": 50}
        for name, value in (values | {"CutoutID": subhalo}).items():
            header[name] = value
        for name, column in fields.items():
            if name not in drop:
                file[f"PartType4/{name}"] = column
    return path


def test_cutout_is_one_galaxy(factory, tmp_path):
    simulation = open_simulation(write_cutout(tmp_path / "cutout.hdf5", factory))
    assert simulation.snapshots() == [50]
    table = simulation.subhalos(50)
    assert len(table) == 1
    assert table["subhalo_id"].tolist() == [7]
    assert table["stellar_mass"][0] == pytest.approx(100 * 1e7 / factory.H)
    assert table["sfr"][0] == 0
    stars = simulation.stars(50, 7)
    # half of it lies beyond the periodic boundary
    assert np.abs(stars.position_kpc).max() < 10
    assert np.abs(np.median(stars.position_kpc, axis=0)).max() < 1
    radius = np.linalg.norm(stars.position_kpc, axis=1)
    assert table["half_mass_radius_kpc"][0] == pytest.approx(np.median(radius), rel=0.05)
    assert stars.velocity_kms is None
    assert simulation.tree() is None


def test_folder_of_cutouts(factory, tmp_path):
    for subhalo in (3, 11):
        write_cutout(tmp_path / f"cutout_{subhalo}.hdf5", factory, subhalo=subhalo)
    assert open_simulation(tmp_path).subhalos(50)["subhalo_id"].tolist() == [3, 11]
    write_cutout(tmp_path / "cutout_x.hdf5", factory, subhalo=3)
    with pytest.raises(Sim2SkyError, match=r"subhalo 3 is in cutout_3\.hdf5 already"):
        open_simulation(tmp_path)
    write_cutout(tmp_path / "cutout_x.hdf5", factory, subhalo=4, redshift=0.6)
    with pytest.raises(Sim2SkyError, match="another redshift than the other files of snapshot 50"):
        open_simulation(tmp_path)
    log_only = open_simulation(tmp_path, on_missing="skip")
    assert log_only.subhalos(50)["subhalo_id"].tolist() == [3, 11]


def test_header_that_lies_about_its_star_count(factory, tmp_path):
    path = write_cutout(tmp_path / "cutout.hdf5", factory, claimed=123)
    with pytest.raises(Sim2SkyError, match="got 100 stars; expected 123 as in NumPart_ThisFile"):
        open_simulation(path)
    table = open_simulation(path, on_missing="skip").subhalos(50)
    assert table["flag"].tolist() == [int(Flag.COUNT_MISMATCH)]


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        (["GFM_InitialMass"], "the stars lack GFM_InitialMass or InitialMass"),
        (["GFM_StellarFormationTime"], "the stars lack GFM_StellarFormationTime"),
        (["Masses", "GFM_Metallicity"], "the stars lack Masses or Mass, GFM_Metallicity"),
    ],
)
def test_missing_fields_are_named(factory, tmp_path, drop, message):
    path = write_cutout(tmp_path / "cutout.hdf5", factory, drop=drop)
    with pytest.raises(Sim2SkyError, match=message):
        open_simulation(path)


def test_unreadable_single_files(tmp_path, factory):
    path = tmp_path / "galaxy.hdf5"
    path.write_text("not HDF5")
    with pytest.raises(Sim2SkyError, match="not a readable HDF5 file"):
        open_simulation(path)
    with h5py.File(path, "w") as file:
        file["image"] = 1.0
    with pytest.raises(Sim2SkyError, match="it has no 'Header' group; got image"):
        open_simulation(path)
    write_cutout(path, factory, n=0)
    with pytest.raises(Sim2SkyError, match=r"galaxy\.hdf5.*no stars"):
        open_simulation(path)


def test_bare_snapshot_finds_the_groups(factory, tmp_path):
    import shutil

    branches = factory.write_simulation(tmp_path, snapshots=1)
    shutil.rmtree(tmp_path / "output/groups_000")
    simulation = open_simulation(tmp_path, linking_length_kpc=10.0)
    table = simulation.subhalos(0)
    # of a and b 20 kpc apart one group; 'out of any group' stars lie on a
    expected = {"ab": 11.0, "c": 5.0, "d": 4.0, "ef": 10.5, "g": 6.0, "h": 3.0}
    found = np.sort(table["stellar_mass"]) * factory.H / 1e10
    np.testing.assert_allclose(found, np.sort(list(expected.values())), rtol=0.06)
    for row in table.itertuples():
        field = simulation.stars(0, row.subhalo_id)
        assert len(field) == row.n_stars
        near = simulation.stars(0, row.subhalo_id, radius_kpc=4.0)
        # the centre is where the stars are, across the boundary too
        assert len(near) > 0.3 * row.n_stars * 0.6
    assert {branch.name for branch in branches} == set("abcdefgh")
    finer = open_simulation(tmp_path, linking_length_kpc=4.0, min_star_particles=60)
    assert (finer.subhalos(0)["n_stars"] >= 60).all()
    # a galaxy can be read by its number however it was found
    one = int(table["subhalo_id"][0])
    assert len(finer.stars(0, one, 5.0)) == len(simulation.stars(0, one, 5.0))


def test_real_cutout(real_data):
    simulation = open_simulation(real_data / "tng100-1-subhalo-565261")
    row = simulation.subhalos(99).iloc[0]
    with h5py.File(real_data / "tng100-1-subhalo-565261/sublink_mpb_565261.hdf5") as file:
        mass = file["SubhaloMassType"][0, 4] * 1e10 / 0.6774
        half = file["SubhaloHalfmassRadType"][0, 4] / 0.6774
        place = file["SubhaloPos"][0] / 0.6774
        root = int(file["RootDescendantID"][0])
    assert row["subhalo_id"] == 565261
    assert row["n_stars"] == 517
    assert row["stellar_mass"] == pytest.approx(mass, rel=1e-5)
    assert row["half_mass_radius_kpc"] == pytest.approx(half, rel=0.05)
    # TNG's centre is its most bound particle, ours the densest place of the stars
    assert np.linalg.norm(row[["x_kpc", "y_kpc", "z_kpc"]].to_numpy(float) - place) < 0.5
    stars = simulation.stars(99, 565261)
    assert stars.velocity_kms is None
    assert 0 < stars.age_gyr.min() < stars.age_gyr.max() < 13.8
    found = simulation.tree().histories(
        simulation.subhalos(99).assign(snapshot=99)[["snapshot", "subhalo_id"]], 0.1
    )
    assert found["root_id"].tolist() == [root]
    assert not found["complete"].any()


def test_real_subbox_with_a_file_missing(real_data):
    path = real_data / "tng50-4-subbox0"
    with pytest.raises(Sim2SkyError, match=r"snap_2332\.7\.hdf5: file is missing; got 10 of 11"):
        open_simulation(path).subhalos(2332)
    table = open_simulation(path, on_missing="skip").subhalos(2332)
    assert table["n_stars"].tolist() == [113, 81, 23]
    assert (table["flag"] == int(Flag.MISSING_FILE)).all()


def test_real_lying_header(real_data):
    path = real_data / "other-codes/SimSpin_example_IllustrisTNG.hdf5"
    with pytest.raises(Sim2SkyError, match=r"got 2000 stars; expected 123468.*on_missing: skip"):
        open_simulation(path)
    table = open_simulation(path, on_missing="skip").subhalos(78)
    assert table["flag"].tolist() == [int(Flag.COUNT_MISMATCH)]
    assert table["n_stars"].tolist() == [1996]  # 4 of the 2000 are wind particles


@pytest.mark.parametrize(
    ("code", "snapshot", "unit_msun", "mass_field"),
    [
        ("EAGLE", 25, 1.989e43 / 1.989e33 / 0.6777, "Mass"),
        ("HorizonAGN", 0, 2e33 / 1.989e33, "Mass"),
        ("Colibre", 127, 1.98841e43 / 1.989e33, "Masses"),
    ],
)
def test_real_files_of_other_codes(real_data, code, snapshot, unit_msun, mass_field):
    path = real_data / f"other-codes/SimSpin_example_{code}.hdf5"
    simulation = open_simulation(path)
    row = simulation.subhalos(snapshot).iloc[0]
    with h5py.File(path) as file:
        total = file[f"PartType4/{mass_field}"][:].sum() * unit_msun
    assert row["stellar_mass"] == pytest.approx(total, rel=1e-6)
    assert 1 < row["half_mass_radius_kpc"] < 15
    stars = simulation.stars(snapshot, int(row["subhalo_id"]))
    assert 0 < stars.age_gyr.min() < stars.age_gyr.max() < 14
    assert 0 <= stars.metallicity.min() < stars.metallicity.max() < 0.2


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("Magneticum", r"'Metallicity' has the wrong shape; got \(2000, 11\)"),
        ("HDF5", "the header has no cosmology"),
    ],
)
def test_real_files_that_do_not_suffice(real_data, code, message):
    with pytest.raises(Sim2SkyError, match=message):
        open_simulation(real_data / f"other-codes/SimSpin_example_{code}.hdf5")


def test_real_groups_without_snapshot(real_data):
    with pytest.raises(Sim2SkyError, match="group catalogues without a snapshot; got groups_099"):
        open_simulation(real_data / "tng100-1-groups")
