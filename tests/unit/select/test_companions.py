import numpy as np
import pandas as pd
import pytest

from sim2sky.select.companions import find_companions


def pair(distance=10.0, ratio=0.5, groups=(1, 1), box=1000.0, at=0.0):
    table = pd.DataFrame(
        {
            "subhalo_id": [4, 9],
            "group_id": groups,
            "x_kpc": [at % box, (at + distance) % box],
            "y_kpc": 5.0,
            "z_kpc": 5.0,
            "stellar_mass": [ratio * 1e10, 1e10],
        },
        index=[30, 31],
    )
    return find_companions(table, box, distance_kpc=50.0, mass_ratio_min=0.1)


def test_the_less_massive_is_the_lesser():
    found = pair()
    assert found.index.tolist() == [30, 31]
    assert found["has_companion"].tolist() == [True, True]
    assert found["is_lesser"].tolist() == [True, False]
    assert pair(ratio=1.0)["is_lesser"].tolist() == [False, True]
    assert pair(ratio=2.0)["is_lesser"].tolist() == [False, True]


@pytest.mark.parametrize(
    "no_pair", [{"distance": 51.0}, {"ratio": 0.09}, {"ratio": 11.0}, {"groups": (1, 2)}]
)
def test_what_is_no_companion(no_pair):
    assert not pair(**no_pair).any(axis=None)


def test_across_the_periodic_boundary():
    assert pair(at=995.0)["has_companion"].all()
    assert not pair(at=995.0, distance=-40.0 - 20.0)["has_companion"].any()
    assert pair(box=np.inf, at=0.0)["has_companion"].all()


def test_galaxies_without_stars_and_empty_tables():
    assert not pair(ratio=0.0).any(axis=None)
    empty = pd.DataFrame(columns=["subhalo_id", "group_id", "stellar_mass"])
    assert find_companions(empty, 10.0, 1.0, 0.1).empty
