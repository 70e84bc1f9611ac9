"""Reading what the figures show, and naming the models it came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sim2sky.baseline.settings import NETWORK as BASELINE_NETWORK
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate import aggregate
from sim2sky.evaluate.bootstrap import ALL_SEEDS
from sim2sky.files import read_parquet
from sim2sky.plot.style import method_label, ordered_methods


@dataclass(frozen=True)
class ModelKey:
    """One trained model of an experiment.

    Parameters
    ----------
    method, network : str
        As in the configuration.
    seed : int
        The training seed.
    """

    method: str
    network: str
    seed: int


def model_of(path: str | Path) -> ModelKey:
    """Return which model a file belongs to, by the folder it is in.

    Parameters
    ----------
    path : str or Path
        ``.../models/<method>/<network>/<seed>/<file>``.

    Returns
    -------
    ModelKey
        The model.

    Raises
    ------
    Sim2SkyError
        If the file is missing or the path has another form.
    """
    path = Path(path)
    if not path.is_file():
        raise Sim2SkyError("file not found", where=path)
    parts = path.parts
    if len(parts) < 4 or not parts[-2].isdecimal():
        raise Sim2SkyError(
            "cannot tell the model from the path",
            where=path,
            expected=".../models/<method>/<network>/<seed>/<file>",
        )
    return ModelKey(parts[-4], parts[-3], int(parts[-2]))


def files_by_model(paths: Sequence[str | Path]) -> dict[ModelKey, Path]:
    """Return the file of each model, in the order of the figures.

    Parameters
    ----------
    paths : sequence of str or Path
        See `model_of`.

    Returns
    -------
    dict
        Sorted by method, network and seed.

    Raises
    ------
    Sim2SkyError
        If there is no file or two of the same model.
    """
    if not paths:
        raise Sim2SkyError("no files given", fix="name at least one")
    found: dict[ModelKey, Path] = {}
    for path in paths:
        key = model_of(path)
        if key in found:
            raise Sim2SkyError(
                "two files of the same model", where=path, got=f"{found[key]} and {path}"
            )
        found[key] = Path(path)
    order = ordered_methods(key.method for key in found)
    ranked = sorted(found, key=lambda key: (order.index(key.method), key.network, key.seed))
    return {key: found[key] for key in ranked}


def averages_first(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows to be shown of each method, and those of its single seeds.

    Parameters
    ----------
    table : pandas.DataFrame
        A long table with columns method, network and seed, which is -1 in averages.

    Returns
    -------
    shown : pandas.DataFrame
        The averages over seeds; of a method without them, the rows of its first seed.
    single : pandas.DataFrame
        The rows that averages are made of.
    """
    first = table.groupby(["method", "network"])["seed"].transform("min")
    return table[table["seed"] == first], table[
        (first == ALL_SEEDS) & (table["seed"] != ALL_SEEDS)
    ]


def first_seeds(files: dict[ModelKey, Path]) -> dict[ModelKey, Path]:
    """Return one file per method and network: that of the smallest seed.

    Parameters
    ----------
    files : dict
        From `files_by_model`.

    Returns
    -------
    dict
        The first of each variant, in the same order.
    """
    first: dict[tuple[str, str], ModelKey] = {}
    for key in files:
        first.setdefault((key.method, key.network), key)
    return {key: files[key] for key in first.values()}


def rows_of(table: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Return the rows that have given values in some columns.

    Parameters
    ----------
    table : pandas.DataFrame
        Any table.
    **values : str
        Column and value.

    Returns
    -------
    pandas.DataFrame
        All rows that match.
    """
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def variants_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the (method, network) pairs of a table in the order of the figures.

    Parameters
    ----------
    table : pandas.DataFrame
        With columns ``method`` and ``network``.

    Returns
    -------
    list of tuple
        All pairs that occur.
    """
    pairs = set(zip(table["method"], table["network"], strict=True))
    order = ordered_methods(method for method, _ in pairs)
    return sorted(pairs, key=lambda pair: (order.index(pair[0]), pair[1]))


def variant_labels(variants: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the name of each variant; the network is named only if there are several.

    A baseline has none.

    Parameters
    ----------
    variants : sequence of tuple
        (method, network) pairs.

    Returns
    -------
    dict
        Variant to text.
    """
    several = len({network for _, network in variants} - {BASELINE_NETWORK}) > 1
    return {
        (method, network): method_label(method)
        + (f", {network}" if several and network != BASELINE_NETWORK else "")
        for method, network in variants
    }


def read_predictions(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read predictions of several models into one table.

    Parameters
    ----------
    paths : sequence of str or Path
        ``predictions.parquet`` files of one experiment.

    Returns
    -------
    pandas.DataFrame
        Rows that have a label; that of a class unknown to the model is K or more,
        see `sim2sky.evaluate.predictions.labels_for_model`. Their order depends on
        neither the order of the files nor that of the rows in them.

    Raises
    ------
    Sim2SkyError
        If there is no file, a file is unreadable, the classes differ between
        files, a model comes twice or no row has a label.
    """
    predictions = aggregate.read_predictions([Path(path) for path in paths])
    predictions = predictions[predictions["label"] >= 0]
    if predictions.empty:
        raise Sim2SkyError("no prediction has a known label", where=paths[0])
    keys = ["method", "network", "seed", "domain", "system_id", "galaxy_id", "view"]
    return predictions.sort_values(keys, kind="stable", ignore_index=True)


def read_table(path: str | Path, metrics: Sequence[str] = ()) -> pd.DataFrame:
    """Read the table of an experiment.

    Parameters
    ----------
    path : str or Path
        ``table.parquet``.
    metrics : sequence of str
        Metrics that must be there, with their intervals.

    Returns
    -------
    pandas.DataFrame
        One row per method, network and domain.

    Raises
    ------
    Sim2SkyError
        If the table is missing, lacks a column or is empty.
    """
    columns = [f"{metric}{end}" for metric in metrics for end in ("", "_low", "_high")]
    return read_filled(path, ["method", "network", "domain", *columns], "aggregate")


def read_filled(path: str | Path, columns: list[str], command: str) -> pd.DataFrame:
    """Read a table that has something to be drawn.

    Parameters
    ----------
    path : str or Path
        A parquet file.
    columns : list of str
        Columns that must be there.
    command : str
        The command of sim2sky that makes it.

    Returns
    -------
    pandas.DataFrame
        All rows.

    Raises
    ------
    Sim2SkyError
        If the table is missing, lacks a column or is empty.
    """
    table = read_parquet(path, columns)
    if table.empty:
        raise Sim2SkyError("the table holds no rows", where=path, fix=f"run `sim2sky {command}`")
    return table


def recall_classes(table: pd.DataFrame) -> list[str]:
    """Return the classes whose recall a table holds.

    Parameters
    ----------
    table : pandas.DataFrame
        From `read_table`.

    Returns
    -------
    list of str
        Names in the order of the columns.
    """
    names = [name.removeprefix("recall_") for name in table if name.startswith("recall_")]
    ends = ("_low", "_high", "_seed_std")
    return [name for name in names if not name.endswith(ends)]
