"""The planner's figure: what exposure time buys."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from sim2sky.plot.inputs import rows_of
from sim2sky.plot.ladder import curves, draw_curve, variant_styles
from sim2sky.plot.style import COLUMN_WIDTH_IN, new_figure

PANELS = {
    "balanced_accuracy": "balanced accuracy",
    "attribution_outskirts": "Grad-CAM on outskirts\n[share]",
    "attribution_radius_r50": "Grad-CAM radius\n[half-light radii]",
}


def exposure_figure(table: pd.DataFrame) -> Figure:
    """Return accuracy and the use of the outskirts against the exposure time.

    Parameters
    ----------
    table : pandas.DataFrame
        From `sim2sky.plot.ladder.read_ladder`, axis exposure.

    Returns
    -------
    matplotlib.figure.Figure
        Of each variant the mean over seeds with intervals, the seeds as thin lines. An open ring
        marks the depth from which the outskirts (second panel) or accuracy (first) are
        less than at the longest exposure beyond its interval.
    """
    styles = variant_styles(table)
    depth = (
        table[table["step"] >= 0].drop_duplicates("exposure_factor").sort_values("exposure_factor")
    )
    factors = depth["exposure_factor"].to_numpy()
    figure = new_figure(COLUMN_WIDTH_IN, 5.4)
    panels = figure.subplots(len(PANELS), 1, sharex=True)
    step = np.ptp(np.log2(factors)) / max(len(factors) - 1, 1) if len(factors) > 1 else 1.0
    for axes, (quantity, label) in zip(panels, PANELS.items(), strict=True):
        seen = set()
        for variant, _, rows in curves(table, quantity, "exposure_factor"):
            shift = 0.08 * step * (list(styles).index(variant) - (len(styles) - 1) / 2)
            x = rows["exposure_factor"].to_numpy() * 2**shift
            draw_curve(axes, x, rows, first=variant not in seen, **styles[variant])
            seen.add(variant)
        axes.set_ylabel(label)
        axes.margins(y=0.12)
        axes.axvline(1, color="#999999", linewidth=0.7, linestyle=":", zorder=0)
    panels[0].set_xscale("log", base=2)
    _mark_losses(panels[0], table, "accuracy_lost", "balanced_accuracy", styles)
    _mark_losses(panels[1], table, "outskirts_lost", "attribution_outskirts", styles)
    panels[-1].set_xticks(factors, [_factor(value) for value in factors])
    panels[-1].xaxis.set_minor_locator(NullLocator())
    panels[-1].set_xlabel("exposure time [survey's own]")
    top = panels[0].secondary_xaxis("top")
    top.set_xticks(factors, [f"{value:.1f}" for value in depth["depth_mag_arcsec2"]])
    top.xaxis.set_minor_locator(NullLocator())
    top.set_xlabel(f"5$\\sigma$ depth, {depth['depth_band'].iloc[0]} [AB mag arcsec$^{{-2}}$]")
    for axes in panels:
        axes.tick_params(axis="x", top=False, which="both")
    handles, texts = panels[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=min(3, len(texts)))
    return figure


def _mark_losses(axes: Axes, table: pd.DataFrame, loss: str, quantity: str, styles: dict) -> None:
    """Draw a ring where something is first lost."""
    found = rows_of(table, quantity=f"{loss}_exposure_factor")
    for variant, style in styles.items():
        rows = rows_of(found, method=variant[0], network=variant[1]).sort_values("seed")
        if rows.empty or np.isnan(rows["value"].iloc[0]):
            continue
        factor, seed = rows["value"].iloc[0], rows["seed"].iloc[0]
        there = rows_of(table, method=variant[0], network=variant[1], quantity=quantity)
        there = there[(there["seed"] == seed) & (there["exposure_factor"] == factor)]
        axes.plot(
            there["exposure_factor"],
            there["value"],
            "o",
            markersize=10,
            fillstyle="none",
            color=style["color"],
        )


def _factor(value: float) -> str:
    """Return a factor as people write it: 1/4, 1, 16."""
    if value < 1 and np.isclose(1 / value, round(1 / value)):
        return f"1/{round(1 / value)}"
    return f"{value:g}"
