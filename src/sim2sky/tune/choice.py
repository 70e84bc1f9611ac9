"""The choice between the trials of a method, and what each criterion would have chosen."""

from collections.abc import Sequence
from pathlib import Path

from sim2sky.errors import Sim2SkyError
from sim2sky.files import read_json
from sim2sky.provenance import stamp
from sim2sky.train.settings import MethodSettings

OWN_VALIDATION = "target_validation"  # by what a method that trains on target labels is chosen
KEYS = ("method", "network", "trial", "train_on", "diverged", "criteria", "validation", "settings")


def read_trials(paths: Sequence[Path]) -> list[dict]:
    """Read the scores of several trials.

    Parameters
    ----------
    paths : sequence of Path
        Files written by `sim2sky score`.

    Returns
    -------
    list of dict
        In the order of the trials' numbers.

    Raises
    ------
    Sim2SkyError
        If there are none, one is incomplete or two have the same number.
    """
    if not paths:
        raise Sim2SkyError("no scores given", fix="name the files written by `sim2sky score`")
    trials: dict[tuple, tuple[Path, dict]] = {}
    for path in paths:
        content = read_json(path)
        missing = [key for key in KEYS if key not in content]
        if missing:
            raise Sim2SkyError(
                f"key {', '.join(missing)} is missing", where=path, fix="run `sim2sky score` again"
            )
        key = content["method"], content["network"], content["trial"]
        if key in trials:
            raise Sim2SkyError(
                "the same trial comes twice",
                where=path,
                got="method {}, network {}, trial {}".format(*key),
                fix=f"leave out this file or {trials[key][0]}",
            )
        trials[key] = path, content
    return [content for _, content in sorted(trials.values(), key=lambda item: item[1]["trial"])]


def choose_trial(trials: Sequence[dict], criterion: str) -> dict:
    """Return which trial of a method its final models take their settings from.

    Parameters
    ----------
    trials : sequence of dict
        From `read_trials`, all of one method and network.
    criterion : str
        A key of `sim2sky.train.criteria.CRITERIA`.

    Returns
    -------
    dict
        ``trial``, ``criterion``, ``reason``, ``settings`` of the training in
        full, and ``trials``: the number, score, criteria and settings of each.

    Raises
    ------
    Sim2SkyError
        If the trials belong to different methods or networks.
    """
    models = {(trial["method"], trial["network"]) for trial in trials}
    if len(models) > 1:
        raise Sim2SkyError(
            "trials of different methods or networks",
            got="; ".join(", ".join(model) for model in sorted(models)),
            fix="choose for each method and network on its own",
        )
    criterion = criterion_of(trials[0], criterion)
    best = best_trial(trials, criterion)
    chosen = trials[0] if best is None else best
    return {
        "about": stamp("tune", {"criterion": criterion}),
        "method": chosen["method"],
        "network": chosen["network"],
        "criterion": criterion,
        "trial": chosen["trial"],
        "reason": f"no trial has a score by {criterion}: the first is taken"
        if best is None
        else f"highest {criterion} of {len(trials)} trials",
        "settings": chosen["settings"],
        "trials": [
            {
                "trial": trial["trial"],
                "score": trial_score(trial, criterion),
                **{key: trial[key] for key in ("diverged", "criteria", "validation", "settings")},
            }
            for trial in trials
        ],
    }


def criterion_of(trial: dict, criterion: str) -> str:
    """Return by what a method's trials are compared.

    Parameters
    ----------
    trial : dict
        One of them.
    criterion : str
        What the settings ask for.

    Returns
    -------
    str
        The same, but `OWN_VALIDATION` for a method that trains on target labels.
    """
    return OWN_VALIDATION if trial["train_on"] == "target" else criterion


def is_candidate(trial: dict) -> bool:
    """Return whether the method of a trial could be chosen for a survey without labels.

    Parameters
    ----------
    trial : dict
        From `read_trials`.

    Returns
    -------
    bool
        False for one that trains on target labels, or on shuffled ones.
    """
    return MethodSettings.model_validate(trial["settings"]["method"]).is_candidate


def trial_score(trial: dict, criterion: str) -> float | None:
    """Return how good a trial is by a criterion.

    Parameters
    ----------
    trial : dict
        From `read_trials`.
    criterion : str
        A criterion or `OWN_VALIDATION`.

    Returns
    -------
    float or None
        Higher is better. None if the criterion is undefined or the trial diverged.
    """
    if trial["diverged"]:
        return None
    if criterion == OWN_VALIDATION:
        return trial["validation"]["balanced_accuracy"]
    return trial["criteria"].get(criterion)


def best_trial(trials: Sequence[dict], criterion: str) -> dict | None:
    """Return the trial that a criterion chooses.

    Parameters
    ----------
    trials : sequence of dict
        From `read_trials`.
    criterion : str
        A criterion or `OWN_VALIDATION`, where a lower validation loss decides
        between equal accuracies.

    Returns
    -------
    dict or None
        Of equals the first; None if no trial has a score.
    """
    scored = [trial for trial in trials if trial_score(trial, criterion) is not None]
    if not scored:
        return None

    def rank(trial: dict) -> tuple[float, float]:
        loss = trial["validation"]["loss"] if criterion == OWN_VALIDATION else None
        return trial_score(trial, criterion), 0.0 if loss is None else -loss

    return max(scored, key=rank)
