"""Confusion matrices, method by domain."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim2sky.evaluate.predictions import class_names
from sim2sky.plot.inputs import rows_of, variant_labels, variants_of
from sim2sky.plot.style import DOMAINS, PAGE_WIDTH_IN, blocks_of_columns, new_figure, panel_grid

COLUMNS = 4  # methods side by side; more would make the numbers illegible


def confusion_matrix(predictions: pd.DataFrame, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the confusion matrix averaged over seeds.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Rows of one method, network and domain with columns ``seed``, ``label``
        and ``predicted``.
    n_classes : int
        Number of classes K that the model knows.

    Returns
    -------
    share : numpy.ndarray
        (K,K), row = true class, column = predicted class; rows add up to 1, so
        the diagonal is the recall. NaN where the class has no test images. A
        row K, if there is one, holds all classes that the model does not know.
    count : numpy.ndarray
        Same shape, mean number of images.
    """
    rows_of_classes = n_classes + int((predictions["label"] >= n_classes).any())
    nothing = np.zeros((rows_of_classes, n_classes))
    per_seed = []
    for _, rows in predictions.groupby("seed"):
        label = np.minimum(rows["label"].to_numpy(dtype=np.int64), n_classes)
        counts = nothing.copy()
        np.add.at(counts, (label, rows["predicted"].to_numpy(dtype=np.int64)), 1)
        per_seed.append(counts)
    counts = np.array(per_seed or [nothing])  # a survey may have no labels at all
    totals = counts.sum(axis=2, keepdims=True)
    shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    return shares.mean(axis=0), counts.mean(axis=0)


def confusion_figure(predictions: pd.DataFrame) -> Figure:
    """Return the confusion matrices of all methods, source above target.

    Parameters
    ----------
    predictions : pandas.DataFrame
        From `sim2sky.plot.inputs.read_predictions`.

    Returns
    -------
    matplotlib.figure.Figure
        Blocks of two rows (source, target), up to `COLUMNS` methods in each.
    """
    classes = class_names(predictions)
    variants = variants_of(predictions)
    labels = variant_labels(variants)
    blocks, columns = blocks_of_columns(len(variants), COLUMNS)
    heights = [
        len(classes)
        + int((predictions["label"][predictions["domain"] == domain] >= len(classes)).any())
        for domain in DOMAINS
    ]
    cell = (PAGE_WIDTH_IN - 0.9) / COLUMNS
    size = (cell * columns + 0.9, (cell * sum(heights) / len(classes) + 0.55) * blocks)
    figure = new_figure(*size)
    panels = panel_grid(figure, 2 * blocks, columns, height_ratios=heights * blocks)
    image = None
    for index, (method, network) in enumerate(variants):
        block, column = divmod(index, columns)
        for offset, domain in enumerate(DOMAINS):
            axes = panels[2 * block + offset][column]
            chosen = rows_of(predictions, method=method, network=network, domain=domain)
            image = _draw_matrix(axes, *confusion_matrix(chosen, len(classes)), classes)
            axes.tick_params(labelleft=column == 0, labelbottom=domain == "target")
            if domain == "source":
                axes.set_title(labels[method, network])
            else:
                axes.set_xlabel("predicted class")
            if column == 0:
                axes.set_ylabel(f"{domain}\ntrue class")
    for row in panels[-2:]:
        for axes in row[len(variants) - columns * (blocks - 1) :]:
            axes.set_visible(False)
    bar = figure.colorbar(
        image, ax=[axes for row in panels for axes in row], fraction=0.04 / blocks, aspect=30
    )
    bar.set_label("share of the true class (diagonal: recall)")
    return figure


def _draw_matrix(axes: Axes, share: np.ndarray, count: np.ndarray, classes: list[str]) -> object:
    """Draw one matrix with its numbers and return the image."""
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    size = {2: 8.5, 3: 7.5}.get(len(classes), 6)
    for row in range(len(share)):
        for column in range(len(classes)):
            value = share[row, column]
            text = "no images" if np.isnan(value) else f"{value:.2f}\n({count[row, column]:.0f})"
            colour = "white" if value > 0.55 else "black"
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    axes.set_xticks(range(len(classes)), classes, rotation=0 if len(classes) < 3 else 30)
    true_classes = [*classes, "other"][: len(share)]
    axes.set_yticks(range(len(share)), true_classes, rotation=90, va="center")
    axes.tick_params(length=0)
    return image
