import numpy as np
import pandas as pd

from sim2sky.build.classes import split_strata
from sim2sky.build.split import split_by_system

FRACTIONS = (0.6, 0.15, 0.25)


def systems_of(*kinds):
    """Two rows for each system of (how many, label, morphology)."""
    rows = [(label, kind) for count, label, kind in kinds for _ in range(count)]
    table = pd.DataFrame(np.repeat(rows, 2, axis=0), columns=["label", "morphology"])
    return table.astype({"label": int}), np.repeat(np.arange(len(rows)) * 11, 2)


def test_labels_and_morphologies_are_spread_over_the_splits():
    table, system = systems_of((40, 0, "disk"), (12, 0, "elliptical"), (20, 1, "disk"))
    split = split_by_system(system, split_strata(table, system, 3), FRACTIONS, 0)
    counts = table.assign(split=split).groupby(["label", "morphology", "split"]).size() // 2
    assert counts[0, "disk"].tolist() == [24, 6, 10]
    assert counts[0, "elliptical"].tolist() == [7, 2, 3]
    assert counts[1, "disk"].tolist() == [12, 3, 5]


def test_a_system_has_the_stratum_of_its_merger():
    table, system = systems_of((6, 0, "disk"), (6, 1, "disk"))
    table.loc[1, "label"] = 1  # one of two rows
    strata = split_strata(table, system, 3)
    assert strata[0] == strata[1] == strata[-1] != strata[2]


def test_small_groups_do_not_leave_a_split_without_their_label():
    table, system = systems_of((2, 0, "disk"), (2, 0, "mixed"), (6, 1, "disk"), (1, 1, "mixed"))
    strata = split_strata(table, system, 3)
    assert len(set(strata[:8])) == 1  # four together
    assert len(set(strata[8:])) == 1  # the one goes with the six
    split = split_by_system(system, strata, FRACTIONS, 0)
    for label in (0, 1):
        assert set(split[table["label"] == label]) == {0, 1, 2}


def test_order_of_rows_does_not_matter():
    table, system = systems_of((5, 0, "disk"), (4, 0, "elliptical"), (3, 1, "disk"))
    strata = split_strata(table, system, 3)
    order = np.random.default_rng(0).permutation(len(system))
    shuffled = split_strata(table.iloc[order].reset_index(drop=True), system[order], 3)
    assert shuffled.tolist() == strata[order].tolist()
