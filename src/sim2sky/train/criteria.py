"""How good a network may be on the target, judged without a label of the target.

Every criterion takes the same `Evidence` and is turned such that higher is
better; what cannot be computed is NaN. They measure different things, and each
is known to fail somewhere (Musgrave et al. 2022, arXiv:2208.07360):

- `source_validation` does not look at the target;
- `entropy` and `snd` are highest for a network that puts all target images
  into one class, `snd` also for one that has learned nothing yet and is
  undecided about all of them; `information_maximisation` is 0 for both;
- `information_maximisation` expects classes of about equal size in the target;
- `iwv` and `dev` rest on source images that look like target images to the
  network, and say little where there are none.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import log_softmax, logsumexp

BLOCK_ELEMENTS = 4_000_000  # 32 MB of similarities at a time
FOLDS = 5
N_COMPONENTS = 16
REGULARISATION = (1e-3, 1e-2, 1e-1, 1.0)  # inverse strengths C tried for the domain classifier


@dataclass(frozen=True)
class Evidence:
    """What a network makes of validation rows: N of the source, M of the target.

    Parameters
    ----------
    source_latent, target_latent : numpy.ndarray
        (N,D) and (M,D).
    source_logits, target_logits : numpy.ndarray
        (N,K) and (M,K).
    source_label : numpy.ndarray
        (N,) integers in 0..K-1; there are none of the target.
    source_system, target_system : numpy.ndarray
        (N,) and (M,) integers; rows of one system are never on both sides of a
        fold, in whichever domain they are.
    class_weights : numpy.ndarray
        (K,) of the cross-entropy.
    """

    source_latent: np.ndarray
    source_logits: np.ndarray
    source_label: np.ndarray
    source_system: np.ndarray
    target_latent: np.ndarray
    target_logits: np.ndarray
    target_system: np.ndarray
    class_weights: np.ndarray

    @cached_property
    def ratio(self) -> np.ndarray:
        """How much denser the target is than the source at each source row; (N,)."""
        return density_ratio(
            self.source_latent, self.target_latent, self.source_system, self.target_system
        )

    @property
    def is_finite(self) -> bool:
        """Whether all that the network gave is a finite number, and there is any of it."""
        outputs = (
            *(self.source_latent, self.source_logits),
            *(self.target_latent, self.target_logits),
        )
        return all(len(values) > 0 and np.isfinite(values).all() for values in outputs)


def source_validation(evidence: Evidence) -> float:
    """Return minus the weighted cross-entropy of the source's validation rows.

    Parameters
    ----------
    evidence : Evidence
        Of one network.

    Returns
    -------
    float
        Not above 0.
    """
    loss, weight = _source_losses(evidence)
    return _weighted_mean(-loss, weight)


def entropy(evidence: Evidence) -> float:
    """Return minus the mean entropy of the target's predictions.

    ``mean_i sum_k p_ik ln p_ik`` (Morerio et al. 2018, ICLR, arXiv:1711.10288, who choose
    hyper-parameters by it).

    Parameters
    ----------
    evidence : Evidence
        Of one network.

    Returns
    -------
    float
        From -ln K (no idea) to 0 (certain), in nats.
    """
    logarithm = log_softmax(_double(evidence.target_logits), axis=1)
    return float((np.exp(logarithm) * logarithm).sum(axis=1).mean())


def information_maximisation(evidence: Evidence) -> float:
    """Return the mutual information of target images and predicted classes.

    ``H(mean_i p_i) - mean_i H(p_i)``: predictions are certain and spread over
    the classes (Shi & Sha 2012, ICML, arXiv:1206.6438; Hu et al. 2017, ICML,
    arXiv:1702.08720). As a validator: pytorch-adapt of Musgrave et al.

    Parameters
    ----------
    evidence : Evidence
        Of one network.

    Returns
    -------
    float
        From 0 (one answer for all images) to ln K, in nats.
    """
    logarithm = log_softmax(_double(evidence.target_logits), axis=1)
    mean = logsumexp(logarithm, axis=0) - np.log(len(logarithm))
    return float(-(np.exp(mean) * mean).sum()) + entropy(evidence)


def snd(evidence: Evidence, temperature: float = 0.05) -> float:
    """Return the soft neighbourhood density of the target's predictions.

    The mean entropy of each row's distribution over all other rows,
    ``softmax_j(<f_i, f_j> / T)`` with the vectors f of class probabilities
    scaled to length 1 (Saito et al. 2021, ICCV, arXiv:2108.10860; features and
    temperature are theirs): high if each image has many neighbours that are
    classified alike.

    Parameters
    ----------
    evidence : Evidence
        Of one network.
    temperature : float
        T.

    Returns
    -------
    float
        From 0 (each row has one neighbour) to ln(M - 1) (all are alike), in
        nats; NaN for a single row.
    """
    probabilities = np.exp(log_softmax(_double(evidence.target_logits), axis=1))
    vectors = probabilities / np.linalg.norm(probabilities, axis=1, keepdims=True)
    n = len(vectors)
    if n < 2:
        return np.nan
    total = 0.0
    step = max(1, BLOCK_ELEMENTS // n)
    for start in range(0, n, step):
        similarity = vectors[start : start + step] @ vectors.T / temperature
        own = np.arange(len(similarity))
        similarity[own, start + own] = -np.inf
        logarithm = log_softmax(similarity, axis=1)
        logarithm[own, start + own] = 0.0  # 0 ln 0 = 0
        chance = np.exp(logarithm)
        chance[own, start + own] = 0.0
        total -= (chance * logarithm).sum()
    return float(total / n)


def iwv(evidence: Evidence) -> float:
    """Return minus the source's validation loss, its rows weighted by their share in the target.

    Importance-weighted validation: ``-sum_i w_i l_i / sum_i w_i`` with
    ``w = p_target(z) / p_source(z)`` of the latent vectors z (Sugiyama et al.
    2007, JMLR 8, 985). Dividing by the sum keeps the weights' mean at 1, which
    it is by definition; else domains that do not overlap, where all estimated
    weights are about 0, would have no loss at all.

    Parameters
    ----------
    evidence : Evidence
        Of one network.

    Returns
    -------
    float
        Not above 0; NaN if the domains cannot be compared.
    """
    loss, class_weight = _source_losses(evidence)
    return _weighted_mean(-loss, class_weight * evidence.ratio)


def dev(evidence: Evidence) -> float:
    """Return minus the risk of deep embedded validation.

    Weighted losses ``L = w l`` with a control variate that lowers their variance:
    ``R = mean L + eta (mean w - 1)``, ``eta = -Cov(L, w) / Var(w)``
    (You et al. 2019, ICML, PMLR 97, 7124).

    Parameters
    ----------
    evidence : Evidence
        Of one network.

    Returns
    -------
    float
        About minus a cross-entropy; the control variate can carry it above 0.
        NaN if the domains cannot be compared.
    """
    loss, class_weight = _source_losses(evidence)
    loss = loss * class_weight / class_weight.mean() if class_weight.any() else loss
    ratio = evidence.ratio
    weighted = ratio * loss
    variance = ratio.var()
    covariance = ((weighted - weighted.mean()) * (ratio - ratio.mean())).mean()
    # equal weights need no correction; rounding must not be taken for a variance
    eta = 0.0 if variance < 1e-12 else -covariance / variance
    return float(-(weighted.mean() + eta * (ratio.mean() - 1)))


CRITERIA: dict[str, Callable[[Evidence], float]] = {
    "source_validation": source_validation,
    "entropy": entropy,
    "information_maximisation": information_maximisation,
    "snd": snd,
    "iwv": iwv,
    "dev": dev,
}
CHEAP = ("source_validation", "entropy", "information_maximisation", "snd")


def criterion_scores(evidence: Evidence, names: Iterable[str]) -> dict[str, float]:
    """Return the named criteria of one network.

    Parameters
    ----------
    evidence : Evidence
        Of the network.
    names : iterable of str
        Keys of `CRITERIA`.

    Returns
    -------
    dict of str to float
        NaN throughout if the network gave anything that is not finite.
    """
    finite = evidence.is_finite
    return {name: CRITERIA[name](evidence) if finite else np.nan for name in names}


def density_ratio(
    source_latent: np.ndarray,
    target_latent: np.ndarray,
    source_system: np.ndarray,
    target_system: np.ndarray,
) -> np.ndarray:
    """Return how much denser the target is than the source at each source row.

    ``p_target(z) / p_source(z) = (N / M) P(target | z) / P(source | z)`` by a
    logistic regression that tells the domains apart (Bickel et al. 2007, ICML,
    doi:10.1145/1273496.1273507). Latent vectors are longer
    than the rows are many, so they are first reduced to `N_COMPONENTS`
    principal components of equal variance. Each row's ratio comes from folds
    that do not hold its system, else a classifier that knows its rows by heart
    would call everything separable; the strength of the regularisation is the
    one with the lowest log loss in these folds.

    Parameters
    ----------
    source_latent, target_latent : numpy.ndarray
        (N,D) and (M,D).
    source_system, target_system : numpy.ndarray
        (N,) and (M,).

    Returns
    -------
    numpy.ndarray
        (N,); 1 if the latent vectors do not vary. NaN if there are fewer than
        two systems, or rows of a domain, or a fold lacks a domain.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    n = len(source_latent)
    features = _principal_components(np.concatenate([source_latent, target_latent]))
    if features.shape[1] == 0:
        return np.ones(n)
    is_target = np.arange(len(features)) >= n
    system = np.concatenate([source_system, target_system])
    n_folds = min(FOLDS, len(np.unique(system)), n, len(features) - n)
    if n_folds < 2:
        return np.full(n, np.nan)
    folds = list(StratifiedGroupKFold(n_folds).split(features, is_target, system))
    if any(is_target[rows].all() or not is_target[rows].any() for rows, _ in folds):
        return np.full(n, np.nan)
    best_loss, best_odds = np.inf, None
    for strength in REGULARISATION:
        log_odds = np.empty(len(features))
        loss = 0.0
        for training, held_out in folds:
            classifier = LogisticRegression(C=strength, solver="newton-cholesky")
            classifier.fit(features[training], is_target[training])
            decision = classifier.decision_function(features[held_out])
            loss += np.logaddexp(0, np.where(is_target[held_out], -decision, decision)).sum()
            # the odds of a fold without regard to how many rows of each domain it has
            share = is_target[training].mean()
            log_odds[held_out] = decision - np.log(share / (1 - share))
        if loss < best_loss:
            best_loss, best_odds = loss, log_odds
    return np.exp(best_odds[:n])


def _principal_components(latent: np.ndarray) -> np.ndarray:
    """Return the leading principal components, each with variance 1; none if nothing varies."""
    from scipy.linalg import eigh

    centred = _double(latent) - _double(latent).mean(axis=0)
    n, size = centred.shape
    # of both Gram matrices the smaller has the same eigenvalues
    gram = centred @ centred.T if n <= size else centred.T @ centred
    last = len(gram) - 1
    variance, vectors = eigh(gram, subset_by_index=[max(0, last + 1 - N_COMPONENTS), last])
    rounding = (1e-12 * np.abs(latent).max()) ** 2 * latent.size
    kept = variance > max(1e-10 * variance[-1], rounding)
    left = vectors[:, kept] if n <= size else centred @ vectors[:, kept] / np.sqrt(variance[kept])
    return left * np.sqrt(n)


def _source_losses(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Return the cross-entropy of each source row and the weight of its class."""
    logarithm = log_softmax(_double(evidence.source_logits), axis=1)
    label = np.asarray(evidence.source_label)
    return -logarithm[np.arange(len(label)), label], _double(evidence.class_weights)[label]


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> float:
    """Return a weighted mean, NaN where nothing has a weight."""
    total = weights.sum()
    return float((weights * values).sum() / total) if total > 0 else np.nan


def _double(values: np.ndarray) -> np.ndarray:
    """Return an array in double precision."""
    return np.asarray(values, dtype=np.float64)
