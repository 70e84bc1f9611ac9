"""How much a split tells about its own test rows."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from sim2sky.build.dataset import SPLITS
from sim2sky.seeding import generator

_TREES = 100
_PROBE_ROWS = 4000


def split_leaks(
    split: np.ndarray,
    copies: np.ndarray,
    galaxy: np.ndarray,
    label: np.ndarray,
    classes: list[str],
) -> dict:
    """Return how many test rows have a copy, or a view of their galaxy, in training.

    Parameters
    ----------
    split : numpy.ndarray
        (N,) values of `SPLITS`.
    copies, galaxy : numpy.ndarray
        (N,) groups of flips and turns, and of views.
    label : numpy.ndarray
        (N,) index in `classes`.
    classes : list of str
        Names.

    Returns
    -------
    dict
        For each class and for all: test_rows, copy_in_training and galaxy_in_training
        (fractions of the test rows, None without any).
    """
    train, test = split == SPLITS["train"], split == SPLITS["test"]
    copied, known = np.isin(copies, copies[train]), np.isin(galaxy, galaxy[train])
    kinds = {"all": test} | {name: test & (label == number) for number, name in enumerate(classes)}
    return {
        name: {
            "test_rows": int(rows.sum()),
            "copy_in_training": float(copied[rows].mean()) if rows.any() else None,
            "galaxy_in_training": float(known[rows].mean()) if rows.any() else None,
        }
        for name, rows in kinds.items()
    }


def twins_across(
    source_split: np.ndarray,
    target_split: np.ndarray,
    galaxy: np.ndarray,
) -> float | None:
    """Return the part of the target's test rows whose galaxy is in the source's training.

    Parameters
    ----------
    source_split, target_split : numpy.ndarray
        (N,) values of `SPLITS`, row by row the same galaxies.
    galaxy : numpy.ndarray
        (N,) groups.

    Returns
    -------
    float or None
        None without test rows.
    """
    test = target_split == SPLITS["test"]
    known = np.isin(galaxy, galaxy[source_split == SPLITS["train"]])
    return float(known[test].mean()) if test.any() else None


def flux_probe(flux: np.ndarray, label: np.ndarray, split: np.ndarray, seed: int) -> float | None:
    """Return the test AUC of a forest that sees the total fluxes alone.

    Total fluxes are about the same for all views of a galaxy: a forest can use them to
    recognise a galaxy that it has seen, and scores far above a fair split's value if it has.

    Parameters
    ----------
    flux : numpy.ndarray
        (N,C).
    label : numpy.ndarray
        (N,); the highest class against the others.
    split : numpy.ndarray
        (N,) values of `SPLITS`.
    seed : int
        Of the forest and of the draw of rows.

    Returns
    -------
    float or None
        None where training or test holds one class.
    """
    positive = label == label.max()
    random = generator("published", "probe", seed=seed)
    rows = {}
    for name in ("train", "test"):
        here = np.flatnonzero(split == SPLITS[name])
        rows[name] = here if len(here) <= _PROBE_ROWS else random.choice(here, _PROBE_ROWS, False)
        if len(np.unique(positive[rows[name]])) < 2:
            return None
    forest = RandomForestClassifier(_TREES, random_state=seed)
    forest.fit(flux[rows["train"]], positive[rows["train"]])
    score = forest.predict_proba(flux[rows["test"]])[:, 1]
    return float(roc_auc_score(positive[rows["test"]], score))
