"""TNG's catalogue of mergers, against the tree that it is made from."""

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import MergerHistory, open_simulation
from sim2sky.readers.merger_history import merger_history_files


@pytest.fixture(scope="module")
def root(factory, tmp_path_factory):
    """A simulation directory with tree and catalogue."""
    path = tmp_path_factory.mktemp("with_catalogue")
    factory.write_merger_history(path, factory.write_simulation(path))
    return path


@pytest.fixture(scope="module")
def galaxies(root):
    simulation = open_simulation(root)
    tables = [simulation.subhalos(n).assign(snapshot=n) for n in simulation.snapshots()]
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize("ratio", [0.1, 0.25])
def test_times_are_those_of_the_tree(root, galaxies, ratio):
    simulation = open_simulation(root)
    tree = simulation.tree().histories(galaxies, ratio)
    catalogue = simulation.merger_history().histories(galaxies, ratio)
    columns = ["complete", "past_gyr", "future_gyr", "future_known_gyr"]
    pd.testing.assert_frame_equal(catalogue[columns], tree[columns])
    assert catalogue["past_gyr"].notna().sum() == 5
    assert catalogue["future_gyr"].notna().sum() == 10
    # a lower limit of the ratio is all that it tells
    assert set(catalogue["future_ratio"].dropna()) == {0.25}
    assert (catalogue["root_id"] == -1).all()


def test_nearest_of_major_and_minor_counts(factory, tmp_path):
    path = tmp_path / "merger_history.4.hdf5"
    columns = {"LastMajor": [1, 3, -1, 3], "LastMinor": [2, 2, 2, 3]}
    columns |= {"NextMajor": [9, 5, -1, -1], "NextMinor": [7, 8, 6, -1]}
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[f"SnapNum{name}Merger"] = np.array(values, dtype="i2")
    assert merger_history_files(tmp_path) == {4: path}
    catalogue = MergerHistory({4: path}, dict(enumerate(factory.REDSHIFTS)), factory.COSMOLOGY)
    galaxies = pd.DataFrame({"snapshot": 4, "subhalo_id": range(4)})
    found = catalogue.histories(galaxies, 0.1)
    # snapshots are 0.2 Gyr apart and a merger lies half a step before the one it is listed with
    np.testing.assert_allclose(found["past_gyr"], [-0.5, -0.3, -0.5, -0.3], atol=1e-6)
    assert found["past_ratio"].tolist() == [0.1, 0.25, 0.1, 0.25]
    np.testing.assert_allclose(found["future_gyr"], [0.5, 0.1, 0.3, np.nan], atol=1e-6)
    major = catalogue.histories(galaxies, 0.25)
    np.testing.assert_allclose(major["past_gyr"], [-0.7, -0.3, np.nan, -0.3], atol=1e-6)
    with pytest.raises(Sim2SkyError, match="knows two mass ratios only; got 0.2"):
        catalogue.histories(galaxies, 0.2)
    with pytest.raises(Sim2SkyError, match="no row for a galaxy; got 4 rows; expected subhalo 9"):
        catalogue.histories(galaxies.assign(subhalo_id=9), 0.1)


def test_snapshot_without_a_file_is_unknown(root, galaxies, factory):
    files = merger_history_files(root)
    del files[3]
    catalogue = MergerHistory(files, dict(enumerate(factory.REDSHIFTS)), factory.COSMOLOGY)
    found = catalogue.histories(galaxies, 0.1)
    assert (found["complete"] == (galaxies["snapshot"] != 3)).all()


def test_unknown_redshift_is_asked_for(root, galaxies, factory):
    catalogue = MergerHistory(
        merger_history_files(root), {3: factory.REDSHIFTS[3]}, factory.COSMOLOGY
    )
    with pytest.raises(Sim2SkyError, match=r"redshift is not known; got snapshots 5; .*redshifts"):
        catalogue.histories(galaxies[galaxies["snapshot"] == 3], 0.1)
