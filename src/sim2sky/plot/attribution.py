"""How far out the networks look, whether what they look at matters, and a control."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim2sky.errors import Sim2SkyError
from sim2sky.files import read_parquet
from sim2sky.plot.inputs import averages_first, rows_of, variant_labels, variants_of
from sim2sky.plot.style import (
    DOMAIN_MARKERS,
    DOMAINS,
    PAGE_WIDTH_IN,
    method_colours,
    new_figure,
    panel_grid,
)

MARKERS = ("o", "s", "^", "D", "v", "P")  # methods, beside their colours
ORDER_LINES = {"highest": "-", "random": ":", "lowest": "--"}
NUMBERS = {  # quantity -> its name under the panel, and where nothing is
    "decision_radius_r50": ("mean radius of the predicted\nclass's map / $R_{50}$", None),
    "deletion_gain": ("deletion:\nrandom $-$ map", 0),
    "insertion_gain": ("insertion:\nmap $-$ random", 0),
    "random_weights_correlation": ("rank correlation with\nmaps of random weights", 0),
}
REQUIRED = [
    *("method", "network", "seed", "domain", "class", "quantity", "radius_r50", "order"),
    *("fraction", "value", "low", "high", "n_images", "n_systems"),
]
OFFSETS = {"source": -0.17, "target": 0.17}
GREY = "#999999"


def read_attribution(path: str | Path) -> pd.DataFrame:
    """Read the table of an experiment's attribution.

    Parameters
    ----------
    path : str or Path
        ``attribution.parquet``.

    Returns
    -------
    pandas.DataFrame
        All rows.

    Raises
    ------
    Sim2SkyError
        If the table is missing, lacks a column or holds no profile.
    """
    table = read_parquet(path, REQUIRED)
    if rows_of(table, quantity="attribution_density").empty:
        raise Sim2SkyError(
            "the table holds no radial profile", where=path, fix="look at `sim2sky explain`"
        )
    return table


def attribution_figure(table: pd.DataFrame) -> Figure:
    """Return profiles by class and deletion curves of both domains, and the numbers below.

    Parameters
    ----------
    table : pandas.DataFrame
        From `read_attribution`.

    Returns
    -------
    matplotlib.figure.Figure
        A row per domain: the radial profile of each class with its band, then the deletion
        curves; below, a forest plot with one row per method. Where there are several seeds,
        all is their mean, and small points are the seeds.
    """
    table, single = averages_first(table)
    variants = variants_of(table)
    profiles = rows_of(table, quantity="attribution_density")
    profiles = profiles[profiles["n_systems"] > 1]  # one system is no profile of a class
    classes = [name for name in dict.fromkeys(table["class"]) if name]
    figure = new_figure(PAGE_WIDTH_IN, 4.75 + 0.28 * len(variants))
    upper, lower = figure.subfigures(2, 1, height_ratios=[3.4, 0.75 + 0.28 * len(variants)])
    panels = panel_grid(upper, 2, len(classes) + 1)
    reach = rows_of(table, quantity="attribution_density")["radius_r50"].max()
    highest = [*profiles["value"], profiles["high"].quantile(0.97)]
    top = 1.06 * np.nanmax([1.0, *highest])
    for domain, line in zip(DOMAINS, panels, strict=True):
        for axes, name in zip(line, classes, strict=False):
            of_class = {"domain": domain, "class": name}
            _draw_profiles(axes, rows_of(profiles, **of_class), variants)
            _write_blanks(axes, rows_of(table, quantity="blank_map", **of_class), variants)
            axes.set(ylim=(0, top), xlim=(0, reach))
            axes.set_title(f"{domain}, {name}", fontsize=8.5)
        curves = rows_of(table, quantity="deletion_probability", domain=domain, **{"class": ""})
        _draw_deletion(line[-1], curves, variants)
        line[-1].set_title(f"{domain}, deletion", fontsize=8.5)
        line[0].set_ylabel("attribution per area\n(an even map has 1)")
    for axes in panels[-1][:-1]:
        axes.set_xlabel("radius / half-light radius $R_{50}$")
    panels[-1][-1].set_xlabel("share of pixels deleted")
    _draw_numbers(lower, table, single, variants)
    _add_legends(upper, lower, variants, seeds=not single.empty)
    return figure


def _draw_profiles(axes: Axes, rows: pd.DataFrame, variants: list[tuple[str, str]]) -> None:
    """Draw the radial profile of each method with its band."""
    colours = method_colours(method for method, _ in variants)
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
    for (method, network), marker in zip(variants, _markers(variants), strict=True):
        own = rows_of(rows, method=method, network=network).sort_values("radius_r50")
        radius = own["radius_r50"].to_numpy()
        axes.plot(radius, own["value"], color=colours[method], marker=marker, markersize=3)
        axes.fill_between(
            radius, own["low"], own["high"], color=colours[method], alpha=0.18, linewidth=0
        )


def _write_blanks(axes: Axes, rows: pd.DataFrame, variants: list[tuple[str, str]]) -> None:
    """Write for which share of the galaxies a method's maps are blank, if they are for some."""
    colours = method_colours(method for method, _ in variants)
    line = 0
    for method, network in variants:
        for share in rows_of(rows, method=method, network=network)["value"]:
            if share > 0:
                axes.text(
                    0.96,
                    0.94 - 0.1 * line,
                    f"blank maps: {100 * share:.0f} %",
                    transform=axes.transAxes,
                    ha="right",
                    va="top",
                    fontsize=7,
                    color=colours[method],
                )
                line += 1


def _draw_deletion(axes: Axes, rows: pd.DataFrame, variants: list[tuple[str, str]]) -> None:
    """Draw how the probability falls with the pixels, in three orders."""
    colours = method_colours(method for method, _ in variants)
    for (method, network), marker in zip(variants, _markers(variants), strict=True):
        for order, line in ORDER_LINES.items():
            own = rows_of(rows, method=method, network=network, order=order)
            own = own.sort_values("fraction")
            axes.plot(
                own["fraction"],
                own["value"],
                color=colours[method],
                linestyle=line,
                linewidth=1.0,
                marker=marker if order == "highest" else None,
                markersize=2.5,
            )
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="probability of the\npredicted class")


def _draw_numbers(
    figure: Figure, table: pd.DataFrame, single: pd.DataFrame, variants: list[tuple[str, str]]
) -> None:
    """Draw the numbers of every method in both domains with their intervals, and each seed's."""
    colours = method_colours(method for method, _ in variants)
    labels = variant_labels(variants)
    (panels,) = panel_grid(figure, 1, len(NUMBERS), sharey=True)
    every, of_seeds = (rows_of(rows, **{"class": ""}) for rows in (table, single))
    for axes, (quantity, (name, nothing)) in zip(panels, NUMBERS.items(), strict=True):
        if nothing is not None:
            axes.axvline(nothing, color=GREY, linewidth=0.8, linestyle=":")
        for position, (method, network) in enumerate(variants):
            model = {"quantity": quantity, "method": method, "network": network}
            for domain, rows in rows_of(of_seeds, **model).groupby("domain"):
                place = np.full(len(rows), position + OFFSETS[domain])
                axes.plot(rows["value"], place, ".", color=GREY, markersize=3, zorder=0)
            for _, row in rows_of(every, **model).iterrows():
                value, low, high = (float(row[key]) for key in ("value", "low", "high"))
                domain, place = row["domain"], position + OFFSETS[row["domain"]]
                axes.errorbar(
                    value,
                    place,
                    # a bootstrap interval need not hold the value itself
                    xerr=np.nan_to_num([[max(value - low, 0)], [max(high - value, 0)]]),
                    marker=DOMAIN_MARKERS[domain],
                    color=colours[method],
                    markerfacecolor="white" if domain == "source" else colours[method],
                    elinewidth=1.0,
                )
                if axes is panels[-1]:
                    ends = f" [{low:.2f}, {high:.2f}]" if np.isfinite(low) else ""
                    axes.text(
                        1.05,
                        place,
                        f"{value:.2f}{ends}",
                        transform=axes.get_yaxis_transform(),
                        va="center",
                        fontsize=6.5,
                    )
        axes.set(xlabel=name, ylim=(len(variants) - 0.5, -0.5))
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.12)
        axes.locator_params(axis="x", nbins=4)
    even = rows_of(every, quantity="even_radius_r50")["value"].mean()
    panels[0].axvline(even, color=GREY, linewidth=0.8, linestyle="-.")
    panels[0].set_yticks(range(len(variants)), [labels[variant] for variant in variants])


def _add_legends(
    upper: Figure, lower: Figure, variants: list[tuple[str, str]], *, seeds: bool
) -> None:
    """Name methods and orders above, domains and, if they are drawn, seeds below."""
    colours, labels = method_colours(method for method, _ in variants), variant_labels(variants)
    handles = [
        Line2D([], [], color=colours[v[0]], marker=marker, markersize=3, label=labels[v])
        for v, marker in zip(variants, _markers(variants), strict=True)
    ]
    names = {"highest": "highest first", "random": "random order", "lowest": "lowest first"}
    handles += [
        Line2D([], [], color="#444444", linestyle=line, linewidth=1.0, label=names[order])
        for order, line in ORDER_LINES.items()
    ]
    upper.legend(handles=handles, loc="outside upper center", ncols=6)
    handles = [
        Line2D([], [], color="#444444", marker=DOMAIN_MARKERS[domain], label=domain, **face)
        for domain, face in (("source", {"markerfacecolor": "white"}), ("target", {}))
    ]
    handles.append(Line2D([], [], color=GREY, linestyle=":", label="zero"))
    handles.append(Line2D([], [], color=GREY, linestyle="-.", label="even map"))
    if seeds:
        handles.append(Line2D([], [], color=GREY, marker=".", linestyle="", label="one seed"))
    lower.legend(handles=handles, loc="outside upper center", ncols=5)


def _markers(variants: list[tuple[str, str]]) -> list[str]:
    """Return a marker for each method."""
    return [MARKERS[number % len(MARKERS)] for number in range(len(variants))]
