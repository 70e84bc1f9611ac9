"""Which method each criterion without target labels chooses, beside what labels say."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim2sky.plot.inputs import rows_of
from sim2sky.plot.style import (
    CRITERION_LABELS,
    PAGE_WIDTH_IN,
    method_colours,
    method_label,
    new_figure,
    ordered_methods,
    panel_grid,
)

TITLE_LETTERS = 14  # in a line over a narrow panel
SMALL = 7.5  # points: six titles of two or three words stand side by side
REQUIRED = [
    *("network", "criterion", "method", "score", "score_seed_std", "chosen"),
    *("balanced_accuracy", "balanced_accuracy_low", "balanced_accuracy_high"),
    *("regret", "rank_correlation"),
]


def method_choice_figure(table: pd.DataFrame) -> Figure:
    """Return the scores of all methods by each criterion: one line per method.

    Parameters
    ----------
    table : pandas.DataFrame
        As the command writes it, with the columns of `REQUIRED`.

    Returns
    -------
    matplotlib.figure.Figure
        A row of panels for each network. The first has the accuracy on the target, if that
        has labels, and the methods stand in its order; the chosen points are filled.
    """
    networks = list(dict.fromkeys(table["network"]))
    found = [name for name in CRITERION_LABELS if name in set(table["criterion"])]
    known = bool(table["balanced_accuracy"].notna().any())
    methods = ordered_methods(table["method"])
    colours = method_colours(methods)
    height = (1.25 + 0.17 * len(methods)) * len(networks)
    figure = new_figure(PAGE_WIDTH_IN, height)
    widths = [1.5] * known + [1.0] * len(found)
    grid = panel_grid(figure, len(networks), len(widths), width_ratios=widths)
    for network, panels in zip(networks, grid, strict=True):
        of_network = rows_of(table, network=network)
        order = _order(of_network, methods)
        if known:
            _draw_truth(panels[0], of_network, order, colours)
        for axes, criterion in zip(panels[known:], found, strict=True):
            _draw_criterion(axes, rows_of(of_network, criterion=criterion), order, colours)
        for number, axes in enumerate(panels):
            axes.set_ylim(len(order) - 0.4, -0.6)
            labels = [method_label(name) for name in order] if number == 0 else []
            axes.set_yticks(range(len(order)), labels or [""] * len(order))
            axes.tick_params(axis="y", length=0)
            axes.xaxis.set_major_locator(MaxNLocator(2, min_n_ticks=2))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.6g}".replace("-", "\u2212"))
            axes.tick_params(axis="x", labelsize=SMALL)
            axes.grid(axis="y")
        if len(networks) > 1:
            panels[0].set_ylabel(network)
    return figure


def _order(table: pd.DataFrame, methods: list[str]) -> list[str]:
    """Return methods from the best on the target, or in the usual order without labels."""
    accuracy = table.drop_duplicates("method").set_index("method")["balanced_accuracy"]
    present = [name for name in methods if name in accuracy]
    if accuracy.isna().all():
        return present
    return sorted(present, key=lambda name: -accuracy[name])


def _draw_truth(
    axes: Axes, table: pd.DataFrame, order: list[str], colours: dict[str, str]
) -> None:
    """Draw what labels tell: accuracies with their intervals."""
    rows = table.drop_duplicates("method").set_index("method")
    for place, method in enumerate(order):
        value, low, high = (
            rows.loc[method, f"balanced_accuracy{end}"] for end in ("", "_low", "_high")
        )
        axes.plot([low, high], [place, place], color=colours[method], linewidth=1.0)
        axes.plot(value, place, "D", color=colours[method], markersize=4)
    axes.set_title("balanced accuracy,\ntarget (labels)", fontsize=SMALL)


def _draw_criterion(
    axes: Axes, table: pd.DataFrame, order: list[str], colours: dict[str, str]
) -> None:
    """Draw one criterion's scores, and say how good it is."""
    criterion = table["criterion"].iloc[0]
    rows = table.set_index("method")
    for place, method in enumerate(order):
        row = rows.loc[method]
        if not np.isfinite(row["score"]):
            continue
        axes.errorbar(
            row["score"],
            place,
            xerr=np.nan_to_num(row["score_seed_std"]),
            marker="o",
            color=colours[method],
            markerfacecolor=colours[method] if row["chosen"] else "white",
            markersize=6 if row["chosen"] else 4,
            elinewidth=0.8,
        )
    axes.set_title(fill(CRITERION_LABELS[criterion], TITLE_LETTERS), fontsize=SMALL)
    chosen = rows[rows["chosen"]]
    if len(chosen) == 1 and np.isfinite(chosen["regret"].iloc[0]):
        text = f"regret {chosen['regret'].iloc[0]:.3f}"
        rank = chosen["rank_correlation"].iloc[0]
        text += f"\n$\\rho$ = {rank:.2f}" if np.isfinite(rank) else ""
        axes.set_xlabel(text.replace("-", "\u2212"))
