"""Only what is needed is read: memory by the field of view, trees one by one."""

import tracemalloc

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.readers import open_simulation, sublink
from sim2sky.readers.fields import ROWS_AT_ONCE

N_STARS = 6 * ROWS_AT_ONCE


@pytest.fixture(scope="module")
def cluster(factory, tmp_path_factory):
    """One group of 1.6 million stars across the boundary, with a galaxy of 1000 at one place."""
    root = tmp_path_factory.mktemp("cluster")
    random = np.random.default_rng(0)
    position = random.normal(0, 300, (N_STARS, 3))
    galaxy = random.choice(N_STARS, 1000, replace=False)
    position[galaxy] = 100 + random.normal(0, 1.0, (1000, 3))
    counts = np.array([0, 0, 0, 0, N_STARS, 0])
    header = {"Redshift": 0.0, "HubbleParam": factory.H, "Omega0": factory.OMEGA_M}
    header |= {"BoxSize": factory.BOX, "NumPart_ThisFile": counts, "NumFilesPerSnapshot": 1}
    groups = {"NumFiles": 1, "Ngroups_ThisFile": 1, "Ngroups_Total": 1, "Nsubgroups_ThisFile": 3}
    for name, attributes in (
        ("snapdir_000/snap_000", header),
        ("groups_000/fof_subhalo_tab_000", header | groups),
    ):
        path = root / f"output/{name}.0.hdf5"
        path.parent.mkdir(parents=True)
        with h5py.File(path, "w") as file:
            made = file.create_group("Header").attrs
            for key, value in attributes.items():
                made[key] = value
            if "snap" in path.name:
                file["PartType4/Coordinates"] = position % factory.BOX
                for key in (
                    "Masses",
                    "GFM_InitialMass",
                    "GFM_Metallicity",
                    "GFM_StellarFormationTime",
                ):
                    file[f"PartType4/{key}"] = np.full(N_STARS, 0.02, dtype="f4")
                continue
            file["Group/GroupLenType"] = counts[None]
            file["Subhalo/SubhaloPos"] = np.full((3, 3), 100.0)
            file["Subhalo/SubhaloGrNr"] = np.zeros(3, dtype=int)
            file["Subhalo/SubhaloSFR"] = np.zeros(3)
            # the second is dark, as are most subhaloes
            file["Subhalo/SubhaloLenType"] = np.array([counts // 2, 0 * counts, counts // 2])
            file["Subhalo/SubhaloMassType"] = np.ones((3, 6))
            file["Subhalo/SubhaloHalfmassRadType"] = np.ones((3, 6))
    return root


def test_memory_is_that_of_the_field_of_view(cluster):
    simulation = open_simulation(cluster)
    assert simulation.subhalos(0)["subhalo_id"].tolist() == [0, 2]
    peak, found = {}, {}
    for radius in (10.0, None):
        tracemalloc.start()
        found[radius] = simulation.stars(0, 2, radius)
        peak[radius] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    near, whole = found[10.0], found[None]
    assert len(near) == pytest.approx(1000, abs=5)
    assert len(whole) == N_STARS
    # positions and what is made of them, of one block
    assert peak[10.0] < 6 * 8 * 3 * ROWS_AT_ONCE < peak[None] / 5
    inside = np.linalg.norm(whole.position_kpc, axis=1) <= 10.0
    np.testing.assert_array_equal(whole.position_kpc[inside], near.position_kpc)


@pytest.fixture
def read_ranges(monkeypatch):
    """The ranges of rows that the tree reader reads."""
    seen = []
    true = sublink._nodes

    def watched(file, ranges):
        seen.append(ranges.tolist())
        return true(file, ranges)

    monkeypatch.setattr(sublink, "_nodes", watched)
    return seen


def test_only_the_trees_of_wanted_galaxies_are_read(made, read_ranges):
    root, branches = made
    tree = open_simulation(root).tree()
    galaxies = pd.DataFrame({"snapshot": [2], "subhalo_id": [branches["f"].subfind[2]]})
    found = tree.histories(galaxies, 0.01)
    assert found["future_ratio"].tolist() == pytest.approx([0.05])
    start = min(branches["e"].node.values())
    n = len(branches["e"].mass) + len(branches["f"].mass)
    assert read_ranges == [[[start, start + n]]]
    read_ranges.clear()
    assert tree.histories(galaxies.assign(subhalo_id=99), 0.01)["root_id"].tolist() == [-1]
    assert read_ranges == []


def test_batches_do_not_change_the_result(made, read_ranges, monkeypatch):
    root, _ = made
    simulation = open_simulation(root)
    galaxies = pd.concat([simulation.subhalos(n).assign(snapshot=n) for n in range(10)])
    whole = simulation.tree().histories(galaxies, 0.01)
    assert len(read_ranges) == 1
    monkeypatch.setattr(sublink, "ROWS_AT_ONCE", 20)
    pd.testing.assert_frame_equal(simulation.tree().histories(galaxies, 0.01), whole)
    assert len(read_ranges) == 1 + 4


def test_tree_that_is_not_in_depth_first_order_is_read_whole(made, read_ranges, tmp_path, factory):
    from sim2sky.readers import MergerTree

    source = made[0] / "postprocessing/trees/SubLink/tree_extended.0.hdf5"
    path = tmp_path / "tree_extended.0.hdf5"
    with h5py.File(source) as old, h5py.File(path, "w") as new:
        n = len(old["SubhaloID"])
        for name in old:
            if name != "LastProgenitorID":
                new[name] = old[name][:]
    galaxies = pd.DataFrame({"snapshot": [2], "subhalo_id": [0]})
    tree = MergerTree([path], dict(enumerate(factory.REDSHIFTS)), factory.COSMOLOGY)
    assert tree.histories(galaxies, 0.1)["complete"].all()
    assert read_ranges == [[[0, n]]]
