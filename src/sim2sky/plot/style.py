"""One look for every figure, and how a figure is written.

Colours are those of Okabe & Ito (2008, https://jfly.uni-koeln.de/color/), which
stay apart for colour-blind readers; domains differ by marker and line style
instead, so that no figure relies on colour alone. Figures are made without
pyplot: no global state, no display.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from sim2sky.baseline.settings import BASELINES
from sim2sky.files import atomic_path

COLUMN_WIDTH_IN = 3.5
PAGE_WIDTH_IN = 7.1

# the order is the order of every legend and of every table
METHOD_LABELS = {
    "untrained": "before training",
    "source_only": "source only",
    "shuffled_labels": "shuffled labels",
    "augmentation": "augmentation",
    "adabn": "AdaBN",
    "adabn_li": "AdaBN (Li)",
    "coral": "CORAL",
    "coral_mean": "CORAL + means",
    "mmd": "MMD",
    "mmd_median": "MMD (median)",
    "mmd_weighted": "MMD (weighted classes)",
    "mmd_fisher_entropy": "MMD + Fisher + entropy",
    "dann": "DANN",
    "dann_scheduled": "DANN (scheduled)",
    "dann_fisher_entropy": "DANN + Fisher + entropy",
    "cdan": "CDAN",
    "sidda": "SIDDA",
    "dance": "DANCE",
    "oracle": "oracle (target labels)",
    "gini_m20": "Gini-M20 cut",
    "asymmetry": "asymmetry cut",
    "second_component": "second component",
    "random_forest": "random forest",
    "leakage_probe": "leakage probe",
}
CRITERION_LABELS = {  # of `sim2sky.train.criteria`, and what stands beside them
    "information_maximisation": "information maximisation",
    "snd": "soft neighbourhood density",
    "entropy": "target entropy",
    "dev": "deep embedded validation",
    "iwv": "importance-weighted validation",
    "source_validation": "source validation",
    "configured": "settings as configured",
    "random": "a random trial",
    "target_validation": "target validation (labels)",
}
# variants of a method are lighter and darker shades of its colour
METHOD_COLOURS = {
    "untrained": "#A0A0A0",
    "source_only": "#000000",
    "shuffled_labels": "#B5B5B5",
    "augmentation": "#5D3A9B",
    "adabn": "#E69F00",
    "adabn_li": "#F6D37A",
    "coral": "#8A8500",
    "coral_mean": "#B7E33A",
    "mmd": "#0072B2",
    "mmd_median": "#7CC8F2",
    "mmd_weighted": "#3DB7A4",
    "mmd_fisher_entropy": "#00315C",
    "dann": "#D55E00",
    "dann_scheduled": "#F5A87F",
    "dann_fisher_entropy": "#7A2E00",
    "cdan": "#FF2D8A",
    "sidda": "#009E73",
    "dance": "#CC79A7",
    "oracle": "#777777",
    # of no network, and never in one panel of curves
    **dict.fromkeys(BASELINES, "#8C6D46"),
}
SPARE_COLOURS = ["#56B4E9", "#8C564B", "#B8A800", "#5D3A9B", "#1A6B5A", "#B2182B"]
CLASS_COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]
UNKNOWN_COLOUR = "#999999"
DOMAIN_MARKERS = {"source": "o", "target": "^"}
DOMAINS = ("source", "target")
LAYOUT_DIGITS = 6  # of the figure's size: a thousandth of a pixel

_RC = {
    "font.family": "STIXGeneral",  # Times-like; both fonts come with matplotlib
    "mathtext.fontset": "stix",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "image.interpolation": "nearest",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,  # journals refuse Type 3 fonts
}


def house_style() -> AbstractContextManager:
    """Return a context in which matplotlib has the style; draw and save inside it.

    Returns
    -------
    contextlib.AbstractContextManager
        Restores matplotlib's settings on leaving.
    """
    return matplotlib.rc_context(_RC)


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure whose panels will not overlap.

    Parameters
    ----------
    width_in, height_in : float
        Size in inches.

    Returns
    -------
    matplotlib.figure.Figure
        With a constrained layout.
    """
    return Figure(figsize=(width_in, height_in), layout="constrained")


def save_figure(figure: Figure, output: str | Path, dpi: int = 200) -> None:
    """Write a figure as PNG and, beside it with the same stem, as PDF.

    Neither file holds a date or a version, so the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    output : str or Path
        The PNG file.
    dpi : int
        Resolution of the PNG and of what is rasterised in the PDF.
    """
    output = Path(output)
    figure.draw_without_rendering()
    figure.set_layout_engine(None)  # laid out once is enough: it takes most of the time
    for axes in figure.axes:
        # the last digits of a layout depend on where in memory its solver keeps things
        bounds = np.round(axes.get_position(original=True).bounds, LAYOUT_DIGITS)
        axes.set_position(bounds, which="original")
    with atomic_path(output) as temporary:
        FigureCanvasAgg(figure)
        figure.savefig(temporary, format="png", dpi=dpi, metadata={"Software": None})
    with atomic_path(output.with_suffix(".pdf")) as temporary:
        FigureCanvasPdf(figure)
        nothing = {"Creator": None, "Producer": None, "CreationDate": None}
        figure.savefig(temporary, format="pdf", dpi=dpi, metadata=nothing)


def ordered_methods(methods: Iterable[str]) -> list[str]:
    """Return methods without repeats, in the order of every figure.

    Parameters
    ----------
    methods : iterable of str
        Names in any order.

    Returns
    -------
    list of str
        The known ones first, others by name, then the oracle and the baselines.
    """
    known = list(METHOD_LABELS)

    def rank(method: str) -> tuple[int, str]:
        if method == "oracle" or method in BASELINES:
            return len(known) + 1 + known.index(method), method
        return (known.index(method) if method in known else len(known)), method

    return sorted(set(methods), key=rank)


def method_colours(methods: Iterable[str]) -> dict[str, str]:
    """Return the colour of each method: fixed where known, a spare one else.

    Parameters
    ----------
    methods : iterable of str
        Names of methods.

    Returns
    -------
    dict of str
        Method to hexadecimal colour.
    """
    methods = ordered_methods(methods)
    others = [method for method in methods if method not in METHOD_COLOURS]
    spare = {
        method: SPARE_COLOURS[index % len(SPARE_COLOURS)] for index, method in enumerate(others)
    }
    return {method: METHOD_COLOURS.get(method) or spare[method] for method in methods}


def method_label(method: str) -> str:
    """Return how a method is called in figures and on the page.

    Parameters
    ----------
    method : str
        Name in the configuration.

    Returns
    -------
    str
        E.g. ``"source only"``.
    """
    return METHOD_LABELS.get(method, method.replace("_", " "))


def class_colour(label: int) -> str:
    """Return the colour of a class; grey for an unknown one (-1).

    Parameters
    ----------
    label : int
        Index of the class.

    Returns
    -------
    str
        Hexadecimal colour.
    """
    return CLASS_COLOURS[label % len(CLASS_COLOURS)] if label >= 0 else UNKNOWN_COLOUR


def hide_ticks(axes: Axes) -> None:
    """Remove ticks and their labels, e.g. around an image.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes.
    """
    axes.tick_params(
        bottom=False, top=False, left=False, right=False, labelbottom=False, labelleft=False
    )


def blocks_of_columns(n_panels: int, most: int) -> tuple[int, int]:
    """Return how to break a long row of panels into even blocks.

    Parameters
    ----------
    n_panels : int
        Length of the row.
    most : int
        Largest number of panels side by side.

    Returns
    -------
    blocks, columns : int
        E.g. 2 blocks of 3 columns for 5 panels of which 4 fit side by side.
    """
    blocks = -(-n_panels // most)
    return blocks, -(-n_panels // blocks)


def panel_grid(figure: Figure, rows: int, columns: int, **options: Any) -> list[list[Axes]]:  # noqa: ANN401
    """Return axes as a list of rows, whatever their number.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    rows, columns : int
        Number of panels.
    **options
        Passed to ``Figure.subplots``.

    Returns
    -------
    list of list of matplotlib.axes.Axes
        Indexed by row, then column.
    """
    return figure.subplots(rows, columns, squeeze=False, **options).tolist()
