import numpy as np
import pytest

from sim2sky.build.dataset import read_dataset
from sim2sky.train.data import read_training_data
from sim2sky.train.settings import TrainSettings
from sim2sky.train.shuffling import shuffled_labels


def sample(n_systems: int = 60, rows_per_system: int = 7, seed: int = 0):
    """Systems with one label each, except that every fifth has a stray row of the other."""
    random = np.random.default_rng(seed)
    system_id = np.repeat(random.permutation(n_systems) + 1000, rows_per_system)
    label = (system_id % 3 == 0).astype(np.int8)
    stray = (np.arange(len(label)) % rows_per_system == 0) & (system_id % 5 == 0)
    label[stray] = 1 - label[stray]
    return label, system_id


def test_one_label_for_a_system():
    label, system_id = sample()
    shuffled = shuffled_labels(label, system_id, np.random.default_rng(0))
    divided = [len(set(shuffled[system_id == system])) > 1 for system in np.unique(system_id)]
    assert sum(divided) <= 2  # one in each group of systems


def test_numbers_of_labels_stay():
    label, system_id = sample()
    shuffled = shuffled_labels(label, system_id, np.random.default_rng(0))
    assert shuffled.dtype == label.dtype
    np.testing.assert_allclose(np.bincount(shuffled), np.bincount(label), atol=2)


def test_new_labels_know_nothing_of_the_true_ones():
    """In every draw, not only on average."""
    label, system_id = sample()
    for seed in range(20):
        shuffled = shuffled_labels(label, system_id, np.random.default_rng(seed))
        assert abs(np.corrcoef(shuffled, label)[0, 1]) < 0.06


def test_draws_differ_and_one_seed_gives_one():
    label, system_id = sample()
    draws = [shuffled_labels(label, system_id, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).mean() > 0.2


@pytest.mark.parametrize("label", [[], [0], [0, 0, 2, 2, 2, 1]])
def test_small_and_odd_cases(label):
    label = np.array(label, dtype=np.int8)
    shuffled = shuffled_labels(label, np.zeros(len(label)), np.random.default_rng(0))
    assert sorted(shuffled) == sorted(label)  # a single system cannot have one label


@pytest.mark.parametrize("seed", [0, 1])
def test_training_and_validation_are_shuffled_by_the_seed(pair, seed):
    data = read_training_data(*pair, TrainSettings(method="shuffled_labels"), seed=seed)
    again = read_training_data(*pair, TrainSettings(method="shuffled_labels"), seed=seed)
    other = read_training_data(*pair, TrainSettings(method="shuffled_labels"), seed=seed + 1)
    for split, rows, same, different in (
        ("train", data.labelled, again.labelled, other.labelled),
        ("validation", data.validation, again.validation, other.validation),
    ):
        true = read_dataset(pair[0], split, labels=True).label
        assert np.bincount(rows.label).tolist() == np.bincount(true).tolist()
        assert 0.3 < (rows.label.numpy() == true).mean() < 0.7
        np.testing.assert_array_equal(rows.label, same.label)
        assert (rows.label != different.label).any()


def test_unknown_labels_stay_unknown(toy, tmp_path):
    spoiled = toy(n=50)
    spoiled.label[:6] = -1
    path = spoiled.write(tmp_path / "source.h5")
    data = read_training_data(path, path, TrainSettings(method="shuffled_labels"))
    assert len(data.labelled) == 24
    assert np.bincount(data.labelled.label).tolist() == [12, 12]
