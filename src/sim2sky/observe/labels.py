"""Labels of real images, by declared rules on a table."""

from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.settings import LabelRule, LabelRules


def read_labels(path: str | Path, rules: LabelRules) -> dict[str, int]:
    """Return the label of each row of a table that a rule matches.

    Parameters
    ----------
    path : str or Path
        CSV file.
    rules : LabelRules
        Column of identifiers and a pandas query per class.

    Returns
    -------
    dict
        Identifier (file stem) to label, the index of the class in the rules.

    Raises
    ------
    Sim2SkyError
        If the file is unreadable, the column is missing, an identifier is
        repeated, a query fails, or a row belongs to two classes.
    """
    if not Path(path).is_file():
        raise Sim2SkyError("file not found", where=path)
    try:
        table = pd.read_csv(path, dtype={rules.id_column: str})
    except (ValueError, OSError) as error:
        raise Sim2SkyError("not a readable CSV table", where=path, got=error) from error
    if rules.id_column not in table:
        raise Sim2SkyError(
            f"column '{rules.id_column}' is missing",
            where=path,
            got=", ".join(table.columns[:20]),
            fix="correct labels.id_column",
        )
    repeated = table[rules.id_column][table[rules.id_column].duplicated()]
    if len(repeated):
        raise Sim2SkyError("an identifier is repeated", where=path, got=repeated.iloc[0])
    labels = label_rows(table, rules.classes, rules.id_column, path, "labels.classes")
    known = labels >= 0
    return dict(zip(table[rules.id_column][known], labels[known].tolist(), strict=True))


def label_rows(
    table: pd.DataFrame,
    rules: list[LabelRule],
    id_column: str,
    where: str | Path,
    key: str,
) -> np.ndarray:
    """Return the label of each row of a table by rules.

    Parameters
    ----------
    table : pandas.DataFrame
        N rows.
    rules : list of LabelRule
        One of each class.
    id_column : str
        Names a row in messages.
    where : str or Path
        Names the table in messages.
    key : str
        Names the setting that holds the rules in messages.

    Returns
    -------
    numpy.ndarray
        (N,) int64, the index of the rule that a row fulfils, -1 if none.

    Raises
    ------
    Sim2SkyError
        If a query fails, or a row fulfils two rules.
    """
    labels = np.full(len(table), -1)
    for label, rule in enumerate(rules):
        rows = _matching_rows(table, rule.query, f"{key}.{rule.name}")
        twice = rows & (labels >= 0)
        if twice.any():
            raise Sim2SkyError(
                f"a row is both '{rules[labels[twice][0]].name}' and '{rule.name}'",
                where=where,
                got=table[id_column][twice].iloc[0],
                fix="make the queries exclude one another",
            )
        labels[rows] = label
    return labels


def _matching_rows(table: pd.DataFrame, query: str, where: str) -> np.ndarray:
    """Return a mask of the rows that a query matches."""
    try:
        rows = table.eval(query, engine="python")
    except Exception as error:  # pandas lets the errors of Python's parser through
        raise Sim2SkyError("the query fails", where=where, got=f"{query!r} ({error})") from error
    if not isinstance(rows, pd.Series) or not pd.api.types.is_bool_dtype(rows):
        raise Sim2SkyError("the query does not select rows", where=where, got=repr(query))
    return rows.to_numpy(dtype=bool, na_value=False)
