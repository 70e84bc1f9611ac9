"""What a training remembers: how far it has come, and one row for each epoch."""

import math
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import nn

from sim2sky.train.criteria import CRITERIA
from sim2sky.train.validation import Judgement

ROUNDING = 1e-9  # scores of networks that give one answer for all images differ by less


@dataclass
class Progress:
    """How far a training has come, as plain values that a checkpoint can hold.

    Parameters
    ----------
    epoch, step : int
        Finished epochs, and finished steps of the present one.
    totals : dict of str to float
        Sums over the steps of the present epoch.
    history : list of dict
        One row per finished epoch.
    seconds : float
        Time spent on the present epoch before an interruption.
    best_score : float
        Highest score so far of what selects the epoch to keep.
    best_epoch : int
        The epoch that has it; 0 for none.
    best_weights : dict or None
        The network at that epoch, if there is one.
    sound_weights : dict or None
        The network at the last epoch with a finite validation loss, if the
        settings want to go back to it.
    """

    epoch: int = 0
    step: int = 0
    totals: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    best_score: float = -math.inf
    best_epoch: int = 0
    best_weights: dict[str, torch.Tensor] | None = None
    sound_weights: dict[str, torch.Tensor] | None = None

    def keep_if_best(self, score: float, network: nn.Module) -> None:
        """Remember the network of the present epoch if its score beats all before; NaN never."""
        if score > self.best_score + ROUNDING:
            self.best_score, self.best_epoch = score, self.epoch + 1
            self.best_weights = deepcopy(network.state_dict())

    def next_epoch(self) -> None:
        """Count the present epoch as finished."""
        self.epoch += 1
        self.step, self.totals, self.seconds = 0, {}, 0.0

    def state_dict(self) -> dict:
        """Return all fields."""
        return dict(vars(self))

    def load_state_dict(self, state: dict) -> None:
        """Set all fields."""
        vars(self).update(state)


def history_row(
    domain: str,
    *,
    epoch: int,
    learning_rate: float,
    means: dict[str, float],
    judgement: Judgement,
    seconds: float,
) -> dict[str, float]:
    """Return one line of the history.

    Parameters
    ----------
    domain : str
        Whose labels were used. The columns of the source are there for an
        oracle too, as NaN, beside those of the target.
    epoch : int
        Counted from 1.
    learning_rate : float
        Of the last step.
    means : dict of str to float
        Means over the steps: ``loss``, ``loss_class``, ``loss_<term>``
        (before its weight), ``weight_<term>`` (if it is trained) and
        ``accuracy`` (while training, on augmented images).
    judgement : Judgement
        On the validation rows. The scores become ``score_<criterion>``, NaN for
        criteria that this epoch was not judged by.
    seconds : float
        Wall-clock time of the epoch.

    Returns
    -------
    dict of str to float
        Column -> value.
    """
    judged = {
        "train_accuracy": means["accuracy"],
        "valid_loss": judgement.loss,
        "valid_balanced_accuracy": judgement.balanced_accuracy,
    }
    row = {"epoch": epoch, "learning_rate": learning_rate}
    row |= {name: value for name, value in means.items() if name != "accuracy"}
    row |= {f"source_{name}": math.nan for name in judged}
    row |= {f"{domain}_{name}": value for name, value in judged.items()}
    if judgement.scores:
        row |= {f"score_{name}": judgement.scores.get(name, math.nan) for name in CRITERIA}
    return row | {"seconds": seconds}
