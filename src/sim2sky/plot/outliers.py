"""What is strange in the target: the farthest images of each method, and what it would notice."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import ALL_SEEDS
from sim2sky.files import read_parquet
from sim2sky.plot.images import OUTLINE, grey_image
from sim2sky.plot.inputs import ModelKey, rows_of, variant_labels
from sim2sky.plot.style import PAGE_WIDTH_IN, hide_ticks, method_colours, new_figure, panel_grid
from sim2sky.reliability.probabilities import COLUMNS
from sim2sky.reliability.search import Search, read_search
from sim2sky.reliability.strange import KINDS

# of two classes the entropy ranks images as the highest probability does
SCORES = {
    "distance": ("o", "latent distance"),
    "confidence": ("s", "1 \u2212 highest probability"),
    "energy": ("v", "energy"),
}
DETECTION_HEIGHT_IN = 3.2
BLOCK_SPACE = 0.04  # between the blocks of methods, in units of their height
ROWS = ("strangest", "ordinary")


def read_detection(path: str | Path) -> pd.DataFrame:
    """Read what scores of strangeness notice, as means over seeds.

    Parameters
    ----------
    path : str or Path
        ``reliability.parquet``.

    Returns
    -------
    pandas.DataFrame
        Areas of images made strange.

    Raises
    ------
    Sim2SkyError
        If the table is missing, lacks a column or none was made strange.
    """
    table = read_parquet(path, COLUMNS)
    table = table[(table["seed"] == ALL_SEEDS) & (table["quantity"] == "strange_auc")]
    if table.empty:
        raise Sim2SkyError(
            "no model was searched for outliers",
            where=path,
            fix="give `sim2sky reliability` the outliers.h5 files",
        )
    return table


def outliers_figure(files: dict[ModelKey, Path], table: pd.DataFrame) -> Figure:
    """Return the strangest and the most ordinary target images, and examples made strange.

    Parameters
    ----------
    files : dict
        ``outliers.h5`` of one model per method, from `sim2sky.plot.inputs.first_seeds`.
    table : pandas.DataFrame
        From `read_detection`.

    Returns
    -------
    matplotlib.figure.Figure
        Two rows of stamps for each method, then an example of each kind of strange
        image above the areas under the ROC curves that the scores reach on it.
    """
    searches = {key: read_search(path) for key, path in files.items()}
    labels = variant_labels([(key.method, key.network) for key in files])
    columns = max(len(search.images["strangest"]) for search in searches.values())
    side = (PAGE_WIDTH_IN - 0.5) / columns
    height = (2 * (side + 0.31) + 0.26) * len(searches)
    figure = new_figure(PAGE_WIDTH_IN, height + DETECTION_HEIGHT_IN)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.025, hspace=0.0, wspace=0.0)
    parts = figure.subfigures(
        2, 1, height_ratios=[height, DETECTION_HEIGHT_IN], hspace=BLOCK_SPACE
    )
    blocks = np.atleast_1d(parts[0].subfigures(len(searches), 1, hspace=BLOCK_SPACE))
    for (key, search), block in zip(searches.items(), blocks, strict=True):
        _draw_stamps(block, search, labels[key.method, key.network], columns)
    _draw_detection(parts[1], next(iter(searches.values())), table, labels)
    return figure


def _draw_stamps(figure: SubFigure, search: Search, name: str, columns: int) -> None:
    """Draw the strangest images of one model above its most ordinary ones."""
    reference = " and ".join(search.attributes["reference"])
    figure.suptitle(f"{name}: distance to the training images of {reference}", fontsize=9)
    rows = search.rows["target"]
    rank = np.empty(len(rows["distance"]), dtype=int)
    rank[np.argsort(-rows["distance"], kind="stable")] = np.arange(1, len(rank) + 1)
    for which, line in zip(ROWS, panel_grid(figure, len(ROWS), columns), strict=True):
        for axes in line[len(search.images[which]) :]:
            axes.set_visible(False)
        for axes, image, place in zip(
            line, search.images[which], search.images[f"{which}_row"], strict=False
        ):
            _draw_image(axes, image, search.attributes["units"])
            axes.text(0.04, 0.95, f"{rank[place]}", transform=axes.transAxes, va="top", **_WRITTEN)
            axes.text(
                0.96,
                0.95,
                f"{rows['distance'][place]:.2f}",
                transform=axes.transAxes,
                va="top",
                ha="right",
                **_WRITTEN,
            )
            axes.set_xlabel(_names(search, place), fontsize=6.8, labelpad=2, linespacing=1.05)
        line[0].set_ylabel("strangest" if which == "strangest" else "most ordinary", fontsize=8)


_WRITTEN = {"color": "white", "fontsize": 7, "path_effects": OUTLINE}


def _names(search: Search, place: int) -> str:
    """Return the predicted class and the true one, if known."""
    rows, classes = search.rows["target"], search.attributes["classes"]
    label = int(rows["label"][place])
    true = "?" if label < 0 else (classes[label] if label < len(classes) else "other")
    return f"p: {classes[rows['predicted'][place]]}\nt: {true}"


def _draw_image(axes: Axes, image: np.ndarray, units: str) -> None:
    """Draw one stamp without ticks."""
    grey = np.clip(image.mean(axis=0) / 255, 0, 1) if units == "8bit" else grey_image(image)
    axes.imshow(grey, cmap="gray", origin="lower", vmin=0, vmax=1)
    hide_ticks(axes)


def _draw_detection(
    figure: SubFigure,
    search: Search,
    table: pd.DataFrame,
    labels: dict[tuple[str, str], str],
) -> None:
    """Draw an example of each kind above the areas that every method's scores reach on it."""
    kinds = ["ordinary", *KINDS]
    grid = figure.add_gridspec(2, len(kinds), height_ratios=[1, 1.55])
    for number, kind in enumerate(kinds):
        axes = figure.add_subplot(grid[0, number])
        _draw_image(axes, search.images[f"example_{kind}"], search.attributes["units"])
        axes.set_title("as it was" if kind == "ordinary" else kind.replace("_", " "), fontsize=8)
    axes = figure.add_subplot(grid[1, :])
    colours = method_colours(method for method, _ in labels)
    shift = 0.8 / (len(labels) * len(SCORES) + 1)
    for place, (method, network) in enumerate(labels):
        for number, (score, (marker, _)) in enumerate(SCORES.items()):
            rows = rows_of(table, method=method, network=network, score=score)
            rows = rows.set_index("kind").reindex(list(KINDS))
            step = number * len(labels) + place - (len(labels) * len(SCORES) - 1) / 2
            value = rows["value"].to_numpy(dtype=float)
            error = np.abs(rows[["low", "high"]].to_numpy(dtype=float).T - value)
            axes.errorbar(
                np.arange(1, len(kinds)) + shift * step,
                value,
                np.nan_to_num(error),
                fmt=marker,
                color=colours[method],
                markerfacecolor=colours[method] if score == "distance" else "white",
                markersize=3.6,
                elinewidth=0.7,
            )
    axes.axhline(0.5, color="#555555", linestyle=":", linewidth=0.8)
    for edge in np.arange(0.5, len(kinds) - 0.5):
        axes.axvline(edge, color="#EEEEEE", linewidth=0.6, zorder=0)
    axes.set(xlim=(-0.5, len(kinds) - 0.5), ylim=(-0.03, 1.03), xticks=[])
    axes.set_ylabel("AUC")
    axes.text(0, 0.5, "strange images\nagainst the same\nas they were", **_CENTRED)
    handles = [
        Patch(color=colours[method], label=labels[method, network]) for method, network in labels
    ]
    for score, (marker, text) in SCORES.items():
        face = "black" if score == "distance" else "white"
        style = {"linestyle": "", "marker": marker, "color": "black", "markerfacecolor": face}
        handles.append(Line2D([], [], label=text, **style))
    figure.legend(handles=handles, loc="outside lower center", ncols=6, handletextpad=0.4)


_CENTRED = {"ha": "center", "va": "center", "fontsize": 7.5, "backgroundcolor": "white"}
