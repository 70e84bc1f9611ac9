"""Mocks beside a survey's images, quantity by quantity, the largest mismatch first."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim2sky.errors import Sim2SkyError
from sim2sky.files import read_parquet
from sim2sky.plot.inputs import rows_of
from sim2sky.plot.style import PAGE_WIDTH_IN, blocks_of_columns, new_figure, panel_grid

COLOURS = {"source": "#0072B2", "target": "#E69F00", "reference": "#666666"}
MOST_COLUMNS = 4
EDGE_PERCENTILES = (0.5, 99.5)  # a few outliers must not squeeze the rest
REQUIRED = [
    *("quantity", "label", "unit", "standardised_difference", "ks_chance"),
    *("ks_distance", "ks_distance_low", "ks_distance_high"),
    *("median_source", "median_target", "median_reference"),
]


@dataclass(frozen=True)
class Comparison:
    """What `sim2sky realism` writes.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per quantity.
    values : pandas.DataFrame
        One row per image: side and the quantities.
    names : dict of str
        What source, target and, if there is one, reference are called.
    verdict : str
        The sentence that names the largest mismatch.
    """

    table: pd.DataFrame
    values: pd.DataFrame
    names: dict[str, str]
    verdict: str


def read_comparison(table: str | Path, values: str | Path) -> Comparison:
    """Read both tables of a comparison.

    Parameters
    ----------
    table, values : str or Path
        ``realism.parquet`` and ``realism_values.parquet``.

    Returns
    -------
    Comparison
        With all quantities whose distance is known.

    Raises
    ------
    Sim2SkyError
        If a table is missing, lacks a column or is of another comparison.
    """
    rows = read_parquet(table, REQUIRED)
    missing = [key for key in ("source", "target", "verdict") if key not in rows.attrs]
    if missing or rows.empty:
        raise Sim2SkyError(
            "the table does not say what it compares", where=table, fix="run `sim2sky realism`"
        )
    every = read_parquet(values, ["side", *rows["quantity"]])
    if every.attrs != rows.attrs:
        raise Sim2SkyError(
            "the values are those of another comparison",
            where=values,
            expected=f"those of {table}",
        )
    sides = ("source", "target", "reference")
    names = {side: rows.attrs[side] for side in sides if rows.attrs.get(side)}
    known = rows[rows["ks_distance"].notna()]
    return Comparison(known.reset_index(drop=True), every, names, rows.attrs["verdict"])


def realism_figure(comparison: Comparison) -> Figure:
    """Return one panel of histograms per quantity, in the order of the mismatch.

    Parameters
    ----------
    comparison : Comparison
        From `read_comparison`.

    Returns
    -------
    matplotlib.figure.Figure
        Source filled, target as a line, the reference dotted; medians are marks above.
        The panel of the largest mismatch has a heavy frame; distances within what
        chance gives are grey.
    """
    table = comparison.table
    n_rows, n_columns = blocks_of_columns(len(table), MOST_COLUMNS)
    figure = new_figure(PAGE_WIDTH_IN, 1.75 * n_rows + 0.65)
    panels = [axes for row in panel_grid(figure, n_rows, n_columns) for axes in row]
    for axes in panels[len(table) :]:
        axes.set_visible(False)
    for place, (axes, (_, row)) in enumerate(zip(panels, table.iterrows(), strict=False)):
        _draw(axes, row, comparison)
        if place == 0 and row["ks_distance"] > row["ks_chance"]:
            for spine in axes.spines.values():
                spine.set(linewidth=1.8, zorder=5)
    figure.suptitle(comparison.verdict[0].upper() + comparison.verdict[1:], fontsize=9)
    figure.legend(
        handles=_handles(comparison.names), loc="outside lower center", ncols=len(comparison.names)
    )
    return figure


def _draw(axes: Axes, row: pd.Series, comparison: Comparison) -> None:
    """Draw the distributions of one quantity, each of area one."""
    samples = {}
    for side in comparison.names:
        values = rows_of(comparison.values, side=side)[row["quantity"]].to_numpy(dtype=float)
        if np.isfinite(values).any():
            samples[side] = values[np.isfinite(values)]
    edges = bin_edges(list(samples.values()))
    top = 0.0
    for side, values in samples.items():
        density, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges, density=True)
        top = max(top, density.max())
        style = {
            "source": {"fill": True, "alpha": 0.35, "linewidth": 0},
            "target": {"linewidth": 1.3},
            "reference": {"linewidth": 1.0, "linestyle": ":"},
        }[side]
        axes.stairs(density, edges, color=COLOURS[side], **style)
    for side in samples:
        axes.plot(row[f"median_{side}"], 1.08 * top, "v", color=COLOURS[side], markersize=4)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.2 * top), yticks=[])
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(f"{row['label']} [{row['unit']}]" if row["unit"] else row["label"])
    axes.set_title(
        f"KS {row['ks_distance']:.2f} ({row['ks_distance_low']:.2f}\u2013"
        f"{row['ks_distance_high']:.2f}), {signed(row['standardised_difference'])}"
        "$\\,\\sigma$",
        fontsize=7.5,
        color="#000000" if row["ks_distance"] > row["ks_chance"] else "#888888",
    )


def signed(value: float) -> str:
    """Return a number with its sign and two decimals.

    Parameters
    ----------
    value : float
        NaN where undefined.

    Returns
    -------
    str
        E.g. ``"+0.31"``, with a true minus.
    """
    return "?" if np.isnan(value) else f"{value:+.2f}".replace("-", "\u2212")


def bin_edges(samples: list[np.ndarray]) -> np.ndarray:
    """Return common bins for some samples; what lies outside belongs to the outermost bins.

    Parameters
    ----------
    samples : list of numpy.ndarray
        Finite values.

    Returns
    -------
    numpy.ndarray
        Evenly spaced, about as many as the smallest sample deserves.
    """
    ends = np.array([np.percentile(values, EDGE_PERCENTILES) for values in samples])
    low, high = ends[:, 0].min(), ends[:, 1].max()
    if high <= low:
        low, high = low - 0.5, high + 0.5
    count = np.clip(2 * np.sqrt(min(len(values) for values in samples)), 8, 30)
    return np.linspace(low, high, int(count) + 1)


def _handles(names: dict[str, str]) -> list[Patch | Line2D]:
    """Return what the legend shows."""
    labels = {side: name.replace("_", " ") for side, name in names.items()}
    handles: list[Patch | Line2D] = [
        Patch(
            color=COLOURS["source"], alpha=0.35, linewidth=0, label=f"{labels['source']} (source)"
        ),
        Line2D([], [], color=COLOURS["target"], label=f"{labels['target']} (target)"),
    ]
    if "reference" in labels:
        name = f"{names['reference']} (reference)"
        handles.append(Line2D([], [], color=COLOURS["reference"], linestyle=":", label=name))
    return handles
