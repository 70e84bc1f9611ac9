"""What choosing settings without target labels costs, per criterion."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

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

OVERALL = {  # scope -> place beside the methods' dots, marker and name
    "mean_over_methods": (-0.16, "D", "mean over methods"),
    "across_methods": (0.16, "s", "one choice across methods"),
}
REQUIRED = [
    *("network", "scope", "method", "criterion", "n_trials", "rank_correlation"),
    *("regret", "regret_low", "regret_high"),
]


def regret_figure(table: pd.DataFrame) -> Figure:
    """Return regrets and rank correlations: one line per criterion, one row per network.

    Parameters
    ----------
    table : pandas.DataFrame
        As the command writes it, with the columns of `REQUIRED`.

    Returns
    -------
    matplotlib.figure.Figure
        Dots are methods; with several methods, their mean and the choice
        across all of them are larger marks with intervals.
    """
    networks = list(dict.fromkeys(table["network"]))
    found = set(table["criterion"])
    criteria = [name for name in CRITERION_LABELS if name in found]
    methods = ordered_methods(table.loc[table["scope"] == "method", "method"])
    colours = method_colours(methods)
    figure = new_figure(PAGE_WIDTH_IN, (0.7 + 0.26 * len(criteria)) * len(networks) + 0.5)
    panels = panel_grid(figure, len(networks), 2, sharey=True, width_ratios=[1.7, 1])
    for network, (regrets, ranks) in zip(networks, panels, strict=True):
        rows = rows_of(table, network=network)
        _draw(regrets, rows, "regret", criteria, colours)
        _draw(ranks, rows, "rank_correlation", criteria, colours)
        regrets.set_xlabel("regret: balanced accuracy lost against the best trial")
        ranks.set_xlabel("rank correlation with accuracy")
        ranks.set_xlim(-1.08, 1.08)
        regrets.set_yticks(range(len(criteria)), [CRITERION_LABELS[name] for name in criteria])
        regrets.set_ylim(len(criteria) - 0.4, -0.6)
        if len(networks) > 1:
            regrets.set_title(network, loc="left")
    handles = [
        Line2D([], [], color=colours[method], marker="o", linestyle="", label=method_label(method))
        for method in methods
    ]
    shown = set(table["scope"])
    handles += [
        Line2D([], [], color="#000000", marker=marker, markerfacecolor="white", label=name)
        for scope, (_, marker, name) in OVERALL.items()
        if scope in shown
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))
    return figure


def _draw(
    axes: Axes, table: pd.DataFrame, column: str, criteria: list[str], colours: dict[str, str]
) -> None:
    """Draw one column for all criteria, its interval where it has one."""
    axes.axvline(0, color="#999999", linewidth=0.8, linestyle=":")
    for position, criterion in enumerate(criteria):
        if position % 2:
            axes.axhspan(position - 0.5, position + 0.5, color="#F4F4F4", linewidth=0, zorder=0)
        rows = rows_of(table, criterion=criterion)
        single = rows_of(rows, scope="method").set_index("method")[column].astype(float)
        # methods that agree stand beside each other, not on top
        offsets = np.linspace(-0.12, 0.12, len(colours)) if len(colours) > 1 else [0.0]
        for offset, (method, colour) in zip(offsets, colours.items(), strict=True):
            if method in single and np.isfinite(single[method]):
                axes.plot(
                    single[method], position + offset, "o", color=colour, markersize=3.2, alpha=0.8
                )
        for scope, (offset, marker, _) in OVERALL.items():
            for _, row in rows_of(rows, scope=scope).iterrows():
                if not np.isfinite(row[column]):
                    continue
                spread = None
                if f"{column}_low" in table:
                    # a bootstrap interval need not hold the value itself
                    low, high = row[column] - row[f"{column}_low"], row[f"{column}_high"]
                    spread = [[max(low, 0)], [max(high - row[column], 0)]]
                axes.errorbar(
                    row[column],
                    position + 1.6 * offset,
                    xerr=spread,
                    marker=marker,
                    color="#000000",
                    markerfacecolor="white",
                    elinewidth=0.9,
                )
    axes.tick_params(axis="y", length=0)
