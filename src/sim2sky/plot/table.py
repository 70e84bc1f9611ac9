"""The result table as a picture: every method's scores with their intervals."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim2sky.errors import Sim2SkyError
from sim2sky.plot.inputs import recall_classes, rows_of, variant_labels, variants_of
from sim2sky.plot.style import (
    DOMAIN_MARKERS,
    DOMAINS,
    PAGE_WIDTH_IN,
    method_colours,
    new_figure,
    panel_grid,
)

OFFSETS = {"source": -0.17, "target": 0.17}


def table_figure(table: pd.DataFrame) -> Figure:
    """Return a forest plot: balanced accuracy, recalls and AUC, source and target, per method.

    Parameters
    ----------
    table : pandas.DataFrame
        From `sim2sky.plot.inputs.read_table`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per metric, one row per method.

    Raises
    ------
    Sim2SkyError
        If the table holds no recalls.
    """
    classes = recall_classes(table)
    if not classes:
        raise Sim2SkyError("no recalls", where="table", expected="columns recall_<class>")
    metrics = {"balanced_accuracy": "balanced accuracy"}
    metrics |= {f"recall_{name}": f"recall of {name}" for name in classes}
    metrics |= {name: title for name, title in areas_of(table).items() if name in table}
    variants = variants_of(table)
    height = 0.95 + 0.3 * len(variants)
    figure = new_figure(PAGE_WIDTH_IN, height)
    widths = [1.5] + [1.0] * (len(metrics) - 1)
    (panels,) = panel_grid(figure, 1, len(metrics), sharey=True, width_ratios=widths)
    for axes, (metric, name) in zip(panels, metrics.items(), strict=True):
        _draw_metric(axes, table, metric, variants)
        chance = 0.5 if metric.startswith("auc") else 1 / len(classes)
        axes.axvline(chance, color="#999999", linewidth=0.8, linestyle=":")
        axes.set(
            xlabel=fill(name, 14, break_on_hyphens=False),
            xlim=(-0.06, 1.06),  # room for markers at 0 and 1
            ylim=(len(variants) - 0.4, -0.6),
        )
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    labels = variant_labels(variants)
    panels[0].set_yticks(range(len(variants)), [labels[variant] for variant in variants])
    _write_target_values(panels[-1], table, variants)
    handles = [
        Line2D([], [], color="#444444", marker=DOMAIN_MARKERS[domain], linestyle="-", **face)
        for domain, face in (("source", {"markerfacecolor": "white"}), ("target", {}))
    ]
    handles.append(Line2D([], [], color="#999999", linestyle=":", linewidth=0.8))
    names = [*(f"{domain} test set" for domain in DOMAINS), "chance"]
    figure.legend(handles, names, loc="outside upper center", ncols=3)
    return figure


def areas_of(table: pd.DataFrame) -> dict[str, str]:
    """Return the areas under the curve that the figure shows, of the last class.

    Parameters
    ----------
    table : pandas.DataFrame
        From `sim2sky.plot.inputs.read_table`.

    Returns
    -------
    dict of str
        Column to label; the area on hard rows only where there is room for it.
    """
    classes = recall_classes(table)
    if len(classes) > 2:
        return {f"auc_{classes[-1]}": f"AUC of {classes[-1]}"}
    return {"auc": "AUC", "auc_hard": "AUC, hard rows"}


def _draw_metric(
    axes: Axes, table: pd.DataFrame, metric: str, variants: list[tuple[str, str]]
) -> None:
    """Draw one metric of all methods with its intervals."""
    colours = method_colours(method for method, _ in variants)
    for position, (method, network) in enumerate(variants):
        if position % 2:
            axes.axhspan(position - 0.5, position + 0.5, color="#F4F4F4", linewidth=0, zorder=0)
        rows = rows_of(table, method=method, network=network)
        for domain in DOMAINS:
            for _, row in rows[rows["domain"] == domain].iterrows():
                value, low, high = row[[metric, f"{metric}_low", f"{metric}_high"]].astype(float)
                if np.isnan(value):  # e.g. the recall of a class that the domain lacks
                    continue
                axes.errorbar(
                    value,
                    position + OFFSETS[domain],
                    # a bootstrap interval need not hold the value itself
                    xerr=[[max(value - low, 0)], [max(high - value, 0)]],
                    marker=DOMAIN_MARKERS[domain],
                    color=colours[method],
                    markerfacecolor="white" if domain == "source" else colours[method],
                    elinewidth=1.0,
                )
    axes.tick_params(axis="y", length=0)


def _write_target_values(axes: Axes, table: pd.DataFrame, variants: list[tuple[str, str]]) -> None:
    """Write the target's balanced accuracy with its interval on the right."""
    header = "balanced accuracy,\ntarget"
    axes.text(1.06, 1.0, header, transform=axes.transAxes, va="bottom", fontsize=7)
    place = axes.get_yaxis_transform()
    for position, (method, network) in enumerate(variants):
        rows = rows_of(table, method=method, network=network, domain="target")
        for _, row in rows.iterrows():
            value, low, high = (row[f"balanced_accuracy{end}"] for end in ("", "_low", "_high"))
            text = f"{value:.2f} [{low:.2f}, {high:.2f}]"
            axes.text(1.06, position, text, transform=place, va="center", fontsize=7.5)
