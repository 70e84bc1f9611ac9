"""Church windows: the classes in the plane of the noise and an attack, method by method."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5
from sim2sky.plot.images import OUTLINE, grey_image
from sim2sky.plot.inputs import ModelKey, variant_labels
from sim2sky.plot.settings import PlotSettings
from sim2sky.plot.style import PAGE_WIDTH_IN, class_colour, hide_ticks, new_figure, panel_grid

MOST_COLUMNS = 5
MARKS = {  # what it is -> place in the plane and marker
    "source image": ((0, 0), "o"),
    "target twin": ((1, 0), "^"),
    "one pixel changed": ((0, 1), "X"),
}
PALE = 0.55  # share of white in the classes' colours, on which the marks stand out


@dataclass(frozen=True)
class Windows:
    """The church windows of one model; G galaxies.

    Parameters
    ----------
    window : numpy.ndarray
        (G,P,P) classes, rows along the attack, columns along the noise.
    image : numpy.ndarray
        (G,C,H,W).
    label : numpy.ndarray
        (G,) true classes.
    keys : list of tuple
        (galaxy_id, view).
    classes : list of str
        Names.
    extent : tuple of float
        Both axes' limits.
    """

    window: np.ndarray
    image: np.ndarray
    label: np.ndarray
    keys: list[tuple[str, int]]
    classes: list[str]
    extent: tuple[float, float]

    def correct(self) -> set[tuple[str, int]]:
        """Return the galaxies whose noise-free image is classified correctly."""
        steps = np.linspace(*self.extent, self.window.shape[1])
        centre = np.abs(steps).argmin()
        right = self.window[:, centre, centre] == self.label
        return {key for key, is_right in zip(self.keys, right, strict=True) if is_right}


def read_windows(path: str | Path) -> Windows:
    """Read the church windows of one model.

    Parameters
    ----------
    path : str or Path
        ``church.h5``.

    Returns
    -------
    Windows
        All galaxies.

    Raises
    ------
    Sim2SkyError
        If the file lacks something or holds no galaxies.
    """
    with open_hdf5(path) as file:
        galaxy_id = hdf5_dataset(file, "galaxy_id").asstr()[:].tolist()
        if not galaxy_id:
            raise Sim2SkyError(
                "no church windows: source and target hold no image of the same galaxy",
                where=path,
                fix="leave out this figure, or set church_galaxies",
            )
        return Windows(
            window=hdf5_dataset(file, "window")[:],
            image=hdf5_dataset(file, "image")[:],
            label=hdf5_dataset(file, "label")[:],
            keys=list(zip(galaxy_id, hdf5_dataset(file, "view")[:].tolist(), strict=True)),
            classes=[str(name) for name in file.attrs["classes"]],
            extent=tuple(file.attrs["extent"].tolist()),
        )


def church_window_figure(files: dict[ModelKey, Path], settings: PlotSettings) -> Figure:
    """Return the church windows of a few galaxies, a column per method.

    Parameters
    ----------
    files : dict
        ``church.h5`` of one model per method, from `sim2sky.plot.inputs.first_seeds`.
    settings : PlotSettings
        Number of galaxies.

    Returns
    -------
    matplotlib.figure.Figure
        Galaxies that all methods classify correctly without noise come first.

    Raises
    ------
    Sim2SkyError
        If there are more methods than a page is wide or they share no galaxy.
    """
    if len(files) >= MOST_COLUMNS:
        raise Sim2SkyError(
            "too many methods side by side",
            got=len(files),
            expected=f"at most {MOST_COLUMNS - 1}",
            fix="show fewer methods",
        )
    models = {key: read_windows(path) for key, path in files.items()}
    labels = variant_labels([(key.method, key.network) for key in models])
    galaxies = _choose(list(models.values()), settings.church_galaxies)
    n_columns = 1 + len(models)
    side = min((PAGE_WIDTH_IN - 0.6) / n_columns, 1.75)
    figure = new_figure(side * n_columns + 0.6, side * len(galaxies) + 0.95)
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, hspace=0.02, wspace=0.02)
    panels = panel_grid(figure, len(galaxies), n_columns)
    for galaxy, line in zip(galaxies, panels, strict=True):
        first = next(iter(models.values()))
        number = first.keys.index(galaxy)
        line[0].imshow(
            grey_image(first.image[number]), cmap="gray", origin="lower", vmin=0, vmax=1
        )
        hide_ticks(line[0])
        name = first.classes[first.label[number]]
        line[0].text(
            0.05, 0.95, name, transform=line[0].transAxes, va="top", color="white",
            path_effects=OUTLINE,
        )  # fmt: skip
        for axes, model in zip(line[1:], models.values(), strict=True):
            _draw(axes, model, galaxy)
            axes.tick_params(labelleft=axes is line[1], labelbottom=line is panels[-1])
        line[1].set_ylabel("attack direction")
    for axes, key in zip(panels[0][1:], models, strict=True):
        axes.set_title(labels[key.method, key.network])
    for axes in panels[-1][1:]:
        axes.set_xlabel("noise direction")
    figure.legend(handles=_handles(first), loc="outside lower center", ncols=3)
    return figure


def _choose(models: list[Windows], n: int) -> list[tuple[str, int]]:
    """Return common galaxies in the order of the files, those that all get right first.

    Raises
    ------
    Sim2SkyError
        If there are none.
    """
    common = [key for key in models[0].keys if all(key in model.keys for model in models)]
    if not common:
        raise Sim2SkyError("the models' church windows share no galaxy")
    right = set.intersection(*(model.correct() for model in models))
    return sorted(common, key=lambda key: key not in right)[:n]


def _colours(n_classes: int) -> np.ndarray:
    """Return the classes' colours (K,3), paler than elsewhere."""
    rgb = ListedColormap([class_colour(label) for label in range(n_classes)]).colors
    values = [[int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)] for text in rgb]
    return PALE + (1 - PALE) * np.array(values)


def _draw(axes: Axes, model: Windows, galaxy: tuple[str, int]) -> None:
    """Draw one window and where the images lie in it."""
    window = model.window[model.keys.index(galaxy)]
    half = (model.extent[1] - model.extent[0]) / (len(window) - 1) / 2
    limits = (model.extent[0] - half, model.extent[1] + half)
    axes.imshow(_colours(len(model.classes))[window], origin="lower", extent=(*limits, *limits))
    for (x, y), marker in MARKS.values():
        axes.plot(x, y, marker, color="black", markerfacecolor="white", markersize=5)
    axes.set_xticks([-1, 0, 1, 2])
    axes.set_yticks([-1, 0, 1, 2])


def _handles(model: Windows) -> list[Patch | Line2D]:
    """Return what the legend shows."""
    colours = _colours(len(model.classes))
    handles: list[Patch | Line2D] = [
        Line2D(
            [],
            [],
            color="black",
            marker=marker,
            markerfacecolor="white",
            linestyle="none",
            label=name,
        )
        for name, (_, marker) in MARKS.items()
    ]
    return handles + [
        Patch(color=tuple(colours[label]), label=f"classified as {name}")
        for label, name in enumerate(model.classes)
    ]
