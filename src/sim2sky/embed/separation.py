"""Numbers for how well classes and domains separate in a latent space.

They compare between networks because none depends on the latent space's scale. All take
weights of the rows, so that they can be resampled: a row of weight 2 is there twice, but
never its own neighbour.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict


def silhouette(distance: np.ndarray, group: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean silhouette of groups of points (Rousseeuw 1987, JCAM 20, 53).

    Parameters
    ----------
    distance : numpy.ndarray
        (N,N) between all points.
    group : numpy.ndarray
        (N,) integers; negative ones are left out.
    weights : numpy.ndarray
        (N,b).

    Returns
    -------
    numpy.ndarray
        (b,) from -1 to 1, about 0 where groups lie on top of each other; NaN for
        fewer than two groups or no more points than groups.
    """
    known = group >= 0
    distance, group, weights = distance[np.ix_(known, known)], group[known], weights[known]
    values = np.unique(group)
    if not 2 <= len(values) < len(group):
        return np.full(weights.shape[1], np.nan)
    members = [group == value for value in values]
    mass = [weights[member].sum(axis=0) for member in members]
    sums = [distance[:, member] @ weights[member] for member in members]
    total = np.zeros(weights.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        means = [np.where(m > 0, s / m, np.inf) for s, m in zip(sums, mass, strict=True)]
        for number, member in enumerate(members):
            others = mass[number] - weights[member]
            inner = np.where(others > 0, sums[number][member] / others, np.nan)
            outer = np.min([m[member] for k, m in enumerate(means) if k != number], axis=0)
            width = (outer - inner) / np.maximum(inner, outer)
            width = np.where(np.isfinite(outer) & np.isfinite(width), width, 0)
            total += (weights[member] * width).sum(axis=0)
    several = np.sum([m > 0 for m in mass], axis=0) >= 2
    return np.where(several, total / np.where(several, np.sum(mass, axis=0), 1), np.nan)


def fisher_ratio(points: np.ndarray, group: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the scatter between groups over that within them (Fisher 1936, Ann. Eugen. 7, 179).

    It is tr(S_B) / tr(S_W), with the scatter matrices of Fukunaga 1990 (Introduction to
    Statistical Pattern Recognition, section 10.2): sums over the points of the square
    distance of their group's centre from that of all, and of their own from their group's.

    Parameters
    ----------
    points : numpy.ndarray
        (N,P).
    group : numpy.ndarray
        (N,) integers; negative ones are left out.
    weights : numpy.ndarray
        (N,b).

    Returns
    -------
    numpy.ndarray
        (b,), not negative; NaN for fewer than two groups or without any scatter within.
    """
    known = group >= 0
    points, group, weights = points[known], group[known], weights[known]
    values = np.unique(group)
    if len(values) < 2:
        return np.full(weights.shape[1], np.nan)
    mass, sums = _masses_and_sums(points, [group == value for value in values], weights)
    within = _scatter_within(points, weights, mass, sums)
    total_mass, total_sum = mass.sum(axis=0), sums.sum(axis=0)
    safe = np.where(total_mass > 0, total_mass, 1)
    total = (points**2).sum(axis=1) @ weights - (total_sum**2).sum(axis=0) / safe
    defined = ((mass > 0).sum(axis=0) >= 2) & (within > 1e-12 * np.abs(total))
    ratio = (total - within) / np.where(defined, within, 1)
    return np.where(defined, np.clip(ratio, 0, None), np.nan)


def told_domains(
    points: np.ndarray, domain: np.ndarray, system_id: np.ndarray, n_folds: int
) -> np.ndarray | None:
    """Return for which points a linear classifier that does not know them tells the domain.

    Rows of one system stay in one fold: it is often in both domains, and a galaxy known
    from training is no test.

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
    numpy.ndarray or None
        (N,) bool; None where a domain has fewer than two systems.
    """
    n_folds = min(n_folds, *(len(np.unique(system_id[domain == value])) for value in (0, 1)))
    if n_folds < 2:
        return None
    # C below 1 keeps 50 dimensions from being fitted by 500 rows
    classifier = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    folds = StratifiedGroupKFold(n_folds)
    told = cross_val_predict(classifier, points / points.std(), domain, groups=system_id, cv=folds)
    return told == domain


def proxy_a_distance(
    told: np.ndarray | None, domain: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return how well the domains can be told apart.

    ``2 (1 - 2 error)`` (Ben-David et al. 2007, NIPS 19), the error being balanced over
    the domains. Resampling weighs the points that were told; it does not train anew.

    Parameters
    ----------
    told : numpy.ndarray or None
        (N,) from `told_domains`.
    domain : numpy.ndarray
        (N,) 0 or 1.
    weights : numpy.ndarray
        (N,b).

    Returns
    -------
    numpy.ndarray
        (b,) 2 for domains that separate, 0 for domains that cannot be told apart (a
        little below by chance); NaN without `told` or without points of a domain.
    """
    if told is None:
        return np.full(weights.shape[1], np.nan)
    recalls = []
    for value in (0, 1):
        member = domain == value
        mass = weights[member].sum(axis=0)
        right = told[member].astype(np.float64) @ weights[member]
        recalls.append(np.divide(right, mass, out=np.full_like(mass, np.nan), where=mass > 0))
    return 2 * (recalls[0] + recalls[1] - 1)


def domain_distances(
    points: np.ndarray,
    domain: np.ndarray,
    group: np.ndarray,
    classes: list[str],
    weights: np.ndarray,
) -> dict[str, np.ndarray]:
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
    classes : list of str
        K names; groups from K on count in the scatter and in the whole only.
    weights : numpy.ndarray
        (N,b).

    Returns
    -------
    dict of numpy.ndarray
        ``domain_distance`` of all points and ``domain_distance_<class>``, (b,) each; NaN
        where a class is missing in a domain.
    """
    cells = [(d, g) for d in (0, 1) for g in np.unique(group)]
    mass, sums = _masses_and_sums(
        points, [(domain == d) & (group == g) for d, g in cells], weights
    )
    within = _scatter_within(points, weights, mass, sums)
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


def _masses_and_sums(
    points: np.ndarray, members: list[np.ndarray], weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight (G,b) of each group and the weighted sum (G,P,b) of its points."""
    mass = np.array([weights[member].sum(axis=0) for member in members])
    sums = np.array([points[member].T @ weights[member] for member in members])
    return mass, sums


def _scatter_within(
    points: np.ndarray, weights: np.ndarray, mass: np.ndarray, sums: np.ndarray
) -> np.ndarray:
    """Return the weighted sum (b,) of square distances from the groups' own centres."""
    norms = (sums**2).sum(axis=1)
    centred = np.divide(norms, mass, out=np.zeros_like(mass), where=mass > 0).sum(axis=0)
    return (points**2).sum(axis=1) @ weights - centred
