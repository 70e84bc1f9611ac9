"""Reading and writing files so that a crash never leaves half of one."""

import json
import math
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet

from sim2sky.errors import Sim2SkyError
from sim2sky.provenance import RUN


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it to `path` on success.

    On any exception the temporary file or directory is removed and whatever
    was at `path` before stays.

    Parameters
    ----------
    path : str or Path
        Final name of a file or a directory. Parent directories are made.

    Yields
    ------
    Path
        The temporary name; it has the same suffix, since some writers choose
        the format by it.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    tag = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    temporary = final.with_name(f".{final.stem}.{tag}{final.suffix}")
    try:
        yield temporary
        if temporary.is_dir() and final.is_dir():
            shutil.rmtree(final)
        temporary.replace(final)
        RUN.outputs[final] = None
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


@contextmanager
def open_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path : str or Path
        The file.

    Yields
    ------
    h5py.File
        The open file.

    Raises
    ------
    Sim2SkyError
        If the file is missing, is not HDF5 or is truncated.
    """
    path = Path(path)
    if not path.is_file():
        raise Sim2SkyError("file not found", where=path, fix="check the path in the configuration")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        size = path.stat().st_size
        raise Sim2SkyError(
            "not a readable HDF5 file (truncated or another format)",
            where=path,
            got=f"{size} bytes ({error})",
            fix="delete it and make or download it again",
        ) from error
    with file:
        yield file


def hdf5_dataset(file: h5py.File | h5py.Group, name: str) -> h5py.Dataset:
    """Return a dataset of an open HDF5 file.

    Parameters
    ----------
    file : h5py.File or h5py.Group
        Where to look.
    name : str
        Path of the dataset inside `file`.

    Returns
    -------
    h5py.Dataset
        The dataset, not yet read.

    Raises
    ------
    Sim2SkyError
        If there is no such dataset.
    """
    if name not in file:
        present = ", ".join(sorted(file)) or "nothing"
        raise Sim2SkyError(
            f"dataset '{name}' is missing",
            where=f"{file.file.filename}:{file.name}",
            got=present,
            expected=name,
        )
    return file[name]


def read_parquet(
    path: str | Path, columns: list[str] | None = None, *, only: bool = False
) -> pd.DataFrame:
    """Read a parquet table and check that it holds the named columns.

    Parameters
    ----------
    path : str or Path
        The file.
    columns : list of str, optional
        Columns that must be there.
    only : bool
        Read these and no other, so that labels stay unread.

    Returns
    -------
    pandas.DataFrame
        The whole table, or the named columns.

    Raises
    ------
    Sim2SkyError
        If the file is missing or unreadable or lacks a column.
    """
    path = Path(path)
    if not path.is_file():
        raise Sim2SkyError("file not found", where=path)
    try:
        present = pyarrow.parquet.read_schema(path).names
        missing = [name for name in columns or [] if name not in present]
        table = None if missing else pd.read_parquet(path, columns=columns if only else None)
    except Exception as error:
        raise Sim2SkyError("not a readable parquet table", where=path, got=error) from error
    if table is None:
        raise Sim2SkyError(
            f"column {', '.join(missing)} is missing", where=path, got=", ".join(present)
        )
    return table


def write_parquet(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table to parquet, atomically and without the index.

    Parameters
    ----------
    table : pandas.DataFrame
        The table.
    path : str or Path
        Output file.
    """
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


def write_json(content: object, path: str | Path) -> None:
    """Write JSON atomically; numpy scalars and arrays are converted.

    JSON has no infinite numbers and no NaN: both become null.

    Parameters
    ----------
    content : object
        Anything `json` can write, with numpy values allowed.
    path : str or Path
        Output file.
    """
    text = json.dumps(_json_value(content), indent=2, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n")


def _json_value(value: object) -> object:
    """Return a value in JSON's own types."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: _json_value(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def read_json(path: str | Path) -> dict:
    """Read a JSON file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    Sim2SkyError
        If the file is missing or not JSON.
    """
    path = Path(path)
    if not path.is_file():
        raise Sim2SkyError("file not found", where=path)
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise Sim2SkyError("not valid JSON", where=path, got=error) from error
