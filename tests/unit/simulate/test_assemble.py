import json
from pathlib import Path

import h5py
import illustris_python as il
import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.cosmology import FlatLambdaCDM

from sim2sky.errors import Sim2SkyError
from sim2sky.settings import parse_settings
from sim2sky.simulate.command import assemble
from sim2sky.simulate.galaxies import DISK, HALO, SPHEROID
from sim2sky.simulate.runs import SystemRun, write_runs
from sim2sky.simulate.settings import SimulationSettings, SuiteSettings
from sim2sky.simulate.suite import halton

REAL = Path(__file__).parents[3] / ".." / "shared/data/simulations"
SUITE = SuiteSettings(encounters=2, disks=1, ellipticals=1, batch_size=2)
COSMOLOGY = FlatLambdaCDM(H0=67.74, Om0=0.3089)
TIMES = np.array([0.5, 1.0, 1.5, 2.0])
N = 200  # bodies of a system, half of them stars


def make_run(number, kind, coalescence=np.nan, late=0):
    """Return bodies that fly through space in straight lines: assembling needs no gravity."""
    rng = np.random.default_rng(number)
    galaxy = np.zeros(N, np.int8)
    if kind == "encounter":
        galaxy[1::4] = galaxy[2::4] = 1
        galaxy[rng.permutation(N)[:40]] = 0
    component = np.tile([HALO, HALO, DISK, SPHEROID], N // 4).astype(np.int8)
    rng.shuffle(component)
    time = TIMES[late:]
    start = rng.normal(0, 5, (N, 3)) + 20.0 * galaxy[:, None]
    velocity = rng.normal(0, 2, (N, 3))
    position = start + velocity * time[:, None, None]
    depth = -1.0 / (1.0 + np.linalg.norm(rng.normal(0, 5, (len(time), N, 3)), axis=-1))
    return SystemRun(
        system=number,
        kind=kind,
        mass_ratio=0.5 if kind == "encounter" else np.nan,
        coalescence_time_gyr=coalescence,
        energy_drift=0.001,
        momentum_drift=1e-9,
        time_gyr=time,
        position=position.astype(np.float32),
        velocity=np.repeat(velocity[None], len(time), axis=0).astype(np.float32),
        potential=depth.astype(np.float32),
        mass=np.where(component == HALO, 0.5, 5.0 / (N / 2)),
        component=component,
        galaxy=galaxy,
        elliptical=np.array([kind == "elliptical"] * (1 + (kind == "encounter")), np.int8),
        birth_radius=rng.uniform(0.1, 4, N),
    )


RUNS = [
    make_run(0, "encounter", coalescence=1.2),
    make_run(1, "encounter"),  # stays a pair
    make_run(2, "disk", late=2),
    make_run(3, "elliptical", late=2),
]


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    attributes = {"settings": SUITE.model_dump_json()}
    for batch in range(2):
        write_runs(folder / f"{batch}.h5", RUNS[batch::2], attributes)
    return [folder / "0.h5", folder / "1.h5"]


@pytest.fixture(scope="module")
def simulation(batches, tmp_path_factory):
    path = tmp_path_factory.mktemp("simulations") / "sim"
    assemble(batches, json.dumps({"redshift_final": 1.0, "files_per_snapshot": 3}), path)
    return path


@pytest.fixture
def base(simulation):
    return str(simulation / "output")


def test_illustris_python_reads_groups_and_subhaloes(base):
    for snapshot, (groups, subhalos) in enumerate([(2, 4), (2, 4), (4, 5), (4, 5)]):
        halos = il.groupcat.loadHalos(base, snapshot)
        cat = il.groupcat.loadSubhalos(base, snapshot)
        assert (halos["count"], cat["count"]) == (groups, subhalos)
        number = np.arange(groups)
        assert cat["SubhaloGrNr"].tolist() == np.repeat(number, halos["GroupNsubs"]).tolist()
        first = np.searchsorted(cat["SubhaloGrNr"], number)
        assert halos["GroupFirstSub"].tolist() == first.tolist()
        assert (halos["GroupLen"] == N).all()
        total = halos["GroupMassType"].sum(axis=1)
        np.testing.assert_allclose(total, halos["GroupMass"], rtol=1e-5)
    single = il.groupcat.loadSingle(base, 3, subhaloID=4)
    assert single["SubhaloGrNr"] == 3


def physical(base, snapshot, subhalo):
    """Return a subhalo's stars, with position and velocity in kpc and km/s about its centre."""
    header = il.groupcat.loadHeader(base, snapshot)
    a, h = header["Time"], header["HubbleParam"]
    stars = il.snapshot.loadSubhalo(base, snapshot, subhalo, "stars")
    cat = il.groupcat.loadSingle(base, snapshot, subhaloID=subhalo)
    box = header["BoxSize"]
    offset = (stars["Coordinates"] - cat["SubhaloPos"] + box / 2) % box - box / 2
    stars["kpc"], stars["kms"] = offset * a / h, stars["Velocities"] * np.sqrt(a)
    return stars, cat


def test_particles_of_a_subhalo_are_those_of_its_galaxy(base):
    run = RUNS[0]
    for subhalo in (0, 1):
        stars, cat = physical(base, 0, subhalo)
        own = (run.galaxy == subhalo) & (run.component > 0)
        assert stars["count"] == own.sum() == cat["SubhaloLenType"][4]
        assert set(stars["ParticleIDs"]) == set(np.flatnonzero(own) + 1)
        halo = il.snapshot.loadSubhalo(base, 0, subhalo, "dm", fields=["ParticleIDs"])
        assert len(halo) == ((run.galaxy == subhalo) & (run.component == HALO)).sum()
    merged, _ = physical(base, 2, 0)
    assert merged["count"] == N / 2


def test_shapes_scale_without_distortion(base):
    run = RUNS[0]
    settings = SimulationSettings(redshift_final=1.0)
    stars, _ = physical(base, 3, 0)
    which = (stars["ParticleIDs"] - 1).astype(int)
    nominal = run.position[3][which].astype(float)
    # any distance between two bodies, rotation and place aside
    found = np.linalg.norm(stars["kpc"][1:] - stars["kpc"][0], axis=1)
    wanted = np.linalg.norm(nominal[1:] - nominal[0], axis=1)
    factor = np.median(found / wanted)
    np.testing.assert_allclose(found / wanted, factor, rtol=1e-4)
    mass = stars["Masses"].sum() / 0.6774 * 1e10
    assert factor == pytest.approx(settings.length_scale * (mass / 5e10) ** (1 / 3), rel=1e-4)
    assert 10**10.3 <= mass <= 10**11.2
    # the bodies fly freely: a nominal kpc/Gyr has to be a physical one
    speed = np.linalg.norm(stars["kms"], axis=1) / 0.9777922
    moved = factor * np.linalg.norm(run.velocity[3][which], axis=1) / settings.time_scale
    np.testing.assert_allclose(speed, moved, rtol=1e-4)


def test_snapshots_are_apart_by_the_scaled_time(base):
    redshift = [il.groupcat.loadHeader(base, s)["Redshift"] for s in range(4)]
    assert redshift[-1] == pytest.approx(1.0)
    age = COSMOLOGY.age(redshift).to_value(units.Gyr)
    scale = SimulationSettings(redshift_final=1.0).time_scale
    np.testing.assert_allclose(np.diff(age), 0.5 * scale, rtol=1e-6)


def test_ages_and_metallicities_stay_with_the_star(base):
    ages = []
    for snapshot in (0, 3):
        header = il.groupcat.loadHeader(base, snapshot)
        stars = il.snapshot.loadHalo(base, snapshot, 0, "stars")
        order = np.argsort(stars["ParticleIDs"])
        formed = stars["GFM_StellarFormationTime"][order].astype(float)
        assert (formed > 0).all()
        assert (formed <= header["Time"]).all()
        now = COSMOLOGY.age(header["Redshift"]).to_value(units.Gyr)
        ages.append(now - COSMOLOGY.age(1 / formed - 1).to_value(units.Gyr))
        assert (stars["GFM_InitialMass"] > stars["Masses"]).all()
        assert ((stars["GFM_Metallicity"] > 1e-4) & (stars["GFM_Metallicity"] < 0.1)).all()
    np.testing.assert_allclose(ages[0], ages[1], atol=2e-5)
    disk = RUNS[0].component[RUNS[0].component > 0] == DISK
    assert np.median(ages[0][~disk]) > np.median(ages[0][disk])


def test_catalogue_agrees_with_the_particles(base):
    for subhalo in (0, 1):
        stars, cat = physical(base, 1, subhalo)
        halo = il.snapshot.loadSubhalo(base, 1, subhalo, "dm")
        assert cat["SubhaloMassType"][4] == pytest.approx(stars["Masses"].sum(), rel=1e-5)
        assert cat["SubhaloMass"] == pytest.approx(
            stars["Masses"].sum() + halo["Masses"].sum(), rel=1e-5
        )
        kpc = il.groupcat.loadHeader(base, 1)["Time"] / 0.6774
        distance = np.linalg.norm(stars["kpc"], axis=1)
        half = np.median(distance)  # all stars have one mass
        assert cat["SubhaloHalfmassRadType"][4] * kpc == pytest.approx(half, rel=0.05)
        ids = np.concatenate([stars["ParticleIDs"], halo["ParticleIDs"]])
        where = np.concatenate([stars["Coordinates"], halo["Coordinates"]])
        bound = where[ids == cat["SubhaloIDMostbound"]][0]
        np.testing.assert_allclose(cat["SubhaloPos"], bound, rtol=1e-5)


def test_overdensity_of_200(base):
    header = il.groupcat.loadHeader(base, 3)
    group = il.groupcat.loadSingle(base, 3, haloID=2)
    parts = [il.snapshot.loadHalo(base, 3, 2, kind) for kind in ("dm", "stars")]
    where = np.concatenate([part["Coordinates"] for part in parts]) - group["GroupPos"]
    mass = np.concatenate([part["Masses"] for part in parts])
    radius = group["Group_R_Crit200"]
    enclosed = mass[np.linalg.norm(where, axis=1) <= radius * 1.0001].sum()
    assert enclosed == pytest.approx(group["Group_M_Crit200"], rel=1e-4)
    kpc = radius * header["Time"] / 0.6774
    critical = COSMOLOGY.critical_density(1.0).to_value(units.Msun / units.kpc**3)
    density = enclosed * 1e10 / 0.6774 / (4 / 3 * np.pi * kpc**3)
    assert density >= 200 * critical * 0.999


def test_illustris_python_finds_the_merger(base):
    fields = ["SubhaloID", "NextProgenitorID", "MainLeafProgenitorID", "FirstProgenitorID",
              "SubhaloMassType", "SnapNum", "SubfindID", "DescendantID"]  # fmt: skip
    tree = il.sublink.loadTree(base, 3, 0, fields=fields, cache=False)
    assert tree["count"] == 6  # four snapshots and the secondary in two
    assert il.sublink.numMergers(tree, minMassRatio=0.01) == 1
    branch = il.sublink.loadTree(base, 3, 0, fields=["SnapNum"], onlyMPB=True, cache=False)
    assert branch.tolist() == [3, 2, 1, 0]
    for row in range(6):
        subhalos = il.groupcat.loadSubhalos(base, tree["SnapNum"][row], ["SubhaloMassType"])
        np.testing.assert_array_equal(
            tree["SubhaloMassType"][row], subhalos[tree["SubfindID"][row]]
        )
    assert il.sublink.loadTree(base, 3, 3, fields=["SnapNum"], cache=False).tolist() == [3, 2]


def test_tree_pointers_are_consistent(simulation):
    with h5py.File(simulation / "postprocessing/trees/SubLink/tree_extended.0.hdf5") as file:
        tree = {name: file[name][:] for name in file}
    row = {number: k for k, number in enumerate(tree["SubhaloID"])}
    assert len(row) == len(tree["SubhaloID"]) == 8 + 6 + 2 + 2
    for k in range(len(row)):
        descendant, first = tree["DescendantID"][k], tree["FirstProgenitorID"][k]
        if descendant >= 0:
            parent = row[descendant]
            assert tree["SnapNum"][parent] == tree["SnapNum"][k] + 1
            assert parent < k <= row[tree["LastProgenitorID"][parent]]
            assert tree["RootDescendantID"][parent] == tree["RootDescendantID"][k]
            siblings, other = [], tree["FirstProgenitorID"][parent]
            while other >= 0:
                siblings.append(other)
                other = tree["NextProgenitorID"][row[other]]
            assert tree["SubhaloID"][k] in siblings
        else:
            assert tree["RootDescendantID"][k] == tree["SubhaloID"][k]
            assert tree["SnapNum"][k] == 3
        if first >= 0:
            assert tree["DescendantID"][row[first]] == tree["SubhaloID"][k]
            assert tree["MainLeafProgenitorID"][row[first]] == tree["MainLeafProgenitorID"][k]
            assert tree["MassHistory"][k] == pytest.approx(
                tree["MassHistory"][row[first]] + tree["Mass"][k]
            )
        head = row[tree["FirstSubhaloInFOFGroupID"][k]]
        assert tree["SnapNum"][head] == tree["SnapNum"][k]
        assert tree["SubhaloGrNr"][head] == tree["SubhaloGrNr"][k]


def test_pair_that_stays_apart_is_one_tree_of_two_branches(simulation):
    with h5py.File(simulation / "postprocessing/trees/SubLink/tree_extended.0.hdf5") as file:
        pair = file["SubhaloGrNr"][:] == 1
        assert len(np.unique(file["TreeID"][:][pair])) == 1
        assert len(np.unique(file["RootDescendantID"][:][pair])) == 2


def test_particle_numbers_stay_and_are_unique(base):
    for snapshot in range(4):
        stars = il.snapshot.loadSubset(base, snapshot, "stars", ["ParticleIDs"])
        halo = il.snapshot.loadSubset(base, snapshot, "dm", ["ParticleIDs"])
        numbers = np.concatenate([stars, halo])
        assert len(np.unique(numbers)) == len(numbers) == N * (2 if snapshot < 2 else 4)


def test_diagnostics_table(simulation):
    table = pd.read_csv(simulation / "diagnostics.csv")
    assert table["kind"].tolist() == ["encounter", "encounter", "disk", "elliptical"]
    scale = SimulationSettings(redshift_final=1.0).time_scale
    assert table["coalescence_time_gyr"][0] == pytest.approx(1.2 * scale)
    assert table["coalescence_time_gyr"][1:].isna().all()
    assert (table["energy_drift"] == 0.001).all()


def test_same_runs_give_the_same_directory(batches, simulation, tmp_path):
    again = tmp_path / "sim"
    text = json.dumps({"redshift_final": 1.0, "files_per_snapshot": 3})
    assemble(batches[::-1], text, again)
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert len(files) == 4 * (3 + 3 + 1) + 2
    for file in files:
        assert (again / file).read_bytes() == (simulation / file).read_bytes(), file


def test_another_redshift_keeps_the_trees(batches, simulation, tmp_path):
    near = tmp_path / "near"
    assemble(batches, json.dumps({"redshift_final": 0.05}), near)
    tree = "postprocessing/trees/SubLink/tree_extended.0.hdf5"
    with h5py.File(near / tree) as first, h5py.File(simulation / tree) as second:
        for name in ("SubhaloID", "RootDescendantID", "DescendantID", "SubfindID"):
            np.testing.assert_array_equal(first[name][:], second[name][:])


def fields_of(path, group):
    with h5py.File(path) as file:
        return {name: (item.dtype, item.shape[1:]) for name, item in file[group].items()}


@pytest.mark.skipif(not REAL.is_dir(), reason="real IllustrisTNG files are not at hand")
@pytest.mark.parametrize(
    ("ours", "real", "group"),
    [
        ("output/groups_003/fof_subhalo_tab_003.0.hdf5",
         "tng100-1-groups/output/groups_099/fof_subhalo_tab_099.36.hdf5", "Group"),
        ("output/groups_003/fof_subhalo_tab_003.0.hdf5",
         "tng100-1-groups/output/groups_099/fof_subhalo_tab_099.36.hdf5", "Subhalo"),
        ("output/snapdir_003/snap_003.0.hdf5",
         "tng100-1-subhalo-565261/stars_565261.hdf5", "PartType4"),
        ("output/snapdir_003/snap_003.0.hdf5",
         "tng50-4-subbox0/output/snapdir_2332/snap_2332.0.hdf5", "PartType1"),
        ("postprocessing/trees/SubLink/tree_extended.0.hdf5",
         "tng100-1-subhalo-565261/sublink_mpb_565261.hdf5", "/"),
    ],
)  # fmt: skip
def test_names_and_types_are_those_of_real_files(simulation, ours, real, group):
    made, public = fields_of(simulation / ours, group), fields_of(REAL / real, group)
    shared = set(made) & set(public)
    own = {"SubhaloMorphology", "Masses", "ParticleIDs", "Velocities", "SubhaloFlag"}
    assert set(made) - shared <= own
    assert len(shared) >= 3
    for name in shared:
        assert made[name] == public[name], name


def test_no_runs(tmp_path):
    with pytest.raises(Sim2SkyError, match="no files of runs"):
        assemble([], "{}", tmp_path / "sim")


def test_missing_batch_and_batch_given_twice(batches, tmp_path):
    with pytest.raises(Sim2SkyError, match=r"not those of one whole suite; got systems \[0, 2\]"):
        assemble(batches[:1], "{}", tmp_path / "sim")
    with pytest.raises(Sim2SkyError, match="not those of one whole suite"):
        assemble([*batches, batches[0]], "{}", tmp_path / "sim")
    assert not list(tmp_path.iterdir())


def test_truncated_batch(batches, tmp_path):
    broken = tmp_path / "1.h5"
    broken.write_bytes(batches[1].read_bytes()[:5000])
    with pytest.raises(Sim2SkyError, match=r"1\.h5: not a readable HDF5 file"):
        assemble([batches[0], broken], "{}", tmp_path / "sim")


def test_batch_of_another_suite_or_stage(batches, tmp_path):
    other = tmp_path / "other.h5"
    write_runs(other, RUNS[1::2], {"settings": SuiteSettings().model_dump_json()})
    with pytest.raises(Sim2SkyError, match="not a batch of the same suite"):
        assemble([batches[0], other], "{}", tmp_path / "sim")
    write_runs(other, RUNS, {"settings": '{"n_views": 4}'})
    with pytest.raises(Sim2SkyError, match="unknown key 'n_views'"):
        assemble([other], "{}", tmp_path / "sim")


def test_runs_that_would_start_before_the_first_stars(batches, tmp_path):
    with pytest.raises(Sim2SkyError, match="the first snapshot would be before there are stars"):
        assemble(batches, json.dumps({"redshift_final": 8.0}), tmp_path / "sim")


def test_unknown_setting():
    with pytest.raises(Sim2SkyError, match="unknown key 'redshift'; known keys: redshift_final"):
        parse_settings(SimulationSettings, {"redshift": 1}, "config")


def test_mass_prior_is_the_same_for_every_kind():
    encounters = [halton(number, 11) for number in range(20)]
    isolated = [halton(number, 11) for number in range(20, 44)]
    assert np.mean(encounters) == pytest.approx(np.mean(isolated), abs=0.06)
    assert np.std(encounters) == pytest.approx(np.std(isolated), abs=0.06)
