"""Labels that mean nothing: the control that shows what a score of chance looks like."""

import numpy as np


def shuffled_labels(
    label: np.ndarray, system_id: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Exchange labels between systems, so that they no longer say anything about the images.

    Each system gets one label for all its rows: rows that show the same
    galaxies must not contradict each other, or the control would be easier to
    pass than the experiment. The systems are drawn among those with the same
    most frequent true label, and each such group gets all labels in their
    overall proportions. The new labels are thus independent of the true ones
    by construction and not only on average over many draws, which matters
    with few systems.

    Parameters
    ----------
    label : numpy.ndarray
        (N,) integers >= 0.
    system_id : numpy.ndarray
        (N,).
    random : numpy.random.Generator
        Decides which system gets which label.

    Returns
    -------
    numpy.ndarray
        (N,), same type. In each group the number of rows with a label is the
        rounded share of that label among all rows; at most one system per
        group and pair of labels is divided to reach it.
    """
    result = np.empty_like(label)
    if len(label) == 0:
        return result
    systems, of_row = np.unique(system_id, return_inverse=True)
    counts = np.zeros((len(systems), label.max() + 1), dtype=np.int64)
    np.add.at(counts, (of_row, label), 1)
    group = counts.argmax(axis=1)[of_row]
    bounds = np.cumsum(np.bincount(label)) / len(label)  # of each label's share, from 0 to 1
    place = random.permutation(len(systems))[of_row]
    for number in np.unique(group):
        rows = np.flatnonzero(group == number)
        rows = rows[np.argsort(place[rows], kind="stable")]
        middle = (np.arange(len(rows)) + 0.5) / len(rows)
        result[rows] = np.searchsorted(bounds, middle)
    return result
