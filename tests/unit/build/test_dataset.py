from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.build.dataset import SPLITS, read_dataset, read_splits, write_dataset
from sim2sky.errors import Sim2SkyError


@pytest.fixture
def written(make_dataset, tmp_path):
    dataset = make_dataset()
    split = np.arange(len(dataset)) % 3
    path = tmp_path / "mock" / "dataset.h5"
    nuisance = pd.DataFrame({"row": np.arange(len(dataset))})
    attributes = {"survey": "sdss", "psf_fwhm_arcsec": [1.0, 2.0]}
    write_dataset(path, dataset, split, attributes=attributes, nuisance=nuisance)
    return path, dataset, split


@pytest.mark.parametrize("name", list(SPLITS))
def test_a_split_comes_back_in_order(name, written):
    path, dataset, split = written
    rows = split == SPLITS[name]
    back = read_dataset(path, name, labels=True)
    for column in ("images", "label", "galaxy_id", "system_id", "view", "stage", "redshift"):
        assert np.array_equal(getattr(back, column), getattr(dataset, column)[rows]), column
    assert (back.bands, back.classes, back.units) == (dataset.bands, dataset.classes, "nJy")
    assert np.array_equal(back.normalisation.mean, dataset.normalisation.mean)
    assert back.domain == "mock"


def test_everything_comes_back_with_its_split_and_nuisance(written):
    path, dataset, split = written
    back = read_dataset(path, None, labels=True)
    splits = read_splits(path)
    assert len(back) == len(dataset)
    assert np.array_equal(splits, np.sort(split))
    with h5py.File(path) as file:
        rows = file["nuisance"][:, 0].astype(int)
        assert list(file["nuisance"].attrs["names"]) == ["row"]
        assert file.attrs["survey"] == "sdss"
    assert np.array_equal(back.images, dataset.images[rows])
    assert np.array_equal(splits, split[rows])


def test_labels_are_not_touched_without_asking(written):
    path, _, _ = written
    with h5py.File(path, "r+") as file:
        del file["label"], file["stage"]
    back = read_dataset(path, "train", labels=False)
    assert back.label is None
    assert back.stage is None
    with pytest.raises(Sim2SkyError, match="'label' is missing|'stage' is missing"):
        read_dataset(path, "train", labels=True)


def test_text_may_be_unicode(make_dataset, tmp_path):
    dataset = make_dataset(n_systems=2)
    dataset = replace(dataset, galaxy_id=np.array(["ä", "b", "ccc", ""]))
    write_dataset(tmp_path / "d.h5", dataset, np.zeros(4, dtype=int))
    back = read_dataset(tmp_path / "d.h5", None, labels=True)
    assert back.galaxy_id.tolist() == ["ä", "b", "ccc", ""]


def test_reading_errors(written, tmp_path):
    path, dataset, _ = written
    with pytest.raises(Sim2SkyError, match="unknown split; got valid; expected train"):
        read_dataset(path, "valid", labels=True)
    write_dataset(tmp_path / "one.h5", dataset, np.zeros(len(dataset), dtype=int))
    with pytest.raises(Sim2SkyError, match=r"split 'test' is empty; got \{'train': 24"):
        read_dataset(tmp_path / "one.h5", "test", labels=True)
    with h5py.File(path, "r+") as file:
        del file.attrs["norm_mean"]
    with pytest.raises(Sim2SkyError, match="attribute norm_mean is missing"):
        read_dataset(path, "train", labels=True)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(Sim2SkyError, match="truncated"):
        read_dataset(path, "train", labels=True)


def test_writing_errors_leave_nothing(make_dataset, tmp_path):
    dataset = make_dataset(n_systems=2)
    path = tmp_path / "d.h5"
    with pytest.raises(Sim2SkyError, match="column 'split' does not fit the images; got 3 rows"):
        write_dataset(path, dataset, np.zeros(3, dtype=int))
    with pytest.raises(Sim2SkyError, match="unknown split"):
        write_dataset(path, dataset, np.full(4, 7))
    with pytest.raises(Sim2SkyError, match="column 'label' does not fit the images; got nothing"):
        write_dataset(path, replace(dataset, label=None), np.zeros(4, dtype=int))
    assert list(tmp_path.iterdir()) == []
