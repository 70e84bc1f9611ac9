"""The models of an experiment side by side: success against strength, and paired differences."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.attack.kinds import NONE, ONE_PIXEL
from sim2sky.attack.settings import AttackSettings
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling, interval
from sim2sky.evaluate.metrics import confusion
from sim2sky.files import read_parquet

IMAGE = ["galaxy_id", "view"]
MODEL = ["method", "network", "seed"]
CONDITION = ["domain", "attack", "strength"]
REQUIRED = [
    *MODEL,
    *CONDITION,
    *IMAGE,
    "system_id",
    "label",
    "before",
    "after",
    "moved",
    "boundary",
]
REFERENCE = "source_only"
ALL = "all"
ALONE = ""  # in the column `reference`, of what is no comparison

Statistic = Callable[[np.ndarray], np.ndarray]


def read_attacks(paths: list[Path]) -> pd.DataFrame:
    """Read the attacks on several models into one table.

    Parameters
    ----------
    paths : list of Path
        Tables of `sim2sky attack`.

    Returns
    -------
    pandas.DataFrame
        All rows; its attribute ``classes`` has the models' classes.

    Raises
    ------
    Sim2SkyError
        If there are none, a file lacks a column, the classes or the settings differ, or a
        model comes twice.
    """
    if not paths:
        raise Sim2SkyError("no attacks given", fix="name the tables of `sim2sky attack`")
    tables: list[pd.DataFrame] = []
    seen: dict[tuple, Path] = {}
    for path in paths:
        table = read_parquet(path, REQUIRED)
        for name in ("classes", "settings"):
            first = tables[0].attrs.get(name) if tables else table.attrs.get(name)
            if table.attrs.get(name) != first or first is None:
                raise Sim2SkyError(
                    f"other {name} than in the first file",
                    where=path,
                    got=table.attrs.get(name),
                    expected=first,
                    fix="attack all models of the experiment with the same settings",
                )
        for key in table[MODEL].drop_duplicates().itertuples(index=False, name=None):
            if key in seen:
                raise Sim2SkyError(
                    "the same model comes twice",
                    where=path,
                    got="method {}, network {}, seed {}".format(*key),
                    fix=f"leave out this file or {seen[key]}",
                )
            seen[key] = path
        tables.append(table)
    joined = pd.concat(tables, ignore_index=True)
    joined.attrs = tables[0].attrs
    return joined


def compare(attacks: pd.DataFrame, settings: AttackSettings) -> pd.DataFrame:
    """Return what attacks do to each model, and to each beside the one without adaptation.

    Correct means that the image as it is is classified correctly; an attack succeeds on
    such an image when the prediction changes. Quantities:

    ``success_rate``
        Share of the correct images on which the attack succeeds; ``class`` says of which
        true class, or ``all``.
    ``balanced_accuracy``, ``balanced_accuracy_change``
        Mean of the recalls of all classes after an accident, and that less what it is
        without (accidents befall correct images and others alike).
    ``boundary_distance``
        Distance of the latent vectors of correct images to the decision boundary, in
        units of the within-class scatter, geometric mean (``attack`` is ``none``).
    ``latent_distance_moved``
        Distance by which successful attacks move the latent vector, same units and mean.
    ``success_rate_difference``, ``balanced_accuracy_difference``
        The model's number less that of `reference`, on the same images: the first on
        those that both classify correctly.
    ``boundary_distance_ratio``, ``latent_distance_moved_ratio``
        The model's distance over that of `reference`, geometric mean over images that
        both classify correctly and, for the second, on which the attack succeeds for both.

    Parameters
    ----------
    attacks : pandas.DataFrame
        From `read_attacks`.
    settings : AttackSettings
        ``n_bootstrap``, ``interval`` and ``seed``.

    Returns
    -------
    pandas.DataFrame
        method, network, seed, domain, attack, strength, class, reference (method; empty
        where nothing is compared), quantity, value, low, high, n_images, n_systems.
    """
    classes = list(attacks.attrs["classes"])
    resampling = Resampling.draw(
        attacks["system_id"].to_numpy(), settings.n_bootstrap, settings.seed
    )
    condition = {
        key: rows.set_index(IMAGE).sort_index()
        for key, rows in attacks.groupby([*MODEL, *CONDITION], sort=False)
    }
    result = []
    for key, rows in condition.items():
        method, network, seed, *place = key
        found = list(_alone(rows, condition[method, network, seed, place[0], NONE, 0.0], classes))
        other = condition.get((REFERENCE, network, seed, *place))
        if method != REFERENCE and other is not None:
            found += list(_paired(rows, other, classes))
        for name, group, reference, used, statistic in found:
            values = resampling.apply(
                lambda weights, of=statistic: {"value": of(weights)}, used["system_id"].to_numpy()
            )["value"]
            low, high = interval(values, settings.interval)
            result.append(
                {
                    **dict(zip([*MODEL, *CONDITION], key, strict=True)),
                    "class": group,
                    "reference": reference,
                    "quantity": name,
                    "value": values[0],
                    "low": low,
                    "high": high,
                    "n_images": len(used),
                    "n_systems": used["system_id"].nunique(),
                }
            )
    return pd.DataFrame(result)


Found = tuple[str, str, str, pd.DataFrame, Statistic]


def _alone(rows: pd.DataFrame, untouched: pd.DataFrame, classes: list[str]) -> Iterator[Found]:
    """Yield quantity, class, reference, images and statistic of one model and attack."""
    attack = rows["attack"].iloc[0]
    correct = rows[rows["before"] == rows["label"]]
    changed = correct["after"] != correct["before"]
    if attack == NONE:
        yield "boundary_distance", ALL, ALONE, *_geometric(correct["boundary"], correct)
    else:
        yield "success_rate", ALL, ALONE, correct, _mean_of(changed)
        for number, name in enumerate(classes):
            member = correct["label"] == number
            yield "success_rate", name, ALONE, correct[member], _mean_of(changed[member])
        won = correct[changed]
        yield "latent_distance_moved", ALL, ALONE, *_geometric(won["moved"], won)
    if attack != ONE_PIXEL:
        after = _balanced_accuracy(rows, len(classes))
        yield "balanced_accuracy", ALL, ALONE, rows, after
        if attack != NONE:
            before = _balanced_accuracy(untouched.loc[rows.index], len(classes))
            change = _difference(after, before)
            yield "balanced_accuracy_change", ALL, ALONE, rows, change


def _paired(rows: pd.DataFrame, other: pd.DataFrame, classes: list[str]) -> Iterator[Found]:
    """Yield what sets a model against another on the images of both."""
    attack = rows["attack"].iloc[0]
    common = rows.index.intersection(other.index)
    rows, other = rows.loc[common], other.loc[common]
    both = (rows["before"] == rows["label"]) & (other["before"] == other["label"])
    if attack != ONE_PIXEL:
        sides = [_balanced_accuracy(side, len(classes)) for side in (rows, other)]
        yield "balanced_accuracy_difference", ALL, REFERENCE, rows, _difference(*sides)
    rows, other = rows[both], other[both]
    if attack == NONE:
        ratio = rows["boundary"] / other["boundary"]
        yield "boundary_distance_ratio", ALL, REFERENCE, *_geometric(ratio, rows)
        return
    changed = [side["after"] != side["before"] for side in (rows, other)]
    difference = changed[0].astype(float) - changed[1].astype(float)
    yield "success_rate_difference", ALL, REFERENCE, rows, _mean_of(difference)
    won = changed[0] & changed[1]
    ratio = rows["moved"][won] / other["moved"][won]
    yield "latent_distance_moved_ratio", ALL, REFERENCE, *_geometric(ratio, rows[won])


def _mean_of(values: pd.Series) -> Statistic:
    """Return the weighted mean of values, NaN without any weight."""
    numbers = values.to_numpy(dtype=float)

    def mean(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=0)
        empty = np.full(len(total), np.nan)
        return np.divide(numbers @ weights, total, out=empty, where=total > 0)

    return mean


def _geometric(values: pd.Series, rows: pd.DataFrame) -> tuple[pd.DataFrame, Statistic]:
    """Return the rows whose value is positive and finite, and their geometric mean."""
    usable = (values > 0) & np.isfinite(values)
    mean = _mean_of(np.log(values[usable]))
    return rows[usable], lambda weights: np.exp(mean(weights))


def _balanced_accuracy(rows: pd.DataFrame, n_classes: int) -> Statistic:
    """Return the mean of the recalls of all classes that have rows, NaN if one loses all."""
    label, after = (rows[name].to_numpy(dtype=np.int64) for name in ("label", "after"))
    present = np.unique(label)

    def balanced(weights: np.ndarray) -> np.ndarray:
        table = confusion(label, after, weights, n_classes)
        actual = table.sum(axis=2)[:, present]
        hits = np.diagonal(table, axis1=1, axis2=2)[:, present]
        recall = np.divide(hits, actual, out=np.full(hits.shape, np.nan), where=actual > 0)
        return recall.mean(axis=1)

    return balanced


def _difference(first: Statistic, second: Statistic) -> Statistic:
    """Return the difference of two statistics of the same images."""
    return lambda weights: first(weights) - second(weights)
