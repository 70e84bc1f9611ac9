"""Domain adaptative neighbourhood clustering: classes found in the target, unknown ones kept out.

DANCE, Saito et al. 2020 (NeurIPS, arXiv:2002.07953), section 3; between
surveys of galaxies Ciprijanovic et al. 2023 (DeepAstroUDA, Mach. Learn.: Sci.
Technol. 4, 025013).
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from sim2sky.errors import Sim2SkyError
from sim2sky.train.adaptation.entropy import entropy

if TYPE_CHECKING:
    from sim2sky.train.adaptation import DomainBatch

TEMPERATURE = 0.05  # of all cosines
ABSENT = -1e4  # whose exponential is 0; infinity would make 0 x infinity of its entropy
ETA = 0.05  # weight of clustering and separation against the cross-entropy
# The paper's margin and, for few classes, its ratio to the threshold log(K) / 2 at K = 20, the
# number of classes on the data where it was chosen (Office-31).
LARGEST_MARGIN = 0.5
MARGIN_OF_THRESHOLD = 1 / 3


class NeighbourhoodClustering(nn.Module):
    """DANCE: ``L_prototypes + 0.05 (L_clustering + L_separation)``.

    Features are latent vectors scaled to length 1, and only cosines enter.

    - L_prototypes is the cross-entropy of the labelled images under
      ``softmax(w_k f / 0.05)`` with trained prototypes w_k of length 1.
    - L_clustering is the mean entropy of ``softmax(F_j f_i / 0.05)`` over the
      rows F_j that are the features of all other unlabelled training images
      and the K prototypes (equations 3 and 4): an image goes to neighbours or
      to a class, and it need not be one that is known. Features of images
      that are not in the batch come from a memory, kept from when they were last.
    - L_separation is the mean of ``-|H - log(K) / 2|`` where that differs by more
      than a margin, H being the entropy of the network's prediction
      (equations 6 and 7): doubtful images become more so, the others less.

    What differs from the paper, where w is the network's own last layer: our
    networks have more than one layer after the latent vector or a bias, so the
    prototypes are a second classifier of the same latent vector, which makes
    its cosines mean classes. The network's own classifier takes the
    separation, since it is the one that is used and rejects what is unknown.
    The margin is 0.5 only for 20 classes and more, else a third of
    the threshold: with two classes no entropy is 0.5 away from it.
    Images that have not been seen yet have no row, where the authors' code has
    zeros. The method `dance` has the domains pass through the network one after
    the other, each normalised by its own batch, as the authors' code does; there
    BatchNorm's running statistics, used in the end, are of both.

    Parameters
    ----------
    latent_size : int
        D.
    n_classes : int
        K, at least 2.
    n_unlabelled : int
        Rows of the memory, which takes ``4 D`` bytes for each.
    """

    def __init__(self, latent_size: int, n_classes: int, n_unlabelled: int) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(n_classes, latent_size))
        self.register_buffer("memory", torch.zeros(n_unlabelled, latent_size))
        self.register_buffer("known", torch.zeros(n_unlabelled, dtype=torch.bool))

    def forward(self, source: "DomainBatch", target: "DomainBatch") -> torch.Tensor:
        """Return the loss of a batch, and remember its unlabelled features while training.

        Parameters
        ----------
        source, target : DomainBatch
            Latent vectors of both, labels of the one that has them, logits
            and indices of the other.

        Returns
        -------
        torch.Tensor
            A scalar.

        Raises
        ------
        Sim2SkyError
            If the indices of the unlabelled images are missing.
        """
        labelled, unlabelled = (source, target) if target.label is None else (target, source)
        if unlabelled.index is None:
            raise Sim2SkyError("dance needs to know which images a batch holds", got="no indices")
        prototypes = normalize(self.prototypes)
        scores = normalize(labelled.latent) @ prototypes.T / TEMPERATURE
        features = normalize(unlabelled.latent)
        neighbours = neighbour_scores(
            features, unlabelled.index, prototypes, self.memory, self.known
        )
        clustering = entropy(neighbours).mean()
        separation = entropy_separation(entropy(unlabelled.logits), unlabelled.logits.shape[1])
        if self.training:
            self.memory[unlabelled.index] = features.detach()
            self.known[unlabelled.index] = True
        return cross_entropy(scores, labelled.label) + ETA * (clustering + separation)


def neighbour_scores(
    features: torch.Tensor,
    index: torch.Tensor,
    prototypes: torch.Tensor,
    memory: torch.Tensor,
    known: torch.Tensor,
) -> torch.Tensor:
    """Return how near each image is to what it may belong to.

    Parameters
    ----------
    features : torch.Tensor
        (N,D), of length 1.
    index : torch.Tensor
        (N,) int64, their rows in the memory.
    prototypes : torch.Tensor
        (K,D), of length 1.
    memory : torch.Tensor
        (M,D), features of all images.
    known : torch.Tensor
        (M,) bool, which rows are filled.

    Returns
    -------
    torch.Tensor
        (N, K + L + N), cosines over the temperature: to the prototypes, to the L
        known images outside the batch as they are remembered, and to those in
        the batch as they are now, `ABSENT` where an image would be its own
        neighbour.
    """
    elsewhere = known.clone()
    elsewhere[index] = False
    # a copy of the memory, which may thus change before the gradient is taken
    others = torch.cat([prototypes, memory[elsewhere]])
    itself = index[:, None] == index[None, :]  # also where a batch holds an image twice
    to_batch = (features @ features.T / TEMPERATURE).masked_fill(itself, ABSENT)
    return torch.cat([features @ others.T / TEMPERATURE, to_batch], dim=1)


def entropy_separation(value: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Return the mean of ``-|H - log(K) / 2|`` where it is beyond the margin, else 0.

    Parameters
    ----------
    value : torch.Tensor
        (N,), H in nats.
    n_classes : int
        K.

    Returns
    -------
    torch.Tensor
        A scalar <= 0.
    """
    threshold = math.log(n_classes) / 2
    margin = min(LARGEST_MARGIN, MARGIN_OF_THRESHOLD * threshold)
    distance = (value - threshold).abs()
    return -torch.where(distance > margin, distance, 0).mean()
