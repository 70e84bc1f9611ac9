"""What the sample knows of each row: its class by rules, and its stratum of the split."""

from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import read_parquet
from sim2sky.observe.labels import label_rows
from sim2sky.observe.settings import LabelRule


def sample_rows(path: str | Path, galaxy_id: np.ndarray) -> pd.DataFrame:
    """Return the row of a sample for each stamp.

    Parameters
    ----------
    path : str or Path
        Table of galaxies, one row per galaxy.
    galaxy_id : numpy.ndarray
        (N,) str.

    Returns
    -------
    pandas.DataFrame
        N rows.

    Raises
    ------
    Sim2SkyError
        If the table is unreadable or does not hold a galaxy.
    """
    table = read_parquet(path, ["galaxy_id", "label", "morphology"])
    place = pd.Index(table["galaxy_id"]).get_indexer(galaxy_id)
    if (place < 0).any():
        raise Sim2SkyError(
            "the sample does not hold a galaxy of the stamps",
            where=path,
            got=galaxy_id[place < 0][0],
            fix="give the sample that the maps were made from",
        )
    return table.iloc[place].reset_index(drop=True)


def labels_by_rules(rows: pd.DataFrame, rules: dict[str, str], classes: list[str]) -> np.ndarray:
    """Return the label of each row by the rules of the build settings.

    Parameters
    ----------
    rows : pandas.DataFrame
        N rows of a sample.
    rules : dict of str
        A pandas query by class.
    classes : list of str
        Names of the labels 0, 1, ...

    Returns
    -------
    numpy.ndarray
        (N,) int8, -1 where no rule matches.

    Raises
    ------
    Sim2SkyError
        If a query fails or a row matches two.
    """
    ordered = [LabelRule(name=name, query=rules[name]) for name in classes]
    return label_rows(rows, ordered, "galaxy_id", "the sample", "class_rules").astype(np.int8)


def split_strata(rows: pd.DataFrame, system_id: np.ndarray, n_splits: int) -> np.ndarray:
    """Return strata of the split: systems of one label and morphology.

    They do not depend on the classes of the dataset, so that domains which sort one
    sample into other classes still share its split. A morphology with fewer systems
    than there are splits goes with the others of its label.

    Parameters
    ----------
    rows : pandas.DataFrame
        N rows of a sample.
    system_id : numpy.ndarray
        (N,) integers.
    n_splits : int
        Number of splits.

    Returns
    -------
    numpy.ndarray
        (N,) integers, the same for all rows of a system.
    """
    kind = rows.groupby(["label", "morphology"], sort=True).ngroup()
    highest = kind.groupby(system_id).max()  # a system with any merger is one
    label_of = rows["label"].groupby(kind).first()
    stratum = pd.Series(label_of.index, index=label_of.index)
    for _, kinds in label_of.groupby(label_of):
        systems = highest.value_counts().reindex(kinds.index, fill_value=0)
        few = systems.index[systems < n_splits]
        if systems[few].sum() < n_splits:  # too few even together
            few = few.union([systems.idxmax()])
        stratum[few] = few.min()
    return highest.map(stratum).loc[system_id].to_numpy()
