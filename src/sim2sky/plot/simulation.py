"""Checks of a simulation made from the embedded N-body suite."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sim2sky.errors import Sim2SkyError
from sim2sky.plot.style import CLASS_COLOURS, PAGE_WIDTH_IN, new_figure, panel_grid

COLUMNS = ["system", "kind", "mass_ratio", "energy_drift", "coalescence_time_gyr"]
ENERGY_LIMIT = 0.01
MARKERS = ("o", "^", "s", "D", "v", "P")


def read_diagnostics(simulation: str | Path) -> pd.DataFrame:
    """Read what the suite's runs say of themselves.

    Parameters
    ----------
    simulation : str or Path
        A simulation directory of `sim2sky assemble`, which holds
        ``diagnostics.csv``.

    Returns
    -------
    pandas.DataFrame
        One row per run with the columns `COLUMNS`.

    Raises
    ------
    Sim2SkyError
        If there is no such file, or it lacks a column or has no rows.
    """
    path = Path(simulation) / "diagnostics.csv"
    if not path.is_file():
        raise Sim2SkyError(
            "file not found", where=path, fix="name a directory made by `sim2sky assemble`"
        )
    table = pd.read_csv(path)
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise Sim2SkyError(
            f"column {', '.join(missing)} is missing", where=path, got=", ".join(table)
        )
    if table.empty:
        raise Sim2SkyError("no runs", where=path)
    return table


def simulation_figure(table: pd.DataFrame) -> Figure:
    """Return the energy drift of every run and the time of every coalescence.

    Parameters
    ----------
    table : pandas.DataFrame
        From `read_diagnostics`.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels; runs that do not coalesce are counted in the right one.
    """
    figure = new_figure(PAGE_WIDTH_IN, 2.9)
    ((left, right),) = panel_grid(figure, 1, 2)
    for index, (kind, runs) in enumerate(table.groupby("kind")):
        style = {
            "color": CLASS_COLOURS[index % len(CLASS_COLOURS)],
            "marker": MARKERS[index % len(MARKERS)],
            "linestyle": "",
            "markersize": 4,
            "alpha": 0.8,
        }
        drift = 100 * runs["energy_drift"].abs()
        left.plot(runs["system"], drift, label=str(kind).replace("_", " "), **style)
        merged = runs.dropna(subset=["mass_ratio", "coalescence_time_gyr"])
        right.plot(merged["mass_ratio"], merged["coalescence_time_gyr"], **style)
    worst = 100 * table["energy_drift"].abs().max()
    left.axhline(100 * ENERGY_LIMIT, color="#999999", linestyle=":", linewidth=0.9)
    left.text(
        0.98,
        100 * ENERGY_LIMIT,
        "limit",
        ha="right",
        va="bottom",
        transform=left.get_yaxis_transform(),
        color="#666666",
        fontsize=7.5,
    )
    left.set(xlabel="run", ylabel="largest energy drift (%)", yscale="log")
    left.set_title(f"worst of {len(table)} runs: {worst:.2f} %")
    left.set_ylim(top=max(3 * worst, 300 * ENERGY_LIMIT))
    encounters = table["mass_ratio"].notna()
    n_merged = int((encounters & table["coalescence_time_gyr"].notna()).sum())
    right.set(xlabel="mass ratio", ylabel="coalescence (Gyr after the start)", xlim=(0, 1.05))
    right.set_title(f"{n_merged} of {int(encounters.sum())} encounters coalesced")
    if n_merged:
        right.set_ylim(0, 1.1 * np.nanmax(table["coalescence_time_gyr"]))
    figure.legend(loc="outside lower center", ncols=6)
    return figure
