"""Random forests on shape parameters (Snyder et al. 2019, MNRAS 486, 3702) and on nuisance."""

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from sim2sky.measure.columns import NUISANCE
from sim2sky.seeding import seed_sequence

# Sizes and signal to noise are left out: they tell the survey rather than the shape.
FEATURES = [
    *("gini", "m20", "concentration", "asymmetry_circle", "smoothness", "shape_asymmetry"),
    *("multimode", "intensity", "deviation", "sersic_n"),
]
N_TREES = 300
LEAST_ROWS_PER_LEAF = 5


def features_of(name: str, shapes: pd.DataFrame) -> np.ndarray:
    """Return what a forest sees.

    Parameters
    ----------
    name : {"random_forest", "leakage_probe"}
        The baseline.
    shapes : pandas.DataFrame
        N rows of a domain's measured shapes; bad measurements are NaN.

    Returns
    -------
    numpy.ndarray
        (N,F): shape parameters, or numbers of a galaxy that are no property of its
        image, such as its number of particles and the framing.
    """
    nuisance = [column for column in shapes if column.startswith(NUISANCE)]
    return shapes[FEATURES if name == "random_forest" else nuisance].to_numpy(dtype=float)


def fit_forest(
    name: str, features: np.ndarray, label: np.ndarray, seed: int
) -> RandomForestClassifier | None:
    """Return a forest grown on labelled rows, in which all classes weigh alike.

    Parameters
    ----------
    name : str
        The baseline, for its random numbers.
    features : numpy.ndarray
        (N,F); rows in which all are NaN are left out.
    label : numpy.ndarray
        (N,) integers.
    seed : int
        The user's seed.

    Returns
    -------
    RandomForestClassifier or None
        None where there is nothing to learn from.
    """
    known = np.isfinite(features).any(axis=1)
    if not known.any():
        return None
    state = int(seed_sequence("baseline", name, seed=seed).generate_state(1)[0])
    forest = RandomForestClassifier(
        N_TREES,
        min_samples_leaf=LEAST_ROWS_PER_LEAF,
        class_weight="balanced_subsample",
        random_state=state,
    )
    return forest.fit(features[known], label[known])


def forest_probabilities(
    forest: RandomForestClassifier | None, features: np.ndarray, n_classes: int
) -> np.ndarray:
    """Return the probability of each class.

    Parameters
    ----------
    forest : RandomForestClassifier or None
        From `fit_forest`.
    features : numpy.ndarray
        (N,F).
    n_classes : int
        K.

    Returns
    -------
    numpy.ndarray
        (N,K); all classes alike for a row without a feature, or without a forest.
    """
    result = np.full((len(features), n_classes), 1 / n_classes)
    known = np.isfinite(features).any(axis=1)
    if forest is not None and known.any():
        result[known] = 0
        result[np.ix_(known, forest.classes_)] = forest.predict_proba(features[known])
    return result
