"""Intervals by resampling systems.

Views and snapshots of one system are no independent tests, so whole systems
are drawn (a cluster bootstrap; Davison & Hinkley 1997, section 3.8).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2sky.seeding import generator

ALL_SEEDS = -1
"""Stands for the seed in rows of long tables that are means over a method's seeds."""

MOST_UNDEFINED = 0.2
"""Share of resamples without a value up to which the others make an interval.

A class that rests on one system of n is missing from ``(1 - 1/n)^n`` of them, 25 % for n = 2
and 37 % for many, and all others hold nothing but copies of it: they tell nothing of how
systems of this class differ. With two systems it is missing from 14 % at most.
"""

BLOCK_ELEMENTS = 4_000_000  # 32 MB of weights at a time


@dataclass(frozen=True)
class Resampling:
    """How often each system is drawn in each resample.

    Parameters
    ----------
    systems : numpy.ndarray
        (S,) sorted distinct system identifiers.
    counts : numpy.ndarray
        (S,1+B) float64; the first column is ones: the sample itself.
    """

    systems: np.ndarray
    counts: np.ndarray

    @classmethod
    def draw(cls, system_id: np.ndarray, n_bootstrap: int, seed: int) -> "Resampling":
        """Return resamples of the systems; the same systems always give the same ones.

        Parameters
        ----------
        system_id : numpy.ndarray
            (N,) identifiers, repeated or not.
        n_bootstrap : int
            B.
        seed : int
            The user's seed.

        Returns
        -------
        Resampling
            Each resample holds as many systems as there are, drawn with replacement.
        """
        systems = np.unique(system_id)
        n = len(systems)
        counts = np.ones((n, 1 + n_bootstrap))
        if n > 0:
            random = generator("evaluate", "bootstrap", seed=seed)
            counts[:, 1:] = random.multinomial(n, np.full(n, 1 / n), size=n_bootstrap).T
        return cls(systems, counts)

    def apply(
        self,
        statistic: Callable[[np.ndarray], dict[str, np.ndarray]],
        system_id: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """Return a statistic of the sample and of every resample.

        Parameters
        ----------
        statistic : callable
            Takes (N,b) weights of the rows, returns arrays (b,) by name.
        system_id : numpy.ndarray
            (N,) system of each row, all among `systems`.

        Returns
        -------
        dict of numpy.ndarray
            Each (1+B,); the first value is that of the sample itself. The others are NaN if
            there is one system only.
        """
        rows = np.searchsorted(self.systems, system_id)
        n_columns = self.counts.shape[1]
        step = max(1, BLOCK_ELEMENTS // max(len(rows), 1))
        parts = [
            statistic(self.counts[rows, start : start + step])
            for start in range(0, n_columns, step)
        ]
        result = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if len(self.systems) == 1:  # every resample is the sample, which is no certainty
            result = {
                name: np.where(np.arange(n_columns) > 0, np.nan, values)
                for name, values in result.items()
            }
        return result


def interval(values: np.ndarray, level: float) -> tuple[float, float]:
    """Return the percentile interval of resampled values.

    Parameters
    ----------
    values : numpy.ndarray
        (1+B,), the first being the sample's own.
    level : float
        Probability that the interval covers, e.g. 0.95.

    Returns
    -------
    low, high : float
        Resamples that leave the value undefined are left out; NaN if those are more
        than `MOST_UNDEFINED` of all.
    """
    resampled = values[1:]
    defined = resampled[np.isfinite(resampled)]
    if len(defined) < (1 - MOST_UNDEFINED) * len(resampled) or len(defined) == 0:
        return np.nan, np.nan
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mean_over_seeds(values: np.ndarray) -> np.ndarray:
    """Return a mean over seeds.

    Parameters
    ----------
    values : numpy.ndarray
        (seeds, 1+B).

    Returns
    -------
    numpy.ndarray
        (1+B,), of the seeds in which it is defined.
    """
    defined = np.isfinite(values)
    total = np.where(defined, values, 0).sum(axis=0)
    result = np.full(values.shape[1], np.nan)
    return np.divide(total, defined.sum(axis=0), out=result, where=defined.any(axis=0))
