import numpy as np
import pytest

from sim2sky.evaluate import bootstrap
from sim2sky.evaluate.bootstrap import Resampling, interval


def mean_of(values):
    return lambda weights: {"mean": values @ weights / weights.sum(axis=0)}


def test_resamples_hold_as_many_systems_and_begin_with_the_sample():
    resampling = Resampling.draw(np.array([7, 3, 3, 9, 7]), 50, seed=0)
    assert resampling.systems.tolist() == [3, 7, 9]
    assert resampling.counts.shape == (3, 51)
    assert (resampling.counts[:, 0] == 1).all()
    assert (resampling.counts.sum(axis=0) == 3).all()


def test_same_systems_give_the_same_resamples_whatever_the_rows():
    one = Resampling.draw(np.array([5, 1, 8]), 20, seed=4)
    other = Resampling.draw(np.array([8, 8, 1, 5, 5]), 20, seed=4)
    assert np.array_equal(one.counts, other.counts)
    assert not np.array_equal(one.counts, Resampling.draw(one.systems, 20, seed=5).counts)


def test_copies_of_a_system_do_not_shrink_the_interval():
    values = np.random.default_rng(0).normal(size=40)
    system = np.arange(40)
    resampling = Resampling.draw(system, 2000, seed=0)
    single = resampling.apply(mean_of(values), system)["mean"]
    tenfold = resampling.apply(mean_of(np.repeat(values, 10)), np.repeat(system, 10))["mean"]
    assert tenfold == pytest.approx(single)
    # the bootstrap's standard error of a mean is std / sqrt(n), known in closed form
    assert single[1:].std() == pytest.approx(values.std() / np.sqrt(40), rel=0.05)


def test_blocks_do_not_change_the_result(monkeypatch):
    values, system = np.arange(12.0), np.arange(12) // 2
    resampling = Resampling.draw(system, 33, seed=1)
    whole = resampling.apply(mean_of(values), system)["mean"]
    monkeypatch.setattr(bootstrap, "BLOCK_ELEMENTS", 60)
    assert np.array_equal(resampling.apply(mean_of(values), system)["mean"], whole)


def test_interval_holds_the_middle_of_the_resamples_only():
    values = np.concatenate([[1e9], np.arange(101.0)])
    assert interval(values, 0.9) == pytest.approx((5, 95))


def test_interval_leaves_out_undefined_resamples_unless_they_are_many():
    values = np.concatenate([np.arange(11.0), [np.nan] * 2])
    assert interval(values, 0.5) == pytest.approx(np.quantile(np.arange(1, 11), [0.25, 0.75]))
    assert np.isnan(interval(np.append(values, np.nan), 0.9)).all()
    assert np.isnan(interval(np.array([1.0]), 0.9)).all()


def share_of_first_half(system, part):
    """The interval of the mean of rows, of which `part` of the systems' rows count."""
    resampling = Resampling.draw(system, 2000, 0)
    rows = system < part

    def mean(weights):
        with np.errstate(invalid="ignore"):
            return {
                "mean": (weights[rows] * (np.arange(rows.sum()) % 2)[:, None]).sum(0)
                / weights[rows].sum(0)
            }

    return interval(resampling.apply(mean, system)["mean"], 0.95)


def test_what_rests_on_one_system_has_no_interval():
    """All resamples that hold it are alike, which is no certainty."""
    several = np.repeat(np.arange(20), 4)
    assert np.isnan(share_of_first_half(several, 1)).all()
    assert np.isnan(share_of_first_half(np.repeat([0, 1], 4), 1)).all()
    assert np.isnan(share_of_first_half(np.zeros(8, dtype=int), 1)).all()
    assert np.isfinite(share_of_first_half(several, 2)).all()
