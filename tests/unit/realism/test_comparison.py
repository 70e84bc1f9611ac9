"""Distances against closed forms and scipy, intervals, chance, the ranking."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sim2sky.errors import Sim2SkyError
from sim2sky.realism.comparison import compare, ks_distance, standardised_difference, verdict
from sim2sky.realism.quantities import quantities_of
from sim2sky.realism.settings import RealismSettings

SETTINGS = RealismSettings(n_bootstrap=200)
BANDS = ["sdss_g", "sdss_r", "sdss_i"]
NAMES = [quantity.name for quantity in quantities_of(BANDS, "nJy")]


def normal_quantiles(n, mean=0.0, sigma=1.0):
    """A sample without luck: evenly spaced in probability."""
    return stats.norm.ppf((np.arange(n) + 0.5) / n, mean, sigma)


def make_domain(name, n=300, seed=0, rows_per_system=1, first_system=0, **shifts):
    """Standard normal quantities, some of them shifted; rows of one system are copies."""
    random = np.random.default_rng(seed)
    drawn = random.normal(size=(n // rows_per_system, len(NAMES)))
    table = pd.DataFrame(np.repeat(drawn, rows_per_system, axis=0), columns=NAMES)
    for quantity, shift in shifts.items():
        table[quantity] += shift
    table["system_id"] = first_system + np.repeat(np.arange(len(drawn)), rows_per_system)
    table["not_asked"] = False
    table.attrs = {"domain": name, "bands": BANDS, "units": "nJy"}
    return table


def row_of(table, quantity):
    return table.set_index("quantity").loc[quantity]


@pytest.mark.parametrize("shift", [0.3, 1.0, 2.5])
def test_two_normal_distributions_of_one_width(shift):
    """Their cumulative distributions differ most in the middle: D = 2 Phi(shift / 2) - 1."""
    first, second = normal_quantiles(4001, shift), normal_quantiles(4001)
    assert ks_distance(first, second) == pytest.approx(2 * stats.norm.cdf(shift / 2) - 1, abs=1e-3)
    # percentiles 16 and 84 lie 0.9945 sigma off the mean
    assert standardised_difference(first, second) == pytest.approx(shift / 0.9945, rel=2e-3)


def test_scatters_are_pooled_in_quadrature():
    first, second = normal_quantiles(4001, 5.0, 3.0), normal_quantiles(4001, 0.0, 4.0)
    expected = 5.0 / (0.9945 * np.sqrt((3.0**2 + 4.0**2) / 2))
    assert standardised_difference(first, second) == pytest.approx(expected, rel=2e-3)
    assert standardised_difference(second, first) == pytest.approx(-expected, rel=2e-3)


@pytest.mark.parametrize("seed", range(5))
def test_distance_is_scipys(seed):
    random = np.random.default_rng(seed)
    first = random.normal(size=int(random.integers(2, 80))).round(1)  # with ties
    second = random.normal(0.3, 1.2, int(random.integers(2, 80))).round(1)
    expected = stats.ks_2samp(first, second).statistic
    assert ks_distance(np.sort(first), np.sort(second)) == pytest.approx(expected, abs=1e-12)


def test_undefined_distances_are_nan():
    empty, same = np.zeros(0), np.full(5, 3.0)
    assert np.isnan(ks_distance(empty, same))
    assert np.isnan(standardised_difference(same, empty))
    assert np.isnan(standardised_difference(same, same))  # no scatter to measure by
    assert ks_distance(same, same) == 0
    assert ks_distance(same, same + 1) == 1


def test_the_same_images_do_not_differ():
    domain = make_domain("one")
    table = compare(domain, domain, SETTINGS)
    assert (table["ks_distance"] == 0).all()
    # drawn together, the same systems stay the same in every resample
    assert (table[["ks_distance_low", "ks_distance_high"]] == 0).all(axis=None)
    assert (table["standardised_difference_low"] <= 0).all()
    assert (table["standardised_difference_high"] >= 0).all()
    assert verdict(table).startswith("no mismatch beyond chance")


def test_two_samples_of_one_distribution():
    first, second = make_domain("one"), make_domain("two", seed=1, first_system=1000)
    table = compare(first, second, SETTINGS)
    covered = (table["standardised_difference_low"] <= 0) & (
        table["standardised_difference_high"] >= 0
    )
    assert covered.sum() >= len(table) - 1
    assert (table["ks_distance"] > 0).all()  # never quite 0, which is why there is ks_chance
    assert (table["ks_distance"] <= table["ks_chance"]).sum() >= len(table) - 1


def test_chance_is_that_of_kolmogorov():
    """For independent rows the 95 % point is 1.358 sqrt((n + m) / (n m))."""
    first, second = make_domain("one"), make_domain("two", 200, seed=1, first_system=1000)
    table = compare(first, second, RealismSettings(n_bootstrap=400))
    expected = 1.358 * np.sqrt(500 / (300 * 200))
    assert table["ks_chance"].mean() == pytest.approx(expected, rel=0.08)


def test_systems_and_not_rows_are_resampled():
    """Ten copies of each system tell no more than one."""
    alone = [make_domain("one", 60), make_domain("two", 60, 1, first_system=1000, gini=1.0)]
    copies = [
        make_domain("one", 600, rows_per_system=10),
        make_domain("two", 600, 1, 10, first_system=1000, gini=1.0),
    ]
    once, often = (row_of(compare(*pair, SETTINGS), "gini") for pair in (alone, copies))
    assert often["ks_distance"] == pytest.approx(once["ks_distance"])
    for name in ("ks_distance", "standardised_difference"):
        widths = [row[f"{name}_high"] - row[f"{name}_low"] for row in (once, often)]
        assert widths[1] == pytest.approx(widths[0], rel=0.2)
    assert often["ks_chance"] == pytest.approx(once["ks_chance"], rel=0.1)


def test_the_largest_mismatch_is_named_first():
    source = make_domain("mocks", sky_noise_sdss_r=1.5, colour_sdss_r_sdss_i=0.5)
    target = make_domain("images", seed=1, first_system=1000)
    table = compare(source, target, SETTINGS)
    assert table["quantity"][:2].tolist() == ["sky_noise_sdss_r", "colour_sdss_r_sdss_i"]
    assert table["ks_distance"].is_monotonic_decreasing
    first = table.iloc[0]
    assert first["ks_distance_low"] < first["ks_distance"] < first["ks_distance_high"]
    assert first["standardised_difference"] == pytest.approx(1.5, abs=0.25)
    assert first["p16_source"] < first["median_source"] < first["p84_source"]
    assert first["median_source"] == pytest.approx(source["sky_noise_sdss_r"].median())
    sentence = verdict(table)
    assert sentence.startswith("largest mismatch: sky noise, r, KS distance 0.5")
    assert f"median {first['median_source']:.3g} nJy against" in sentence


def test_rows_are_counted_by_their_fate():
    source, target = make_domain("mocks"), make_domain("images", seed=1, first_system=1000)
    source.loc[:9, ["gini", "half_light_px"]] = np.nan
    source.loc[:3, "not_asked"] = True
    reference = pd.DataFrame(
        {"gini": [0.5, np.nan, 0.6], "system_id": range(3), "not_asked": False}
    )
    table = compare(source, target, SETTINGS, reference)
    counts = ["n_source", "n_flagged_source", "n_not_asked_source", "n_target", "n_reference"]
    assert row_of(table, "gini")[counts].tolist() == [290, 6, 4, 300, 2]
    # whoever was not asked for a shape still has a size: without one it is a failure
    assert row_of(table, "half_light_px")[counts].tolist() == [290, 10, 0, 300, 0]
    gini = row_of(table, "gini")
    assert gini["median_reference"] == pytest.approx(0.55)
    expected = stats.ks_2samp(source["gini"].dropna(), [0.5, 0.6]).statistic
    assert gini["ks_source_reference"] == pytest.approx(expected)
    assert np.isnan(row_of(table, "sky_noise_sdss_g")["ks_target_reference"])


def test_what_cannot_be_compared_comes_last_and_all_of_it_is_an_error():
    source, target = make_domain("mocks"), make_domain("images", seed=1, first_system=1000)
    source["gini"] = np.nan
    table = compare(source, target, SETTINGS)
    assert table["quantity"].iloc[-1] == "gini"
    assert table.iloc[-1][["ks_distance", "ks_distance_low", "ks_chance"]].isna().all()
    source[NAMES] = np.nan
    with pytest.raises(Sim2SkyError, match="no quantity can be compared; got mocks: 300 rows, 0"):
        compare(source, target, SETTINGS)


@pytest.mark.parametrize(("name", "other"), [("units", "8bit"), ("bands", ["sdss_g", "sdss_r"])])
def test_other_pixels_are_refused(name, other):
    source, target = make_domain("mocks"), make_domain("images")
    target.attrs[name] = other
    with pytest.raises(Sim2SkyError, match=f"source and target differ in their {name}"):
        compare(source, target, SETTINGS)


def test_colours_are_bluer_minus_redder_whatever_the_order_of_the_channels():
    names = [q.name for q in quantities_of(["sdss_i", "sdss_r", "sdss_g"], "8bit")]
    assert [n for n in names if n.startswith("colour")] == [
        "colour_sdss_g_sdss_r",
        "colour_sdss_r_sdss_i",
    ]
    assert names == NAMES
    labels = {q.name: q.label for q in quantities_of(BANDS, "nJy")}
    assert labels["colour_sdss_g_sdss_r"] == "colour g \u2212 r"
