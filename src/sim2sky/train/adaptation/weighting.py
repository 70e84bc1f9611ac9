"""How the losses add up: with fixed weights, or with weights that follow from the losses.

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
MEMORY_STEPS = 20  # over which losses are averaged to find their scales


class WeightedSum(nn.Module):
    """The cross-entropy and the adaptation losses, added up.

    Losses with a number as weight are multiplied by it. As soon as one has the
    weight ``automatic``, the cross-entropy L_1 and all such losses L_k enter as
    ``sum_k L_k / 2 e_k^2 + log prod_k |e_k|``, once the warm-up is over; before,
    the cross-entropy enters alone.

    In the paper the scales e_k start at 1 and are trained with the network.
    That takes them to the minimum of this sum, ``e_k^2 = L_k``, but by a learning
    rate's length per step: a divergence between vectors of thousands of
    features starts in the thousands, and the cross-entropy would drown long
    before its scale had grown. Here the scales are put at that minimum, with
    the mean of the loss over late steps, and kept within the published limits.

    Parameters
    ----------
    weights : mapping of str to float or "automatic"
        Name of each adaptation loss -> its weight.
    """

    def __init__(self, weights: Mapping[str, float | Literal["automatic"]]) -> None:
        super().__init__()
        self.fixed = {name: value for name, value in weights.items() if value != "automatic"}
        automatic = [name for name in weights if name not in self.fixed]
        self.automatic = [CLASS, *automatic] if automatic else []
        self.register_buffer("mean", torch.zeros(len(self.automatic)))
        self.register_buffer("n_steps", torch.zeros((), dtype=torch.int64))

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
        if self.automatic and progress >= WARMUP:
            losses = torch.stack([{CLASS: loss_class, **terms}[name] for name in self.automatic])
            self._remember(losses.detach())
            scales = self._scales()
            automatic = (losses / (2 * scales.square()) + scales.log()).sum()
            loss_class = loss_class + ramp * (automatic - loss_class)
        return loss_class + fixed

    def automatic_weights(self) -> dict[str, torch.Tensor]:
        """Return the present factors ``1 / 2 e^2``; empty if all weights are fixed.

        Returns
        -------
        dict of str to torch.Tensor
            ``class`` and names of losses -> factor, a scalar; 1 and 0 during the warm-up.
        """
        weights = 0.5 / self._scales().square()
        if self.n_steps == 0:
            weights = torch.zeros_like(weights)
            weights[:1] = 1
        return dict(zip(self.automatic, weights, strict=True))

    def _remember(self, losses: torch.Tensor) -> None:
        """Take the losses of a step into their running mean."""
        self.n_steps += 1
        share = max(1 / MEMORY_STEPS, 1 / self.n_steps.item())
        self.mean += share * (losses - self.mean)

    def _scales(self) -> torch.Tensor:
        """Return the scales e, the cross-entropy's first."""
        scales = self.mean.clamp_min(0).sqrt().clamp_min(SMALLEST_SCALE)
        scales[1:] = torch.maximum(scales[1:], SMALLEST_SHARE * scales[:1])
        return scales
