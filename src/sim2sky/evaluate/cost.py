"""What the training of each method cost."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import read_parquet

COLUMNS = ["train_seconds", "images_per_second"]


def training_rows(path: str | Path | None) -> float:
    """Return how many labelled training images a domain holds.

    Parameters
    ----------
    path : str or Path or None
        Table of `sim2sky measure`, if there is one.

    Returns
    -------
    float
        NaN without a table.
    """
    if path is None:
        return np.nan
    table = read_parquet(path, ["split", "label"])
    return float(((table["split"] == 0) & (table["label"] >= 0)).sum())


def training_costs(
    histories: Sequence[Path], source_rows: float = np.nan, target_rows: float = np.nan
) -> pd.DataFrame:
    """Return the time that a model of each method takes to train.

    Parameters
    ----------
    histories : sequence of Path
        ``.../models/<method>/<network>/<seed>/history.csv`` of `sim2sky train`.
    source_rows, target_rows : float
        Labelled training images of the domains; NaN if not known.

    Returns
    -------
    pandas.DataFrame
        By network and method: ``train_seconds``, the mean wall-clock time of a model's
        epochs, and ``images_per_second``, labelled images per such second (a method
        that aligns domains passes as many of the other domain through the network).

    Raises
    ------
    Sim2SkyError
        If a file is not a history or its path does not name the model.
    """
    rows = []
    for path in histories:
        if len(path.parts) < 4:
            raise Sim2SkyError(
                "cannot tell the model from the path",
                where=path,
                expected=".../models/<method>/<network>/<seed>/history.csv",
            )
        try:
            history = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise Sim2SkyError("not a readable table", where=path, got=error) from error
        if "seconds" not in history:
            raise Sim2SkyError("column seconds is missing", where=path)
        # an oracle reads the target's labels and has columns for them
        images = target_rows if "target_train_accuracy" in history else source_rows
        seconds = history["seconds"].sum()
        rows.append(
            {
                "network": path.parts[-3],
                "method": path.parts[-4],
                "train_seconds": seconds,
                "images_per_second": images * len(history) / seconds if seconds > 0 else np.nan,
            }
        )
    table = pd.DataFrame(rows, columns=["network", "method", *COLUMNS])
    return table.groupby(["network", "method"], sort=False).mean()
