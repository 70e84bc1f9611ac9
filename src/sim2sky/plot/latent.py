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
# attribute of the file -> its name beside the panels; of a plane, what follows its name
FAITHFULNESS = {
    "distance_correlation": "rank corr. of distances",
    "geodesic_correlation": "the same along the graph",
    "trustworthiness": "trustworthiness",
}
SEPARATION = {
    "silhouette_class_source": "class silhouette, source",
    "silhouette_class_target": "class silhouette, target",
    "fisher_ratio_class_source": "class Fisher ratio, source",
    "fisher_ratio_class_target": "class Fisher ratio, target",
    "silhouette_domain": "domain silhouette",
    "proxy_a_distance": "proxy A-distance",
    "domain_distance": "domain distance",
    "mmd_squared": "squared MMD",
}
P_VALUE = "mmd_p_value"
NUMBERS = [*SEPARATION, *(f"{plane}_{name}" for plane in PLANES for name in FAITHFULNESS)]
NAMES_IN = 1.45  # room for the names of the numbers, left of the panels


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
    numbers : dict of tuple
        Value and ends of the interval by the names in `NUMBERS`.
    p_value : float
        Of the MMD.
    """

    planes: dict[str, np.ndarray]
    domain: np.ndarray
    label: np.ndarray
    classes: list[str]
    numbers: dict[str, tuple[float, float, float]]
    p_value: float


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
        ends = ("", "_low", "_high")
        needed = ["classes", P_VALUE, *(f"{name}{end}" for name in NUMBERS for end in ends)]
        missing = [name for name in needed if name not in file.attrs]
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
            numbers={
                name: tuple(float(file.attrs[f"{name}{end}"]) for end in ends) for name in NUMBERS
            },
            p_value=float(file.attrs[P_VALUE]),
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
        Blocks of two rows, up to `COLUMNS` methods side by side. Below each plane stands how
        far it can be trusted, below both what does not depend on a plane.
    """
    models = {key: read_latents(path) for key, path in files.items()}
    labels = variant_labels([(key.method, key.network) for key in models])
    blocks, columns = blocks_of_columns(len(models), COLUMNS)
    side = min((PAGE_WIDTH_IN - NAMES_IN) / columns, 1.9)
    height = (2 * side + 2.35) * blocks + 0.4
    figure = new_figure(max(side * columns + NAMES_IN, COLUMN_WIDTH_IN), height)
    panels = panel_grid(figure, 2 * blocks, columns)
    for index, (key, latents) in enumerate(models.items()):
        block, column = divmod(index, columns)
        for offset, (plane, name) in enumerate(PLANES.items()):
            axes = panels[2 * block + offset][column]
            _draw_plane(axes, latents, plane)
            names = {f"{plane}_{kind}": text for kind, text in FAITHFULNESS.items()}
            last = offset == len(PLANES) - 1
            _write_numbers(axes, latents, names | (SEPARATION if last else {}), column == 0, last)
            if column == 0:
                axes.set_ylabel(name)
        # further down, the numbers of the block above need some distance
        panels[2 * block][column].set_title(
            labels[key.method, key.network], pad=14 if block else 6
        )
    for row in panels[-2:]:
        for axes in row[len(models) - columns * (blocks - 1) :]:
            axes.set_visible(False)
    handles = _handles(list(models.values()))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))
    return figure


def _write_numbers(
    axes: Axes, latents: Latents, names: dict[str, str], with_names: bool, with_p_value: bool
) -> None:
    """Write numbers with their intervals below a panel, and their names left of the first."""
    values = ["{:.2f} [{:.2f}, {:.2f}]".format(*latents.numbers[name]) for name in names]
    texts = list(names.values())
    if with_p_value:
        values.append(f"{latents.p_value:.2g}")
        texts.append("its p-value")
    columns = [(0.5, "center", values)] + ([(-0.06, "right", texts)] if with_names else [])
    for place, side, lines in columns:
        axes.annotate(
            "\n".join(lines),
            (place, 0),
            xycoords="axes fraction",
            xytext=(0, -4),
            textcoords="offset points",
            ha=side,
            va="top",
            fontsize=7,
            linespacing=1.25,
        )


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
