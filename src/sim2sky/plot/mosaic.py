"""Example stamps of a domain, a row per class."""

from pathlib import Path

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim2sky.build.dataset import Dataset, read_dataset
from sim2sky.files import open_hdf5
from sim2sky.plot.images import OUTLINE, colour_image, display_scale, scale_bar_arcsec
from sim2sky.plot.settings import PlotSettings
from sim2sky.plot.style import COLUMN_WIDTH_IN, PAGE_WIDTH_IN, hide_ticks, new_figure, panel_grid
from sim2sky.seeding import generator


def mosaic_figure(path: str | Path, settings: PlotSettings) -> Figure:
    """Return a mosaic of random stamps, as many for each class.

    Parameters
    ----------
    path : str or Path
        ``dataset.h5``.
    settings : PlotSettings
        Number of stamps and seed of their choice.

    Returns
    -------
    matplotlib.figure.Figure
        A row per class; images without a label come last.
    """
    dataset = read_dataset(path, None, labels=True)
    with open_hdf5(path) as file:
        title = _title(dataset, file)
    labels = [label for label in (*range(len(dataset.classes)), -1) if label in dataset.label]
    chosen = {label: example_rows(dataset, label, settings) for label in labels}
    columns = max(map(len, chosen.values()))
    # never wider than a page, never a stamp larger than a column
    side = min((PAGE_WIDTH_IN - 0.3) / columns, 1.4)
    width, height = max(side * columns + 0.3, COLUMN_WIDTH_IN), (side + 0.16) * len(labels) + 0.3
    figure = new_figure(width, height)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03, hspace=0.01, wspace=0.01)
    panels = panel_grid(figure, len(labels), columns)
    shown = dataset.images[np.concatenate(list(chosen.values()))]
    scale, peak = display_scale(shown, dataset.normalisation.softening)
    for label, row in zip(labels, panels, strict=True):
        for axes in row[len(chosen[label]) :]:
            axes.set_visible(False)
        for axes, index in zip(row, chosen[label], strict=False):
            picture = colour_image(dataset.images[index], scale, peak, dataset.units)
            _draw_stamp(axes, picture, dataset, index)
        row[0].set_ylabel(dataset.classes[label] if label >= 0 else "no label")
    if np.isfinite(dataset.pixel_scale_arcsec):
        _draw_scale_bar(panels[0][0], dataset)
    figure.suptitle(title, fontsize=9)
    return figure


def example_rows(dataset: Dataset, label: int, settings: PlotSettings) -> np.ndarray:
    """Return random rows of one class, at most one of each system while they last.

    Parameters
    ----------
    dataset : Dataset
        All rows, with labels.
    label : int
        Index of the class, -1 for unknown.
    settings : PlotSettings
        Number of rows and seed.

    Returns
    -------
    numpy.ndarray
        Indices into the dataset.
    """
    rng = generator("plot-mosaic", dataset.domain, label, seed=settings.seed)
    rows = rng.permutation(np.flatnonzero((dataset.label == label) & (dataset.flag == 0)))
    if len(rows) == 0:  # nothing but flagged images
        rows = rng.permutation(np.flatnonzero(dataset.label == label))
    first = np.zeros(len(rows), dtype=bool)
    first[np.unique(dataset.system_id[rows], return_index=True)[1]] = True
    return np.concatenate([rows[first], rows[~first]])[: settings.examples_per_class]


def _title(dataset: Dataset, file: h5py.File) -> str:
    """Return what the survey is, from the attributes of the file."""
    parts = [dataset.domain.replace("_", " ")]
    survey = str(file.attrs.get("survey", ""))
    if survey and survey != dataset.domain:
        parts.append(survey.replace("_", " "))
    parts.append(", ".join(band.replace("_", " ") for band in dataset.bands))
    if np.isfinite(dataset.pixel_scale_arcsec):
        parts.append(f"{dataset.pixel_scale_arcsec:.3g} arcsec per pixel")
    return "  |  ".join(parts)


def _draw_stamp(axes: Axes, picture: np.ndarray, dataset: Dataset, index: int) -> None:
    """Draw one stamp with its stage and redshift."""
    axes.imshow(picture, origin="lower")
    text = [] if dataset.stage[index] == "unknown" else [str(dataset.stage[index])]
    if np.isfinite(dataset.redshift[index]):
        text.append(f"z = {dataset.redshift[index]:.2f}")
    axes.set_title(", ".join(text), fontsize=7, pad=2)
    hide_ticks(axes)


def _draw_scale_bar(axes: Axes, dataset: Dataset) -> None:
    """Draw a bar of a round number of arcseconds into a stamp's lower left corner."""
    height, width = dataset.images.shape[-2:]
    length = scale_bar_arcsec(width * dataset.pixel_scale_arcsec)
    start, level = 0.07 * width, 0.08 * height
    stop = start + length / dataset.pixel_scale_arcsec
    axes.plot([start, stop], [level, level], color="white", linewidth=1.6, path_effects=OUTLINE)
    axes.text(
        (start + stop) / 2,
        level + 0.03 * height,
        f"{length:g} arcsec",
        color="white",
        fontsize=7,
        ha="center",
        va="bottom",
        path_effects=OUTLINE,
    )
