import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.plot.command import plot_exposure, plot_ladder
from sim2sky.plot.ladder import ladder_figure, read_ladder
from sim2sky.plot.style import house_style

REALISM = (
    *("latent_distance", "latent_distance_source", "balanced_accuracy"),
    *("attribution_radius_r50", "recall_merger"),
)
EXPOSURE = ("balanced_accuracy", "attribution_outskirts", "attribution_radius_r50")


@pytest.fixture
def table(tmp_path):
    """Two methods, two seeds, four rungs and three exposures."""
    rng = np.random.default_rng(0)
    rows = []

    def add(quantity, value, **keys):
        base = {"network": "deepmerge", "domain": "mock", "axis": "realism", "step": -1}
        base |= {"rung": "all", "exposure_factor": np.nan, "depth_mag_arcsec2": np.nan}
        base |= {"depth_band": "F160W", "quantity": quantity, "value": value}
        rows.append(base | {"low": value - 0.1, "high": value + 0.1} | keys)

    for method in ("source_only", "mmd"):
        for seed in (0, 1):
            keys = {"method": method, "seed": seed}
            for step, rung in enumerate(("simulation", "psf", "pixel", "noise")):
                for quantity in REALISM:
                    add(quantity, rng.uniform(0.5, 1), step=step, rung=rung, **keys)
            for step, factor in enumerate((0.25, 1, 4)):
                for quantity in EXPOSURE:
                    place = {"axis": "exposure", "step": step, "exposure_factor": factor}
                    place |= {"rung": f"x {factor}", "depth_mag_arcsec2": 26 + step}
                    add(quantity, rng.uniform(0.5, 1), **place, **keys)
            add("rank_correlation_source", -0.8, **keys)
            add("latent_distance_floor", 0.3, domain="target", rung="target", **keys)
            lost = 1.0 if method == "mmd" else np.nan
            for name in ("outskirts_lost", "accuracy_lost"):
                add(f"{name}_exposure_factor", lost, axis="exposure", **keys)
    path = tmp_path / "ladder.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


@pytest.mark.parametrize("draw", [plot_ladder, plot_exposure])
def test_figures_are_written(draw, table, tmp_path):
    output = tmp_path / "figure.png"
    draw(table, output)
    assert output.stat().st_size > 20000
    assert output.with_suffix(".pdf").stat().st_size > 5000


def test_every_rung_has_its_name_and_every_method_its_correlation(table):
    with house_style():
        figure = ladder_figure(read_ladder(table, "realism"))
    left, right = figure.subfigs
    ticks = [text.get_text() for text in left.axes[-1].get_xticklabels()]
    assert ticks == ["1  simulation", "2  PSF", "3  pixel", "4  noise"]
    titles = [axes.get_title() for axes in right.axes]
    correlation = "rank correlation \N{MINUS SIGN}0.80 (\N{MINUS SIGN}0.90 to \N{MINUS SIGN}0.70)"
    assert titles == [f"source only\n{correlation}", f"MMD\n{correlation}"]


def test_a_table_without_the_axis_is_refused(table, tmp_path):
    rows = pd.read_parquet(table)
    path = tmp_path / "other.parquet"
    rows[rows.axis == "realism"].to_parquet(path)
    with pytest.raises(Sim2SkyError, match="the table holds no ladder of exposure"):
        read_ladder(path, "exposure")
    rows.drop(columns="rung").to_parquet(path)
    with pytest.raises(Sim2SkyError, match="column rung is missing"):
        read_ladder(path, "realism")


def relation(rows, path):
    """The panels of accuracy against distance, drawn."""
    rows.to_parquet(path)
    with house_style():
        figure = ladder_figure(read_ladder(path, "realism"))
        figure.draw_without_rendering()
    return figure.subfigs[1].axes


def test_rungs_at_one_place_share_a_text_and_the_farthest_is_in_the_panel(table, tmp_path):
    rows = pd.read_parquet(table)
    distance = rows["quantity"] == "latent_distance_source"
    rows.loc[distance, "value"] = rows["step"].map({0: 0.4, 1: 0.0, 2: 0.001, 3: 5.0})
    rows.loc[rows["quantity"] == "balanced_accuracy", "value"] = 0.8
    for axes in relation(rows, tmp_path / "near.parquet"):
        assert [text.get_text() for text in axes.texts] == ["1", "2, 3", "4"]
        assert axes.get_xlim()[0] < 0
        assert axes.get_xlim()[1] > 5


@pytest.mark.parametrize("seed", range(4))
def test_numbers_of_rungs_do_not_overlap(table, tmp_path, seed):
    rows = pd.read_parquet(table)
    distance = rows["quantity"] == "latent_distance_source"
    rng = np.random.default_rng(seed)
    rows.loc[distance, "value"] = rng.choice([0, 0.05, 0.1, 0.14, 0.3, 3], distance.sum())
    for axes in relation(rows, tmp_path / "many.parquet"):
        boxes = [text.get_window_extent() for text in axes.texts]
        for number, box in enumerate(boxes):
            assert axes.bbox.containsx(box.x1)
            assert not any(box.overlaps(other) for other in boxes[:number])


def test_distances_that_are_undefined_leave_the_panels_empty(table, tmp_path):
    rows = pd.read_parquet(table)
    rows.loc[rows["quantity"] == "latent_distance_source", "value"] = np.nan
    for axes in relation(rows, tmp_path / "undefined.parquet"):
        assert np.isfinite(axes.get_xlim()).all()
