"""Which epoch's network is kept."""

import math

from sim2sky.train.adaptation.weighting import WARMUP
from sim2sky.train.criteria import CHEAP, CRITERIA
from sim2sky.train.settings import TrainSettings
from sim2sky.train.validation import Judgement


def criteria_of_epoch(settings: TrainSettings, epoch: int) -> tuple[str, ...]:
    """Return the criteria without target labels that an epoch is judged by.

    Parameters
    ----------
    settings : TrainSettings
        Selection.
    epoch : int
        From 1.

    Returns
    -------
    tuple of str
        The one that selects the epoch, and for the last epoch the cheap ones: each takes a
        pass over the target's images. The others train a domain classifier, and `sim2sky
        score` has them all for the network that is kept.
    """
    last = epoch == settings.epochs
    return tuple(
        name for name in CRITERIA if name == settings.selection or (last and name in CHEAP)
    )


def selection_score(judgement: Judgement, settings: TrainSettings, epoch: int) -> float:
    """Return how well an epoch's network does by what selects it.

    Parameters
    ----------
    judgement : Judgement
        Of that epoch.
    settings : TrainSettings
        ``selection``. A method that reads the target's labels is selected by
        its own validation loss, whatever the criterion.
    epoch : int
        Counted from 1.

    Returns
    -------
    float
        Higher is better; NaN if the last epoch is to be kept, the criterion is
        undefined or the adaptation is still warming up.
    """
    if settings.selection == "last" or epoch < adapted_from(settings):
        return math.nan
    if settings.selection == "source_validation" or settings.method.train_on == "target":
        return -judgement.loss
    return judgement.scores[settings.selection]


def adapted_from(settings: TrainSettings) -> float:
    """Return the first epoch whose network may be kept: the adaptation has its full weight.

    Parameters
    ----------
    settings : TrainSettings
        Warm-up and weights of the losses.

    Returns
    -------
    float
        Counted from 1; a fraction means the next whole one. The same for methods without
        losses, so that all choose between the same epochs; later with automatic weights,
        which begin after a share of the training.
    """
    first = settings.adaptation_warmup_epochs
    if "automatic" in settings.method.losses.values():
        # the epoch that ends where the automatic weights begin has not had them
        first = max(first, math.floor(WARMUP * settings.epochs) + 1)
    return min(first, settings.epochs)
