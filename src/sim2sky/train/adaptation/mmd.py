"""Maximum mean discrepancy: the distance between two samples' kernel means.

Gretton et al. 2012 (JMLR 13, 723), equation 5 (the biased estimate); used
between simulated and observed galaxies by Ciprijanovic et al. 2021 (MNRAS
506, 677, section 2.1).
"""

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

if TYPE_CHECKING:
    from sim2sky.train.adaptation import DomainBatch

# s of the kernels exp(-d^2 / 2s) of Ciprijanovic et al. 2021: variances, not widths.
PUBLISHED_VARIANCES = (
    *(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
    *(1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 100.0),
    *(1e3, 1e4, 1e5, 1e6),
)
# In units of the median squared distance: the median heuristic (Gretton et al. 2012, section 8)
# with neighbours on both sides, since no single width suits the whole training.
MEDIAN_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


class MaximumMeanDiscrepancy(nn.Module):
    """MMD^2 between the latent vectors of two domains; see `mmd_squared`.

    Parameters
    ----------
    variances : {"published", "median"}
        The 19 kernels of Ciprijanovic et al. 2021, which suit latent vectors
        of length 10 to 1000, or five kernels around the median squared
        distance of each batch, which suit any.
    """

    def __init__(self, variances: Literal["published", "median"] = "published") -> None:
        super().__init__()
        self.variances = variances

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
        variances = PUBLISHED_VARIANCES if self.variances == "published" else None
        return mmd_squared(source.latent, target.latent, variances)


def mmd_squared(
    source: torch.Tensor,
    target: torch.Tensor,
    variances: tuple[float, ...] | None = None,
    source_weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the biased estimate of MMD^2 with a sum of Gaussian kernels.

    ``mean k(x, x') + mean k(y, y') - 2 mean k(x, y)`` with ``k`` the sum over
    s of ``exp(-|x - y|^2 / 2s)``; the means include the pairs of a vector with
    itself. Nothing is clamped: a floor would end the gradient just where the
    domains begin to meet.

    Parameters
    ----------
    source, target : torch.Tensor
        (N,D) and (M,D), N and M at least 1.
    variances : tuple of float, optional
        The s; by default the median squared distance between the pooled
        vectors times `MEDIAN_FACTORS`, held constant in the gradient.
    source_weight : torch.Tensor, optional
        (N,) with sum 1: means over the source are weighted so; by default 1/N each.

    Returns
    -------
    torch.Tensor
        A scalar.
    """
    n = len(source)
    distances = squared_distances(torch.cat([source, target]))
    if variances is None:
        variances = _variances_around_median(distances.detach())
    kernel = _GaussianSum.apply(distances, variances)
    # the means over the three blocks of the kernel matrix are one bilinear form w K w
    weight = kernel.new_full((len(kernel),), -1.0 / len(target))
    weight[:n] = 1.0 / n if source_weight is None else source_weight
    return weight @ kernel @ weight


def squared_distances(vectors: torch.Tensor) -> torch.Tensor:
    """Return the squared distances between all pairs, by one matrix product.

    Parameters
    ----------
    vectors : torch.Tensor
        (N,D).

    Returns
    -------
    torch.Tensor
        (N,N), >= 0, exactly 0 between equal vectors.
    """
    # |x|^2 + |y|^2 - 2xy cancels badly far from the origin, hence the shift to the mean
    centred = vectors - vectors.mean(0, keepdim=True).detach()
    product = centred @ centred.T
    norms = product.diagonal()
    sums = norms[:, None] + norms[None, :]
    distances = sums - 2 * product
    # what is left between equal vectors is rounding, yet far for the narrowest kernels
    rounding = 4 * torch.finfo(vectors.dtype).eps * sums.detach()
    return distances.masked_fill(distances.detach() <= rounding, 0)


class _GaussianSum(torch.autograd.Function):
    """Sum over s of ``exp(-d / 2s)``, element by element of d.

    Written out since autograd would keep one matrix per kernel; here value and
    derivative are summed in one pass.
    """

    @staticmethod
    def forward(
        context: Any,  # noqa: ANN401
        distances: torch.Tensor,
        variances: tuple[float, ...],
    ) -> torch.Tensor:
        total = torch.zeros_like(distances)
        slope = torch.zeros_like(distances)
        term = torch.empty_like(distances)
        for variance in variances:
            rate = -0.5 / variance
            torch.mul(distances, rate, out=term).exp_()
            total += term
            slope.add_(term, alpha=rate)
        context.save_for_backward(slope)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        context: Any,  # noqa: ANN401
        gradient: torch.Tensor,
    ) -> tuple[torch.Tensor, None]:
        (slope,) = context.saved_tensors
        return gradient * slope, None


def _variances_around_median(distances: torch.Tensor) -> tuple[float, ...]:
    """Return `MEDIAN_FACTORS` times the median over the distinct pairs."""
    row, column = torch.triu_indices(*distances.shape, offset=1)
    median = distances[row, column].median().item()
    # all vectors equal: any width gives the same kernel of ones
    return tuple(factor * (median or 1.0) for factor in MEDIAN_FACTORS)
