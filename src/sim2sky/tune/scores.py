"""What is known of a trial before any target label is."""

import math
from pathlib import Path

import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.provenance import stamp
from sim2sky.settings import read_settings
from sim2sky.train.criteria import CRITERIA
from sim2sky.train.data import read_training_data
from sim2sky.train.model_file import load_model
from sim2sky.train.optimisation import class_weights_of, deterministic
from sim2sky.train.settings import TrainSettings
from sim2sky.train.validation import judge, judged_networks


def score_trial(
    model_path: Path,
    history_path: Path,
    source_path: Path,
    target_path: Path,
    trial: int | None = None,
) -> dict:
    """Return all criteria of one trial or model.

    The rows and labels are those that the training had, read in the same way:
    no label of the target, but by a method that trains on them.

    Parameters
    ----------
    model_path, history_path : Path
        Outputs of `sim2sky train`.
    source_path, target_path : Path
        The datasets of that training.
    trial : int, optional
        Number of the trial; a model that is none has its seed for a number.

    Returns
    -------
    dict
        ``method``, ``network``, ``trial``, ``train_on``; ``diverged``: whether
        it ended before its last epoch; ``criteria``: name -> score, None where
        undefined, empty for a method that trains on target labels;
        ``validation``: loss and balanced accuracy on the validation rows of the
        domain whose labels the method reads; ``settings`` of the training.

    Raises
    ------
    Sim2SkyError
        If a file is missing or not what it should be.
    """
    model = load_model(model_path)
    trial = model.seed if trial is None else trial
    settings = read_settings(TrainSettings, model.provenance["settings"])
    data = read_training_data(source_path, target_path, settings, seed=model.seed)
    weights = class_weights_of(data.labelled.label, len(data.classes), settings)
    with deterministic(settings.num_threads):
        networks = judged_networks(model.network, data, settings, model.seed)
        judgement = judge(networks, data, weights, CRITERIA)
    return {
        "about": stamp("tune", {"trial": trial}),
        "method": model.method,
        "network": model.network_name,
        "trial": trial,
        "train_on": settings.method.train_on,
        "diverged": n_epochs(history_path) < settings.epochs,
        "criteria": {name: _number(value) for name, value in judgement.scores.items()},
        "validation": {
            "domain": data.labelled_domain,
            "loss": _number(judgement.loss),
            "balanced_accuracy": _number(judgement.balanced_accuracy),
        },
        "settings": settings.model_dump(mode="json"),
    }


def n_epochs(history_path: Path) -> int:
    """Return how many epochs a training finished.

    Parameters
    ----------
    history_path : Path
        ``history.csv``; without any epoch it has no columns either.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    Sim2SkyError
        If there is no such file or it is no table.
    """
    if not history_path.is_file():
        raise Sim2SkyError("file not found", where=history_path)
    try:
        return len(pd.read_csv(history_path))
    except pd.errors.EmptyDataError:
        return 0
    except ValueError as error:
        raise Sim2SkyError("not a readable CSV table", where=history_path, got=error) from error


def _number(value: float) -> float | None:
    """Return a number as JSON can hold it, without digits that are rounding errors.

    Networks that give one answer for all images have the same score, and then the first
    trial is to be chosen.
    """
    return round(float(value), 9) if math.isfinite(value) else None
