"""What the held-out rows could have been: weights of whole systems, and what they make.

The Bayesian bootstrap (Rubin 1981, Ann. Stat. 9, 130): systems get weights that
are exponential variates, so that none ever drops out altogether. A class of
which nothing was mistaken in twenty systems is not free of mistakes, which no
bootstrap would see: each class gets a further system in every draw, that looks
like each of the classes with a gamma variate of shape 1/K. For systems that are
called one class as a whole, this is the posterior of Perks' prior on the
confusion matrix (Jeffreys' for two classes).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim2sky.calibrate.scaling import log_of


@dataclass(frozen=True)
class Held:
    """Labelled rows held out of a training; N rows.

    Parameters
    ----------
    probability : numpy.ndarray
        (N,K) as the networks give it.
    label : numpy.ndarray
        (N,) 0..K-1.
    system_id : numpy.ndarray
        (N,).
    """

    probability: np.ndarray
    label: np.ndarray
    system_id: np.ndarray

    @property
    def n_classes(self) -> int:
        """K."""
        return self.probability.shape[1]

    def with_lookalikes(self) -> "Held":
        """Return the rows with K x K more: of each class, one that looks like each class.

        Returns
        -------
        Held
            N + K^2 rows. A new row of class k that looks like j has the mean
            logarithmic probabilities of the rows that are called j, or those of
            complete certainty where there are none.
        """
        classes = np.arange(self.n_classes)
        called = self.probability.argmax(axis=1)
        logarithm = log_of(self.probability)
        looks = np.stack(
            [
                logarithm[called == j].mean(axis=0)
                if (called == j).any()
                else log_of(np.eye(self.n_classes)[j])
                for j in classes
            ]
        )
        looks = np.exp(looks)
        looks /= looks.sum(axis=1, keepdims=True)
        return Held(
            np.concatenate([self.probability, np.tile(looks, (self.n_classes, 1))]),
            np.concatenate([self.label, np.repeat(classes, self.n_classes)]),
            np.concatenate([self.system_id, np.full(self.n_classes**2, -1)]),
        )

    def draw_weights(self, random: np.random.Generator) -> np.ndarray:
        """Return weights (N,) of rows made by `with_lookalikes`, one draw.

        Parameters
        ----------
        random : numpy.random.Generator
            Source of the variates.

        Returns
        -------
        numpy.ndarray
            Each class keeps its number of rows in the mean.
        """
        of_row, per_system = self._systems
        n_real = len(of_row)
        weight = np.empty(len(self.label))
        weight[:n_real] = random.exponential(size=of_row.max() + 1)[of_row]
        for k in range(self.n_classes):
            added = n_real + k * self.n_classes + np.arange(self.n_classes)
            weight[added] = per_system[k] * random.gamma(1 / self.n_classes, size=self.n_classes)
        return weight

    @cached_property
    def _systems(self) -> tuple[np.ndarray, list[float]]:
        """The system of each row but the added ones, 0, 1, ...; rows per system of each class."""
        n_real = len(self.label) - self.n_classes**2
        _, of_row = np.unique(self.system_id[:n_real], return_inverse=True)
        members = [self.label[:n_real] == k for k in range(self.n_classes)]
        return of_row, [member.sum() / len(np.unique(of_row[member])) for member in members]

    def prior(self, weight: np.ndarray) -> np.ndarray:
        """Return the weighted shares (K,) of the classes."""
        count = np.bincount(self.label, weights=weight, minlength=self.n_classes)
        return count / count.sum()

    def called_share(self, called: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return how often each class is called each of some names.

        Parameters
        ----------
        called : numpy.ndarray
            (N,J) bool or numbers.
        weight : numpy.ndarray
            (N,).

        Returns
        -------
        numpy.ndarray
            (K,J) weighted means over the rows of each class.
        """
        member = (self.label[:, None] == np.arange(self.n_classes)) * weight[:, None]
        return (member.T @ called) / member.sum(axis=0)[:, None]
