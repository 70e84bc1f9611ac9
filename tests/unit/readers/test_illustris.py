import shutil

import h5py
import numpy as np
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import Flag, open_simulation

SNAPSHOT = 3


def test_subhalos_are_in_physical_units(made, factory):
    root, branches = made
    table = open_simulation(root).subhalos(SNAPSHOT)
    assert table["subhalo_id"].tolist() == list(range(8))
    row = table.iloc[branches["g"].subfind[SNAPSHOT]]
    comoving = factory.H * (1 + factory.REDSHIFTS[SNAPSHOT])
    assert row["stellar_mass"] == pytest.approx(6e10 / factory.H)
    assert row["x_kpc"] == pytest.approx(4000 * 5 / comoving)
    assert row["half_mass_radius_kpc"] == pytest.approx(3 / comoving)
    assert row["n_stars"] == 6 * factory.STARS_PER_MASS
    assert row["sfr"] == 5.0
    assert row["flag"] == 0
    assert table["morphology"].tolist() == ["disk"] * 2 + ["elliptical"] + ["disk"] * 5


@pytest.mark.parametrize("offsets", [True, False])
def test_stars_are_those_of_illustris_python(made, factory, tmp_path, offsets):
    """The official reader, an independent one, gives the same stars; we convert and drop winds."""
    import illustris_python

    root, _ = made
    if offsets:
        simulation = open_simulation(root)
    else:
        shutil.copytree(root / "output", tmp_path / "output")
        simulation = open_simulation(tmp_path)
    table = simulation.subhalos(SNAPSHOT)
    a = 1 / (1 + factory.REDSHIFTS[SNAPSHOT])
    for group, of_group in table.groupby("group_id"):
        raw = illustris_python.snapshot.loadHalo(str(root / "output"), SNAPSHOT, group, "stars")
        star = raw["GFM_StellarFormationTime"] > 0
        assert (~star).sum() == 1
        stars = simulation.stars(SNAPSHOT, int(of_group["subhalo_id"].iloc[0]))
        np.testing.assert_allclose(stars.mass, raw["Masses"][star] * 1e10 / factory.H, rtol=1e-6)
        np.testing.assert_allclose(
            stars.initial_mass, raw["GFM_InitialMass"][star] * 1e10 / factory.H, rtol=1e-6
        )
        np.testing.assert_allclose(stars.metallicity, raw["GFM_Metallicity"][star])
        np.testing.assert_allclose(stars.velocity_kms, raw["Velocities"][star] * np.sqrt(a))
        centre = of_group[["x_kpc", "y_kpc", "z_kpc"]].iloc[0].to_numpy()
        box = factory.BOX * a / factory.H
        offset = raw["Coordinates"][star] * a / factory.H - centre
        np.testing.assert_allclose(stars.position_kpc, offset - box * np.round(offset / box))


def test_ages_match_the_closed_form(made, factory):
    root, branches = made
    simulation = open_simulation(root)
    stars = simulation.stars(SNAPSHOT, branches["d"].subfind[SNAPSHOT])
    with h5py.File(root / f"output/snapdir_{SNAPSHOT:03d}/snap_{SNAPSHOT:03d}.0.hdf5") as file:
        first = file["PartType4/GFM_StellarFormationTime"][0]
    # Peebles 1993, eq. 13.20: a flat universe of matter and a cosmological constant
    hubble_time = 9.777922216807891 / factory.H
    dark = 1 - factory.OMEGA_M

    def time(a):
        return (
            2
            / 3
            / np.sqrt(dark)
            * hubble_time
            * np.arcsinh(np.sqrt(dark / factory.OMEGA_M) * a**1.5)
        )

    expected = factory.TIMES_GYR[SNAPSHOT] - time(first)
    oldest = simulation.stars(SNAPSHOT, branches["a"].subfind[SNAPSHOT]).age_gyr[0]
    assert oldest == pytest.approx(expected, rel=1e-5)
    assert stars.age_gyr.min() >= 0


def test_field_across_the_periodic_boundary_is_whole(made, factory):
    root, branches = made
    stars = open_simulation(root).stars(SNAPSHOT, branches["c"].subfind[SNAPSHOT])
    assert np.abs(stars.position_kpc).max() < 20
    assert np.std(stars.position_kpc) == pytest.approx(3.0, rel=0.15)
    assert len(stars) == 5 * factory.STARS_PER_MASS + 1


def test_field_holds_the_companion_unless_cut_by_radius(made, factory):
    root, branches = made
    simulation = open_simulation(root)
    primary = branches["a"].subfind[0]
    n = {name: round(factory.STARS_PER_MASS * branches[name].mass[0]) for name in "ab"}
    assert len(simulation.stars(0, primary)) == n["a"] + n["b"] + 1
    near = simulation.stars(0, primary, radius_kpc=5.0)
    assert np.linalg.norm(near.position_kpc, axis=1).max() <= 5.0
    assert 0 < len(near) < n["a"]


def test_output_folder_and_parent_are_the_same_simulation(made):
    root, _ = made
    ours, inner = open_simulation(root), open_simulation(root / "output")
    assert ours.snapshots() == inner.snapshots() == list(range(10))
    assert ours.subhalos(4).equals(inner.subhalos(4))
    assert inner.tree() is not None


def test_missing_snapshot_file_is_named(own):
    (own / "output/snapdir_001/snap_001.1.hdf5").unlink()
    with pytest.raises(Sim2SkyError, match=r"snap_001\.1\.hdf5: file is missing.*2 of 3.*skip"):
        open_simulation(own).subhalos(1)


def test_skipping_a_file_flags_only_the_galaxies_it_holds(own):
    whole = open_simulation(own)
    stars = {i: len(whole.stars(1, i)) for i in range(8)}
    (own / "output/snapdir_001/snap_001.0.hdf5").unlink()
    simulation = open_simulation(own, on_missing="skip")
    table = simulation.subhalos(1)
    flagged = table["flag"] == int(Flag.MISSING_FILE)
    assert 0 < flagged.sum() < len(table)
    for row in table.itertuples():
        n = len(simulation.stars(1, row.subhalo_id))
        assert (n < stars[row.subhalo_id]) == bool(row.flag)


def test_skipping_needs_the_offsets_file(own):
    (own / "output/snapdir_001/snap_001.0.hdf5").unlink()
    (own / "postprocessing/offsets/offsets_001.hdf5").unlink()
    with pytest.raises(Sim2SkyError, match=r"offsets_001\.hdf5: .*only the offsets file"):
        open_simulation(own, on_missing="skip").subhalos(1)


def test_truncated_file(own):
    path = own / "output/snapdir_001/snap_001.1.hdf5"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(Sim2SkyError, match=r"snap_001\.1\.hdf5: not a readable HDF5"):
        open_simulation(own).subhalos(1)
    table = open_simulation(own, on_missing="skip").subhalos(1)
    assert (table["flag"] == int(Flag.MISSING_FILE)).any()


def test_file_with_fewer_stars_than_its_header_says(own):
    with h5py.File(own / "output/snapdir_001/snap_001.0.hdf5", "a") as file:
        counts = file["Header"].attrs["NumPart_ThisFile"]
        counts[4] += 7
        file["Header"].attrs["NumPart_ThisFile"] = counts
    with pytest.raises(Sim2SkyError, match=rf"got {counts[4] - 7} stars; expected {counts[4]} as"):
        open_simulation(own).subhalos(1)


def test_missing_group_file(own):
    whole = open_simulation(own).subhalos(1)
    (own / "output/groups_001/fof_subhalo_tab_001.0.hdf5").unlink()
    with pytest.raises(Sim2SkyError, match=r"fof_subhalo_tab_001\.0\.hdf5: file is missing"):
        open_simulation(own).subhalos(1)
    rest = open_simulation(own, on_missing="skip").subhalos(1)
    kept = whole[whole["group_id"] >= 2].reset_index(drop=True)
    assert rest.equals(kept[kept["subhalo_id"] >= 3].reset_index(drop=True))


def test_missing_catalogue_field(own):
    with h5py.File(own / "output/groups_001/fof_subhalo_tab_001.0.hdf5", "a") as file:
        del file["Subhalo/SubhaloSFR"]
    with pytest.raises(Sim2SkyError, match="'Subhalo/SubhaloSFR' is missing"):
        open_simulation(own).subhalos(1)


def test_missing_star_field(own):
    for number in range(2):
        with h5py.File(own / f"output/snapdir_001/snap_001.{number}.hdf5", "a") as file:
            del file["PartType4/GFM_Metallicity"]
    with pytest.raises(Sim2SkyError, match="the stars lack GFM_Metallicity or"):
        open_simulation(own).stars(1, 0)


def test_spurious_subhalos_are_flagged(own):
    with h5py.File(own / "output/groups_001/fof_subhalo_tab_001.0.hdf5", "a") as file:
        file["Subhalo/SubhaloFlag"][1] = False
    table = open_simulation(own).subhalos(1)
    assert table["flag"].tolist() == [0, int(Flag.NOT_COSMOLOGICAL), *[0] * 6]


def test_unknown_galaxy(made):
    with pytest.raises(Sim2SkyError, match="no subhalo 99 in snapshot 3"):
        open_simulation(made[0]).stars(3, 99)


def test_catalogue_without_snapshot(own):
    shutil.rmtree(own / "output/snapdir_000")
    shutil.rmtree(own / "output/snapdir_001")
    with pytest.raises(Sim2SkyError, match="group catalogues without a snapshot"):
        open_simulation(own)


def test_nothing_there(tmp_path):
    with pytest.raises(Sim2SkyError, match="no such file or directory"):
        open_simulation(tmp_path / "nowhere")
    with pytest.raises(Sim2SkyError, match="no simulation here; got an empty folder"):
        open_simulation(tmp_path)


def test_damage_to_a_snapshot_that_is_not_asked_for_does_not_matter(own, made):
    shutil.copytree(made[0] / "postprocessing/trees", own / "postprocessing/trees")
    (own / "output/snapdir_000/snap_000.0.hdf5").unlink()
    simulation = open_simulation(own)
    assert simulation.tree() is not None
    assert len(simulation.subhalos(1)) == 8


def test_no_file_of_a_snapshot_is_readable(own):
    for path in (own / "output/snapdir_001").iterdir():
        path.write_bytes(b"")
    with pytest.raises(Sim2SkyError, match=r"snap_001\.0\.hdf5: not a readable HDF5.*0 bytes"):
        open_simulation(own, on_missing="skip").subhalos(1)


def test_empty_catalogue_is_an_empty_table(own):
    for number in range(2):
        with h5py.File(own / f"output/groups_001/fof_subhalo_tab_001.{number}.hdf5", "a") as file:
            del file["Group"], file["Subhalo"]
            for name in list(file["Header"].attrs):
                if name.startswith(("Ngroups", "Nsubgroups")):
                    file["Header"].attrs[name] = 0
    (own / "postprocessing/offsets/offsets_001.hdf5").unlink()
    simulation = open_simulation(own)
    assert len(simulation.subhalos(1)) == 0
    assert list(simulation.subhalos(1)) == list(simulation.subhalos(0))


def test_bare_snapshot_without_stars(own):
    for number in range(2):
        with h5py.File(own / f"output/snapdir_001/snap_001.{number}.hdf5", "a") as file:
            del file["PartType4"]
            file["Header"].attrs["NumPart_ThisFile"] = np.zeros(6, dtype=int)
    assert len(open_simulation(own / "output/snapdir_001").subhalos(1)) == 0
