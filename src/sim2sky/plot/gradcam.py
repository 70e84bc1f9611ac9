"""Where the networks look: Grad-CAM of the same galaxies in both domains."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5
from sim2sky.plot.images import OUTLINE, grey_image
from sim2sky.plot.inputs import ModelKey, variant_labels
from sim2sky.plot.settings import PlotSettings
from sim2sky.plot.style import DOMAINS, PAGE_WIDTH_IN, hide_ticks, new_figure, panel_grid

COLUMNS = 8  # side by side; more would be too small to see anything
COLUMN_CHARS = 14  # of a title
CMAP = "inferno"
RIGHT, WRONG = "#009E73", "#D55E00"


@dataclass(frozen=True)
class Explanation:
    """Grad-CAM of one model on one domain; N rows.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W) in the units of the dataset.
    maps : dict of numpy.ndarray
        (N,H,W) in [0, 1] by the explained class, the main one first.
    label, predicted : numpy.ndarray
        (N,) indices of classes.
    probability : numpy.ndarray
        (N,K) by class.
    keys : list of tuple
        (galaxy_id, view) of each row.
    classes : list of str
        Names of the classes.
    radius, on_sky : dict of float
        By explained class, mean over all explained images of its map's mean distance from
        the centre (in half-light radii of the galaxy) and of its share on empty sky.
    """

    images: np.ndarray
    maps: dict[str, np.ndarray]
    label: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    keys: list[tuple[str, int]]
    classes: list[str]
    radius: dict[str, float]
    on_sky: dict[str, float]


def read_explanation(path: str | Path, domain: str) -> Explanation:
    """Read the Grad-CAM of one model on one domain.

    Parameters
    ----------
    path : str or Path
        ``explain.h5``.
    domain : {"source", "target"}
        Which group.

    Returns
    -------
    Explanation
        All rows.

    Raises
    ------
    Sim2SkyError
        If the file lacks the group or one of its datasets, or holds no rows.
    """
    with open_hdf5(path) as file:
        group = hdf5_dataset(file, domain)
        galaxy_id = hdf5_dataset(group, "galaxy_id").asstr()[:]
        view = hdf5_dataset(group, "view")[:]
        if len(view) == 0:
            raise Sim2SkyError("no galaxies", where=f"{path}:/{domain}")
        if "explained_classes" not in file.attrs:
            raise Sim2SkyError(
                "attribute explained_classes is missing",
                where=path,
                fix="make the file with `sim2sky explain`",
            )
        main, *others = (str(name) for name in file.attrs["explained_classes"])
        maps = {main: "gradcam"} | {name: f"gradcam_{name}" for name in others}
        means = {
            name: _means(hdf5_dataset(group, name)[:], list(maps))
            for name in ("attribution_radius_r50", "attribution_on_sky")
        }
        return Explanation(
            **{
                name: hdf5_dataset(group, name)[:]
                for name in ("images", "label", "predicted", "probability")
            },
            maps={name: hdf5_dataset(group, dataset)[:] for name, dataset in maps.items()},
            keys=list(zip(galaxy_id.tolist(), view.tolist(), strict=True)),
            classes=[str(name) for name in file.attrs["classes"]],
            radius=means["attribution_radius_r50"],
            on_sky=means["attribution_on_sky"],
        )


def choose_galaxies(explanations: list[Explanation], n_galaxies: int) -> list[tuple[str, int]]:
    """Return galaxies that all models explain, the classes taking turns.

    They are the first of the file, whatever the models make of them.

    Parameters
    ----------
    explanations : list of Explanation
        The same domain for several models; or both domains, to ask for pairs.
    n_galaxies : int
        How many.

    Returns
    -------
    list of tuple
        (galaxy_id, view), the last class first; fewer where there are not enough.
    """
    common = set.intersection(*(set(entry.keys) for entry in explanations))
    first = explanations[0]
    queues: dict[int, list] = {}
    for key, label in zip(first.keys, first.label.tolist(), strict=True):
        if key in common:
            queues.setdefault(label, []).append(key)
    chosen = []
    while queues and len(chosen) < n_galaxies:
        for label in sorted(queues, reverse=True):
            chosen.append(queues[label].pop(0))
            if not queues[label]:
                del queues[label]
    return chosen[:n_galaxies]


def gradcam_figure(files: dict[ModelKey, Path], settings: PlotSettings) -> Figure:
    """Return images and Grad-CAM maps of a few galaxies in source and target.

    Parameters
    ----------
    files : dict
        ``explain.h5`` of one model per method, from
        `sim2sky.plot.inputs.first_seeds`.
    settings : PlotSettings
        Number of galaxies.

    Returns
    -------
    matplotlib.figure.Figure
        The image, then a column per method and explained class, of the main class alone
        where those are too many; the target's beside the source's if a page is wide
        enough for both, else in the row below.

    Raises
    ------
    Sim2SkyError
        If the models explain no common galaxy in a domain.
    """
    models = {
        key: {domain: read_explanation(path, domain) for domain in DOMAINS}
        for key, path in files.items()
    }
    pairs = _paired_galaxies(models, settings.gradcam_galaxies)
    classes = list(next(iter(models.values()))["source"].maps)
    if 1 + len(models) * len(classes) > COLUMNS:
        classes = classes[:1]
    shown = [(key, name) for key in models for name in classes]
    n_columns = 1 + len(shown)  # of one block
    if 2 * n_columns <= COLUMNS:
        rows = [list(zip(DOMAINS, pair, strict=True)) for pair in pairs]
    else:
        rows = [[block] for pair in pairs for block in zip(DOMAINS, pair, strict=True)]
    n_blocks = len(rows[0])
    margin = 0.6 + 0.4 * n_blocks
    side = min((PAGE_WIDTH_IN - margin) / (n_columns * n_blocks), 1.4)
    size = (side * n_columns * n_blocks + margin, (side + 0.02) * len(rows) + 1.05)
    figure = new_figure(*size)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03, hspace=0.01, wspace=0.01)
    panels = panel_grid(figure, len(rows), n_columns * n_blocks)
    for row, line in zip(rows, panels, strict=True):
        for block, (domain, galaxy) in enumerate(row):
            cells = line[block * n_columns : (block + 1) * n_columns]
            entries = [(models[key][domain], name) for key, name in shown]
            _draw_block(cells, entries, domain, galaxy)
    for block in range(n_blocks):
        columns = slice(block * n_columns, (block + 1) * n_columns)
        domains = DOMAINS if n_blocks == 1 else DOMAINS[block : block + 1]
        _name_columns(panels[0][columns], panels[-1][columns], models, shown, domains)
    flat = [axes for line in panels for axes in line]
    bar = figure.colorbar(ScalarMappable(cmap=CMAP), ax=flat, fraction=0.02, aspect=40, pad=0.01)
    of = f" of {classes[0]}" if len(classes) == 1 else ""
    bar.set_label(f"Grad-CAM{of} (maximum of each map: 1)")
    handles = [
        Patch(facecolor="none", edgecolor=RIGHT, linewidth=1.6, label="right prediction"),
        Patch(facecolor="none", edgecolor=WRONG, linewidth=1.6, linestyle="--", label="wrong"),
        Line2D([], [], linestyle="", label=f"p: probability{of or ' of the class'}"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _means(values: np.ndarray, names: list[str]) -> dict[str, float]:
    """Return the mean (N,E) over images by class; NaN where no map has the number."""
    count = np.isfinite(values).sum(axis=0)
    total = np.nansum(values, axis=0)
    means = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return dict(zip(names, means.tolist(), strict=True))


def _paired_galaxies(
    models: dict[ModelKey, dict[str, Explanation]], n_galaxies: int
) -> list[tuple]:
    """Return pairs of galaxies (source, target): twice the same where both domains hold it."""
    entries = {domain: [model[domain] for model in models.values()] for domain in DOMAINS}
    same = choose_galaxies(entries["source"] + entries["target"], n_galaxies)
    if same:
        return [(galaxy, galaxy) for galaxy in same]
    chosen = [choose_galaxies(entries[domain], n_galaxies) for domain in DOMAINS]
    for domain, galaxies in zip(DOMAINS, chosen, strict=True):
        if not galaxies:
            raise Sim2SkyError(
                f"the models explain no common galaxy of the {domain}",
                where="plot-gradcam",
                fix="run `sim2sky explain` with the same settings for every model",
            )
    return list(zip(*chosen, strict=False))


def _draw_block(
    cells: list[Axes],
    entries: list[tuple[Explanation, str]],
    domain: str,
    galaxy: tuple[str, int],
) -> None:
    """Draw one galaxy in one domain: the image, then each method's maps of each class."""
    first = entries[0][0]
    index = first.keys.index(galaxy)
    cells[0].imshow(grey_image(first.images[index]), cmap="gray", origin="lower")
    name = _class_name(first, int(first.label[index]))
    cells[0].set_ylabel(f"{domain}\n{name}", fontsize=8)
    hide_ticks(cells[0])
    for axes, (entry, name) in zip(cells[1:], entries, strict=True):
        _draw_map(axes, entry, name, entry.keys.index(galaxy))


def _name_columns(
    top: list[Axes],
    bottom: list[Axes],
    models: dict[ModelKey, dict[str, Explanation]],
    shown: list[tuple[ModelKey, str]],
    domains: tuple[str, ...],
) -> None:
    """Write the method above each column, and below it what its maps amount to."""
    several = len({name for _, name in shown}) > 1
    labels = variant_labels([(key.method, key.network) for key in models])
    top[0].set_title("image", fontsize=8)
    bottom[0].set_xlabel("mean radius / $R_{50}$\non sky", fontsize=7.5)
    for upper, lower, (key, name) in zip(top[1:], bottom[1:], shown, strict=True):
        title = fill(labels[key.method, key.network], COLUMN_CHARS)
        upper.set_title(f"{title}\n{name}" if several else title, fontsize=8)
        entries = [models[key][domain] for domain in domains]
        radius = " | ".join(_number(entry.radius[name], ".2f") for entry in entries)
        on_sky = " | ".join(_number(entry.on_sky[name], ".0%") for entry in entries)
        lower.set_xlabel(f"{radius}\n{on_sky}", fontsize=7.5)


def _number(value: float, form: str) -> str:
    """Return a number as text, a dash where no map has it."""
    return format(value, form).replace("%", " %") if np.isfinite(value) else "\N{EN DASH}"


def _draw_map(axes: Axes, entry: Explanation, name: str, index: int) -> None:
    """Draw the map over the image, the probability and a frame that says right or wrong."""
    axes.imshow(grey_image(entry.images[index]), cmap="gray", origin="lower")
    cam = entry.maps[name][index]
    # a weak map lets the galaxy through
    axes.imshow(colormaps[CMAP](cam), alpha=0.25 + 0.45 * cam, origin="lower")
    label, predicted = entry.label[index], entry.predicted[index]
    right = label == predicted
    if label >= 0:
        for spine in axes.spines.values():
            spine.set(edgecolor=RIGHT if right else WRONG, linewidth=1.6)
            spine.set_linestyle("-" if right else "--")
    axes.text(
        0.05,
        0.05,
        f"p = {entry.probability[index, entry.classes.index(name)]:.2f}",
        transform=axes.transAxes,
        color="white",
        fontsize=7,
        path_effects=OUTLINE,
    )
    hide_ticks(axes)


def _class_name(entry: Explanation, label: int) -> str:
    """Return the name of a label."""
    if label < 0:
        return "no label"
    return entry.classes[label] if label < len(entry.classes) else "other"
