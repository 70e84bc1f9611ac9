"""What the scores of strangeness tell: unknown classes, wrong predictions, images made strange."""

import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import ALL_SEEDS, Resampling, interval, mean_over_seeds
from sim2sky.evaluate.metrics import auc
from sim2sky.reliability.probabilities import COLUMNS
from sim2sky.reliability.search import SCORES, TEXT, Search
from sim2sky.reliability.settings import ReliabilitySettings
from sim2sky.reliability.strange import KINDS

ANY = "any"
MODEL = ("method", "network", "seed")
RANKING = [
    *(*MODEL, "rank", TEXT, "view", "system_id", "label", "predicted", "distance", "far"),
    *SCORES[:-1],
]

Key = tuple[str, str, str]  # quantity, score, kind


def detection_table(searches: list[Search], settings: ReliabilitySettings) -> pd.DataFrame:
    """Return how well scores of strangeness tell what they should, with intervals.

    Parameters
    ----------
    searches : list of Search
        Of the models of one experiment; several seeds of a method are averaged.
    settings : ReliabilitySettings
        The resampling.

    Returns
    -------
    pandas.DataFrame
        Columns `sim2sky.reliability.probabilities.COLUMNS`; ``seed`` -1 is the mean over
        seeds. ``score`` is one of `SCORES`. Quantities, all areas under ROC curves:
        ``strange_auc``, images made strange (``kind``: a key of
        `sim2sky.reliability.strange.KINDS`, or ``any`` of them) against the same images as
        they were; ``error_auc``, wrong predictions against right ones of known classes;
        ``unknown_auc``, images of classes that the model does not know against the others.
        Of the score ``distance`` also ``distance_median``, and ``far_share``, the share of
        images that are farther than held-out ones. Of ``distance`` and ``confidence``
        ``strange_auc_difference``: the area of the first less that of the second, in
        pairs.

    Raises
    ------
    Sim2SkyError
        If a model comes twice.
    """
    found: dict[tuple[str, str, str], list[tuple[Search, dict[Key, np.ndarray]]]] = {}
    seen = set()
    for search in searches:
        method, network, seed = (search.attributes[name] for name in MODEL)
        if (method, network, seed) in seen:
            raise Sim2SkyError(
                "the outliers of one model come twice",
                got=f"method {method}, network {network}, seed {seed}",
            )
        seen.add((method, network, seed))
        for domain in search.rows:
            values = _areas(search, domain, settings)
            found.setdefault((method, network, domain), []).append((search, values))
    rows = []
    for (method, network, domain), runs in found.items():
        about = {"method": method, "network": network, "domain": domain, "probabilities": ""}
        by_seed = [(search.attributes["seed"], values) for search, values in runs]
        names = runs[0][1]
        mean = {
            key: mean_over_seeds(np.stack([values[key] for _, values in runs])) for key in names
        }
        for seed, values in [*by_seed, (ALL_SEEDS, mean)]:
            for (quantity, score, kind), column in values.items():
                low, high = interval(column, settings.interval)
                row = {"seed": int(seed), "quantity": quantity, "score": score, "kind": kind}
                row |= {"value": column[0], "low": low, "high": high}
                rows.append(about | row | _counts(runs[0][0], domain, quantity))
    return pd.DataFrame(rows, columns=COLUMNS)


def ranking_table(searches: list[Search]) -> pd.DataFrame:
    """Return the target's test images, the strangest first.

    Parameters
    ----------
    searches : list of Search
        Of the models of one experiment.

    Returns
    -------
    pandas.DataFrame
        Columns method, network, seed, rank (from 1), galaxy_id, view, system_id, label and
        predicted (names; empty if unknown to the model or at all), distance (in units
        of the scatter within a class), far, confidence, entropy and energy.
    """
    tables = []
    for search in searches:
        rows = search.rows["target"]
        order = np.argsort(-rows["distance"], kind="stable")
        classes = np.array([*search.attributes["classes"], ""])
        n_classes = len(classes) - 1
        names = {
            name: classes[np.where((number < 0) | (number >= n_classes), n_classes, number)]
            for name, number in (("label", rows["label"]), ("predicted", rows["predicted"]))
        }
        columns = {name: rows[name] for name in (TEXT, "view", "system_id")} | names
        columns |= {name: rows[name] for name in ("distance", "far", *SCORES[:-1])}
        table = pd.DataFrame({name: values[order] for name, values in columns.items()})
        for place, name in enumerate(MODEL):
            table.insert(place, name, search.attributes[name])
        table.insert(len(MODEL), "rank", np.arange(1, len(table) + 1))
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=RANKING)


def _areas(search: Search, domain: str, settings: ReliabilitySettings) -> dict[Key, np.ndarray]:
    """Return every number of one model in one domain, (1+B,) each."""
    rows = search.rows[domain]
    system_id, label = rows["system_id"], rows["label"]
    resampling = Resampling.draw(system_id, settings.n_bootstrap, settings.seed)

    def area(score: np.ndarray, positive: np.ndarray, systems: np.ndarray) -> np.ndarray:
        return resampling.apply(lambda weights: {"auc": auc(score, positive, weights)}, systems)[
            "auc"
        ]

    n_classes = len(search.attributes["classes"])
    known = (label >= 0) & (label < n_classes)
    wrong = (rows["predicted"] != label)[known]
    unknown = label >= n_classes
    values: dict[Key, np.ndarray] = {}
    for name in SCORES:
        if known.any():
            values["error_auc", name, ""] = area(rows[name][known], wrong, system_id[known])
        if unknown.any():
            values["unknown_auc", name, ""] = area(
                rows[name][label >= 0], unknown[label >= 0], system_id[label >= 0]
            )
    values |= _distances(rows, resampling)
    if domain == "target":
        ordinary = search.strange["ordinary"]
        systems = system_id[ordinary["row"]]
        for name in SCORES:
            for kind in (*KINDS, ANY):
                made = [search.strange[k][name] for k in (KINDS if kind == ANY else [kind])]
                score = np.concatenate([ordinary[name], *made])
                positive = np.arange(len(score)) >= len(systems)
                values["strange_auc", name, kind] = area(
                    score, positive, np.tile(systems, 1 + len(made))
                )
        for kind in (*KINDS, ANY):
            values["strange_auc_difference", "distance", kind] = (
                values["strange_auc", "distance", kind] - values["strange_auc", "confidence", kind]
            )
    return values


def _distances(rows: dict[str, np.ndarray], resampling: Resampling) -> dict[Key, np.ndarray]:
    """Return the median distance and the share of images that are far."""
    order = np.argsort(rows["distance"], kind="stable")
    ranked, far = rows["distance"][order], rows["far"][order]

    def statistic(weights: np.ndarray) -> dict[str, np.ndarray]:
        reached = weights.cumsum(axis=0)
        middle = (reached >= reached[-1] / 2).argmax(axis=0)
        return {
            "distance_median": ranked[middle],
            "far_share": far @ weights / weights.sum(axis=0),
        }

    found = resampling.apply(statistic, rows["system_id"][order])
    return {(name, "distance", ""): column for name, column in found.items()}


def _counts(search: Search, domain: str, quantity: str) -> dict[str, int]:
    """Return how many images and systems a number rests on."""
    rows = search.rows[domain]
    used = np.ones(len(rows["label"]), dtype=bool)
    if quantity == "error_auc":
        used = (rows["label"] >= 0) & (rows["label"] < len(search.attributes["classes"]))
    elif quantity == "unknown_auc":
        used = rows["label"] >= 0
    elif quantity.startswith("strange_auc"):
        used = search.strange["ordinary"]["row"]
    return {
        "n_images": len(rows["label"][used]),
        "n_systems": len(np.unique(rows["system_id"][used])),
    }
