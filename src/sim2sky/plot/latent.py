"""The latent space of each method in the plane: isomap and t-SNE."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5
from sim2sky.plot.inputs import ModelKey, variant_labels
from sim2sky.plot.style import (
    COLUMN_WIDTH_IN,
    DOMAIN_MARKERS,
    DOMAINS,
    PAGE_WIDTH_IN,
    blocks_of_columns,
    class_colour,
    hide_ticks,
    new_figure,
    panel_grid,
)

COLUMNS = 4
PLANES = {"isomap": "isomap", "tsne": "t-SNE"}
NUMBERS = {  # attribute of the file -> its name under the panels
    "silhouette_class_source": "class silhouette, source",
    "silhouette_class_target": "class silhouette, target",
    "silhouette_domain": "domain silhouette",
    "proxy_a_distance": r"proxy $\mathcal{A}$-distance",
    "domain_distance": "domain distance",
}


@dataclass(frozen=True)
class Latents:
    """What is plotted of one model's latent space; N rows.

    Parameters
    ----------
    planes : dict of numpy.ndarray
        (N,2) by the keys of `PLANES`.
    domain, label : numpy.ndarray
        (N,): 0 source, 1 target; index of the class, -1 unknown.
    classes : list of str
        The model's classes.
    numbers : dict of float
        By the keys of `NUMBERS`.
    """

    planes: dict[str, np.ndarray]
    domain: np.ndarray
    label: np.ndarray
    classes: list[str]
    numbers: dict[str, float]


def read_latents(path: str | Path) -> Latents:
    """Read the planes and numbers of one model.

    Parameters
    ----------
    path : str or Path
        ``latents.h5``.

    Returns
    -------
    Latents
        All rows.

    Raises
    ------
    Sim2SkyError
        If the file lacks something.
    """
    with open_hdf5(path) as file:
        missing = [name for name in ("classes", *NUMBERS) if name not in file.attrs]
        if missing:
            raise Sim2SkyError(
                f"attribute {', '.join(missing)} is missing",
                where=path,
                fix="make the file with `sim2sky embed`",
            )
        return Latents(
            planes={name: hdf5_dataset(file, name)[:] for name in PLANES},
            domain=hdf5_dataset(file, "domain")[:],
            label=hdf5_dataset(file, "label")[:],
            classes=[str(name) for name in file.attrs["classes"]],
            numbers={name: float(file.attrs[name]) for name in NUMBERS},
        )


def latent_figure(files: dict[ModelKey, Path]) -> Figure:
    """Return isomap above t-SNE for each method, the numbers under them.

    Parameters
    ----------
    files : dict
        ``latents.h5`` of one model per method, from
        `sim2sky.plot.inputs.first_seeds`.

    Returns
    -------
    matplotlib.figure.Figure
        Blocks of two rows, up to `COLUMNS` methods side by side.
    """
    models = {key: read_latents(path) for key, path in files.items()}
    labels = variant_labels([(key.method, key.network) for key in models])
    blocks, columns = blocks_of_columns(len(models), COLUMNS)
    side = min((PAGE_WIDTH_IN - 0.3) / columns, 2.3)
    height = (2 * side + 1.05) * blocks + 0.35
    figure = new_figure(max(side * columns + 0.3, COLUMN_WIDTH_IN), height)
    panels = panel_grid(figure, 2 * blocks, columns)
    for index, (key, latents) in enumerate(models.items()):
        block, column = divmod(index, columns)
        for offset, (plane, name) in enumerate(PLANES.items()):
            axes = panels[2 * block + offset][column]
            _draw_plane(axes, latents, plane)
            if column == 0:
                axes.set_ylabel(name)
        # further down, the numbers of the block above need some distance
        panels[2 * block][column].set_title(
            labels[key.method, key.network], pad=14 if block else 6
        )
        text = "\n".join(f"{NUMBERS[name]}: {v:.2f}" for name, v in latents.numbers.items())
        panels[2 * block + 1][column].set_xlabel(text, fontsize=7.5)
    for row in panels[-2:]:
        for axes in row[len(models) - columns * (blocks - 1) :]:
            axes.set_visible(False)
    handles = _handles(list(models.values()))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))
    return figure


def _draw_plane(axes: Axes, latents: Latents, plane: str) -> None:
    """Draw the points of both domains, coloured by their true class."""
    points = latents.planes[plane]
    for number, domain in enumerate(DOMAINS):
        for label in np.unique(latents.label):
            member = (latents.domain == number) & (latents.label == label)
            colour = class_colour(int(label))
            axes.scatter(
                *points[member].T,
                s=9,
                marker=DOMAIN_MARKERS[domain],
                facecolors="none" if domain == "source" else colour,
                edgecolors=colour,
                linewidths=0.6,
                alpha=0.8,
            )
    # a square with the same scale on both axes, so that distances can be compared by eye
    middle, half = (points.max(0) + points.min(0)) / 2, np.ptp(points, axis=0).max() / 2
    limits = np.stack([middle - 1.08 * half, middle + 1.08 * half], axis=1)
    axes.set(xlim=limits[0], ylim=limits[1], box_aspect=1, anchor="N")
    hide_ticks(axes)  # neither method gives its axes a unit


def _handles(models: list[Latents]) -> list[Line2D]:
    """Return the legend: classes by colour, domains by marker."""
    classes = models[0].classes
    shown = sorted({int(label) for latents in models for label in latents.label})
    names = {-1: "no label", **dict(enumerate(classes))}
    colours = {names.get(label, "other class"): class_colour(label) for label in shown}
    handles = [
        Line2D([], [], linestyle="", marker="s", color=colour, label=name)
        for name, colour in colours.items()
    ]
    for domain, face in (("source", "none"), ("target", "#444444")):
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker=DOMAIN_MARKERS[domain],
                color="#444444",
                markerfacecolor=face,
                label=domain,
            )
        )
    return handles
