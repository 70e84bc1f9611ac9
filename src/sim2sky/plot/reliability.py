"""Reliability diagrams of both domains, calibration errors and prediction sets by method."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import ALL_SEEDS
from sim2sky.files import read_parquet
from sim2sky.plot.inputs import rows_of, variant_labels, variants_of
from sim2sky.plot.style import DOMAIN_MARKERS, DOMAINS, PAGE_WIDTH_IN, new_figure, panel_grid
from sim2sky.reliability.probabilities import COLUMNS, RAW, SCALED

COLOURS = {"source": "#0072B2", "target": "#D55E00"}
MOST_DIAGRAMS = 4
EXPECTED = "#BBBBBB"
CURVE_COLUMNS = ["method", "network", "domain", "probabilities", "confidence", "frequency"]
OFFSET = 0.17  # between the marks of one method, in units of its line


def read_reliability(table: str | Path, curves: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the means over seeds and the diagrams.

    Parameters
    ----------
    table, curves : str or Path
        ``reliability.parquet`` and ``reliability_curves.parquet``.

    Returns
    -------
    table, curves : pandas.DataFrame
        The first without single seeds.

    Raises
    ------
    Sim2SkyError
        If a table is missing, lacks a column or holds no model.
    """
    rows = read_parquet(table, COLUMNS)
    points = read_parquet(curves, [*CURVE_COLUMNS, "low", "high"])
    rows = rows[rows["seed"] == ALL_SEEDS]
    if rows.empty or points.empty:
        raise Sim2SkyError("no model is judged here", where=table, fix="run `sim2sky reliability`")
    return rows, points


def reliability_figure(table: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """Return reliability diagrams above, errors and prediction sets of every method below.

    Parameters
    ----------
    table, curves : pandas.DataFrame
        From `read_reliability`.

    Returns
    -------
    matplotlib.figure.Figure
        Diagrams of up to four methods, those first whose outliers were searched; a line
        for each method below.
    """
    variants = variants_of(curves)
    labels = variant_labels(variants)
    shown = shown_variants(table, variants)
    height_top = 3.55 if set(curves["domain"]) == set(DOMAINS) else 2.25
    height_bottom = 0.95 + 0.3 * len(variants)
    figure = new_figure(PAGE_WIDTH_IN, height_top + height_bottom)
    top, bottom = figure.subfigures(2, 1, height_ratios=[height_top, height_bottom])
    _draw_diagrams(top, table, curves, shown, labels)
    _draw_numbers(bottom, table, variants, labels)
    return figure


def shown_variants(table: pd.DataFrame, variants: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return whose diagrams are drawn: all, or those first that were looked into.

    Parameters
    ----------
    table : pandas.DataFrame
        From `read_reliability`.
    variants : list of tuple
        (method, network) pairs.

    Returns
    -------
    list of tuple
        At most `MOST_DIAGRAMS`, in the order of `variants`.
    """
    searched = set(variants_of(table[table["score"] != ""]))
    first = sorted(variants, key=lambda variant: variant not in searched)[:MOST_DIAGRAMS]
    return [variant for variant in variants if variant in first]


def _draw_diagrams(
    figure: SubFigure,
    table: pd.DataFrame,
    curves: pd.DataFrame,
    shown: list[tuple[str, str]],
    labels: dict[tuple[str, str], str],
) -> None:
    """Draw one diagram for each shown method and domain."""
    domains = [domain for domain in DOMAINS if (curves["domain"] == domain).any()]
    classes = list(table.attrs.get("classes", []))
    panels = panel_grid(figure, len(domains), len(shown), sharex=True, sharey=True)
    low = 0.0 if len(classes) == 2 else 1 / max(len(classes), 1) - 0.03
    for domain, row in zip(domains, panels, strict=True):
        for (method, network), axes in zip(shown, row, strict=True):
            which = {"method": method, "network": network, "domain": domain}
            axes.plot([low, 1], [low, 1], ":", color="#555555", linewidth=0.8)
            for state in (RAW, SCALED):
                _draw_curve(axes, rows_of(curves, probabilities=state, **which), state, domain)
            axes.text(
                0.04,
                0.96,
                _error_text(rows_of(table, **which)),
                transform=axes.transAxes,
                va="top",
                fontsize=6.8,
                linespacing=1.15,
            )
            axes.set(xlim=(low - 0.04, 1.04), ylim=(-0.04, 1.3), yticks=np.linspace(0, 1, 6))
        row[0].set_ylabel(f"{domain}\nobserved frequency")
    for variant, axes in zip(shown, panels[0], strict=True):
        axes.set_title(labels[variant].replace(" (target labels)", ""))
    what = f"predicted probability of {classes[1]}" if len(classes) == 2 else "highest probability"
    figure.supxlabel(what, fontsize=8.5)
    handles = [
        Line2D([], [], color="#777777", marker="s", markerfacecolor="white", linestyle="--"),
        Line2D([], [], color="black", marker="o"),
        Line2D([], [], color="#555555", linestyle=":"),
    ]
    names = ["as the networks give it", "scaled on held-out source rows", "calibrated"]
    figure.legend(handles, names, loc="outside upper center", ncols=3)


def _draw_curve(axes: Axes, points: pd.DataFrame, state: str, domain: str) -> None:
    """Draw the points of one diagram, with intervals after scaling."""
    points = points.sort_values("confidence")
    if state == RAW:
        axes.plot(
            points["confidence"],
            points["frequency"],
            "s--",
            color="#777777",
            markerfacecolor="white",
            markersize=3.2,
            linewidth=0.8,
        )
        return
    error = np.abs(points[["low", "high"]].to_numpy().T - points["frequency"].to_numpy())
    axes.errorbar(
        points["confidence"],
        points["frequency"],
        np.nan_to_num(error),
        fmt=f"{DOMAIN_MARKERS[domain]}-",
        color=COLOURS[domain],
        markersize=3.5,
        linewidth=1.0,
        elinewidth=0.7,
    )


def _error_text(rows: pd.DataFrame) -> str:
    """Return the calibration errors before and after scaling, and what chance gives."""
    value = rows.set_index(["quantity", "probabilities"])["value"]
    lines = [
        f"{name} {value['ece', state]:.2f} (chance {value['ece_perfect', state]:.2f})"
        for name, state in (("raw", RAW), ("scaled", SCALED))
    ]
    return "ECE " + "\n".join(lines)


def _draw_numbers(
    figure: SubFigure,
    table: pd.DataFrame,
    variants: list[tuple[str, str]],
    labels: dict[tuple[str, str], str],
) -> None:
    """Draw calibration error, coverage and set size, a line for each method."""
    left, middle, right = figure.subplots(1, 3, sharey=True)
    places = {variant: -number for number, variant in enumerate(variants)}
    judged = table[table["score"] == ""]  # a domain without labels has other scores alone
    for domain in DOMAINS:
        for variant, place in places.items():
            method, network = variant
            rows = rows_of(judged, method=method, network=network, domain=domain)
            if rows.empty:
                continue
            for state, hollow in ((RAW, True), (SCALED, False)):
                y = place + _offset(domain, hollow)
                expected = _pick(rows, "ece_perfect", state)
                left.plot(expected[1:], [y, y], color=EXPECTED, linewidth=3.2, zorder=1)
                _draw_mark(left, y, _pick(rows, "ece", state), domain, hollow)
            for axes, quantity in ((middle, "coverage"), (right, "set_size")):
                for suffix, hollow in (("_by_rows", True), ("", False)):
                    y = place + _offset(domain, hollow)
                    _draw_mark(axes, y, _pick(rows, quantity + suffix, RAW), domain, hollow)
    middle.axvline(table.attrs["coverage"], color="#555555", linestyle=":", linewidth=0.8)
    left.set(xlabel="expected calibration error (ECE)", xlim=(0, None))
    middle.set(xlabel="coverage of prediction sets", xlim=(None, 1.03))
    right.set_xlabel("classes in a set, mean")
    left.set_yticks(list(places.values()), [labels[variant] for variant in variants])
    left.set_ylim(min(places.values()) - 0.6, 0.6)
    for axes in (left, middle, right):
        axes.tick_params(axis="y", length=0)
        for place in list(places.values())[1:]:
            axes.axhline(place + 0.5, color="#EEEEEE", linewidth=0.6, zorder=0)
    figure.legend(
        handles=[
            _key("source", "source"),
            _key("source", "open: raw probabilities", hollow=True, colour="black"),
            _key("target", "target"),
            _key("source", "filled: scaled probabilities", colour="black"),
            Patch(color=EXPECTED, label="calibrated, by chance"),
            Line2D([], [], linestyle="", label=""),
            Line2D([], [], color="#555555", linestyle=":", label="promised coverage"),
            Line2D([], [], linestyle="", label=""),
            _key("source", "open: threshold by row", hollow=True, colour="black"),
            _key("source", "filled: threshold by system", colour="black"),
        ],
        loc="outside lower center",
        ncols=5,
        columnspacing=1.2,
        handletextpad=0.3,
    )


def _offset(domain: str, hollow: bool) -> float:
    """Return where a mark lies on its method's line."""
    return OFFSET * ((1 if domain == "source" else -1) + (0.5 if hollow else -0.5))


def _pick(rows: pd.DataFrame, quantity: str, state: str) -> np.ndarray:
    """Return value, low and high of one quantity."""
    found = rows_of(rows, quantity=quantity, probabilities=state)
    return found[["value", "low", "high"]].to_numpy(dtype=float)[0]


def _draw_mark(
    axes: Axes, y: float, number: np.ndarray, domain: str, hollow: bool
) -> ErrorbarContainer:
    """Draw a value with its interval."""
    value, low, high = number
    return axes.errorbar(
        value,
        y,
        xerr=np.nan_to_num([[max(value - low, 0)], [max(high - value, 0)]]),
        fmt=DOMAIN_MARKERS[domain],
        color=COLOURS[domain],
        markerfacecolor="white" if hollow else COLOURS[domain],
        markersize=3.8,
        elinewidth=0.8,
    )


def _key(domain: str, label: str, *, hollow: bool = False, colour: str | None = None) -> Line2D:
    """Return what the legend shows of a mark."""
    colour = colour or COLOURS[domain]
    marker = {"markerfacecolor": "white"} if hollow else {}
    return Line2D(
        [], [], linestyle="", marker=DOMAIN_MARKERS[domain], color=colour, label=label, **marker
    )
