"""The commands `plot-...`: one for each figure, written as PNG and as PDF of the same stem."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim2sky.plot.settings import PlotSettings
from sim2sky.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

log = logging.getLogger("sim2sky")

Output = Annotated[Path, typer.Option(help="Output PNG; a PDF of the same name lands beside it")]
SettingsText = Annotated[str, typer.Option(help="JSON text or file")]
Predictions = Annotated[
    list[Path], typer.Argument(help="predictions.parquet of every model of one experiment")
]


def plot_roc(
    predictions: Predictions,
    table: Annotated[Path, typer.Option(help="table.parquet of the same experiment")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot ROC curves of every method on the source's and the target's test rows.

    Curves are means over seeds; the bands come from resampling whole systems, the
    areas under the curves from the table.
    """
    from sim2sky.plot.inputs import read_predictions, read_table
    from sim2sky.plot.roc import roc_figure

    parsed = read_settings(PlotSettings, settings)
    rows, scores = read_predictions(predictions), read_table(table, ["auc"])
    _write(lambda: roc_figure(rows, scores, parsed), output, parsed)


def plot_confusion(
    predictions: Predictions, output: Output, settings: SettingsText = "{}"
) -> None:
    """Plot the confusion matrix of every method on source and target.

    Each row adds up to one, so the diagonal is the recall; means over seeds.
    """
    from sim2sky.plot.confusion import confusion_figure
    from sim2sky.plot.inputs import read_predictions

    parsed = read_settings(PlotSettings, settings)
    rows = read_predictions(predictions)
    _write(lambda: confusion_figure(rows), output, parsed)


def plot_history(
    histories: Annotated[
        list[Path], typer.Argument(help="models/<method>/<network>/<seed>/history.csv files")
    ],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot the losses and accuracies of every method by epoch, with the range of the seeds."""
    from sim2sky.plot.history import history_figure, read_histories
    from sim2sky.plot.inputs import files_by_model

    parsed = read_settings(PlotSettings, settings)
    table = read_histories(files_by_model(histories))
    _write(lambda: history_figure(table), output, parsed)


def plot_gradcam(
    explanations: Annotated[
        list[Path], typer.Argument(help="models/<method>/<network>/<seed>/explain.h5 files")
    ],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot Grad-CAM maps of the same galaxies in source and target, a column per method.

    Of each method the model with the smallest seed is shown.
    """
    from sim2sky.plot.gradcam import gradcam_figure
    from sim2sky.plot.inputs import files_by_model, first_seeds

    parsed = read_settings(PlotSettings, settings)
    files = first_seeds(files_by_model(explanations))
    _write(lambda: gradcam_figure(files, parsed), output, parsed)


def plot_attribution(
    table: Annotated[Path, typer.Option(help="attribution.parquet of an experiment")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot how far from the centre each method's evidence lies, and the checks of its maps."""
    from sim2sky.plot.attribution import attribution_figure, read_attribution

    parsed = read_settings(PlotSettings, settings)
    rows = read_attribution(table)
    _write(lambda: attribution_figure(rows), output, parsed)


def plot_latent(
    latents: Annotated[
        list[Path], typer.Argument(help="models/<method>/<network>/<seed>/latents.h5 files")
    ],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot isomap and t-SNE of the latent space of each method, both domains together.

    Of each method the model with the smallest seed is shown.
    """
    from sim2sky.plot.inputs import files_by_model, first_seeds
    from sim2sky.plot.latent import latent_figure

    parsed = read_settings(PlotSettings, settings)
    files = first_seeds(files_by_model(latents))
    _write(lambda: latent_figure(files), output, parsed)


def plot_scores(
    table: Annotated[Path, typer.Option(help="table.parquet of an experiment")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot balanced accuracy and recalls of every method with their intervals."""
    from sim2sky.plot.inputs import read_table
    from sim2sky.plot.table import table_figure

    parsed = read_settings(PlotSettings, settings)
    scores = read_table(table, ["balanced_accuracy"])
    _write(lambda: table_figure(scores), output, parsed)


def plot_regret(
    regret: Annotated[Path, typer.Option(help="regret.parquet of an experiment")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot what each criterion without target labels loses against the best trial."""
    from sim2sky.plot.inputs import read_filled
    from sim2sky.plot.regret import REQUIRED, regret_figure

    parsed = read_settings(PlotSettings, settings)
    table = read_filled(regret, REQUIRED, "regret")
    _write(lambda: regret_figure(table), output, parsed)


def plot_method_choice(
    table: Annotated[Path, typer.Option(help="method_choice.parquet of an experiment")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot which method each criterion without target labels chooses."""
    from sim2sky.plot.inputs import read_filled
    from sim2sky.plot.method_choice import REQUIRED, method_choice_figure

    parsed = read_settings(PlotSettings, settings)
    choice = read_filled(table, REQUIRED, "choose-method")
    _write(lambda: method_choice_figure(choice), output, parsed)


def plot_realism(
    table: Annotated[Path, typer.Option(help="realism.parquet of an experiment")],
    values: Annotated[Path, typer.Option(help="realism_values.parquet of the same experiment")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot mocks beside a survey's images in shape, size, colour and sky noise."""
    from sim2sky.plot.realism import read_comparison, realism_figure

    parsed = read_settings(PlotSettings, settings)
    comparison = read_comparison(table, values)
    _write(lambda: realism_figure(comparison), output, parsed)


def plot_attack(
    table: Annotated[Path, typer.Option(help="attack.parquet of an experiment")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot how often attacks and accidents change predictions, against their strength."""
    from sim2sky.plot.attack import attack_figure, read_comparison

    parsed = read_settings(PlotSettings, settings)
    comparison = read_comparison(table)
    _write(lambda: attack_figure(comparison), output, parsed)


def plot_church_window(
    windows: Annotated[
        list[Path], typer.Argument(help="models/<method>/<network>/<seed>/church.h5 files")
    ],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot the classes in the plane of the noise's direction and the attack's.

    Of each method the model with the smallest seed is shown.
    """
    from sim2sky.plot.church_window import church_window_figure
    from sim2sky.plot.inputs import files_by_model, first_seeds

    parsed = read_settings(PlotSettings, settings)
    files = first_seeds(files_by_model(windows))
    _write(lambda: church_window_figure(files, parsed), output, parsed)


def plot_ladder(
    table: Annotated[Path, typer.Option(help="ladder.parquet of an experiment")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot distance to the survey, accuracy and where the networks look, rung by rung."""
    from sim2sky.plot.ladder import ladder_figure, read_ladder

    parsed = read_settings(PlotSettings, settings)
    rows = read_ladder(table, "realism")
    _write(lambda: ladder_figure(rows), output, parsed)


def plot_exposure(
    table: Annotated[Path, typer.Option(help="ladder.parquet of an experiment")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot accuracy and the use of faint outskirts against the exposure time."""
    from sim2sky.plot.exposure import exposure_figure
    from sim2sky.plot.ladder import read_ladder

    parsed = read_settings(PlotSettings, settings)
    rows = read_ladder(table, "exposure")
    _write(lambda: exposure_figure(rows), output, parsed)


def plot_reliability(
    table: Annotated[Path, typer.Option(help="reliability.parquet of an experiment")],
    curves: Annotated[
        Path, typer.Option(help="reliability_curves.parquet of the same experiment")
    ],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot reliability diagrams, calibration errors and prediction sets of both domains."""
    from sim2sky.plot.reliability import read_reliability, reliability_figure

    parsed = read_settings(PlotSettings, settings)
    judged = read_reliability(table, curves)
    _write(lambda: reliability_figure(*judged), output, parsed)


def plot_outliers(
    outliers: Annotated[
        list[Path], typer.Argument(help="models/<method>/<network>/<seed>/outliers.h5 files")
    ],
    table: Annotated[Path, typer.Option(help="reliability.parquet of the same experiment")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot the target's strangest and most ordinary images, and what each score notices.

    Of each method the stamps are those of the model with the smallest seed.
    """
    from sim2sky.plot.inputs import files_by_model, first_seeds
    from sim2sky.plot.outliers import outliers_figure, read_detection

    parsed = read_settings(PlotSettings, settings)
    files = first_seeds(files_by_model(outliers))
    noticed = read_detection(table)
    _write(lambda: outliers_figure(files, noticed), output, parsed)


def plot_mosaic(
    dataset: Annotated[Path, typer.Option(help="dataset.h5 of a domain")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot random stamps of every class of a domain with a scale bar."""
    from sim2sky.plot.mosaic import mosaic_figure

    parsed = read_settings(PlotSettings, settings)
    _write(lambda: mosaic_figure(dataset, parsed), output, parsed)


def plot_simulation(
    simulation: Annotated[Path, typer.Option(help="Simulation directory of `sim2sky assemble`")],
    output: Output,
    settings: SettingsText = "{}",
) -> None:
    """Plot how well each N-body run keeps its energy, and when its galaxies merge."""
    from sim2sky.plot.simulation import read_diagnostics, simulation_figure

    parsed = read_settings(PlotSettings, settings)
    table = read_diagnostics(simulation)
    _write(lambda: simulation_figure(table), output, parsed)


def _write(draw: "Callable[[], Figure]", output: Path, settings: PlotSettings) -> None:
    """Draw and save inside the common style."""
    from sim2sky.plot.style import house_style, save_figure

    with house_style():
        save_figure(draw(), output, settings.dpi)
    log.info("wrote %s and %s", output, output.with_suffix(".pdf").name)
