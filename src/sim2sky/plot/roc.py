"""ROC curves on source and target, with a band from resampling whole systems."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling
from sim2sky.evaluate.metrics import log_odds
from sim2sky.evaluate.predictions import PROBABILITY, class_names
from sim2sky.plot.inputs import rows_of, variant_labels, variants_of
from sim2sky.plot.settings import PlotSettings
from sim2sky.plot.style import DOMAINS, PAGE_WIDTH_IN, method_colours, new_figure, panel_grid

FALSE_POSITIVE_RATES = np.linspace(0, 1, 201)
MOST_BANDS = 6  # bands of more methods hide each other; the legend has their intervals
LEGEND_LINE_IN = 0.13


def roc_curves(score: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the true-positive rate at `FALSE_POSITIVE_RATES` for each column of weights.

    Parameters
    ----------
    score : numpy.ndarray
        (N,) larger means more likely positive; equal scores share one step.
    positive : numpy.ndarray
        (N,) bool.
    weights : numpy.ndarray
        (N,B) how often each row counts.

    Returns
    -------
    numpy.ndarray
        (B, len(FALSE_POSITIVE_RATES)), NaN where the weights leave only one class.
    """
    order = np.argsort(-score, kind="stable")
    step_ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    weights, positive = weights[order], positive[order, None]
    hits = np.cumsum(weights * positive, axis=0)
    alarms = np.cumsum(weights * ~positive, axis=0)
    curves = np.full((weights.shape[1], len(FALSE_POSITIVE_RATES)), np.nan)
    for column in np.flatnonzero((hits[-1] > 0) & (alarms[-1] > 0)):
        true = np.append(0, hits[step_ends, column] / hits[-1, column])
        false = np.append(0, alarms[step_ends, column] / alarms[-1, column])
        curves[column] = np.interp(FALSE_POSITIVE_RATES, false, true)
    return curves


def mean_roc(
    predictions: pd.DataFrame, positive_class: str, settings: PlotSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ROC curve averaged over seeds and its bootstrap band.

    Every seed is judged on the same resample, so the band holds the scatter of
    the test systems and not that of the training.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Rows of one method, network and domain, all seeds.
    positive_class : str
        The class to detect, against all others.
    settings : PlotSettings
        Number of resamples, interval and seed.

    Returns
    -------
    mean, low, high : numpy.ndarray
        True-positive rate at `FALSE_POSITIVE_RATES`.

    Raises
    ------
    Sim2SkyError
        If the rows hold only one class.
    """
    classes = class_names(predictions)
    predictions = predictions[predictions["label"] < len(classes)]  # classes the model knows
    domain = predictions["domain"].iloc[0]
    system_id = predictions["system_id"].to_numpy()
    resampling = Resampling.draw(system_id, settings.n_bootstrap, settings.seed)
    per_seed = []
    for _, rows in predictions.groupby("seed"):
        positive = (rows["label"] == classes.index(positive_class)).to_numpy()
        if positive.all() or not positive.any():
            raise Sim2SkyError(
                "a ROC curve needs positives and negatives",
                where=f"predictions, {rows['method'].iloc[0]}, {domain} test rows",
                got=f"{positive.sum()} of {len(positive)} rows are '{positive_class}'",
                fix="enlarge the sample or set positive_class",
            )
        probabilities = rows[[PROBABILITY + name for name in classes]].to_numpy()
        score = log_odds(probabilities, classes.index(positive_class))
        places = np.searchsorted(resampling.systems, rows["system_id"].to_numpy())
        per_seed.append(roc_curves(score, positive, resampling.counts[places]))
    curves = np.mean(per_seed, axis=0)
    tail = 50 * (1 - settings.interval)
    low, high = np.nanpercentile(curves[1:], [tail, 100 - tail], axis=0)
    return curves[0], low, high


def roc_figure(predictions: pd.DataFrame, table: pd.DataFrame, settings: PlotSettings) -> Figure:
    """Return ROC curves: a row of panels per network, source on the left, target right.

    Parameters
    ----------
    predictions : pandas.DataFrame
        From `sim2sky.plot.inputs.read_predictions`.
    table : pandas.DataFrame
        The table of the same experiment; the legend takes the AUC from it.
    settings : PlotSettings
        Band and positive class.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    Sim2SkyError
        If the positive class is unknown or the table lacks a method.
    """
    positive_class = _positive_class(predictions, settings)
    variants = variants_of(predictions)
    networks = sorted({network for _, network in variants})
    n_methods = len({method for method, _ in variants})
    heights = [PAGE_WIDTH_IN / 2, LEGEND_LINE_IN * (n_methods + 1)]  # of panels and legends
    figure = new_figure(PAGE_WIDTH_IN, sum(heights) * len(networks))
    cells = panel_grid(
        figure, 2 * len(networks), len(DOMAINS), height_ratios=heights * len(networks)
    )
    for network, row, legends in zip(networks, cells[::2], cells[1::2], strict=True):
        for domain, axes, below in zip(DOMAINS, row, legends, strict=True):
            chosen = rows_of(predictions, network=network, domain=domain)
            _draw_panel(axes, chosen, table, positive_class, settings)
            below.axis("off")
            below.legend(*axes.get_legend_handles_labels(), loc="upper center", labelspacing=0.25)
            title = f"{domain} test set" + (f", {network}" if len(networks) > 1 else "")
            axes.set_title(title)
            axes.set_xlabel(f"false-positive rate ({positive_class})")
        row[0].set_ylabel(f"true-positive rate ({positive_class})")
    return figure


def _positive_class(predictions: pd.DataFrame, settings: PlotSettings) -> str:
    """Return the class to detect."""
    classes = class_names(predictions)
    chosen = settings.positive_class or classes[-1]
    if chosen not in classes:
        raise Sim2SkyError(
            "unknown class", where="positive_class", got=chosen, expected=", ".join(classes)
        )
    return chosen


def _draw_panel(
    axes: Axes,
    predictions: pd.DataFrame,
    table: pd.DataFrame,
    positive_class: str,
    settings: PlotSettings,
) -> None:
    """Draw the curves of all methods on one domain."""
    variants = variants_of(predictions)
    colours = method_colours(method for method, _ in variants)
    labels = variant_labels(variants)
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle=":")
    for method, network in variants:
        rows = rows_of(predictions, method=method, network=network)
        mean, low, high = mean_roc(rows, positive_class, settings)
        style = "--" if method == "oracle" else "-"
        name = f"{labels[method, network]}: {_auc_text(table, rows, positive_class)}"
        colour = colours[method]
        if len(variants) <= MOST_BANDS:
            axes.fill_between(
                FALSE_POSITIVE_RATES, low, high, color=colour, alpha=0.12, linewidth=0
            )
        axes.plot(FALSE_POSITIVE_RATES, mean, color=colour, linestyle=style, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")


def _auc_text(table: pd.DataFrame, predictions: pd.DataFrame, positive_class: str) -> str:
    """Return the area under the curve as the table gives it."""
    method, network, domain = predictions[["method", "network", "domain"]].iloc[0]
    row = rows_of(table, method=method, network=network, domain=domain)
    if row.empty:
        raise Sim2SkyError(
            f"no row for method '{method}', network '{network}', domain '{domain}'",
            where="table",
            got=", ".join(sorted(set(table["method"]))),
            fix="aggregate the same predictions that are plotted",
        )
    # with more than two classes "auc" is a mean over classes
    area = f"auc_{positive_class}" if len(class_names(predictions)) > 2 else "auc"
    value, low, high = row[[area, f"{area}_low", f"{area}_high"]].iloc[0]
    return f"AUC {value:.3f} [{low:.3f}, {high:.3f}]"
