import numpy as np
import pandas as pd
import pytest

from sim2sky.select.projections import add_projections


def sample(n_systems=20, snapshots=(3, 4), spread=0.5):
    random = np.random.default_rng(1)
    rows = [
        {
            "galaxy_id": f"{snapshot:03d}-{system:06d}",
            "system_id": 100 + system,
            "snapshot": snapshot,
            "subhalo_id": system,
            "companion_subhalo_id": -1,
            "stellar_mass": 1e10 * 10 ** random.uniform(-spread, spread),
            "label": np.int8(0),
            "stage": "isolated",
            "morphology": ("disk", "elliptical")[system % 2],
            "time_to_merger": -4.0,
            "mass_ratio": 0.5,
            "flag": system % 2,
            "has_companion": False,
        }
        for snapshot in snapshots
        for system in range(n_systems)
    ]
    return pd.DataFrame(rows)


def pairs_of(table):
    new = table[table["stage"] == "projection"]
    pairs = zip(new["subhalo_id"], new["companion_subhalo_id"], strict=True)
    return new, [tuple(sorted(pair)) for pair in pairs]


def test_each_system_is_in_one_pair_and_pairs_become_one_system():
    old = sample()
    table = add_projections(old, 8, 0.15, seed=0)
    new, pairs = pairs_of(table)
    assert len(new) == 8
    assert len({system for pair in pairs for system in pair}) == 16
    assert (new["label"] == 0).all()
    assert new[["time_to_merger", "mass_ratio"]].isna().all(axis=None)
    for low, high in pairs:
        rows = table[table["subhalo_id"].isin([low, high])]
        assert len(rows) == 5  # two galaxies in two snapshots, and the pair
        assert (rows["system_id"] == 100 + low).all()
    untouched = ~table["subhalo_id"].isin([system for pair in pairs for system in pair])
    assert table.loc[untouched].equals(old.loc[untouched[untouched].index])


def test_row_of_a_pair_is_the_heavier_galaxy_and_names_both():
    table = add_projections(sample(), 8, 0.15, seed=0)
    new, _ = pairs_of(table)
    mass = sample().set_index(["snapshot", "subhalo_id"])["stellar_mass"]
    for row in new.itertuples():
        other = mass[row.snapshot, row.companion_subhalo_id]
        assert row.stellar_mass == mass[row.snapshot, row.subhalo_id] >= other
        assert other / row.stellar_mass >= 0.15
        assert row.galaxy_id == (
            f"{row.snapshot:03d}-{row.subhalo_id:06d}+{row.companion_subhalo_id:06d}"
        )
        kinds = {("disk", "elliptical")[n % 2] for n in (row.subhalo_id, row.companion_subhalo_id)}
        assert row.morphology == (kinds.pop() if len(kinds) == 1 else "mixed")
        assert row.flag == (row.subhalo_id % 2 | row.companion_subhalo_id % 2)


def test_pairs_serve_in_several_snapshots_if_needed():
    new, pairs = pairs_of(add_projections(sample(4, spread=0.0), 100, 0.15, seed=0))
    assert len(new) == 4
    assert len(set(pairs)) == 2


def test_choice_depends_on_the_seed_and_not_on_the_order():
    old = sample()
    first, again, other = (
        set(pairs_of(add_projections(table, 5, 0.15, seed=seed))[0]["galaxy_id"])
        for table, seed in (
            (old, 0),
            (old.sample(frac=1, random_state=2).reset_index(drop=True), 0),
            (old, 1),
        )
    )
    assert first == again
    assert first != other


def test_only_lone_non_mergers_are_used():
    old = sample(6, snapshots=(3,), spread=0.0)
    old.loc[0, "label"] = 1
    old.loc[1, "label"] = -1
    old.loc[2, "has_companion"] = True
    _, pairs = pairs_of(add_projections(old, 10, 0.15, seed=0))
    assert len(pairs) == 1
    assert set(pairs[0]) <= {3, 4, 5}


def test_no_partner_within_the_mass_ratio():
    old = sample(2, snapshots=(3,), spread=0.0)
    old.loc[0, "stellar_mass"] = 1e12
    assert add_projections(old, 1, 0.15, seed=0) is old


@pytest.mark.parametrize("n_rows", [0])
def test_none_wanted(n_rows):
    old = sample()
    assert add_projections(old, n_rows, 0.15, seed=0) is old
