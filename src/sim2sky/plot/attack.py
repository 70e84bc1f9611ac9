"""Attacks and accidents: success against strength, and how far the boundary is."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from sim2sky.attack.kinds import ACCIDENTS, NONE, ONE_PIXEL
from sim2sky.errors import Sim2SkyError
from sim2sky.files import read_parquet
from sim2sky.plot.inputs import averages_first, rows_of, variant_labels, variants_of
from sim2sky.plot.style import (
    DOMAIN_MARKERS,
    DOMAINS,
    PAGE_WIDTH_IN,
    blocks_of_columns,
    method_colours,
    new_figure,
    panel_grid,
)

MOST_COLUMNS = 4
LINES = {"source": "--", "target": "-"}
WIDE = 5  # ratio of strengths from which their axis is logarithmic
REQUIRED = [
    *("method", "network", "seed", "domain", "attack", "strength", "class", "reference"),
    *("quantity", "value", "low", "high"),
]
POINTS = {  # attack, quantity -> title and label of a panel of points
    (ONE_PIXEL, "success_rate"): ("one pixel", "predictions changed"),
    (NONE, "boundary_distance"): ("distance to the boundary", "distance [class scatter]"),
    (ONE_PIXEL, "latent_distance_moved"): ("moved by one pixel", "distance [class scatter]"),
}


def read_comparison(path: str | Path) -> pd.DataFrame:
    """Read the comparison of the attacks on an experiment's models.

    Parameters
    ----------
    path : str or Path
        ``attack.parquet``.

    Returns
    -------
    pandas.DataFrame
        The numbers of all classes together, of each method the mean over its seeds, or its
        only one.

    Raises
    ------
    Sim2SkyError
        If the table is missing, lacks a column or is empty.
    """
    table = read_parquet(path, REQUIRED)
    table = rows_of(table, **{"class": "all"})
    if table.empty:
        raise Sim2SkyError(
            "the table holds no rows", where=path, fix="run `sim2sky compare-attacks`"
        )
    return averages_first(table)[0]


def attack_figure(table: pd.DataFrame) -> Figure:
    """Return one panel for each accident, and three for the attack by one pixel.

    Parameters
    ----------
    table : pandas.DataFrame
        From `read_comparison`.

    Returns
    -------
    matplotlib.figure.Figure
        Lines are the shares of correctly classified images whose prediction changes,
        bands their intervals; points with bars where there is but one strength.
    """
    variants = variants_of(table)
    labels = variant_labels(variants)
    accidents = [name for name in ACCIDENTS if (table["attack"] == name).any()]
    points = [key for key in POINTS if len(_points(table, *key)) > 0]
    n_rows, n_columns = blocks_of_columns(len(accidents) + len(points), MOST_COLUMNS)
    figure = new_figure(PAGE_WIDTH_IN, 1.62 * n_rows + 0.55)
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.04)
    panels = [axes for line in panel_grid(figure, n_rows, n_columns) for axes in line]
    for axes in panels[len(accidents) + len(points) :]:
        axes.set_visible(False)
    colours = method_colours(method for method, _ in variants)
    styles = {
        variant: {"color": colours[variant[0]], "marker": "os^Dv"[_network(variants, variant)]}
        for variant in variants
    }
    for place, (axes, name) in enumerate(zip(panels, accidents, strict=False)):
        _draw_accident(axes, table, name, styles)
        if place % n_columns == 0:
            axes.set_ylabel("predictions changed")
    for axes, key in zip(panels[len(accidents) :], points, strict=False):
        _draw_points(axes, _points(table, *key), key, styles)
    handles = [
        Line2D([], [], color=style["color"], marker=style["marker"], label=labels[variant])
        for variant, style in styles.items()
    ]
    handles += [
        Line2D([], [], color="#666666", linestyle=LINES[domain], label=f"{domain} images")
        for domain in DOMAINS
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5))
    return figure


def _network(variants: list[tuple[str, str]], variant: tuple[str, str]) -> int:
    """Return the number of a variant's network among all networks."""
    return sorted({network for _, network in variants}).index(variant[1])


def _draw_accident(axes: Axes, table: pd.DataFrame, name: str, styles: dict) -> None:
    """Draw success against strength, the target's images solid, the source's dashed."""
    here = rows_of(table, attack=name, quantity="success_rate")
    for (method, network), style in styles.items():
        for domain in DOMAINS:
            rows = rows_of(here, method=method, network=network, domain=domain)
            rows = rows.sort_values("strength")
            x = rows["strength"]
            axes.fill_between(
                x, rows["low"], rows["high"], color=style["color"], alpha=0.13, linewidth=0
            )
            axes.plot(x, rows["value"], linestyle=LINES[domain], markersize=3, **style)
    strengths = np.unique(here["strength"])
    if strengths[0] > 0 and strengths[-1] > WIDE * strengths[0]:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(strengths, [f"{value:g}" for value in strengths])
    axes.set(ylim=(-0.03, 1.03), yticks=[0, 0.5, 1])
    axes.set_xlabel(ACCIDENTS[name].strength)
    axes.set_title(ACCIDENTS[name].title)
    axes.grid(axis="y")


def _points(table: pd.DataFrame, attack: str, quantity: str) -> pd.DataFrame:
    """Return the defined numbers of one quantity."""
    rows = rows_of(table, attack=attack, quantity=quantity)
    return rows[rows["value"].notna()]


def _draw_points(axes: Axes, here: pd.DataFrame, key: tuple[str, str], styles: dict) -> None:
    """Draw one number of each method and domain with its interval."""
    spread = np.linspace(-0.25, 0.25, len(styles)) if len(styles) > 1 else [0.0]
    for shift, ((method, network), style) in zip(spread, styles.items(), strict=True):
        for place, domain in enumerate(DOMAINS):
            for _, row in rows_of(here, method=method, network=network, domain=domain).iterrows():
                ends = [[row["value"] - row["low"]], [row["high"] - row["value"]]]
                axes.errorbar(
                    place + shift,
                    row["value"],
                    yerr=np.nan_to_num(ends),
                    color=style["color"],
                    marker=DOMAIN_MARKERS[domain],
                    linestyle="none",
                    capsize=2,
                )
    title, label = POINTS[key]
    axes.set_xlim(-0.6, 1.6)
    axes.set_xticks(range(len(DOMAINS)), [f"{domain}" for domain in DOMAINS])
    if key[1] == "success_rate":
        axes.set(ylim=(-0.03, 1.03), yticks=[0, 0.5, 1])
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel("images")
    axes.set_ylabel(label)
    axes.set_title(title)
    axes.grid(axis="y")
