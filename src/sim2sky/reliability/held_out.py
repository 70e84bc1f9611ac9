"""What the source's validation rows fix for each model: a scaling and thresholds, nothing else."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sim2sky.calibrate.scaling import Scaling, fit_scaling
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.predictions import PROBABILITY, class_names
from sim2sky.reliability.conformal import conformal_threshold, true_class_score

MODEL = ["method", "network", "seed"]


@dataclass(frozen=True)
class Fitted:
    """What held-out rows fix for one model.

    Parameters
    ----------
    scaling : Scaling
        Of its probabilities.
    thresholds : dict of float
        Of its prediction sets: ``""``, with whole systems exchangeable, and
        ``"_by_rows"``, as if rows were.
    n_images, n_systems : int
        How many there are.
    """

    scaling: Scaling
    thresholds: dict[str, float]
    n_images: int
    n_systems: int


def fit_held_out(
    held_out: pd.DataFrame, classes: list[str], coverage: float
) -> dict[tuple[str, str, int], Fitted]:
    """Return what held-out rows fix for every model.

    Parameters
    ----------
    held_out : pandas.DataFrame
        Rows of the source's validation split as `sim2sky.evaluate.predictions.predict_rows`
        gives them, of all models.
    classes : list of str
        The models' K names.
    coverage : float
        Of the prediction sets.

    Returns
    -------
    dict of Fitted
        By method, network and seed. Thresholds are those of the raw probabilities: a
        threshold on scaled ones would rest on rows that have been used already.

    Raises
    ------
    Sim2SkyError
        If the rows are of other classes or lack one.
    """
    if class_names(held_out) != classes:
        raise Sim2SkyError(
            "held-out rows of other classes than the predictions",
            got=", ".join(class_names(held_out)),
            expected=", ".join(classes),
        )
    fitted = {}
    for (method, network, seed), rows in held_out.groupby(MODEL, sort=False):
        known = rows[rows["label"].between(0, len(classes) - 1)]
        missing = [name for k, name in enumerate(classes) if not (known["label"] == k).any()]
        if missing:
            raise Sim2SkyError(
                f"no validation row is of class {', '.join(missing)}",
                where=f"method {method}, network {network}, seed {seed}",
                got=f"{len(known)} labelled rows",
                fix="give the source more systems or a larger validation part, or set the "
                "experiment's `reliability` to null",
            )
        probability = known[[PROBABILITY + name for name in classes]].to_numpy()
        label = known["label"].to_numpy(dtype=np.int64)
        system_id, score = known["system_id"].to_numpy(), true_class_score(label, probability)
        fitted[method, network, int(seed)] = Fitted(
            fit_scaling(probability, label),
            {
                "": conformal_threshold(score, system_id, coverage),
                "_by_rows": conformal_threshold(score, np.arange(len(score)), coverage),
            },
            len(known),
            len(np.unique(system_id)),
        )
    return fitted


def fitted_of(
    fitted: dict[tuple[str, str, int], Fitted], method: str, network: str, seed: int
) -> Fitted:
    """Return what is fixed for one model.

    Parameters
    ----------
    fitted : dict of Fitted
        From `fit_held_out`.
    method, network : str
        As in the configuration.
    seed : int
        The training seed.

    Returns
    -------
    Fitted
        Its own.

    Raises
    ------
    Sim2SkyError
        If there were no held-out rows of it.
    """
    if (method, network, seed) not in fitted:
        raise Sim2SkyError(
            "a model has predictions and no held-out rows",
            where=f"method {method}, network {network}, seed {seed}",
            fix="make them with `sim2sky evaluate --held-out`",
        )
    return fitted[method, network, seed]
