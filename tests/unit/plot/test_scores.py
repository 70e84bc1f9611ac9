"""The figures of predictions and of the result table show the right numbers."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from sklearn.metrics import confusion_matrix as reference_confusion
from sklearn.metrics import roc_auc_score, roc_curve

from sim2sky.errors import Sim2SkyError
from sim2sky.plot.confusion import confusion_figure, confusion_matrix
from sim2sky.plot.inputs import read_predictions, read_table, recall_classes
from sim2sky.plot.roc import FALSE_POSITIVE_RATES, mean_roc, roc_curves, roc_figure
from sim2sky.plot.settings import PlotSettings
from sim2sky.plot.style import house_style
from sim2sky.plot.table import table_figure
from sim2sky.train.settings import METHODS as EVERY_METHOD

METHODS = ["source_only", "mmd"]
SETTINGS = PlotSettings(n_bootstrap=60)


def texts(figure):
    """All text of a figure."""
    return [item.get_text() for item in figure.findobj(lambda item: hasattr(item, "get_text"))]


@pytest.fixture
def predictions(experiment, factories):
    files = experiment("predictions.parquet", factories.make_predictions, METHODS, seeds=2)
    return read_predictions(files)


def rows(predictions, method="mmd", domain="target"):
    return predictions.query("method == @method and domain == @domain")


def test_roc_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    positive = rng.random(300) < 0.4
    score = (rng.normal(0, 1, 300) + positive).round(1)  # with ties
    curve = roc_curves(score, positive, np.ones((300, 1)))[0]
    false, true, _ = roc_curve(positive, score, drop_intermediate=False)
    np.testing.assert_allclose(curve, np.interp(FALSE_POSITIVE_RATES, false, true), atol=1e-12)
    assert np.trapezoid(curve, FALSE_POSITIVE_RATES) == pytest.approx(
        roc_auc_score(positive, score), abs=2e-3
    )


def test_weights_act_as_repeated_rows():
    rng = np.random.default_rng(1)
    positive, score = rng.random(60) < 0.5, rng.random(60)
    weights = rng.integers(0, 3, 60)
    weighted = roc_curves(score, positive, weights[:, None].astype(float))
    repeated = roc_curves(
        np.repeat(score, weights), np.repeat(positive, weights), np.ones((weights.sum(), 1))
    )
    np.testing.assert_allclose(weighted, repeated)


def test_resample_without_a_class_is_undefined():
    curve = roc_curves(np.array([0.1, 0.9]), np.array([False, True]), np.array([[1.0], [0.0]]))
    assert np.isnan(curve).all()


def test_band_is_wider_than_that_of_independent_rows(predictions):
    chosen = rows(predictions, "mmd")
    _, low, high = mean_roc(chosen, "merger", SETTINGS)
    single = chosen.assign(system_id=np.arange(len(chosen)))
    _, single_low, single_high = mean_roc(single, "merger", SETTINGS)
    assert (low <= high).all()
    assert (high - low).mean() > 1.2 * (single_high - single_low).mean()


def test_mean_is_over_seeds(predictions):
    chosen = rows(predictions)
    each = [mean_roc(part, "merger", SETTINGS)[0] for _, part in chosen.groupby("seed")]
    np.testing.assert_allclose(mean_roc(chosen, "merger", SETTINGS)[0], np.mean(each, axis=0))


def test_roc_legend_quotes_the_table(predictions, factories):
    table = factories.make_table(METHODS)
    figure = roc_figure(predictions, table, SETTINGS)
    source, target = figure.axes[:2]  # and below them, their legends
    assert source.get_title() == "source test set"
    assert target.get_xlabel() == "false-positive rate (merger)"
    row = table.query("method == 'mmd' and domain == 'target'").iloc[0]
    expected = f"MMD: AUC {row['auc']:.3f} [{row['auc_low']:.3f}, {row['auc_high']:.3f}]"
    assert expected in [line.get_label() for line in target.get_lines()]
    assert expected not in [line.get_label() for line in source.get_lines()]


def assert_inside(figure):
    """Every text lies on the page."""
    with house_style():
        figure.draw_without_rendering()
        page = figure.bbox
        for text in figure.findobj(Text):
            if text.get_text() and text.get_visible():
                box = text.get_window_extent()
                where = f"{text.get_text()} at {box.extents}, page {page.extents}"
                assert page.x0 <= box.x0, where
                assert box.x1 <= page.x1, where
                assert page.y0 <= box.y0, where
                assert box.y1 <= page.y1, where


def test_with_many_methods_the_texts_of_figures_stay_on_the_page(experiment, factories):
    methods = list(EVERY_METHOD)
    files = experiment("predictions.parquet", factories.make_predictions, methods, seeds=1)
    table = factories.make_table(methods)
    with house_style():
        assert_inside(roc_figure(read_predictions(files), table, SETTINGS))
        assert_inside(table_figure(table))


def test_roc_of_three_classes_is_one_against_the_rest(experiment, factories):
    classes = ["spiral", "elliptical", "merger"]
    files = experiment(
        "predictions.parquet", factories.make_predictions, METHODS, seeds=1, classes=classes
    )
    table = factories.make_table(METHODS, classes)
    figure = roc_figure(read_predictions(files), table, SETTINGS)
    target = figure.axes[1]
    assert target.get_xlabel() == "false-positive rate (merger)"
    labels = [line.get_label() for line in target.get_lines()]
    assert "MMD: AUC 0.800 [0.760, 0.835]" in labels  # auc_merger, not the mean over classes


def test_roc_of_one_class_says_so(predictions, factories):
    with pytest.raises(Sim2SkyError, match="needs positives and negatives.*0 of 80 rows"):
        roc_figure(predictions.query("label == 0"), factories.make_table(METHODS), SETTINGS)
    with pytest.raises(Sim2SkyError, match="positive_class: unknown class; got quasar"):
        settings = PlotSettings(positive_class="quasar")
        roc_figure(predictions, factories.make_table(METHODS), settings)


def test_confusion_is_that_of_scikit_learn(predictions):
    chosen = rows(predictions, "source_only")
    share, count = confusion_matrix(chosen, 2)
    each = [
        reference_confusion(part["label"], part["predicted"]) for _, part in chosen.groupby("seed")
    ]
    np.testing.assert_allclose(count, np.mean(each, axis=0))
    np.testing.assert_allclose(share.sum(axis=1), 1)
    np.testing.assert_allclose(share, count / count.sum(axis=1, keepdims=True))


def test_class_without_test_images_is_no_zero():
    table = pd.DataFrame({"seed": 0, "label": [0, 0], "predicted": [0, 1]})
    share, _ = confusion_matrix(table, 2)
    np.testing.assert_allclose(share, [[0.5, 0.5], [np.nan, np.nan]])


def test_a_survey_without_labels_has_an_empty_matrix(predictions):
    share, count = confusion_matrix(predictions.query("label == 7"), 2)
    assert np.isnan(share).all()
    assert share.shape == (2, 2)
    assert not count.any()
    figure = confusion_figure(predictions.query("domain == 'source'"))
    matrices = [axes for axes in figure.axes if axes.images]
    assert texts(matrices[2]).count("no images") == 4


def test_confusion_shows_each_method_and_domain(predictions):
    figure = confusion_figure(predictions)
    matrices = [axes for axes in figure.axes if axes.images]
    assert len(matrices) == 4
    assert [axes.get_title() for axes in matrices[:2]] == ["source only", "MMD"]
    share, count = confusion_matrix(rows(predictions, "mmd", "target"), 2)
    np.testing.assert_array_equal(matrices[3].images[0].get_array(), share)
    assert f"{share[1, 1]:.2f}\n({count[1, 1]:.0f})" in texts(matrices[3])


def test_classes_the_model_does_not_know_have_a_row_of_their_own(experiment, factories):
    files = experiment(
        "predictions.parquet",
        factories.make_predictions,
        ["mmd"],
        classes=["spiral", "elliptical", "merger"],
        strangers=True,
    )
    figure = confusion_figure(read_predictions(files))
    source, target = [axes for axes in figure.axes if axes.images]
    assert source.images[0].get_array().shape == (3, 3)
    assert target.images[0].get_array().shape == (4, 3)
    assert "other" in texts(target)


def test_forest_plot_has_the_numbers_of_the_table(factories, tmp_path):
    table = factories.make_table([*METHODS, "oracle"])
    table.to_parquet(tmp_path / "table.parquet")
    figure = table_figure(read_table(tmp_path / "table.parquet"))
    assert [axes.get_xlabel().replace("\n", " ") for axes in figure.axes] == [
        *("balanced accuracy", "recall of non-merger", "recall of merger", "AUC")
    ]
    drawn = sorted(
        float(container.lines[0].get_xdata()[0]) for container in figure.axes[2].containers
    )
    np.testing.assert_allclose(drawn, sorted(table["recall_merger"]))
    row = table.query("method == 'mmd' and domain == 'target'").iloc[0]
    value, low, high = row[
        ["balanced_accuracy", "balanced_accuracy_low", "balanced_accuracy_high"]
    ]
    assert f"{value:.2f} [{low:.2f}, {high:.2f}]" in texts(figure)


def test_undefined_recall_is_left_out(factories):
    table = factories.make_table(METHODS)
    table.loc[table["domain"] == "target", "recall_merger"] = np.nan
    figure = table_figure(table)
    assert [len(axes.containers) for axes in figure.axes] == [4, 4, 2, 4]


def with_baseline(table):
    """The table with a baseline and the AUC on hard target rows."""
    own = table[table["method"] == "mmd"].assign(method="asymmetry", network="morphology")
    table = pd.concat([own, table], ignore_index=True)
    for end in ("", "_low", "_high"):
        table[f"auc_hard{end}"] = (table[f"auc{end}"] - 0.1).where(table["domain"] == "target")
    return table


def test_baselines_stand_last_without_a_network(factories):
    table = with_baseline(factories.make_table([*METHODS, "oracle"]))
    figure = table_figure(pd.concat([table, table.assign(network="resnet18")[2:]]))
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[:2] == ["source only, deepmerge", "source only, resnet18"]
    assert names[-1] == "asymmetry cut"


def test_areas_have_their_own_chance_level(factories):
    table = with_baseline(factories.make_table(METHODS))
    *_, auc, hard = table_figure(table).axes
    assert (auc.get_xlabel(), hard.get_xlabel()) == ("AUC", "AUC, hard rows")
    assert len(hard.containers) == 3  # the target alone
    three = ["spiral", "elliptical", "merger"]
    table = factories.make_table(METHODS, three)
    for end in ("", "_low", "_high"):
        table[f"auc_merger{end}"] = table[f"auc{end}"]
    balanced, *_, area = table_figure(table).axes
    chance = [
        line.get_xdata()[0]
        for axes in (balanced, area)
        for line in axes.lines
        if line.get_linestyle() == ":"
    ]
    assert chance == pytest.approx([1 / 3, 0.5])
    assert area.get_xlabel() == "AUC of merger"


def test_recall_classes_are_not_intervals(factories):
    assert recall_classes(factories.make_table(["mmd"])) == ["non-merger", "merger"]
