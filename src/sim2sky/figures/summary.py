"""What a result table says, in sentences that hold whatever the numbers are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sim2sky.plot.inputs import recall_classes, rows_of, variants_of
from sim2sky.plot.style import method_label

SOURCE_ONLY, ADABN, ORACLE = "source_only", "adabn", "oracle"
METRIC = "balanced_accuracy"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Parameters
    ----------
    value, low, high : float
        NaN where undefined.
    """

    value: float
    low: float
    high: float

    def __bool__(self) -> bool:
        return bool(np.isfinite(self.value))

    def __str__(self) -> str:
        if not np.isfinite([self.low, self.high]).all():
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @property
    def signed(self) -> str:
        """The same with a sign, for differences."""
        if not np.isfinite([self.low, self.high]).all():
            return f"{self.value:+.3f}"
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def estimate(row: pd.Series | None, metric: str) -> Estimate:
    """Return a metric of a row of the table; undefined where either is missing.

    Parameters
    ----------
    row : pandas.Series or None
        A row of the result table.
    metric : str
        Name of its column.

    Returns
    -------
    Estimate
        Value and interval.
    """
    names = (metric, f"{metric}_low", f"{metric}_high")
    if row is None:
        return Estimate(np.nan, np.nan, np.nan)
    return Estimate(*(float(row.get(name, np.nan)) for name in names))


def sentences(table: pd.DataFrame) -> list[str]:
    """Return the findings of one experiment, a paragraph for each network.

    Parameters
    ----------
    table : pandas.DataFrame
        Result table of one experiment, see `sim2sky.evaluate.aggregate`.

    Returns
    -------
    list of str
        Plain text.
    """
    networks = sorted(set(table["network"]))
    paragraphs = []
    for network in networks:
        parts = [*_across(table, network), *_best(table, network)]
        if parts:
            prefix = f"Network {network}: " if len(networks) > 1 else ""
            paragraphs.append(prefix + " ".join(parts))
    return paragraphs


def best_method(table: pd.DataFrame, network: str) -> str | None:
    """Return the method that scores highest on the target without its labels.

    Parameters
    ----------
    table : pandas.DataFrame
        Result table.
    network : str
        Which network.

    Returns
    -------
    str or None
        Neither source_only nor the oracle; None if there is no other method.
    """
    scores = {
        method: estimate(_row(table, method, network, "target"), METRIC)
        for method, its_network in variants_of(table)
        if its_network == network and method not in (SOURCE_ONLY, ORACLE)
    }
    scores = {method: score.value for method, score in scores.items() if score}
    return max(scores, key=scores.get) if scores else None


def _across(table: pd.DataFrame, network: str) -> list[str]:
    """Say what the source's classifier is worth on the target."""
    rows = [_row(table, SOURCE_ONLY, network, domain) for domain in ("source", "target")]
    source, target = (estimate(row, METRIC) for row in rows)
    if not source or not target:
        return []
    text = (
        "Trained on the source alone, the classifier has a balanced accuracy of "
        f"{source} on the source and {target} on the target "
        f"(chance: {1 / len(recall_classes(table)):.2g})"
    )
    if target.high < source.low:
        return [f"{text}, a loss of {source.value - target.value:.3f} across the domains."]
    if target.low > source.high:
        return [f"{text}: it does better on the target than on the source."]
    return [f"{text}; the intervals overlap, so no loss across the domains is established."]


def _best(table: pd.DataFrame, network: str) -> list[str]:
    """Say what adaptation gains, over source_only and over adabn."""
    method = best_method(table, network)
    if method is None:
        return []
    row = _row(table, method, network, "target")
    name = method_label(method)
    parts = [
        f"Of the adapted methods {name} scores highest on the target: {estimate(row, METRIC)}"
    ]
    gain = estimate(row, f"gain_over_{SOURCE_ONLY}")
    if gain:
        verdict = _verdict(
            gain, "a gain", "worse than no adaptation", "not distinguishable from 0"
        )
        parts.append(f", {gain.signed} against source only ({verdict})")
    parts.append(".")
    over_adabn = estimate(row, f"gain_over_{ADABN}")
    if method == ADABN:
        parts.append(
            " No adaptation loss does better than batch normalisation over mixed batches."
        )
    elif over_adabn:
        verdict = _verdict(
            over_adabn,
            "a gain of the adaptation loss itself",
            "the adaptation loss does harm",
            "no gain of the adaptation loss itself is established",
        )
        parts.append(f" Against {method_label(ADABN)} it is {over_adabn.signed}: {verdict}.")
    closed = estimate(row, "gap_closed")
    if closed:
        interval = (
            f" [{closed.low:.0%}, {closed.high:.0%}]"
            if np.isfinite([closed.low, closed.high]).all()
            else ""
        )
        parts.append(
            f" It closes {closed.value:.0%}{interval} of the gap from source only to the oracle."
        )
    recalls = {cls: estimate(row, f"recall_{cls}") for cls in recall_classes(table)}
    listed = [f"{value} for {cls}" for cls, value in recalls.items() if value]
    if listed:
        parts.append(f" Its recall on the target is {' and '.join(listed)}.")
    return ["".join(parts)]


def _verdict(difference: Estimate, above: str, below: str, between: str) -> str:
    """Return the word for a difference by where its interval lies."""
    if difference.low > 0:
        return above
    if difference.high < 0:
        return below
    return between


def _row(table: pd.DataFrame, method: str, network: str, domain: str) -> pd.Series | None:
    """Return one row of the table, None if it is not there."""
    rows = rows_of(table, method=method, network=network, domain=domain)
    return None if rows.empty else rows.iloc[0]
