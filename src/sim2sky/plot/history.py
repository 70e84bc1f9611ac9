"""Learning curves: losses and accuracies by epoch, one column per method."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim2sky.errors import Sim2SkyError
from sim2sky.plot.inputs import ModelKey, rows_of, variant_labels, variants_of
from sim2sky.plot.style import PAGE_WIDTH_IN, blocks_of_columns, new_figure, panel_grid

COLUMNS = 4
CURVES = {  # panel row -> column of the table, its name, colour and line
    "cross-entropy": [
        ("loss_class", "training", "#0072B2", "-"),
        ("valid_loss", "validation", "#D55E00", "--"),
    ],
    "accuracy": [
        ("train_accuracy", "training", "#0072B2", "-"),
        ("valid_balanced_accuracy", "validation", "#D55E00", "--"),
    ],
}
JUDGED = ("train_accuracy", "valid_loss", "valid_balanced_accuracy")
REQUIRED = ["epoch", "loss_class", *(f"source_{name}" for name in JUDGED)]
FURTHER_TERMS = {"loss_fisher": ("#E69F00", "-."), "loss_entropy": ("#CC79A7", "--")}
TERM_STYLES = [("#009E73", "-"), ("#56B4E9", ":")]  # of the losses that align the domains
TERMS = "other loss terms"
AXIS_LABELS = {
    "cross-entropy": "cross-entropy",
    TERMS: "other loss terms\n(before weights)",
    "accuracy": "accuracy\n(validation: balanced)",
}


def read_histories(files: dict[ModelKey, Path]) -> pd.DataFrame:
    """Read learning curves of several models into one table.

    Parameters
    ----------
    files : dict
        From `sim2sky.plot.inputs.files_by_model`.

    Returns
    -------
    pandas.DataFrame
        The columns of ``history.csv`` with ``method``, ``network`` and ``seed``,
        and the columns `JUDGED`: those of the source, for an oracle of the target.

    Raises
    ------
    Sim2SkyError
        If a file cannot be read, lacks a column or has no epochs.
    """
    tables = []
    for key, path in files.items():
        try:
            table = pd.read_csv(path)
        except (ValueError, OSError) as error:
            raise Sim2SkyError("not a readable CSV table", where=path, got=error) from error
        missing = [name for name in REQUIRED if name not in table]
        if missing:
            raise Sim2SkyError(
                f"column {', '.join(missing)} is missing", where=path, got=", ".join(table)
            )
        if table.empty:
            raise Sim2SkyError("the history has no epochs", where=path)
        labelled = "target" if table["source_valid_loss"].isna().all() else "source"
        judged = {name: table.get(f"{labelled}_{name}", np.nan) for name in JUDGED}
        model = {"method": key.method, "network": key.network, "seed": key.seed}
        tables.append(table.assign(**model, **judged))
    return pd.concat(tables, ignore_index=True)


def loss_terms(history: pd.DataFrame) -> list[str]:
    """Return the columns of the loss terms beside the classification that were in use.

    Parameters
    ----------
    history : pandas.DataFrame
        Learning curves of one method.

    Returns
    -------
    list of str
        Columns ``loss_<term>`` that are not empty.
    """
    columns = [name for name in history if name.startswith("loss_") and name != "loss_class"]
    return [name for name in columns if history[name].notna().any()]


def history_figure(histories: pd.DataFrame) -> Figure:
    """Return learning curves: mean over seeds and the range of the seeds.

    Parameters
    ----------
    histories : pandas.DataFrame
        From `read_histories`.

    Returns
    -------
    matplotlib.figure.Figure
        Blocks of panels, up to `COLUMNS` methods side by side.
    """
    variants = variants_of(histories)
    labels = variant_labels(variants)
    with_terms = bool(loss_terms(histories))
    kinds = ["cross-entropy", *([TERMS] if with_terms else []), "accuracy"]
    blocks, columns = blocks_of_columns(len(variants), COLUMNS)
    width = PAGE_WIDTH_IN if columns > 2 else PAGE_WIDTH_IN / 2 * columns
    figure = new_figure(width, 1.3 * len(kinds) * blocks + 0.5)
    panels = panel_grid(figure, len(kinds) * blocks, columns, sharex=True)
    shared: dict[str, list[Axes]] = {kind: [] for kind in CURVES}
    for index, (method, network) in enumerate(variants):
        block, column = divmod(index, columns)
        chosen = rows_of(histories, method=method, network=network)
        for offset, kind in enumerate(kinds):
            axes = panels[block * len(kinds) + offset][column]
            if kind == TERMS:
                _draw_terms(axes, chosen)
            else:
                _draw_curves(axes, chosen, CURVES[kind])
                shared[kind].append(axes)
            if column == 0:
                axes.set_ylabel(AXIS_LABELS[kind])
        panels[block * len(kinds)][column].set_title(labels[method, network])
        last = panels[(block + 1) * len(kinds) - 1][column]
        last.set_xlabel("epoch")
        last.tick_params(labelbottom=True)
        last.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in _unused(panels, len(kinds), len(variants), columns):
        axes.set_visible(False)
    for group in shared.values():
        _share_limits(group)
    handles = [line for kind in CURVES for line in shared[kind][0].get_lines()]
    names = dict(zip([line.get_label() for line in handles], handles, strict=True))
    figure.legend(names.values(), names.keys(), loc="outside lower center", ncols=len(names))
    return figure


def _draw_curves(axes: Axes, history: pd.DataFrame, curves: list[tuple]) -> None:
    """Draw the mean over seeds of some columns and their range."""
    for column, name, colour, line in curves:
        by_epoch = history.groupby("epoch")[column]
        mean = by_epoch.mean()
        axes.fill_between(
            mean.index, by_epoch.min(), by_epoch.max(), color=colour, alpha=0.18, linewidth=0
        )
        axes.plot(mean.index, mean, color=colour, linestyle=line, label=name)


def _draw_terms(axes: Axes, history: pd.DataFrame) -> None:
    """Draw the loss terms of one method, each named in the panel."""
    terms = loss_terms(history)
    aligning = [name for name in terms if name not in FURTHER_TERMS]
    styles = [
        FURTHER_TERMS.get(name) or TERM_STYLES[aligning.index(name) % len(TERM_STYLES)]
        for name in terms
    ]
    curves = [
        (column, column.removeprefix("loss_").replace("_", " "), *style)
        for column, style in zip(terms, styles, strict=True)
    ]
    _draw_curves(axes, history, curves)
    if not terms:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color="#777777")
        axes.set_yticks([])
        return
    axes.margins(y=0.25)
    axes.legend(loc="upper right", handlelength=1.4, borderaxespad=0.2, labelspacing=0.2)


def _share_limits(group: list[Axes]) -> None:
    """Give panels of one kind the same vertical range, tick labels on the left only."""
    limits = np.array([axes.get_ylim() for axes in group])
    for axes in group:
        axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        axes.tick_params(labelleft=axes.get_subplotspec().is_first_col())


def _unused(panels: list[list[Axes]], rows: int, used: int, columns: int) -> list[Axes]:
    """Return the panels of the last block that no method fills."""
    filled = used - columns * (len(panels) // rows - 1)
    return [axes for row in panels[-rows:] for axes in row[filled:]]
