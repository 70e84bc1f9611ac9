"""Scores of a model that meets a class it was never shown.

How unlike the known classes an image is, is told by the entropy of its prediction,
or by how far its likeliest class is from certain. An image whose entropy exceeds
half of the maximum, log(K) / 2, is rejected as unknown: the threshold of Saito et
al. 2020 (DANCE, NeurIPS, arXiv:2002.07953), which needs no target label.
"""

import numpy as np

from sim2sky.evaluate.metrics import auc, confusion, entropy

REJECTED_ABOVE = 0.5  # of the maximal entropy


def open_set_scores(
    label: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return how well known classes are told apart and unknown ones rejected.

    Parameters
    ----------
    label : numpy.ndarray
        (N,) integers from 0; K and up are classes that the model does not know.
    probabilities : numpy.ndarray
        (N,K), rows add up to 1.
    weights : numpy.ndarray
        (N,B), not negative.

    Returns
    -------
    dict of numpy.ndarray
        Each (B,): ``unknown_auc`` and ``unknown_auc_confidence``, the AUC of an
        unknown class against the known ones by entropy and by 1 - max probability;
        ``open_set_known_accuracy``, the mean recall of the known classes where a
        rejected image counts as wrong; ``open_set_unknown_recall``, the rejected
        share of the unknown; ``h_score``, the harmonic mean of these two (Fu et
        al. 2020, ECCV, with the mean recall for their share of right images). NaN
        where a side has no weight.
    """
    n_classes = probabilities.shape[1]
    label = np.minimum(np.asarray(label, dtype=np.int64), n_classes)
    doubt, strange = entropy(probabilities), label == n_classes
    # 1 - max, which would round to zero where a network is certain
    unsure = np.sort(probabilities, axis=1)[:, :-1].sum(axis=1)
    called = np.where(doubt > REJECTED_ABOVE, n_classes, probabilities.argmax(axis=1))
    table = confusion(label, called, weights, n_classes + 1)
    hits, actual = np.diagonal(table, axis1=1, axis2=2), table.sum(axis=2)
    recall = np.divide(hits, actual, out=np.full_like(actual, np.nan), where=actual > 0)
    present = np.unique(label[~strange])
    known = recall[:, present].mean(axis=1) if len(present) else np.full(len(table), np.nan)
    unknown = recall[:, n_classes]
    total = known + unknown
    return {
        "unknown_auc": auc(doubt, strange, weights),
        "unknown_auc_confidence": auc(unsure, strange, weights),
        "open_set_known_accuracy": known,
        "open_set_unknown_recall": unknown,
        # both zero: nothing is right, though the harmonic mean is undefined
        "h_score": np.divide(2 * known * unknown, total, out=total.copy(), where=total > 0),
    }
