"""How far latent vectors lie from where a network changes its mind."""

from collections.abc import Callable

import numpy as np
import torch

STEPS = 50
HALVINGS = 30
REACHED = 1e-3  # of the lead at the start: from here the bisection does the rest


def within_class_scatter(latent: np.ndarray, label: np.ndarray) -> float:
    """Return the root mean square distance of latent vectors from the centre of their class.

    Distances in units of it compare between networks: a latent space has no scale of
    its own.

    Parameters
    ----------
    latent : numpy.ndarray
        (N,D).
    label : numpy.ndarray
        (N,) true classes; rows below 0 are left out, each class counts equally.

    Returns
    -------
    float
        NaN without any row.
    """
    squares = []
    for name in np.unique(label[label >= 0]):
        points = latent[label == name].astype(np.float64)
        squares.append(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    return float(np.sqrt(np.mean(squares))) if squares else np.nan


def boundary_distance(
    head: Callable[[torch.Tensor], torch.Tensor], latent: np.ndarray
) -> np.ndarray:
    """Return the distance of latent vectors to the nearest decision boundary.

    For a head that is linear, ``z = W h + b``, the boundary between the predicted class
    i and another j is the plane ``(w_i - w_j) h + b_i - b_j = 0``, and the vector from h
    at right angles to it has the length ``(z_i - z_j) / |w_i - w_j|``; the smallest over j
    counts. For any other head a step of that length along the gradient of ``z_i - z_j``
    is repeated until the prediction changes (DeepFool; Moosavi-Dezfooli et al. 2016,
    CVPR, 2574), and the straight line from h to the end is halved until it ends on the
    boundary: an upper limit, which for a linear head is the distance itself.

    Parameters
    ----------
    head : callable
        (N,D) to logits (N,K), differentiable.
    latent : numpy.ndarray
        (N,D) float32.

    Returns
    -------
    numpy.ndarray
        (N,) in the latent space's own units; NaN where no boundary was found.
    """
    if len(latent) == 0:
        return np.zeros(0)
    start = torch.from_numpy(latent)
    with torch.no_grad():
        logits = head(start)
    own = logits.argmax(dim=1)
    first_lead = _lead(logits, own)
    point, open_ = start.clone(), torch.ones(len(start), dtype=torch.bool)
    for _ in range(STEPS):
        rows = open_.nonzero()[:, 0]
        if len(rows) == 0:
            break
        step = _step_to_boundary(head, point[rows], own[rows])
        point[rows] += step
        with torch.no_grad():
            lead = _lead(head(point[rows]), own[rows])
        open_[rows] = lead > REACHED * first_lead[rows]
    low, high = _beyond(head, start, point, own)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        with torch.no_grad():
            inside = _lead(head(start + middle[:, None] * (point - start)), own) > 0
        low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
    distance = (high * (point - start).norm(dim=1)).numpy().astype(np.float64)
    return np.where(open_.numpy() | ~np.isfinite(distance), np.nan, distance)


def _lead(logits: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Return the logit of a class less the largest of the others, (N,)."""
    others = logits.scatter(1, own[:, None], -torch.inf)
    return logits.gather(1, own[:, None])[:, 0] - others.amax(dim=1)


def _step_to_boundary(
    head: Callable[[torch.Tensor], torch.Tensor], point: torch.Tensor, own: torch.Tensor
) -> torch.Tensor:
    """Return the shortest step (N,D) to a boundary of the head, made linear at each point."""
    point = point.detach().requires_grad_()
    logits = head(point)
    nearest = torch.full((len(point),), torch.inf)
    result = torch.zeros_like(point)
    for other in range(logits.shape[1]):
        lead = logits.gather(1, own[:, None])[:, 0] - logits[:, other]
        (slope,) = torch.autograd.grad(lead.sum(), point, retain_graph=True)
        norm = slope.norm(dim=1).clamp_min(torch.finfo(slope.dtype).tiny)
        distance = torch.where(own == other, torch.inf, lead.detach() / norm)
        nearer = distance < nearest
        nearest = torch.where(nearer, distance, nearest)
        step = -(lead.detach() / norm**2)[:, None] * slope
        result = torch.where(nearer[:, None], step, result)
    return result


def _beyond(
    head: Callable[[torch.Tensor], torch.Tensor],
    start: torch.Tensor,
    point: torch.Tensor,
    own: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two fractions (N,) of the way to each point between which the boundary lies.

    The search may have stopped just short of it: then a little more than the whole way.
    """
    high = torch.ones(len(start))
    for _ in range(HALVINGS):
        with torch.no_grad():
            short = _lead(head(start + high[:, None] * (point - start)), own) > 0
        if not short.any():
            break
        high = torch.where(short, high * 1.01, high)
    return torch.zeros_like(high), torch.where(short, torch.nan, high)
