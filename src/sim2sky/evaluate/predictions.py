"""Predictions for the test rows of a domain, and their scores."""

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from sim2sky.build.dataset import Dataset, labels_for_model
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling, interval
from sim2sky.evaluate.metrics import scores
from sim2sky.evaluate.open_set import open_set_scores
from sim2sky.evaluate.settings import EvaluateSettings

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model

PROBABILITY = "probability_"
COLUMNS = [
    *("experiment", "method", "network", "seed", "domain"),
    *("galaxy_id", "system_id", "view", "stage", "label", "predicted"),
]


def predict_rows(
    model: "Model",
    dataset: Dataset,
    domain: Literal["source", "target"],
    *,
    experiment: str = "",
    batch_size: int = 256,
) -> pd.DataFrame:
    """Return what a model says of each row.

    Parameters
    ----------
    model : Model
        From `sim2sky.train.model_file.load_model`.
    dataset : Dataset
        From `Model.read_rows`.
    domain : {"source", "target"}
        Chooses the normalisation.
    experiment : str
        Written in the column of that name.
    batch_size : int
        Images per forward pass.

    Returns
    -------
    pandas.DataFrame
        Columns experiment, method, network, seed, domain, galaxy_id, system_id,
        view, stage, label (see `labels_for_model`), ``probability_<class>`` and
        predicted, the index of the likeliest class.

    Raises
    ------
    Sim2SkyError
        If a prediction is not finite.
    """
    probabilities, _ = model.predict(dataset.images, domain, batch_size=batch_size)
    bad = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(bad) > 0:
        raise Sim2SkyError(
            f"{len(bad)} of {len(probabilities)} predictions are not finite",
            where=f"domain {dataset.domain}, galaxy {dataset.galaxy_id[bad[0]]}",
            fix="look for NaN in that image, else in the training history",
        )
    return pd.DataFrame(
        {
            "experiment": experiment,
            "method": model.method,
            "network": model.network_name,
            "seed": int(model.seed),
            "domain": domain,
            "galaxy_id": dataset.galaxy_id,
            "system_id": dataset.system_id,
            "view": dataset.view,
            "stage": dataset.stage,
            "label": labels_for_model(dataset, model.classes),
            **{PROBABILITY + name: probabilities[:, k] for k, name in enumerate(model.classes)},
            "predicted": probabilities.argmax(axis=1).astype(np.int8),
        }
    )


def class_names(predictions: pd.DataFrame) -> list[str]:
    """Return the classes of a table of predictions, in the order of their numbers.

    Parameters
    ----------
    predictions : pandas.DataFrame
        From `predict_rows`.

    Returns
    -------
    list of str
        K names.
    """
    return [name.removeprefix(PROBABILITY) for name in predictions if name.startswith(PROBABILITY)]


def resampled_scores(
    predictions: pd.DataFrame, resampling: Resampling, settings: EvaluateSettings
) -> dict[str, np.ndarray]:
    """Return the scores of one model in one domain, for the sample and its resamples.

    Rows without a label, or with a class the model does not know, do not enter,
    except that the latter give the scores of `sim2sky.evaluate.open_set`.

    Parameters
    ----------
    predictions : pandas.DataFrame
        N rows from `predict_rows`.
    resampling : Resampling
        Of these rows' systems or more.
    settings : EvaluateSettings
        Bins and prior.

    Returns
    -------
    dict of numpy.ndarray
        Each (1+B,); names as in `sim2sky.evaluate.metrics.scores`.
    """
    classes = class_names(predictions)
    columns = [PROBABILITY + name for name in classes]
    labelled = predictions[predictions["label"] >= 0]
    known = labelled[labelled["label"] < len(classes)]
    label, probabilities = known["label"].to_numpy(), known[columns].to_numpy()
    result = resampling.apply(
        lambda weights: scores(
            label,
            probabilities,
            weights,
            classes,
            calibration_bins=settings.calibration_bins,
            positive_fraction=settings.survey_positive_fraction,
        ),
        known["system_id"].to_numpy(),
    )
    if len(known) < len(labelled):
        every_label, every_probability = labelled["label"].to_numpy(), labelled[columns].to_numpy()
        result |= resampling.apply(
            lambda weights: open_set_scores(every_label, every_probability, weights),
            labelled["system_id"].to_numpy(),
        )
    return result


def score_summary(
    predictions: pd.DataFrame, settings: EvaluateSettings
) -> dict[str, dict[str, float | str | None]]:
    """Return each score of one model in one domain with its interval.

    Parameters
    ----------
    predictions : pandas.DataFrame
        From `predict_rows`.
    settings : EvaluateSettings
        How to score.

    Returns
    -------
    dict of dict
        By score: ``value``, ``low``, ``high``, None where undefined; then
        ``reason`` says why.
    """
    resampling = Resampling.draw(
        predictions["system_id"].to_numpy(), settings.n_bootstrap, settings.seed
    )
    summary = {}
    for name, values in resampled_scores(predictions, resampling, settings).items():
        numbers = (float(values[0]), *interval(values, settings.interval))
        entry = {
            key: number if np.isfinite(number) else None
            for key, number in zip(("value", "low", "high"), numbers, strict=True)
        }
        if entry["value"] is None:
            entry["reason"] = _reason_undefined(name, predictions)
        summary[name] = entry
    return summary


def _reason_undefined(metric: str, predictions: pd.DataFrame) -> str:
    """Say why a score has no value."""
    classes = class_names(predictions)
    counts = {
        name: int((predictions["label"] == number).sum()) for number, name in enumerate(classes)
    }
    if not (predictions["label"] >= 0).any():
        return "no labelled test rows"
    present = [name for name, count in counts.items() if count > 0]
    if not present:
        return "all labelled test rows are of classes that the model does not know"
    kind, _, name = metric.partition("_")
    if kind in ("recall", "auc") and counts.get(name) == 0:
        return f"no test rows of class '{name}'"
    if kind == "precision":
        return f"nothing was predicted as '{name}'"
    if len(present) == 1:
        return f"all labelled test rows are of class '{present[0]}'"
    if counts[classes[-1]] == 0:
        return f"no test rows of class '{classes[-1]}'"
    return f"nothing was predicted as '{classes[-1]}'"
