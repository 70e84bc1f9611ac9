"""Numbers for how well classes and domains separate in a latent space.

They compare between networks because none depends on the latent space's scale.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, silhouette_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from sim2sky.evaluate.bootstrap import Resampling, interval


def silhouette(points: np.ndarray, group: np.ndarray) -> float:
    """Return the mean silhouette of groups of points (Rousseeuw 1987, JCAM 20, 53).

    Parameters
    ----------
    points : numpy.ndarray
        (N,P).
    group : numpy.ndarray
        (N,) integers; negative ones are left out.

    Returns
    -------
    float
        From -1 to 1, about 0 where groups lie on top of each other; NaN for
        fewer than two groups or no more points than groups.
    """
    points, group = points[group >= 0], group[group >= 0]
    if not 2 <= len(np.unique(group)) < len(group):
        return np.nan
    return float(silhouette_score(points, group))


def proxy_a_distance(
    points: np.ndarray, domain: np.ndarray, system_id: np.ndarray, n_folds: int
) -> float:
    """Return how well a linear classifier tells the domains apart.

    ``2 (1 - 2 error)`` (Ben-David et al. 2007, NIPS 19), the error
    being balanced over domains and cross-validated. Rows of one system stay in
    one fold: it is often in both domains, and a galaxy known from training is
    no test.

    Parameters
    ----------
    points : numpy.ndarray
        (N,P), standardised or principal components.
    domain : numpy.ndarray
        (N,) 0 or 1.
    system_id : numpy.ndarray
        (N,).
    n_folds : int
        Folds; fewer if a domain has fewer systems.

    Returns
    -------
    float
        2 for domains that separate, 0 for domains that cannot be told apart (a
        little below by chance); NaN where a domain has fewer than two systems.
    """
    told = told_domains(points, domain, system_id, n_folds)
    return np.nan if told is None else 2 * (2 * balanced_accuracy_score(domain, told) - 1)


def told_domains(
    points: np.ndarray, domain: np.ndarray, system_id: np.ndarray, n_folds: int
) -> np.ndarray | None:
    """Return which domain a linear classifier takes each point to be from.

    Parameters
    ----------
    points, domain, system_id, n_folds
        See `proxy_a_distance`.

    Returns
    -------
    numpy.ndarray or None
        (N,) 0 or 1, each said by a classifier that saw no row of the same system; None
        where a domain has fewer than two systems.
    """
    n_folds = min(n_folds, *(len(np.unique(system_id[domain == value])) for value in (0, 1)))
    if n_folds < 2:
        return None
    # C below 1 keeps 50 dimensions from being fitted by 500 rows
    classifier = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    folds = StratifiedGroupKFold(n_folds)
    return cross_val_predict(classifier, points / points.std(), domain, groups=system_id, cv=folds)


def domain_distances(
    points: np.ndarray,
    domain: np.ndarray,
    group: np.ndarray,
    system_id: np.ndarray,
    classes: list[str],
    *,
    n_bootstrap: int,
    level: float,
    seed: int,
) -> dict[str, float]:
    """Return distances between the domains' centres in units of the within-class scatter.

    The scatter is the root mean square distance of the points from the centre of
    their own class in their own domain. Sampling alone gives a distance of about
    ``sqrt(2 / n)`` for n independent points per domain.

    Parameters
    ----------
    points : numpy.ndarray
        (N,P).
    domain : numpy.ndarray
        (N,) 0 source, 1 target.
    group : numpy.ndarray
        (N,) class of each row: the label, or the prediction where there is none.
    system_id : numpy.ndarray
        (N,).
    classes : list of str
        K names; groups from K on count in the scatter and in the whole only.
    n_bootstrap, level, seed : int, float, int
        The resampling of systems and the interval.

    Returns
    -------
    dict of float
        ``domain_distance`` of all points and ``domain_distance_<class>``, each with
        ``_low`` and ``_high``; NaN where a class is missing in a domain.
    """
    resampling = Resampling.draw(system_id, n_bootstrap, seed)
    samples = distance_samples(points, domain, group, system_id, classes, resampling)
    result = {}
    for name, values in samples.items():
        low, high = interval(values, level)
        result |= {name: float(values[0]), f"{name}_low": low, f"{name}_high": high}
    return result


def distance_samples(
    points: np.ndarray,
    domain: np.ndarray,
    group: np.ndarray,
    system_id: np.ndarray,
    classes: list[str],
    resampling: Resampling,
) -> dict[str, np.ndarray]:
    """Return the distances of `domain_distances` in the sample and in each resample.

    Parameters
    ----------
    points, domain, group, system_id, classes
        See `domain_distances`.
    resampling : Resampling
        Of all systems among the rows.

    Returns
    -------
    dict of numpy.ndarray
        ``domain_distance`` and ``domain_distance_<class>``, each (1+B,).
    """
    cells = [(d, g) for d in (0, 1) for g in np.unique(group)]
    members = np.array([(domain == d) & (group == g) for d, g in cells])
    squares = (points**2).sum(axis=1)

    def distances(weights: np.ndarray) -> dict[str, np.ndarray]:
        mass = members @ weights  # (cells, b)
        sums = np.stack([(points * member[:, None]).T @ weights for member in members])
        square_norms = (sums**2).sum(axis=1)
        within = squares @ weights - np.divide(
            square_norms, mass, out=np.zeros_like(mass), where=mass > 0
        ).sum(axis=0)
        scatter = np.sqrt(np.clip(within, 0, None) / weights.sum(axis=0))

        def distance(chosen: list[int]) -> np.ndarray:
            sides = [[c for c in chosen if cells[c][0] == d] for d in (0, 1)]
            side_mass = [mass[side].sum(axis=0) for side in sides]
            empty = (side_mass[0] == 0) | (side_mass[1] == 0) | (scatter == 0)
            safe = [np.where(empty, 1, value) for value in (*side_mass, scatter)]
            centres = [sums[side].sum(axis=0) / m for side, m in zip(sides, safe[:2], strict=True)]
            between = np.sqrt(((centres[0] - centres[1]) ** 2).sum(axis=0))
            return np.where(empty, np.nan, between / safe[2])

        result = {"domain_distance": distance(list(range(len(cells))))}
        for number, name in enumerate(classes):
            of_class = [c for c, (_, g) in enumerate(cells) if g == number]
            result[f"domain_distance_{name}"] = distance(of_class)
        return result

    return resampling.apply(distances, system_id)
