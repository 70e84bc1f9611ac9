"""Correlation alignment: the distance between the covariances of two domains.

Sun & Saenko 2016 (Deep CORAL, ECCV workshops, arXiv:1607.01719), equations 1 to 3.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from sim2sky.train.adaptation import DomainBatch


class CorrelationAlignment(nn.Module):
    """Deep CORAL between the latent vectors of two domains; see `coral`."""

    def forward(self, source: "DomainBatch", target: "DomainBatch") -> torch.Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        source, target : DomainBatch
            Only their latent vectors are used; the result is symmetric.

        Returns
        -------
        torch.Tensor
            A scalar >= 0 up to rounding.
        """
        return coral(source.latent, target.latent)


def coral(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return ``|C_s - C_t|^2 / 4 D^2``, the squared Frobenius distance of the covariances.

    No (D,D) matrix is formed. With the centred vectors of both domains as rows
    of Z, the difference of the covariances is ``Z' diag(w) Z``, w being
    ``1 / (N - 1)`` for the source and ``-1 / (M - 1)`` for the target; its
    squared norm is ``w (G o G) w`` with the Gram matrix ``G = Z Z'`` squared
    element by element. That costs ``D (N + M)^2`` instead of ``D^2 (N + M)``.

    Parameters
    ----------
    source, target : torch.Tensor
        (N,D) and (M,D), N and M at least 1. A single vector has no spread:
        its covariance counts as 0.

    Returns
    -------
    torch.Tensor
        A scalar.
    """
    n, m, size = len(source), len(target), source.shape[1]
    centred = torch.cat([source - source.mean(0), target - target.mean(0)])
    gram = centred @ centred.T
    weight = gram.new_full((n + m,), -1.0 / max(m - 1, 1))
    weight[:n] = 1.0 / max(n - 1, 1)
    return weight @ gram.square() @ weight / (4 * size**2)
