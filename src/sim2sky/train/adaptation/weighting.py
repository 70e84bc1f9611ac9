"""How the losses add up: fixed weights, or weights that are trained too.

Kendall et al. 2018 (CVPR, arXiv:1705.07115), as used for domain adaptation by
Pandya et al. 2025 (SIDDA, Mach. Learn.: Sci. Technol. 6, 035032).
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import nn

CLASS = "class"  # the cross-entropy among the scales
# Pandya et al. 2025 and their code: no scale falls below the first number, and those of the
# adaptation losses not below this share of the cross-entropy's, which keeps it from being ignored.
SMALLEST_SCALE = 1e-3
SMALLEST_SHARE = 0.25
# The first 20 of 60 epochs in the authors' example see the cross-entropy alone.
WARMUP = 1 / 3


class WeightedSum(nn.Module):
    """The cross-entropy and the adaptation losses, added up.

    Losses with a number as weight are multiplied by it. As soon as one has the
    weight ``automatic``, the cross-entropy L_1 and all such losses L_k enter as
    ``sum_k L_k / 2 e_k^2 + log prod_k |e_k|`` with trained scales e_k that start
    at 1, once the warm-up is over; before, the cross-entropy enters alone.

    Parameters
    ----------
    weights : mapping of str to float or "automatic"
        Name of each adaptation loss -> its weight.
    """

    def __init__(self, weights: Mapping[str, float | Literal["automatic"]]) -> None:
        super().__init__()
        self.fixed = {name: value for name, value in weights.items() if value != "automatic"}
        trained = [name for name in weights if name not in self.fixed]
        self.scales = nn.ParameterDict(
            {name: nn.Parameter(torch.ones(())) for name in ([CLASS, *trained] if trained else [])}
        )

    def forward(
        self,
        loss_class: torch.Tensor,
        terms: Mapping[str, torch.Tensor],
        ramp: float,
        progress: float,
    ) -> torch.Tensor:
        """Return the loss to minimise.

        Parameters
        ----------
        loss_class : torch.Tensor
            The cross-entropy.
        terms : mapping of str to torch.Tensor
            The adaptation losses.
        ramp : float
            Share of the adaptation, 0 to 1: the result goes from the
            cross-entropy alone (0) to the whole sum (1).
        progress : float
            Share of the training that is done, 0 to 1.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        fixed = sum(ramp * weight * terms[name] for name, weight in self.fixed.items())
        if self.scales and progress >= WARMUP:
            automatic = self._automatic({CLASS: loss_class, **terms})
            loss_class = loss_class + ramp * (automatic - loss_class)
        return loss_class + fixed

    def trained_weights(self) -> dict[str, torch.Tensor]:
        """Return the present factors ``1 / 2 e^2``; empty if all weights are fixed.

        Returns
        -------
        dict of str to torch.Tensor
            ``class`` and names of losses -> factor, a scalar without gradient.
        """
        return {name: 0.5 / scale.detach().square() for name, scale in self.scales.items()}

    def _automatic(self, losses: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the weighted sum of Kendall et al., its scales kept within their limits."""
        with torch.no_grad():
            self.scales[CLASS].clamp_(min=SMALLEST_SCALE)
            for name, scale in self.scales.items():
                if name != CLASS:
                    scale.clamp_(min=SMALLEST_SHARE * self.scales[CLASS].item())
        return sum(
            losses[name] / (2 * scale.square()) + scale.log()
            for name, scale in self.scales.items()
        )
