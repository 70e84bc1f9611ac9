"""Learning curves and the checks of the simulation."""

import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.plot.history import history_figure, loss_terms, read_histories
from sim2sky.plot.inputs import files_by_model
from sim2sky.plot.simulation import read_diagnostics, simulation_figure


def test_curves_are_means_over_seeds(experiment, factories):
    methods = ["source_only", "sidda"]
    paths = experiment("history.csv", factories.make_history, methods, seeds=3)
    figure = history_figure(read_histories(files_by_model(paths)))
    assert len(figure.axes) == 6
    assert [axes.get_title() for axes in figure.axes[:2]] == ["source only", "SIDDA"]
    each = [factories.make_history("source_only", seed)["loss_class"] for seed in range(3)]
    line = next(line for line in figure.axes[0].get_lines() if line.get_label() == "training")
    np.testing.assert_allclose(line.get_ydata(), np.mean(each, axis=0))
    assert [text.get_text() for text in figure.axes[2].texts] == ["none"]
    terms = [text.get_text() for text in figure.axes[3].get_legend().get_texts()]
    assert terms == ["sidda", "weights"]
    assert figure.axes[4].get_ylim() == figure.axes[5].get_ylim()


def test_oracle_shows_the_domain_it_learns_from(experiment, factories):
    paths = experiment("history.csv", factories.make_history, ["oracle"], seeds=1)
    table = read_histories(files_by_model(paths))
    np.testing.assert_allclose(table["valid_loss"], table["target_valid_loss"])
    assert loss_terms(table) == []
    assert len(history_figure(table).axes) == 2


def test_bad_histories_are_named(experiment, factories):
    (path,) = experiment("history.csv", factories.make_history, ["mmd"], seeds=1)
    table = pd.read_csv(path)
    table.drop(columns="loss_class").to_csv(path)
    with pytest.raises(Sim2SkyError, match=r"history\.csv: column loss_class is missing"):
        read_histories(files_by_model([path]))
    table.iloc[:0].to_csv(path)
    with pytest.raises(Sim2SkyError, match="the history has no epochs"):
        read_histories(files_by_model([path]))
    path.write_text("")
    with pytest.raises(Sim2SkyError, match="not a readable CSV table"):
        read_histories(files_by_model([path]))


def test_simulation_shows_every_run_and_every_coalescence(factories, tmp_path):
    table = factories.make_diagnostics()
    table.to_csv(tmp_path / "diagnostics.csv", index=False)
    figure = simulation_figure(read_diagnostics(tmp_path))
    left, right = figure.axes
    assert left.get_ylabel() == "largest energy drift (%)"
    # besides the runs there is the line of the limit
    drawn = [len(line.get_xdata()) for line in left.get_lines()]
    assert sum(drawn) == len(table) + 2
    worst = 100 * table["energy_drift"].abs().max()
    assert left.get_title() == f"worst of {len(table)} runs: {worst:.2f} %"
    assert left.get_ylim()[1] > max(worst, 1)
    assert right.get_title() == "5 of 6 encounters coalesced"
    assert sum(len(line.get_xdata()) for line in right.get_lines()) == 5


def test_diagnostics_without_a_column_are_an_error(factories, tmp_path):
    path = tmp_path / "diagnostics.csv"
    factories.make_diagnostics().drop(columns="energy_drift").to_csv(path)
    with pytest.raises(Sim2SkyError, match="column energy_drift is missing"):
        read_diagnostics(tmp_path)
    factories.make_diagnostics().iloc[:0].to_csv(path)
    with pytest.raises(Sim2SkyError, match="no runs"):
        read_diagnostics(tmp_path)


def test_a_loss_has_one_colour_beside_whatever_it_stands(experiment, factories):
    paths = experiment("history.csv", factories.make_history, ["mmd"], seeds=1)
    table = read_histories(files_by_model(paths))
    alone = table.drop(columns=loss_terms(table)).assign(loss_fisher=3.0)
    both = table.drop(columns=loss_terms(table)).assign(loss_entropy=0.1, loss_fisher=3.0)
    colours = [
        {line.get_label(): line.get_color() for line in history_figure(rows).axes[1].get_lines()}
        for rows in (alone, both)
    ]
    assert colours[0]["fisher"] == colours[1]["fisher"] != colours[1]["entropy"]
