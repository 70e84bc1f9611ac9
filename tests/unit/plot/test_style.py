"""Colours, order and breaking of rows."""

import itertools

import pytest
from matplotlib.colors import to_rgb

from sim2sky.plot.style import (
    METHOD_COLOURS,
    METHOD_LABELS,
    blocks_of_columns,
    method_colours,
    ordered_methods,
)
from sim2sky.train.settings import METHODS


def test_order_is_fixed_with_the_oracle_last():
    assert ordered_methods(["oracle", "zeta", "mmd", "alpha", "adabn", "source_only", "mmd"]) == [
        *("source_only", "adabn", "mmd"),
        *("alpha", "zeta", "oracle"),
    ]


def test_colour_of_a_method_does_not_depend_on_the_others():
    few, many = method_colours(["mmd"]), method_colours(["mmd", "dann", "own", "oracle"])
    assert few["mmd"] == many["mmd"]
    assert len(set(many.values())) == 4


def test_colours_stay_apart_in_grey_and_in_colour():
    colours = method_colours(["source_only", "adabn", "mmd", "dann", "sidda", "dance", "oracle"])
    for one, other in itertools.combinations(map(to_rgb, colours.values()), 2):
        assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) > 0.05


def test_every_published_method_has_a_name_and_a_colour_of_its_own():
    assert list(METHODS.keys() - METHOD_LABELS.keys()) == []
    colours = method_colours(METHODS)
    assert colours.keys() <= METHOD_COLOURS.keys()
    for one, other in itertools.combinations(map(to_rgb, colours.values()), 2):
        assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) > 0.02


@pytest.mark.parametrize(
    ("n_panels", "expected"), [(1, (1, 1)), (4, (1, 4)), (5, (2, 3)), (8, (2, 4)), (9, (3, 3))]
)
def test_blocks_are_even(n_panels, expected):
    assert blocks_of_columns(n_panels, 4) == expected
