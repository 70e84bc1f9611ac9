"""What sets a method against others of its experiment: paired differences and closed gaps.

All numbers are (1+B,) arrays, of the sample and of the same resamples for every method,
so that what the methods share cancels.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sim2sky.baseline.settings import NETWORK as BASELINE_NETWORK
from sim2sky.evaluate.bootstrap import interval
from sim2sky.evaluate.settings import EvaluateSettings

SOURCE_ONLY, ADABN, ORACLE = "source_only", "adabn", "oracle"
ENSEMBLE = "ensemble_"  # before a score of the mean probabilities of all seeds
RIVALS = ("asymmetry", "second_component")  # baselines that a trained method has to beat

Model = tuple[str, str]  # network, method
Scores = Mapping[Model, dict[str, np.ndarray]]


def comparisons(scores: Scores, model: Model, positive: str, settings: EvaluateSettings) -> dict:
    """Return the columns that set a model's target scores against those of others.

    Parameters
    ----------
    scores : dict of dict of numpy.ndarray
        By model, then by score; the order of the models is that of the table.
    model : tuple of str
        Network and method. A baseline, which has no network, is set against the
        methods of the first network.
    positive : str
        Name of the AUC of the last class against the rest.
    settings : EvaluateSettings
        ``minimum_gap`` and ``interval``.

    Returns
    -------
    dict
        ``gain_over_source_only`` and ``gain_over_adabn`` of the balanced accuracy,
        ``<auc>_gain_over_<baseline>`` for each of `RIVALS` and for the AUC of all
        rows and of the hard ones (``ensemble_`` before it: of all seeds together),
        ``gap_closed``, all with ``_low`` and ``_high``, NaN where there is nothing to
        compare with; ``gap_closed_reason``;
        ``negative_transfer``, missing for a baseline, which transfers nothing.
    """
    network, _ = model
    if network == BASELINE_NETWORK:
        network = next((name for name, _ in scores if name != BASELINE_NETWORK), network)

    def score(of: Model, name: str) -> np.ndarray:
        undefined = np.full(1 + settings.n_bootstrap, np.nan)
        return scores.get(of, {}).get(name, undefined)

    own = score(model, "balanced_accuracy")
    source_only, adabn, oracle = (
        score((network, name), "balanced_accuracy") for name in (SOURCE_ONLY, ADABN, ORACLE)
    )
    row = {
        **with_interval("gain_over_source_only", own - source_only, settings.interval),
        **with_interval("gain_over_adabn", own - adabn, settings.interval),
    }
    for kind, name in (("auc", positive), ("auc_hard", "auc_hard")):
        for rival in RIVALS:
            untrained = score((BASELINE_NETWORK, rival), name)
            for start in ("", ENSEMBLE):
                difference = score(model, start + name) - untrained
                column = f"{start}{kind}_gain_over_{rival}"
                row |= with_interval(column, difference, settings.interval)
    best = row["gain_over_source_only_high"]
    transfers = model[0] != BASELINE_NETWORK and not np.isnan(best)
    row["negative_transfer"] = best < 0 if transfers else pd.NA
    closed = gap_closed(own, source_only, oracle, settings)
    names = ("gap_closed", "gap_closed_low", "gap_closed_high", "gap_closed_reason")
    return row | dict(zip(names, closed, strict=True))


def with_interval(name: str, values: np.ndarray, level: float) -> dict[str, float]:
    """Return the columns of a number and its interval.

    Parameters
    ----------
    name : str
        Of the number.
    values : numpy.ndarray
        (1+B,), the first being the sample's own.
    level : float
        Probability that the interval covers.

    Returns
    -------
    dict of float
        ``<name>``, ``<name>_low`` and ``<name>_high``.
    """
    low, high = interval(values, level)
    return {name: float(values[0]), f"{name}_low": low, f"{name}_high": high}


def gap_closed(
    method: np.ndarray, source_only: np.ndarray, oracle: np.ndarray, settings: EvaluateSettings
) -> tuple[float, float, float, str]:
    """Return which part of the way from source_only to the oracle a method goes.

    Parameters
    ----------
    method, source_only, oracle : numpy.ndarray
        (1+B,) balanced accuracies on the target of the sample and its resamples.
    settings : EvaluateSettings
        ``minimum_gap`` and ``interval``.

    Returns
    -------
    value, low, high : float
        NaN where the gap is too small for a fraction of it to mean anything.
    reason : str
        Why something is NaN, else empty.
    """
    gap = oracle - source_only
    if not np.isfinite(gap[0]):
        return np.nan, np.nan, np.nan, "no target scores of source_only and oracle"
    if gap[0] < settings.minimum_gap:
        reason = f"oracle - source_only = {gap[0]:.3f}, below {settings.minimum_gap:g}"
        return np.nan, np.nan, np.nan, reason
    fraction = np.divide(method - source_only, gap, out=np.full(len(gap), np.nan), where=gap > 0)
    closed_gaps = float(np.mean(~(gap[1:] > 0)))
    if closed_gaps > (1 - settings.interval) / 2:
        # those resamples are the ones whose fraction is far out: without them the rest misleads
        reason = f"no interval: the gap vanishes in {closed_gaps:.1%} of the resamples"
        return float(fraction[0]), np.nan, np.nan, reason
    return float(fraction[0]), *interval(fraction, settings.interval), ""
