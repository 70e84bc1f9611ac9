"""Calibration and prediction sets of every model of an experiment, before and after scaling."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from sim2sky.evaluate.bootstrap import ALL_SEEDS, Resampling, interval, mean_over_seeds
from sim2sky.evaluate.comparison import SOURCE_ONLY
from sim2sky.evaluate.predictions import PROBABILITY, class_names
from sim2sky.reliability.conformal import set_scores
from sim2sky.reliability.forecast import forecast_scores, perfect_scores, reliability_curve
from sim2sky.reliability.held_out import Fitted, fitted_of
from sim2sky.reliability.settings import ReliabilitySettings

COLUMNS = [
    *("method", "network", "seed", "domain", "quantity", "probabilities", "score", "kind"),
    *("value", "low", "high", "n_images", "n_systems"),
]
RAW, SCALED = "raw", "scaled"
COMPARED = ("ece", "brier", "coverage", "coverage_by_rows")

Values = dict[tuple[str, str], np.ndarray]  # (quantity, probabilities) to (1+B,)
AllFitted = dict[tuple[str, str, int], Fitted]


def probability_table(
    predictions: pd.DataFrame, fitted: AllFitted, settings: ReliabilitySettings
) -> pd.DataFrame:
    """Return scores of the probabilities of every model, and of every method over its seeds.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Test rows of both domains, from `sim2sky.evaluate.aggregate.read_predictions`.
        Rows without a label or of a class that the models do not know do not enter.
    fitted : dict of Fitted
        From `sim2sky.reliability.held_out.fit_held_out`.
    settings : ReliabilitySettings
        Bins, draws and resampling.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`; ``score`` and ``kind`` are empty here, ``seed`` is -1 for
        means over seeds, whose intervals come from the same resampled systems.
        ``probabilities`` is ``raw`` or ``scaled``, by temperature and class bias.
        Quantities: those of `sim2sky.reliability.forecast.forecast_scores`, ``ece_change``
        and ``brier_change`` (scaled less raw, in pairs); ``ece_perfect`` and
        ``brier_reliability_perfect``, the mean and the range of what a perfectly
        calibrated forecaster with these probabilities would show; those of
        `sim2sky.reliability.conformal.set_scores` of the raw probabilities with the
        threshold that allows for systems, and with ``_by_rows`` with the other one; for
        seed -1 ``<quantity>_minus_source_only``, in pairs, of `COMPARED`; with the domain
        ``validation``, and without intervals: ``inverse_temperature``, ``threshold`` and
        ``threshold_by_rows``.

    Raises
    ------
    Sim2SkyError
        If nothing is fitted for a model.
    """
    classes = class_names(predictions)
    rows = [row for key, found in fitted.items() for row in _fitted_rows(key, found)]
    known = predictions[predictions["label"].between(0, len(classes) - 1)]
    for domain, here in known.groupby("domain", sort=False):
        resampling = Resampling.draw(
            here["system_id"].to_numpy(), settings.n_bootstrap, settings.seed
        )
        means: dict[tuple[str, str], tuple[dict, Values]] = {}
        for (method, network), of_method in here.groupby(["method", "network"], sort=False):
            runs, draws = [], []
            for seed, run in of_method.groupby("seed", sort=False):
                own = fitted_of(fitted, method, network, seed)
                values, perfect = _scores(run, own, classes, resampling, settings)
                runs.append(values)
                draws.append(perfect)
                about = {"method": method, "network": network, "seed": seed, "domain": domain}
                about |= {"n_images": len(run), "n_systems": run["system_id"].nunique()}
                rows += _rows(about, values, perfect, settings)
            about |= {"seed": ALL_SEEDS}
            values = {name: mean_over_seeds(np.stack([r[name] for r in runs])) for name in runs[0]}
            perfect = {name: np.mean([d[name] for d in draws], axis=0) for name in draws[0]}
            means[network, method] = about, values
            rows += _rows(about, values, perfect, settings)
        for (network, method), (about, values) in means.items():
            _, control = means.get((network, SOURCE_ONLY), (None, {}))
            if method != SOURCE_ONLY:
                differences = {
                    (f"{name}_minus_{SOURCE_ONLY}", state): column - control[name, state]
                    for (name, state), column in values.items()
                    if name in COMPARED and (name, state) in control
                }
                rows += _rows(about, differences, {}, settings)
    nothing = {"probabilities": "", "score": "", "kind": "", "low": np.nan, "high": np.nan}
    return pd.DataFrame([nothing | row for row in rows], columns=COLUMNS)


def curve_table(
    predictions: pd.DataFrame, fitted: AllFitted, settings: ReliabilitySettings
) -> pd.DataFrame:
    """Return the reliability diagram of every method, the rows of all seeds together.

    Parameters
    ----------
    predictions, fitted, settings
        As in `probability_table`.

    Returns
    -------
    pandas.DataFrame
        Columns method, network, domain, probabilities, bin, confidence, frequency, low
        and high (of the frequency), n_images (of one seed, on average) and n_systems.
    """
    classes = class_names(predictions)
    columns = [PROBABILITY + name for name in classes]
    known = predictions[predictions["label"].between(0, len(classes) - 1)]
    rows = []
    for (domain, method, network), of_method in known.groupby(
        ["domain", "method", "network"], sort=False
    ):
        runs = [run for _, run in of_method.groupby("seed", sort=False)]
        raw = [run[columns].to_numpy() for run in runs]
        scaled = [
            fitted_of(fitted, method, network, run["seed"].iloc[0]).scaling.apply(probability)
            for run, probability in zip(runs, raw, strict=True)
        ]
        label = np.concatenate([run["label"].to_numpy(dtype=np.int64) for run in runs])
        system_id = np.concatenate([run["system_id"].to_numpy() for run in runs])
        resampling = Resampling.draw(system_id, settings.n_bootstrap, settings.seed)
        weights = resampling.counts[np.searchsorted(resampling.systems, system_id)]
        for state, parts in ((RAW, raw), (SCALED, scaled)):
            curve = reliability_curve(label, np.concatenate(parts), weights, settings.bins)
            for number, count in enumerate(curve["count"]):
                low, high = interval(curve["frequency"][number], settings.interval)
                rows.append(
                    {
                        "method": method,
                        "network": network,
                        "domain": domain,
                        "probabilities": state,
                        "bin": number,
                        "confidence": curve["confidence"][number, 0],
                        "frequency": curve["frequency"][number, 0],
                        "low": low,
                        "high": high,
                        "n_images": count / len(runs),
                        "n_systems": len(np.unique(system_id[curve["bin"] == number])),
                    }
                )
    return pd.DataFrame(rows)


def _scores(
    run: pd.DataFrame,
    fitted: Fitted,
    classes: list[str],
    resampling: Resampling,
    settings: ReliabilitySettings,
) -> tuple[Values, Values]:
    """Return resampled scores of one model in one domain, and draws of a perfect forecaster."""
    label = run["label"].to_numpy(dtype=np.int64)
    system_id = run["system_id"].to_numpy()
    raw = run[[PROBABILITY + name for name in classes]].to_numpy()
    probabilities = {RAW: raw, SCALED: fitted.scaling.apply(raw)}
    values: Values = {}
    perfect: Values = {}

    def add(state: str, suffix: str, score: Callable, *arguments: object) -> None:
        found = resampling.apply(
            lambda weights: score(label, probabilities[state], weights, *arguments), system_id
        )
        values.update({(name + suffix, state): column for name, column in found.items()})

    for state, probability in probabilities.items():
        add(state, "", forecast_scores, settings.bins)
        for name, draws in perfect_scores(
            probability, system_id, settings.bins, settings.perfect_draws, settings.seed
        ).items():
            perfect[f"{name}_perfect", state] = draws
    for name in ("ece", "brier"):
        values[f"{name}_change", SCALED] = values[name, SCALED] - values[name, RAW]
    for suffix, threshold in fitted.thresholds.items():
        add(RAW, suffix, set_scores, threshold, classes)
    return values, perfect


def _rows(about: dict, values: Values, perfect: Values, settings: ReliabilitySettings) -> list:
    """Return rows of the table; a perfect forecaster's are the mean and range of its draws."""
    rows = []
    for (quantity, state), column in values.items():
        low, high = interval(column, settings.interval)
        row = {"quantity": quantity, "probabilities": state, "value": column[0]}
        rows.append(about | row | {"low": low, "high": high})
    for (quantity, state), draws in perfect.items():
        low, high = interval(np.append(np.nan, draws), settings.interval)
        row = {"quantity": quantity, "probabilities": state, "value": draws.mean()}
        rows.append(about | row | {"low": low, "high": high})
    return rows


def _fitted_rows(key: tuple[str, str, int], fitted: Fitted) -> list[dict]:
    """Return what the held-out rows of a model fix."""
    values = {"inverse_temperature": fitted.scaling.inverse_temperature}
    values |= {f"threshold{suffix}": limit for suffix, limit in fitted.thresholds.items()}
    about = dict(zip(("method", "network", "seed"), key, strict=True)) | {"domain": "validation"}
    about |= {"n_images": fitted.n_images, "n_systems": fitted.n_systems}
    return [about | {"quantity": name, "value": value} for name, value in values.items()]
