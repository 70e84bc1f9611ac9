import numpy as np
import pytest

from sim2sky.build.split import split_by_system

FRACTIONS = (0.6, 0.15, 0.25)


@pytest.fixture
def systems():
    """200 systems of ten rows; 80 hold mergers in half of their rows."""
    system = np.repeat(np.arange(200) * 7919, 10)
    merging = np.repeat(np.arange(200) < 80, 10)
    return system, (merging & (np.arange(2000) % 2 == 1)).astype(int)


def test_a_system_lies_in_one_split(systems):
    system, label = systems
    split = split_by_system(system, label, FRACTIONS, 0)
    for value in np.unique(system):
        assert len(np.unique(split[system == value])) == 1


def test_fractions_hold_in_each_stratum(systems):
    system, label = systems
    split = split_by_system(system, label, FRACTIONS, 0)
    for lowest, count in ((0, 80), (80, 120)):
        one = np.unique(system)[lowest : lowest + count]
        parts = [len(set(one) & set(system[split == part])) for part in range(3)]
        assert parts == [round(count * fraction) for fraction in FRACTIONS]


def test_rows_and_their_order_do_not_matter(systems):
    system, label = systems
    split = split_by_system(system, label, FRACTIONS, 0)
    order = np.random.default_rng(0).permutation(len(system))
    shuffled = split_by_system(system[order], label[order], FRACTIONS, 0)
    assert np.array_equal(shuffled, split[order])
    fewer = np.arange(len(system)) % 5 < 2  # other views; the same systems and strata
    assert np.array_equal(split_by_system(system[fewer], label[fewer], FRACTIONS, 0), split[fewer])


def test_the_seed_changes_the_split_but_no_run_does(systems):
    system, label = systems
    one, same, other = (split_by_system(system, label, FRACTIONS, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    # frozen: a change here silently moves galaxies between training and test of every user
    split = split_by_system(np.arange(10), np.zeros(10), FRACTIONS, 0)
    assert "".join(map(str, split)) == "2220001000"


@pytest.mark.parametrize("n", [3, 4, 5, 7])
def test_small_strata_are_in_every_split(n):
    split = split_by_system(np.arange(n), np.ones(n), FRACTIONS, 0)
    assert set(split) == {0, 1, 2}


def test_an_empty_fraction_stays_empty():
    split = split_by_system(np.arange(50), np.ones(50), (0.0, 0.0, 1.0), 0)
    assert set(split) == {2}
