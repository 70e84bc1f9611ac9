import shutil

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import MergerTree, open_simulation


@pytest.fixture(scope="module")
def histories(made):
    """A function that gives the histories of one branch, indexed by snapshot."""
    root, branches = made
    tree = open_simulation(root).tree()

    def of_branch(name, mass_ratio_min=0.1):
        subfind = branches[name].subfind
        galaxies = pd.DataFrame({"snapshot": list(subfind), "subhalo_id": list(subfind.values())})
        return tree.histories(galaxies, mass_ratio_min).set_index(galaxies["snapshot"])

    return of_branch


def merger_time(factory):
    return factory.TIMES_GYR[factory.MERGER_SNAPSHOT - 1 : factory.MERGER_SNAPSHOT + 1].mean()


@pytest.mark.parametrize("name", ["a", "b"])
def test_primary_and_secondary_await_the_same_merger(made, histories, factory, name):
    found = histories(name)
    before = found[found.index < factory.MERGER_SNAPSHOT]
    expected = merger_time(factory) - factory.TIMES_GYR[before.index]
    np.testing.assert_allclose(before["future_gyr"], expected, atol=1e-6)
    assert before["past_gyr"].isna().all()
    partner = made[1]["b" if name == "a" else "a"].subfind
    assert before["partner_id"].tolist() == [partner[s] for s in before.index]


def test_merger_lies_in_the_past_afterwards(histories, factory):
    found = histories("a").loc[factory.MERGER_SNAPSHOT :]
    np.testing.assert_allclose(
        found["past_gyr"], merger_time(factory) - factory.TIMES_GYR[found.index], atol=1e-6
    )
    assert found["future_gyr"].isna().all()
    assert (found["partner_id"] == -1).all()


def test_ratio_is_taken_when_the_secondary_was_heaviest(histories):
    """4:8 at snapshot 2, not the 1:9 of the last snapshot nor 4:9 of the separate maxima."""
    assert histories("a")["future_ratio"].iloc[0] == pytest.approx(0.5)


def test_mass_ratio_cut(histories):
    assert histories("e")[["past_gyr", "future_gyr"]].isna().all(axis=None)
    minor = histories("e", mass_ratio_min=0.01)
    assert minor["future_ratio"].iloc[0] == pytest.approx(0.05)
    assert histories("a", mass_ratio_min=0.6)["future_gyr"].isna().all()


def test_mergers_are_those_that_illustris_python_counts(made, histories):
    import illustris_python

    root, branches = made
    for name in "acdegh":
        tree = illustris_python.sublink.loadTree(
            str(root / "output"), 9, branches[name].subfind[9], cache=False
        )
        for ratio in (0.01, 0.3):
            # its ratio is that of the separate maxima, which on these trees passes the same cuts
            expected = illustris_python.sublink.numMergers(tree, minMassRatio=ratio)
            ours = histories(name, ratio)
            assert ours["past_gyr"].notna().iloc[-1] == (expected == 1)


def test_root_descendant_is_the_system(made, histories):
    roots = {name: histories(name)["root_id"] for name in made[1]}
    assert all(ids.nunique() == 1 for ids in roots.values())
    first = {name: ids.iloc[0] for name, ids in roots.items()}
    assert first["a"] == first["b"]
    assert first["e"] == first["f"]
    assert len(set(first.values())) == 6


def test_future_is_known_up_to_the_last_snapshot(histories, factory):
    found = histories("c")
    np.testing.assert_allclose(
        found["future_known_gyr"], factory.TIMES_GYR[-1] - factory.TIMES_GYR, atol=1e-6
    )


def test_galaxy_that_is_not_in_the_tree(made):
    galaxies = pd.DataFrame({"snapshot": [3, 3], "subhalo_id": [77, 0]})
    found = open_simulation(made[0]).tree().histories(galaxies, 0.1)
    assert found["root_id"].tolist() == [-1, 0]
    assert found["complete"].tolist() == [False, True]


def test_order_of_rows_in_the_file_does_not_matter(made, factory, tmp_path):
    source = made[0] / "postprocessing/trees/SubLink/tree_extended.0.hdf5"
    shuffled = tmp_path / "tree_extended.0.hdf5"
    with h5py.File(source) as old, h5py.File(shuffled, "w") as new:
        order = np.random.default_rng(1).permutation(len(old["SubhaloID"]))
        for name in old:
            new[name] = old[name][:][order]
    galaxies = pd.DataFrame({"snapshot": np.repeat(range(5), 8), "subhalo_id": [*range(8)] * 5})
    redshifts = dict(enumerate(factory.REDSHIFTS))
    trees = [MergerTree([path], redshifts, factory.COSMOLOGY) for path in (source, shuffled)]
    first, second = (tree.histories(galaxies, 0.1) for tree in trees)
    pd.testing.assert_frame_equal(first, second)


def test_main_branch_alone_cannot_tell_mergers(made, factory, tmp_path):
    """As in the web API's sublink_mpb files: links lead to progenitors that are not there."""
    path = tmp_path / "sublink_mpb_0.hdf5"
    with (
        h5py.File(made[0] / "postprocessing/trees/SubLink/tree_extended.0.hdf5") as old,
        h5py.File(path, "w") as new,
    ):
        branch = old["MainLeafProgenitorID"][:] == old["MainLeafProgenitorID"][0]
        for name in old:
            new[name] = old[name][:][branch]
    tree = MergerTree([path], {}, factory.COSMOLOGY)
    found = tree.histories(pd.DataFrame({"snapshot": [9], "subhalo_id": [0]}), 0.1)
    assert found["root_id"].tolist() == [0]
    assert not found["complete"].any()


def test_unknown_redshift_is_asked_for(made, factory, tmp_path):
    root, _ = made
    for part in ("output/snapdir_003", "output/groups_003"):
        shutil.copytree(root / part, tmp_path / part)
    shutil.copytree(root / "postprocessing/trees", tmp_path / "trees")
    galaxies = pd.DataFrame({"snapshot": [3], "subhalo_id": [0]})
    with pytest.raises(Sim2SkyError, match=r"snapshots 0, 1, 2, 4, .*redshifts\.txt"):
        open_simulation(tmp_path).tree().histories(galaxies, 0.1)
    np.savetxt(tmp_path / "redshifts.txt", list(enumerate(factory.REDSHIFTS)))
    found = open_simulation(tmp_path).tree().histories(galaxies, 0.1)
    whole = open_simulation(root).tree().histories(galaxies, 0.1)
    pd.testing.assert_frame_equal(found, whole)
    (tmp_path / "redshifts.txt").write_text("snapshot redshift\n")
    with pytest.raises(Sim2SkyError, match=r"redshifts\.txt: not a table of snapshots"):
        open_simulation(tmp_path)


def test_column_missing_from_the_tree(made, factory, tmp_path):
    path = tmp_path / "tree_extended.0.hdf5"
    shutil.copy(made[0] / "postprocessing/trees/SubLink/tree_extended.0.hdf5", path)
    with h5py.File(path, "a") as file:
        del file["RootDescendantID"]
    tree = MergerTree([path], {}, factory.COSMOLOGY)
    with pytest.raises(Sim2SkyError, match="'RootDescendantID' is missing"):
        tree.histories(pd.DataFrame({"snapshot": [3], "subhalo_id": [0]}), 0.1)
