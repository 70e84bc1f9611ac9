"""The settings of each trial, known before anything is trained."""

from typing import Any

import numpy as np

from sim2sky.seeding import generator
from sim2sky.train.settings import MethodSettings, TrainSettings
from sim2sky.tune.settings import Range, TuneSettings


def trial_settings(base: TrainSettings, tune: TuneSettings, trial: int) -> TrainSettings:
    """Return the settings of one trial.

    Each drawn value depends on the method's name, the trial, the name of the
    setting and the seed of the draws alone: another trial or another dimension
    of the space changes none of the others.

    Parameters
    ----------
    base : TrainSettings
        The experiment's settings, with the method filled in.
    tune : TuneSettings
        Space and seed.
    trial : int
        0 gives `base`, others a draw.

    Returns
    -------
    TrainSettings
        Validated. A trial that diverges ends there instead of failing.
    """
    content = base.model_dump(mode="json") | {"on_divergence": "stop"}
    if trial > 0:
        content |= _changes(base, tune, trial)
    return TrainSettings.model_validate(content)


def _changes(base: TrainSettings, tune: TuneSettings, trial: int) -> dict[str, Any]:
    """Return the settings that a trial draws."""
    drawn = {
        name: _draw(options, generator("tune", base.method.name, trial, name, seed=tune.seed))
        for name, options in tune.space
        if options is not None
    }
    factor, share = drawn.pop("loss_factor", None), drawn.pop("warmup_share", None)
    if factor is not None:
        drawn["method"] = _with_scaled_losses(base.method, factor).model_dump(mode="json")
    if share is not None:
        drawn["adaptation_warmup_epochs"] = share * drawn.get("epochs", base.epochs)
    return drawn


def _draw(options: list | Range, random: np.random.Generator) -> float | int | str:
    """Return one of the options; numbers of a range have three digits, to be read and typed."""
    if isinstance(options, list):
        return options[int(random.integers(len(options)))]
    return float(f"{np.exp(random.uniform(np.log(options.low), np.log(options.high))):.3g}")


def _with_scaled_losses(method: MethodSettings, factor: float) -> MethodSettings:
    """Return a method with all weights of adaptation losses multiplied, except automatic ones."""
    losses = {
        name: weight if weight == "automatic" else float(f"{factor * weight:.3g}")
        for name, weight in method.losses.items()
    }
    return method.model_copy(update={"losses": losses})
