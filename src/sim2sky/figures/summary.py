"""What a result table says, in sentences that hold whatever the numbers are."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sim2sky.baseline.settings import NETWORK as BASELINE_NETWORK
from sim2sky.plot.inputs import recall_classes, rows_of, variants_of
from sim2sky.plot.style import CRITERION_LABELS, method_label

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
        return self.text("")

    @property
    def signed(self) -> str:
        """The same with a sign, for differences."""
        return self.text("+")

    def text(self, sign: str) -> str:
        """Return the number and, where there is one, its interval."""
        ends = f" [{self.low:{sign}.3f}, {self.high:{sign}.3f}]"
        return f"{self.value:{sign}.3f}" + (ends if np.isfinite(self.low) else "")


def estimate(row: Mapping[str, float] | None, metric: str) -> Estimate:
    """Return a metric of a row of the table; undefined where either is missing.

    Parameters
    ----------
    row : mapping or None
        A row of the result table, such as a pandas.Series.
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


def headline(table: pd.DataFrame) -> str:
    """Return the result of one experiment in one line.

    Parameters
    ----------
    table : pandas.DataFrame
        Result table of one experiment, see `sim2sky.evaluate.aggregate`.

    Returns
    -------
    str
        Balanced accuracies on the target, of the first network.
    """
    network = next(iter(_networks(table)), BASELINE_NETWORK)
    best = best_method(table, network)
    own = estimate(_row(table, SOURCE_ONLY, network, "source"), METRIC)
    parts = []
    for method in filter(None, (SOURCE_ONLY, best, ORACLE)):
        score = estimate(_row(table, method, network, "target"), METRIC)
        if score:
            extra = f" (source: {own.value:.2f})" if method == SOURCE_ONLY and own else ""
            parts.append(f"{method_label(method)} {score.value:.2f}{extra}")
    return "balanced accuracy on the target: " + ", ".join(parts) if parts else ""


def sentences(table: pd.DataFrame) -> list[str]:
    """Return the findings of one experiment.

    Parameters
    ----------
    table : pandas.DataFrame
        Result table of one experiment.

    Returns
    -------
    list of str
        Plain sentences; they name the network if there are several.
    """
    networks = _networks(table)
    found = []
    for network in networks:
        prefix = f"{network}: " if len(networks) > 1 else ""
        texts = (*_across(table, network), *_best(table, network), *_rivals(table, network))
        found += [prefix + text for text in texts]
    return found + _probe(table)


def choices(table: pd.DataFrame) -> list[str]:
    """Return what the criteria without target labels choose, and what it costs.

    Parameters
    ----------
    table : pandas.DataFrame
        ``method_choice.parquet`` of one experiment.

    Returns
    -------
    list of str
        One sentence per network; it names the network if there are several.
    """
    networks = list(dict.fromkeys(table["network"]))
    found = []
    for network in networks:
        rows = rows_of(table, network=network)
        taken: dict[str, list[str]] = {}
        for row in rows[rows["chosen"]].itertuples():
            taken.setdefault(row.method, []).append(CRITERION_LABELS[row.criterion])
        regrets = {row.method: estimate(row._asdict(), "regret") for row in rows.itertuples()}
        parts = [
            f"{_listed(criteria)} {method_label(method)}{_cost(regrets[method])}"
            for method, criteria in sorted(taken.items(), key=lambda item: regrets[item[0]].value)
        ]
        prefix = f"{network}: " if len(networks) > 1 else ""
        if parts:
            found.append(f"{prefix}Without target labels, {'; '.join(parts)}.")
    return found


def _listed(criteria: list[str]) -> str:
    """Return names of criteria as the subject of a sentence, with its verb."""
    if len(criteria) == 1:
        return f"{criteria[0]} takes"
    return f"{', '.join(criteria[:-1])} and {criteria[-1]} take"


def _cost(regret: Estimate) -> str:
    """Say what taking a method costs, if that is known."""
    if not regret:
        return ""
    if regret.value == 0:
        return " (the best)"
    return f" (balanced accuracy lost: {regret})"


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
    first = f"Of the adapted methods, {method_label(method)} scores highest on the target: "
    first += str(estimate(row, METRIC))
    gain = estimate(row, f"gain_over_{SOURCE_ONLY}")
    if gain:
        verdict = _verdict(gain, "a gain", "worse than no adaptation", "no gain is established")
        first += f", {gain.signed} against source only ({verdict})"
    found = [first + "."]
    over_adabn = estimate(row, f"gain_over_{ADABN}")
    if method == ADABN:
        found.append("No adaptation loss does better than batches shared between the domains.")
    elif over_adabn:
        verdict = _verdict(
            over_adabn,
            "the adaptation loss itself gains",
            "the adaptation loss does harm",
            "no gain of the adaptation loss itself is established",
        )
        found.append(f"Against {method_label(ADABN)} it is {over_adabn.signed}: {verdict}.")
    closed = estimate(row, "gap_closed")
    if closed:
        ends = f" [{closed.low:.0%}, {closed.high:.0%}]" if np.isfinite(closed.low) else ""
        found.append(
            f"It goes {closed.value:.0%}{ends} of the way from source only to the oracle."
        )
    recalls = {name: estimate(row, f"recall_{name}") for name in recall_classes(table)}
    listed = [f"{value} for {name}" for name, value in recalls.items() if value]
    if listed:
        found.append(f"Its recall on the target is {' and '.join(listed)}.")
    return found


def _rivals(table: pd.DataFrame, network: str) -> list[str]:
    """Say whether the best method beats what needs no training."""
    method = best_method(table, network)
    row = None if method is None else _row(table, method, network, "target")
    found = []
    for metric, rows in (("auc", ""), ("auc_hard", " on the hard rows")):
        for rival in ("asymmetry", "second_component"):
            difference = estimate(row, f"{metric}_gain_over_{rival}")
            if not difference:
                continue
            verdict = _verdict(difference, "better", "worse", "no difference is established")
            area = estimate(_row(table, rival, BASELINE_NETWORK, "target"), metric)
            own = f" (AUC {area})" if area else ""
            found.append(
                f"Against {method_label(rival)}{own}, which sees no training image, the AUC of "
                f"{method_label(method)} on the target{rows} is {difference.signed}: {verdict}."
            )
    return found


def _probe(table: pd.DataFrame) -> list[str]:
    """Say whether numbers that are no property of an image tell the class."""
    area = estimate(_row(table, "leakage_probe", BASELINE_NETWORK, "source"), "auc")
    if not area:
        return []
    verdict = "as it must be" if area.low <= 0.5 else "which is a leak"
    level = "at chance" if area.low <= 0.5 else "above chance"
    return [
        "A forest on numbers that are no property of the image has an AUC of "
        f"{area} on the source, {level}, {verdict}."
    ]


def _networks(table: pd.DataFrame) -> list[str]:
    """Return the networks of a table, without what stands for that of a baseline."""
    return sorted(set(table["network"]) - {BASELINE_NETWORK})


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
