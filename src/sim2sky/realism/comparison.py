"""Two domains beside each other, quantity by quantity, with intervals from resampling systems.

The distance is that of Kolmogorov and Smirnov: the largest difference between the two
cumulative distributions, 0 for the same and 1 for disjoint ones. It does not depend on
the quantity's scale, so that quantities can be ranked by it. It is never quite 0 for two
samples of one distribution: what chance alone gives is found by exchanging whole systems
between the domains (a permutation test; Good 2005, Permutation, Parametric and Bootstrap
Tests of Hypotheses).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling, interval
from sim2sky.realism.quantities import SIDES, Quantity, quantities_of
from sim2sky.realism.settings import RealismSettings
from sim2sky.realism.values import NOT_ASKED
from sim2sky.seeding import generator

PERCENTILES = (16, 50, 84)
MIN_ROWS = 2
COUNTS = ("n", "n_flagged", "n_not_asked")


def ks_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest difference of two samples' cumulative distributions.

    Parameters
    ----------
    first, second : numpy.ndarray
        Sorted values.

    Returns
    -------
    float
        Between 0 and 1; NaN if either is empty.
    """
    if len(first) == 0 or len(second) == 0:
        return np.nan
    places = np.concatenate([first, second])
    shares = [np.searchsorted(x, places, side="right") / len(x) for x in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def standardised_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Return the difference of two medians in units of the pooled robust scatter.

    Parameters
    ----------
    first, second : numpy.ndarray
        Values. A sample's scatter is half of the distance between its percentiles 16
        and 84, which is sigma for a normal distribution; the two are pooled in quadrature.

    Returns
    -------
    float
        Median of the first minus that of the second; NaN without any scatter or if
        either is empty.
    """
    if len(first) == 0 or len(second) == 0:
        return np.nan
    low, mid, high = np.array([np.percentile(x, PERCENTILES) for x in (first, second)]).T
    scatter = np.sqrt((((high - low) / 2) ** 2).mean())
    return float((mid[0] - mid[1]) / scatter) if scatter > 0 else np.nan


STATISTICS = {
    "standardised_difference": standardised_difference,
    "ks_distance": ks_distance,
}


def compare(
    source: pd.DataFrame,
    target: pd.DataFrame,
    settings: RealismSettings,
    reference: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the comparison of two domains.

    Parameters
    ----------
    source, target : pandas.DataFrame
        From `sim2sky.realism.values.domain_values`.
    settings : RealismSettings
        ``n_bootstrap``, ``interval`` and ``seed``.
    reference : pandas.DataFrame, optional
        From `sim2sky.realism.values.reference_values`. It is shown beside both and does
        not enter the ranking.

    Returns
    -------
    pandas.DataFrame
        One row per quantity, the largest KS distance first: quantity, label, unit; for
        source, target and reference ``median_``, ``p16_`` and ``p84_``, the numbers of
        rows used (``n_``), that could not be measured or are flagged (``n_flagged_``)
        and whose shape nobody measured (``n_not_asked_``); standardised_difference and
        ks_distance of source and target with ``_low`` and ``_high``; ks_chance, below
        which the distance stays with the interval's probability if systems are exchanged;
        ks_source_reference and ks_target_reference. Undefined numbers are NaN.

    Raises
    ------
    Sim2SkyError
        If the domains differ in bands or units, or no quantity can be compared.
    """
    for name in ("bands", "units"):
        if source.attrs[name] != target.attrs[name]:
            raise Sim2SkyError(
                f"source and target differ in their {name}: their pixels cannot be compared",
                got=f"{source.attrs[name]} and {target.attrs[name]}",
            )
    systems = np.concatenate([source["system_id"], target["system_id"]])
    resampling = Resampling.draw(systems, settings.n_bootstrap, settings.seed)
    rows = []
    for quantity in quantities_of(source.attrs["bands"], source.attrs["units"]):
        samples = {"source": source, "target": target, "reference": reference}
        rows.append(_compare_one(quantity, samples, resampling, settings))
    table = pd.DataFrame(rows)
    if table["ks_distance"].isna().all():
        counts = ", ".join(
            f"{side.attrs['domain']}: {len(side)} rows, {side[NOT_ASKED].sum()} without a shape"
            for side in (source, target)
        )
        raise Sim2SkyError("no quantity can be compared", got=counts)
    return table.sort_values(
        "ks_distance", ascending=False, kind="stable", ignore_index=True, na_position="last"
    )


def verdict(table: pd.DataFrame) -> str:
    """Return one sentence that names the largest mismatch.

    Parameters
    ----------
    table : pandas.DataFrame
        From `compare`.

    Returns
    -------
    str
        With the distance, its interval and both medians.
    """
    row = table.iloc[0]
    unit = f" {row['unit']}" if row["unit"] else ""
    text = (
        f"{row['label']}, KS distance {row['ks_distance']:.2f} "
        f"({row['ks_distance_low']:.2f} to {row['ks_distance_high']:.2f}), "
        f"median {row['median_source']:.3g}{unit} against {row['median_target']:.3g}{unit}"
    )
    if row["ks_distance"] <= row["ks_chance"]:
        return f"no mismatch beyond chance ({row['ks_chance']:.2f}); the largest is in {text}"
    return f"largest mismatch: {text}"


def _compare_one(
    quantity: Quantity,
    samples: dict[str, pd.DataFrame | None],
    resampling: Resampling,
    settings: RealismSettings,
) -> dict[str, object]:
    """Return the row of one quantity."""
    row: dict[str, object] = {"quantity": quantity.name}
    row |= {"label": quantity.label, "unit": quantity.unit}
    values, systems = {}, {}
    for side in SIDES:
        values[side], systems[side], counts = _sorted_values(samples[side], quantity)
        spread = np.percentile(values[side], PERCENTILES) if counts["n"] else [np.nan] * 3
        row |= {f"{name}_{side}": count for name, count in counts.items()}
        row |= dict(zip((f"{p}_{side}" for p in ("p16", "median", "p84")), spread, strict=True))
    pair = [(values[side], systems[side]) for side in ("source", "target")]
    for name, statistic in STATISTICS.items():
        resampled = _resampled(pair, statistic, resampling)
        low, high = interval(resampled, settings.interval)
        row |= {name: resampled[0], f"{name}_low": low, f"{name}_high": high}
    row["ks_chance"] = _chance(pair, settings)
    for side in ("source", "target"):
        row[f"ks_{side}_reference"] = ks_distance(values[side], values["reference"])
    return row


def _sorted_values(
    table: pd.DataFrame | None, quantity: Quantity
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Return the usable values of a quantity, their systems, and how many rows there are."""
    if table is None or quantity.name not in table:
        return np.zeros(0), np.zeros(0, dtype=int), dict.fromkeys(COUNTS, 0)
    values = table[quantity.name].to_numpy(dtype=float)
    used = np.isfinite(values)
    waived = ~used & table[NOT_ASKED].to_numpy(dtype=bool) & quantity.is_shape
    counts = (used.sum(), (~used & ~waived).sum(), waived.sum())
    order = np.flatnonzero(used)[np.argsort(values[used], kind="stable")]
    return (
        values[order],
        table["system_id"].to_numpy()[order],
        dict(zip(COUNTS, map(int, counts), strict=True)),
    )


def _resampled(
    pair: list[tuple[np.ndarray, np.ndarray]],
    statistic: Callable[[np.ndarray, np.ndarray], float],
    resampling: Resampling,
) -> np.ndarray:
    """Return a statistic of the sample itself and of every resample of the systems.

    Systems are drawn for both domains at once, so that mocks of the same galaxies in
    both stay paired.
    """
    if min(len(values) for values, _ in pair) < MIN_ROWS:
        return np.full(resampling.counts.shape[1], np.nan)
    counts = resampling.counts.astype(int)
    drawn = [counts[np.searchsorted(resampling.systems, systems)] for _, systems in pair]
    result = np.empty(counts.shape[1])
    for k in range(len(result)):
        # repeated sorted values stay sorted
        samples = [
            np.repeat(values, times[:, k]) for (values, _), times in zip(pair, drawn, strict=True)
        ]
        result[k] = statistic(*samples)
    return result


def _chance(pair: list[tuple[np.ndarray, np.ndarray]], settings: RealismSettings) -> float:
    """Return the KS distance that two domains of one distribution stay below.

    The systems of both are shuffled and dealt out again, as many to each as it had.
    """
    if min(len(values) for values, _ in pair) < MIN_ROWS:
        return np.nan
    values = np.concatenate([x for x, _ in pair])
    groups = [np.unique(systems, return_inverse=True) for _, systems in pair]
    n_first, n_second = (len(found) for found, _ in groups)
    group = np.concatenate([groups[0][1], n_first + groups[1][1]])
    order = np.argsort(values, kind="stable")
    values, group = values[order], group[order]
    random = generator("realism", "chance", seed=settings.seed)
    distances = np.empty(settings.n_bootstrap)
    for k in range(settings.n_bootstrap):
        first = (random.permutation(n_first + n_second) < n_first)[group]
        distances[k] = ks_distance(values[first], values[~first])
    return float(np.nanquantile(distances, settings.interval))
