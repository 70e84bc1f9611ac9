"""The ladder of realisms: distance to the survey, accuracy and where the networks look."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patheffects import withStroke

from sim2sky.errors import Sim2SkyError
from sim2sky.files import read_parquet
from sim2sky.plot.inputs import rows_of, variant_labels, variants_of
from sim2sky.plot.style import PAGE_WIDTH_IN, method_colours, new_figure

COLUMNS = [
    *("method", "network", "seed", "domain", "axis", "step", "rung", "exposure_factor"),
    *("depth_mag_arcsec2", "depth_band", "quantity", "value", "low", "high"),
]
RUNG_LABELS = {"psf": "PSF", "sky_residual": "sky residual", "sizes": "apparent sizes"}
PANELS = {  # quantity, label of its axis
    "latent_distance": "distance to target\n[class scatters]",
    "latent_distance_source": "distance to source\n[class scatters]",
    "balanced_accuracy": "balanced accuracy",
    "attribution_radius_r50": "Grad-CAM radius\n[half-light radii]",
}
SPREAD = 0.09  # how far methods stand apart at one rung
MARKERS = "osD^vP"
LINEAR_BELOW = 0.1  # class scatters; farther distances are drawn by their logarithm
DISTANCE_TICKS = (0, 0.1, 0.3, 1, 3, 10)
MOST_IN_A_COLUMN = 3  # panels of accuracy against distance
NEAR = 0.1  # of a panel's range: the size of a number
RELATED = ("latent_distance_source", "balanced_accuracy")


def read_ladder(path: str | Path, axis: str) -> pd.DataFrame:
    """Read the rows of one axis of an experiment's ladder.

    Parameters
    ----------
    path : str or Path
        ``ladder.parquet``.
    axis : {"realism", "exposure"}
        Which.

    Returns
    -------
    pandas.DataFrame
        The rows.

    Raises
    ------
    Sim2SkyError
        If the table is missing, lacks a column or holds no such row.
    """
    table = rows_of(read_parquet(path, COLUMNS), axis=axis)
    if table.empty:
        raise Sim2SkyError(
            f"the table holds no ladder of {axis}", where=path, fix="run `sim2sky ladder`"
        )
    return table.reset_index(drop=True)


def curves(
    table: pd.DataFrame, quantity: str, by: str
) -> Iterator[tuple[tuple[str, str], int, pd.DataFrame]]:
    """Yield variant, seed and the rows of each model along a ladder.

    Parameters
    ----------
    table : pandas.DataFrame
        From `read_ladder`.
    quantity : str
        Which.
    by : str
        Column by which the rows are sorted.

    Yields
    ------
    variant : tuple of str
        Method and network.
    seed : int
        The smallest first, -1 for the mean of all.
    rows : pandas.DataFrame
        One per rung.
    """
    chosen = rows_of(table, domain="mock", quantity=quantity)
    chosen = chosen[chosen["step"] >= 0]
    for variant in variants_of(chosen):
        of_variant = rows_of(chosen, method=variant[0], network=variant[1])
        for seed, rows in of_variant.groupby("seed"):
            yield variant, int(seed), rows.sort_values(by)


def draw_curve(
    axes: Axes, x: np.ndarray, rows: pd.DataFrame, *, first: bool, **style: str
) -> None:
    """Draw values with their intervals; the seeds of a mean as thin lines without.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where.
    x : numpy.ndarray
        Places of the rows.
    rows : pandas.DataFrame
        value, low and high.
    first : bool
        Whether this is the mean over seeds, or the first of them.
    **style : str
        ``color``, ``marker`` and, for the legend, ``label``.
    """
    value = rows["value"].to_numpy()
    if not first:
        axes.plot(x, value, color=style["color"], linewidth=0.5, alpha=0.6)
        return
    # an interval from resampling may lie to one side of its value
    errors = np.clip([value - rows["low"], rows["high"] - value], 0, None)
    axes.errorbar(x, value, yerr=errors, markersize=3.5, elinewidth=0.8, capsize=1.5, **style)


def variant_styles(table: pd.DataFrame) -> dict[tuple[str, str], dict[str, str]]:
    """Return colour, marker and label of each variant of a table.

    Parameters
    ----------
    table : pandas.DataFrame
        With columns ``method`` and ``network``.

    Returns
    -------
    dict
        By variant.
    """
    variants = variants_of(table)
    colours = method_colours(method for method, _ in variants)
    labels = variant_labels(variants)
    return {
        variant: {
            "color": colours[variant[0]],
            "marker": MARKERS[number % len(MARKERS)],
            "label": labels[variant],
        }
        for number, variant in enumerate(variants)
    }


def ladder_figure(table: pd.DataFrame) -> Figure:
    """Return distances, accuracy and Grad-CAM radius by rung, and accuracy against distance.

    Parameters
    ----------
    table : pandas.DataFrame
        From `read_ladder`, axis realism.

    Returns
    -------
    matplotlib.figure.Figure
        Of each variant the mean over seeds with intervals, the seeds as thin lines.
    """
    styles = variant_styles(table)
    rungs = rows_of(table, domain="mock", quantity="balanced_accuracy").sort_values("step")
    names = list(dict.fromkeys(rungs["rung"]))
    figure = new_figure(PAGE_WIDTH_IN, 5.6)
    left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
    panels = left.subplots(len(PANELS), 1, sharex=True)
    for axes, (quantity, label) in zip(panels, PANELS.items(), strict=True):
        _draw_rungs(axes, table, quantity, styles)
        axes.set_ylabel(label)
        axes.margins(y=0.12)
        axes.tick_params(axis="x", top=False, which="both")
    _draw_floors(panels[0], table, styles)
    panels[2].axhline(1 / _n_classes(table), color="#999999", linewidth=0.7, linestyle=":")
    labels = [f"{n}  {RUNG_LABELS.get(name, name)}" for n, name in enumerate(names, start=1)]
    panels[-1].set_xticks(range(len(names)), labels, rotation=35, ha="right")
    panels[-1].set_xlim(-0.5, len(names) - 0.5)
    _draw_relations(right, table, styles)
    handles, texts = panels[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=min(4, len(texts)))
    return figure


def _draw_rungs(axes: Axes, table: pd.DataFrame, quantity: str, styles: dict) -> None:
    """Draw one quantity by rung, methods a little apart."""
    variants, seen = list(styles), set()
    for variant, _, rows in curves(table, quantity, "step"):
        shift = SPREAD * (variants.index(variant) - (len(variants) - 1) / 2)
        x = rows["step"].to_numpy() + shift
        draw_curve(axes, x, rows, first=variant not in seen, **styles[variant])
        seen.add(variant)


def _draw_floors(axes: Axes, table: pd.DataFrame, styles: dict) -> None:
    """Mark the distance between halves of the target."""
    floors = rows_of(table, quantity="latent_distance_floor")
    for variant, style in styles.items():
        rows = rows_of(floors, method=variant[0], network=variant[1])
        if len(rows) and np.isfinite(rows["value"].iloc[0]):
            axes.axhline(rows["value"].iloc[0], color=style["color"], linewidth=0.7, linestyle=":")


def _draw_relations(figure: SubFigure, table: pd.DataFrame, styles: dict) -> None:
    """Draw accuracy against distance, a panel per variant and a point per rung."""
    columns = 1 if len(styles) <= MOST_IN_A_COLUMN else 2
    panels = figure.subplots(
        -(-len(styles) // columns), columns, sharex=True, sharey=True, squeeze=False
    )
    mocks = rows_of(table, domain="mock")
    distances, accuracies = (rows_of(mocks, quantity=name)["value"] for name in RELATED)
    # the panels share their axes
    first = panels[0, 0]
    first.set_xscale("asinh", linear_width=LINEAR_BELOW)
    first.set_xticks(DISTANCE_TICKS, [f"{tick:g}" for tick in DISTANCE_TICKS])
    first.set_xticks([], minor=True)
    first.set_xlim(-0.4 * LINEAR_BELOW, 1.8 * np.fmax(distances.max(), LINEAR_BELOW))
    first.margins(y=0.18)
    near = NEAR * np.array([np.ptp(_drawn(distances)), np.ptp(accuracies)])
    correlations = rows_of(table, quantity="rank_correlation_source")
    for axes, (variant, style) in zip(panels.flat, styles.items(), strict=False):
        keys = {"method": variant[0], "network": variant[1]}
        _draw_relation(axes, rows_of(mocks, **keys), style, near)
        row = rows_of(correlations, **keys).sort_values("seed").iloc[0]
        axes.set_title(
            f"{style['label']}\nrank correlation {_number(row['value'])}"
            f" ({_number(row['low'])} to {_number(row['high'])})",
            fontsize=7.5,
        )
    for axes in panels.flat[len(styles) :]:
        axes.set_visible(False)
    figure.supxlabel("distance to source [class scatters]", fontsize="medium")
    figure.supylabel("balanced accuracy", fontsize="medium")


def _draw_relation(
    axes: Axes, rows: pd.DataFrame, style: dict[str, str], near: np.ndarray
) -> None:
    """Draw the mean of one variant over its seeds, or its first seed, with numbers of rungs."""
    rows = rows[rows["seed"] == rows["seed"].min()]
    distance, accuracy = (
        rows_of(rows, quantity=name).sort_values("step")["value"].to_numpy() for name in RELATED
    )
    axes.plot(distance, accuracy, color=style["color"], marker=style["marker"], linewidth=0.6)
    for text, which in _numbered(np.column_stack([_drawn(distance), accuracy]), near):
        axes.annotate(
            text,
            (distance[which], accuracy[which]),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize=6.5,
            color=style["color"],
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
        )


def _drawn(distance: np.ndarray | pd.Series) -> np.ndarray:
    """Return where a distance is drawn, in units in which `LINEAR_BELOW` is nearly 1."""
    return np.arcsinh(np.asarray(distance) / LINEAR_BELOW)


def _numbered(places: np.ndarray, near: np.ndarray) -> list[tuple[str, int]]:
    """Return the numbers of rungs at each place and the last; nearer than `near`, they share."""
    groups: list[list[int]] = []
    for number, place in enumerate(places):
        found = [g for g in groups if (np.abs(places[g[0]] - place) <= near).all()]
        if found:
            found[0].append(number)
        else:
            groups.append([number])
    return [(", ".join(str(n + 1) for n in group), group[-1]) for group in groups]


def _n_classes(table: pd.DataFrame) -> int:
    """Return how many classes have a recall."""
    return max(2, table["quantity"][table["quantity"].str.startswith("recall_")].nunique())


def _number(value: float) -> str:
    """Return a number with two decimals and a true minus."""
    return "?" if np.isnan(value) else f"{value:.2f}".replace("-", "\u2212")
