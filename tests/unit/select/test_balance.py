import numpy as np
import pandas as pd

from sim2sky.select.balance import balance_classes, cap_systems


def table(systems, labels):
    return pd.DataFrame(
        {
            "galaxy_id": [f"{i:03d}" for i in range(len(systems))],
            "system_id": systems,
            "label": np.array(labels, dtype=np.int8),
        }
    )


def test_cap_is_even_in_time_and_by_label():
    rows = table([7] * 10 + [8] * 3, [0] * 10 + [1] * 3)
    kept = cap_systems(rows, 3)
    assert kept.index.tolist() == [1, 5, 8, 10, 11, 12]
    assert cap_systems(rows, 1).index.tolist() == [5, 11]
    assert cap_systems(rows, None) is rows
    for cap in range(1, 12):
        assert (cap_systems(rows, cap)["system_id"] == 7).sum() == min(cap, 10)


def test_balance_keeps_every_system_first():
    systems = [1] * 2 + list(np.repeat([10, 11, 12], [20, 5, 1]))
    rows = table(systems, [1] * 2 + [0] * 26)
    kept = balance_classes(rows, 3.0, seed=0)
    left = kept.loc[kept["label"] == 0, "system_id"].value_counts()
    assert (kept["label"] == 1).sum() == 2
    assert left.sum() == 6
    assert left[12] == 1
    assert left.max() - left[11] <= 1
    assert kept.index.is_monotonic_increasing


def test_balance_works_both_ways_and_not_needlessly():
    rows = table(range(30), [1] * 20 + [0] * 10)
    assert balance_classes(rows, 1.5, seed=0)["label"].sum() == 15
    assert balance_classes(rows, 2.0, seed=0) is rows
    assert balance_classes(rows, None, seed=0) is rows
    unknown = table(range(3), [-1, 0, 0])
    assert balance_classes(unknown, 1.0, seed=0) is unknown


def test_balance_does_not_depend_on_the_order_of_rows():
    rows = table(list(np.repeat([1, 2, 3], 10)), [1] * 5 + [0] * 25)
    shuffled = rows.sample(frac=1, random_state=3)
    first = set(balance_classes(rows, 2.0, seed=5)["galaxy_id"])
    assert first == set(balance_classes(shuffled, 2.0, seed=5)["galaxy_id"])
    assert first != set(balance_classes(rows, 2.0, seed=6)["galaxy_id"])
