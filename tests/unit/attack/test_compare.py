"""The comparison of attacked models against counts made by hand."""

import numpy as np
import pandas as pd
import pytest

from sim2sky.attack.compare import _mean_of_seeds, _Sampled, compare, read_attacks
from sim2sky.attack.settings import AttackSettings
from sim2sky.errors import Sim2SkyError

SETTINGS = AttackSettings(n_bootstrap=200)
LABEL = np.array([0, 0, 1, 1, 0, 1, 1, 1])
# before, after cosmic rays, after one pixel (-1: not attacked)
SAID = {
    "source_only": (
        [0, 0, 1, 1, 1, 0, 1, 1],
        [0, 1, 0, 1, 1, 1, 0, 0],
        [1, 1, 0, 1, -1, -1, 1, -1],
    ),
    "mmd": (
        [0, 0, 1, 0, 0, 1, 1, 1],
        [0, 0, 0, 1, 0, 1, 1, 1],
        [1, 0, 0, -1, 1, 1, 1, -1],
    ),
}
BOUNDARY = {"source_only": 1.0, "mmd": 2.3}


def make_attacks(method, seed=0):
    parts = []
    for domain in ("source", "target"):
        before, rays, pixel = (np.array(said) for said in SAID[method])
        for attack, strength, after in (
            ("none", 0.0, before), ("cosmic_rays", 3.0, rays), ("one_pixel", 1.0, pixel),
        ):  # fmt: skip
            table = pd.DataFrame(
                {
                    "method": method, "network": "deepmerge", "seed": seed, "domain": domain,
                    "attack": attack, "strength": strength,
                    "galaxy_id": [f"050-{i:06d}" for i in range(8)], "view": 0,
                    "system_id": np.arange(8) // 2, "label": LABEL, "before": before,
                    "after": after, "moved": BOUNDARY[method] * np.arange(1, 9.0),
                    "boundary": BOUNDARY[method] * np.arange(2, 10.0),
                }
            )  # fmt: skip
            parts.append(table[table["after"] >= 0])
    table = pd.concat(parts, ignore_index=True)
    table.attrs = {"classes": ["non-merger", "merger"], "settings": "{}"}
    return table


@pytest.fixture
def compared():
    attacks = pd.concat([make_attacks(method) for method in SAID], ignore_index=True)
    attacks.attrs = {"classes": ["non-merger", "merger"]}
    # the order of files and rows has no say
    shuffled = attacks.sample(frac=1, random_state=1).reset_index(drop=True)
    shuffled.attrs = attacks.attrs
    order = ["method", "domain", "attack", "quantity", "class"]
    first, second = (
        compare(table, SETTINGS).sort_values(order, ignore_index=True)
        for table in (attacks, shuffled)
    )
    pd.testing.assert_frame_equal(first, second)
    return first.set_index([*order, "reference"]).sort_index()


def number(table, *key, group="all", reference=""):
    return table.loc[(*key[:1], "target", *key[1:], group, reference)]


def test_success_is_counted_on_correct_images(compared):
    row = number(compared, "source_only", "cosmic_rays", "success_rate")
    # correct: 0, 1, 2, 3, 6, 7; changed: 1, 2, 6, 7
    assert row["value"] == pytest.approx(4 / 6)
    assert (row["n_images"], row["n_systems"]) == (6, 3)
    assert row["low"] <= row["value"] <= row["high"]
    group = number(compared, "source_only", "cosmic_rays", "success_rate", group="merger")
    assert group["value"] == pytest.approx(3 / 4)
    assert number(compared, "mmd", "one_pixel", "success_rate")["value"] == pytest.approx(3 / 6)


def test_pairs_are_the_images_that_both_classify_correctly(compared):
    row = number(
        compared, "mmd", "cosmic_rays", "success_rate_difference", reference="source_only"
    )
    # both right: 0, 1, 2, 6, 7; source_only changes at 1, 2, 6, 7, mmd at 2
    assert row["value"] == pytest.approx((1 - 4) / 5)
    assert row["n_images"] == 5
    row = number(compared, "mmd", "one_pixel", "success_rate_difference", reference="source_only")
    # attacked and right in both: 0, 1, 2, 6; source_only falls at 0, 1, 2, mmd at 0, 2
    assert (row["value"], row["n_images"]) == (pytest.approx(-1 / 4), 4)


def test_distances_are_geometric_means_and_ratios_are_paired(compared):
    right = np.array([0, 1, 2, 3, 6, 7])
    expected = np.exp(np.log(np.arange(2, 10.0)[right]).mean())
    row = number(compared, "source_only", "none", "boundary_distance")
    assert row["value"] == pytest.approx(expected)
    for attack, name in (
        ("none", "boundary_distance_ratio"),
        ("one_pixel", "latent_distance_moved_ratio"),
    ):
        row = number(compared, "mmd", attack, name, reference="source_only")
        assert [row["value"], row["low"], row["high"]] == pytest.approx([2.3] * 3)
    assert row["n_images"] == 2  # both attacks succeed at 0 and 2
    row = number(
        compared,
        *("mmd", "one_pixel", "latent_distance_moved_ratio_unpaired"),
        reference="source_only",
    )
    moved = np.log(np.arange(1, 9.0))
    expected = 2.3 * np.exp(moved[[0, 2, 4]].mean() - moved[[0, 1, 2]].mean())
    assert row["value"] == pytest.approx(expected)


def test_balanced_accuracy_counts_every_image(compared):
    row = number(compared, "source_only", "cosmic_rays", "balanced_accuracy")
    after = (1 / 3 + 2 / 5) / 2  # right afterwards: 0 of 0, 1, 4; 3 and 5 of 2, 3, 5, 6, 7
    assert row["value"] == pytest.approx(after)
    change = number(compared, "source_only", "cosmic_rays", "balanced_accuracy_change")
    assert change["value"] == pytest.approx(after - (2 / 3 + 4 / 5) / 2)
    against = number(
        compared, "mmd", "cosmic_rays", "balanced_accuracy_difference", reference="source_only"
    )
    assert against["value"] == pytest.approx((1 + 4 / 5) / 2 - after)


def test_several_seeds_have_a_mean_with_an_interval_of_its_own(compared):
    """Two seeds that contradict each other: each resample has the mean of both."""
    first = [make_attacks(method) for method in SAID]
    other = [make_attacks(method, seed=1) for method in SAID]
    for table in other:  # nothing changes its mind
        table["after"] = table["before"]
    attacks = pd.concat([*first, *other], ignore_index=True)
    attacks.attrs = {"classes": ["non-merger", "merger"]}
    table = compare(attacks, SETTINGS)
    order = ["method", "domain", "attack", "quantity", "class", "reference"]
    one, two, mean = (table[table["seed"] == seed].set_index(order) for seed in (0, 1, -1))
    pd.testing.assert_frame_equal(one.sort_index(), compared, check_like=True)
    key = ("source_only", "target", "cosmic_rays", "success_rate", "all", "")
    assert two.loc[key, "value"] == 0
    assert mean.loc[key, "value"] == pytest.approx(one.loc[key, "value"] / 2)
    assert mean.loc[key, "high"] == pytest.approx(one.loc[key, "high"] / 2)
    assert (mean.loc[key, "n_images"], mean.loc[key, "n_systems"]) == (12, 3)
    # the second has no success that could have moved anything
    moved = ("source_only", "target", "one_pixel", "latent_distance_moved", "all", "")
    assert np.isnan(two.loc[moved, "value"])
    assert mean.loc[moved, "value"] == pytest.approx(one.loc[moved, "value"])


def test_a_mean_over_seeds_needs_not_all_of_them_in_each_resample():
    """As for the result table: of the seeds in which it is defined."""
    parts = []
    for seed in range(2):
        values = np.full(101, 1.0 + seed)
        values[1 + seed :: 2] = np.nan  # one or the other
        values[0] = 1.0 + seed
        parts.append(_Sampled(values, 3, 2))
    mean = _mean_of_seeds(parts)
    assert mean.values[0] == 1.5
    assert sorted(set(mean.values[1:])) == [1.0, 2.0]
    assert mean.row(0.95)["low"] == 1.0


def test_bad_tables_are_named(tmp_path):
    with pytest.raises(Sim2SkyError, match="no attacks given"):
        read_attacks([])
    paths = [tmp_path / f"{name}.parquet" for name in "abc"]
    make_attacks("mmd").to_parquet(paths[0])
    with pytest.raises(Sim2SkyError, match="the same model comes twice.*leave out this file"):
        read_attacks([paths[0], paths[0]])
    other = make_attacks("source_only")
    other.attrs["settings"] = '{"seed": 1}'
    other.to_parquet(paths[1])
    with pytest.raises(Sim2SkyError, match="other settings than in the first file"):
        read_attacks(paths[:2])
    other.drop(columns="moved").to_parquet(paths[2])
    with pytest.raises(Sim2SkyError, match="column moved is missing"):
        read_attacks([paths[2]])
