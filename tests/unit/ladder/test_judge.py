from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from sim2sky.build.dataset import read_dataset
from sim2sky.config import survey_file
from sim2sky.embed.layout import principal_components
from sim2sky.embed.separation import domain_distances, proxy_a_distance, told_domains
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling, interval
from sim2sky.evaluate.predictions import predict_rows
from sim2sky.ladder.anchor import Anchor, anchor_rows
from sim2sky.ladder.columns import DRAWS
from sim2sky.ladder.command import join_ladder, ladder, observe_ladder
from sim2sky.ladder.join import join_models
from sim2sky.ladder.judge import judge_model, rank_correlation
from sim2sky.ladder.losses import first_loss, losses
from sim2sky.ladder.plan import Telescope, plan_ladder
from sim2sky.ladder.rungs_file import read_rungs
from sim2sky.ladder.settings import LadderSettings
from sim2sky.observe.settings import ObserveSettings

ROOT = Path(__file__).parents[3]
HST = ObserveSettings(bands=["F814W", "F160W"], noise=False, image_pixels=32)
QUICK = LadderSettings(
    n_galaxies=12, exposure_factors=[0.25, 1, 4], n_bootstrap=100, n_components=5, cv_folds=3
)


@pytest.fixture(scope="module")
def finished(sample):
    """All three commands, one after the other."""
    noisy = HST.model_copy(update={"noise": True})
    ends = [Telescope("hst_wfc3_acs", observe) for observe in (HST, noisy)]
    plan = plan_ladder(QUICK, *ends, lambda name: str(ROOT / survey_file(name)))
    rungs, one = sample.folder / "rungs.h5", sample.folder / "ladder_one.parquet"
    observe_ladder(plan.model_dump_json(), sample.datasets["clean"], rungs, [sample.maps])
    settings = QUICK.model_dump_json()
    ladder(sample.model_path, rungs, *sample.datasets.values(), one, settings)
    joined = sample.folder / "ladder.parquet"
    join_ladder([one], joined)
    assert joined.with_suffix(".csv").is_file()
    return rungs, pd.read_parquet(joined)


def clean(sample):
    return read_dataset(sample.datasets["clean"], "test", labels=False)


def value(table, rung, quantity, axis="realism"):
    rows = table[(table.axis == axis) & (table.rung == rung) & (table.quantity == quantity)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_last_rung_is_the_target(finished, sample):
    _, table = finished
    for quantity in ("latent_distance", "proxy_a_distance"):
        row = value(table, "noise", quantity)
        np.testing.assert_allclose(row[["value", "low", "high"]].astype(float), 0, atol=1e-10)
        assert value(table, "simulation", quantity)["value"] > 0
    target = value(table, "target", "attribution_radius")
    assert target["domain"] == "target"
    assert target["value"] == value(table, "noise", "attribution_radius")["value"]


def test_one_rung_is_the_source(finished):
    _, table = finished
    row = value(table, "pixel", "latent_distance_source")
    np.testing.assert_allclose(row[["value", "low", "high"]].astype(float), 0, atol=1e-10)
    assert value(table, "noise", "latent_distance_source")["value"] > 0
    assert {"rank_correlation_source", "rank_correlation_target"} <= set(table.quantity)


def test_light_is_shared_between_exposures_without_harm(finished, sample):
    """What is rendered side by side is what each domain has by itself."""
    rendered = read_rungs(finished[0])
    steps = {(step.about["axis"], step.about["rung"]): step.images for step in rendered.steps}
    own = {}
    for domain, stamps in sample.stamps.items():
        columns = stamps.columns
        keys = list(zip(columns["galaxy_id"], columns["view"], strict=True))
        wanted = zip(rendered.columns["galaxy_id"], rendered.columns["view"], strict=True)
        own[domain] = stamps.images[[keys.index(key) for key in wanted]]
    np.testing.assert_array_equal(steps["realism", "pixel"], own["clean"])
    np.testing.assert_array_equal(steps["realism", "noise"], own["noisy"])
    np.testing.assert_array_equal(steps["exposure", "exposure x 1"], own["noisy"])
    assert not np.array_equal(steps["exposure", "exposure x 4"], own["noisy"])


def test_scores_are_those_of_evaluate(finished, sample):
    rungs, table = finished
    dataset = read_dataset(sample.datasets["noisy"], "test", labels=True)
    rows = predict_rows(sample.model, dataset, "target").set_index(["galaxy_id", "view"])
    columns = read_rungs(rungs).columns
    rows = rows.loc[list(zip(columns["galaxy_id"], columns["view"], strict=True))]
    right = rows["predicted"] == rows["label"]
    assert value(table, "noise", "accuracy")["value"] == pytest.approx(right.mean())
    recalls = right.groupby(rows["label"]).mean()
    row = value(table, "noise", "balanced_accuracy")
    assert row["value"] == pytest.approx(recalls.mean())
    assert row["n_images"] == 12
    assert row["low"] <= row["value"] <= row["high"]
    same = value(table, "exposure x 1", "balanced_accuracy", "exposure")
    assert same["value"] == row["value"]


def test_distances_are_those_of_embed(finished, sample):
    rungs, table = finished
    rendered = read_rungs(rungs)
    target = read_dataset(sample.datasets["noisy"], "test", labels=False)
    rows = anchor_rows(target, rendered, QUICK)
    np.testing.assert_array_equal(target.galaxy_id[rows], rendered.columns["galaxy_id"])
    step = next(step for step in rendered.steps if step.about["rung"] == "pixel")
    latents = [sample.model.predict(x, "target") for x in (step.images, target.images[rows])]
    points, _ = principal_components(np.concatenate([latent for _, latent in latents]), 5)
    domain = np.repeat([0, 1], 12)
    group = np.concatenate([rendered.columns["label"], latents[1][0].argmax(axis=1)])
    systems = np.tile(rendered.columns["system_id"], 2)
    resampling = Resampling.draw(systems, 100, 0)
    centres = resampling.apply(
        lambda w: domain_distances(points, domain, group, sample.model.classes, w), systems
    )["domain_distance"]
    row = value(table, "pixel", "latent_distance")
    assert row["value"] == pytest.approx(centres[0])
    assert row["low"] == pytest.approx(interval(centres, 0.95)[0])
    told = told_domains(points, domain, systems, 3)
    apart = proxy_a_distance(told, domain, np.ones((len(domain), 1)))
    assert value(table, "pixel", "proxy_a_distance")["value"] == pytest.approx(apart[0])


def test_changes_are_differences(finished):
    _, table = finished
    change = value(table, "noise", "latent_distance_change")["value"]
    before, after = (value(table, name, "latent_distance")["value"] for name in ("pixel", "noise"))
    assert change == pytest.approx(after - before)
    assert "latent_distance_change" not in set(table.quantity[table.rung == "simulation"])
    assert "balanced_accuracy_change" not in set(table.quantity[table.rung == "exposure x 4"])
    whole = value(table, "exposure x 0.25", "balanced_accuracy_change", "exposure")["value"]
    parts = [
        value(table, f"exposure x {f}", "balanced_accuracy", "exposure")["value"]
        for f in ("0.25", "4")
    ]
    assert whole == pytest.approx(parts[0] - parts[1])


def test_shares_and_radii_are_possible(finished):
    _, table = finished
    shares = table[table.quantity.isin(["attribution_outskirts", "attribution_on_sky"])]
    assert shares["value"].dropna().between(0, 1).all()
    assert (table.low.fillna(0) <= table.high.fillna(0)).all()
    assert set(table.domain) == {"mock", "target"}


def test_the_settings_and_the_domains_are_written(finished):
    _, table = finished
    assert table.attrs["source"] == "clean"
    assert table.attrs["target"] == "noisy"
    assert table.attrs["stage"] == "ladder"


def test_another_target_gets_rows_of_its_own(finished, sample):
    """Images of other galaxies, without labels, and the distance between their halves."""
    rendered = read_rungs(finished[0])
    target = read_dataset(sample.datasets["noisy"], "test", labels=False)
    target.galaxy_id[:] = [f"x{i}" for i in range(len(target))]
    target.system_id[:] += 100
    rows = anchor_rows(target, rendered, QUICK)
    assert len(rows) == 12
    assert len(np.unique(target.system_id[rows])) == 12
    floor = Anchor(sample.model, target, rows, QUICK).floor()
    assert floor[0] == pytest.approx(floor[1:].mean())
    assert floor[0] > 0
    table = judge_model(sample.model, rendered, clean(sample), target, QUICK)
    assert value(table, "noise", "latent_distance")["value"] > 0


def test_a_domain_has_no_distance_to_itself(sample):
    target = read_dataset(sample.datasets["noisy"], "test", labels=False)
    anchor = Anchor(sample.model, target, np.arange(len(target)), QUICK)
    resampling = Resampling.draw(target.system_id, 50, 0)
    found = anchor.distances(anchor.latent, anchor.predicted, target.system_id, resampling)
    for values in found.values():
        np.testing.assert_allclose(values, 0, atol=1e-10)


def test_other_classes_are_refused(finished, sample):
    from dataclasses import replace

    rendered = replace(read_rungs(finished[0]), classes=["spiral", "elliptical"])
    target = read_dataset(sample.datasets["noisy"], "test", labels=False)
    with pytest.raises(Sim2SkyError, match="the model was trained on other classes"):
        judge_model(sample.model, rendered, target, target, QUICK)
    with pytest.raises(Sim2SkyError, match="no file of rungs"):
        read_rungs(sample.maps)


def test_rank_correlation_is_scipys():
    first, second = np.random.default_rng(0).integers(0, 4, size=(2, 5, 30)).astype(float)
    found = rank_correlation(first, second)
    for column in range(30):
        pair = first[:, column], second[:, column]
        if np.ptp(pair[0]) > 0 and np.ptp(pair[1]) > 0:
            assert found[column] == pytest.approx(spearmanr(*pair).statistic)
        else:
            assert np.isnan(found[column])
    assert np.isnan(rank_correlation(first[:2], second[:2])).all()


def test_means_over_seeds_have_the_interval_of_the_resamples_means(finished, sample):
    """Of two seeds, whose numbers move against each other from resample to resample."""
    folder, joined = sample.folder, finished[1]
    one = pd.read_parquet(folder / "ladder_one.parquet")
    two = one.copy()
    two["seed"] = one["seed"] + 1
    two[DRAWS] = [None if d is None else (2 * d[0] - d) for d in one[DRAWS]]
    two.attrs = one.attrs
    assert DRAWS not in joined
    assert set(joined["seed"]) == set(one["seed"])
    table = join_models([one, two])
    assert table.attrs == one.attrs
    assert set(table["seed"]) == {-1, *one["seed"], *two["seed"]}
    keys = ["axis", "rung", "exposure_factor", "quantity"]
    means, single = (table[table["seed"] == n].set_index(keys) for n in (-1, one["seed"].iloc[0]))
    assert means.index.sort_values().equals(single.index.sort_values())
    drawn = one[one[DRAWS].notna() & one["value"].notna()].set_index(keys).index
    for name in ("low", "high"):  # nothing is left of the scatter
        np.testing.assert_allclose(
            means.loc[drawn, name], means.loc[drawn, "value"], rtol=1e-5, atol=1e-6
        )
    np.testing.assert_allclose(
        means.loc[drawn, "value"], single.loc[drawn, "value"], rtol=1e-5, atol=1e-6
    )
    assert (means.loc[drawn, "n_images"] == 2 * single.loc[drawn, "n_images"]).all()
    # an exposure has lost what it is lower in, however little, where nothing scatters
    exposures = means.xs("exposure", level="axis").reset_index()
    change = exposures[exposures["quantity"] == "balanced_accuracy_change"]
    lost = exposures[exposures["quantity"] == "accuracy_lost_exposure_factor"]["value"].iloc[0]
    worse = change.loc[change["high"] < 0, "exposure_factor"]
    assert (np.isnan(lost) and worse.empty) or lost == worse.max()


def test_the_first_loss_is_the_one_nearest_to_the_deepest():
    assert first_loss([True, True, False, False]) == 1
    assert first_loss([True, False, True, False]) == 2
    assert first_loss([False, False]) is None


def test_losses_by_the_rule():
    rows = []
    for factor, share, accuracy in ((0.25, (-0.3, -0.2, -0.1), (-0.2, -0.1, 0.05)),
                                    (1.0, (-0.1, -0.05, -0.01), (-0.1, -0.05, 0.02)),
                                    (4.0, (-0.1, -0.02, 0.05), (0, 0, 0.01)),
                                    (16.0, None, None)):  # fmt: skip
        for name, values in (("attribution_outskirts", share), ("balanced_accuracy", accuracy)):
            low, middle, high = values or (np.nan,) * 3
            rows.append(
                {
                    "quantity": f"{name}_change" if values else name,
                    "exposure_factor": factor,
                    "depth_mag_arcsec2": 26 + 1.25 * np.log10(factor),
                    "value": middle,
                    "low": low,
                    "high": high,
                    "n_images": 40,
                    "n_systems": 10,
                }
            )
    table = pd.DataFrame(rows)
    factor, depth, cost, *none = losses(table)
    assert (factor["value"], factor["low"], factor["high"]) == (1.0, 1.0, 4.0)
    assert depth["value"] == 26
    assert cost["quantity"] == "outskirts_lost_cost"
    assert (cost["value"], cost["low"], cost["high"]) == (0.05, -0.02, 0.1)
    assert [row["quantity"] for row in none] == [
        "accuracy_lost_exposure_factor",
        "accuracy_lost_depth_mag_arcsec2",
        "accuracy_lost_cost",
    ]
    assert all(np.isnan(row["value"]) for row in none)
