from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sim2sky.project.neighbours import Neighbours

GALAXIES = pd.DataFrame(
    {
        "subhalo_id": [0, 1, 2, 3, 4],
        "group_id": [0, 0, 0, 0, 1],
        "x_kpc": [995.0, 5.0, 995.0, 700.0, 990.0],
        "y_kpc": [10.0, 10.0, 12.0, 10.0, 10.0],
        "z_kpc": [0.0, 0.0, 0.0, 0.0, 0.0],
        "stellar_mass": [9.0, 3.0, 2.0, 8.0, 7.0],
    }
)


@pytest.fixture
def neighbours():
    simulation = SimpleNamespace(
        subhalos=lambda snapshot: GALAXIES,
        header=lambda snapshot: SimpleNamespace(box_size_kpc=1000.0),
    )
    return Neighbours(simulation, radius_kpc=50)


def test_the_heaviest_of_the_group_within_the_radius(neighbours):
    """3 is heavier but far, 4 is heavier but of another group; 1 is across the edge."""
    assert neighbours.of(99, 0) == pytest.approx([10, 0, 0])
    assert neighbours.of(99, 1) == pytest.approx([-10, 0, 0])
    assert neighbours.of(99, 2) == pytest.approx([0, -2, 0])


def test_none_where_there_is_none(neighbours):
    assert neighbours.of(99, 3) is None
    assert neighbours.of(99, 4) is None


def test_an_endless_box_has_no_edge():
    simulation = SimpleNamespace(
        subhalos=lambda snapshot: GALAXIES,
        header=lambda snapshot: SimpleNamespace(box_size_kpc=np.inf),
    )
    assert Neighbours(simulation, radius_kpc=2000).of(99, 1) == pytest.approx([990, 0, 0])
