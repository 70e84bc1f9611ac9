import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from sim2sky.readers.tree import HISTORY_COLUMNS
from sim2sky.select.labels import label_galaxies
from sim2sky.select.settings import SelectSettings

NAN = np.nan


def label(past=NAN, future=NAN, end=5.0, *, root=1, complete=True, companion=True, **settings):
    row = HISTORY_COLUMNS | {
        "root_id": root,
        "complete": complete,
        "past_gyr": past,
        "past_ratio": 0.3,
        "future_gyr": future,
        "future_ratio": 0.7,
        "future_known_gyr": end,
    }
    histories, companions = pd.DataFrame([row]), pd.Series([companion])
    return label_galaxies(histories, companions, SelectSettings(**settings)).iloc[0]


@pytest.mark.parametrize(
    ("past", "future", "expected"),
    [
        (NAN, NAN, (0, "isolated")),
        (NAN, 0.2, (1, "pre")),
        (-0.2, NAN, (1, "post")),
        (-0.1, 0.2, (1, "post")),
        (-0.2, 0.1, (1, "pre")),
        (-0.25, NAN, (1, "post")),
        (NAN, 0.3, (-1, "unclear")),
        (-0.4, NAN, (-1, "unclear")),
        (-3.0, 0.3, (-1, "unclear")),
        (-3.0, NAN, (0, "remnant")),
        (-3.0, 2.0, (0, "remnant")),
        (NAN, 2.0, (0, "isolated")),
        (-0.5, NAN, (0, "remnant")),
    ],
)
def test_label_and_stage(past, future, expected):
    row = label(past, future)
    assert (row["label"], row["stage"]) == expected


def test_nearest_merger_is_told():
    row = label(-0.1, 0.2)
    assert (row["time_to_merger"], row["mass_ratio"]) == (-0.1, 0.3)
    row = label(-3.0, 2.0)
    assert (row["time_to_merger"], row["mass_ratio"]) == (2.0, 0.7)
    assert np.isnan(label()["time_to_merger"])
    # a merger by its future one, though the past one is nearer but outside its window
    row = label(-0.1, 0.2, window_past_gyr=0.05)
    assert (row["stage"], row["time_to_merger"]) == ("pre", 0.2)


def test_windows_are_separate():
    assert label(-0.4, window_past_gyr=0.5)["stage"] == "post"
    assert label(future=0.4, window_past_gyr=0.5)["stage"] == "unclear"


def test_end_of_the_tree_leaves_the_future_open():
    assert label(end=0.3)["stage"] == "unclear"
    assert label(end=0.3, assume_no_merger_after_end=True)["stage"] == "isolated"
    assert label(end=0.3, companion=False)["stage"] == "isolated"
    assert label(future=0.3, companion=False)["stage"] == "unclear"
    assert label(end=0.5)["stage"] == "isolated"
    assert label(-0.1, end=0.0)["stage"] == "post"


def test_tree_that_was_cut_off_leaves_the_future_open():
    assert label(end=NAN, companion=False)["stage"] == "unclear"
    assert label(-3.0, end=NAN, assume_no_merger_after_end=True)["stage"] == "unclear"
    assert label(-0.1, end=NAN)["stage"] == "post"
    assert label(future=2.0, end=NAN)["stage"] == "isolated"


def test_without_a_tree_nothing_is_known():
    for row in (label(root=-1, complete=False), label(complete=False)):
        assert (row["label"], row["stage"]) == (-1, "unknown")


def test_gap_below_the_window_is_refused():
    with pytest.raises(ValidationError, match=r"clear_gap_gyr \(0.1\) is below the window"):
        SelectSettings(clear_gap_gyr=0.1)
