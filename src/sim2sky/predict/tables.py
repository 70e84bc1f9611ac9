"""Tables in the formats of catalogues: parquet, FITS, ECSV and CSV."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, read_parquet

SUFFIXES = (".parquet", ".fits", ".ecsv", ".csv")


def check_suffix(path: Path) -> None:
    """Refuse a table of unknown kind.

    Parameters
    ----------
    path : Path
        Of a table.

    Raises
    ------
    Sim2SkyError
        If the suffix is not one of `SUFFIXES`.
    """
    if path.suffix not in SUFFIXES:
        raise Sim2SkyError(
            "unknown kind of table", where=path, got=path.suffix, expected=", ".join(SUFFIXES)
        )


def read_table(path: str | Path, columns: list[str]) -> pd.DataFrame:
    """Read a table and check that it holds some columns.

    Parameters
    ----------
    path : str or Path
        The suffix says the format.
    columns : list of str
        Columns that must be there.

    Returns
    -------
    pandas.DataFrame
        The whole table.

    Raises
    ------
    Sim2SkyError
        If the file is missing, unreadable or lacks a column.
    """
    path = Path(path)
    check_suffix(path)
    if path.suffix == ".parquet":
        return read_parquet(path, columns)
    if not path.is_file():
        raise Sim2SkyError("file not found", where=path)
    try:
        if path.suffix == ".csv":
            table = pd.read_csv(path)
        else:
            from astropy.table import Table

            read = Table.read(path, format="fits" if path.suffix == ".fits" else "ascii.ecsv")
            read.convert_bytestring_to_unicode()
            table = read.to_pandas()
    except Exception as error:  # each format fails in its own way
        raise Sim2SkyError("not a readable table", where=path, got=error) from error
    missing = [name for name in columns if name not in table]
    if missing:
        raise Sim2SkyError(
            f"column {', '.join(missing)} is missing", where=path, got=", ".join(table.columns)
        )
    return table


def write_table(blocks: Iterable[pd.DataFrame], output: Path) -> None:
    """Write a table that comes in pieces, atomically.

    Parameters
    ----------
    blocks : iterable of pandas.DataFrame
        Pieces with the same columns.
    output : Path
        The suffix decides the format; only parquet is written piece by piece.
    """
    with atomic_path(output) as temporary:
        if output.suffix == ".parquet":
            writer = None
            try:
                for block in blocks:
                    piece = pyarrow.Table.from_pandas(block, preserve_index=False)
                    writer = writer or pyarrow.parquet.ParquetWriter(temporary, piece.schema)
                    writer.write_table(piece)
            finally:
                if writer is not None:
                    writer.close()
        elif output.suffix == ".csv":
            pd.concat(blocks).to_csv(temporary, index=False)
        else:
            from astropy.table import Table

            table = Table.from_pandas(pd.concat(blocks))
            table.write(temporary, format="fits" if output.suffix == ".fits" else "ascii.ecsv")
