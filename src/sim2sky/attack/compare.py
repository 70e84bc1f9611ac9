"""The models of an experiment side by side: success against strength, and paired differences."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.attack.kinds import NONE, ONE_PIXEL
from sim2sky.attack.settings import AttackSettings
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import ALL_SEEDS, Resampling, interval, mean_over_seeds
from sim2sky.evaluate.metrics import confusion, ratio, weighted_mean
from sim2sky.files import read_parquet

IMAGE = ["galaxy_id", "view"]
MODEL = ["method", "network", "seed"]
CONDITION = ["domain", "attack", "strength"]
COLUMNS = ["system_id", "label", "before", "after", "moved", "boundary"]
REQUIRED = [*MODEL, *CONDITION, *IMAGE, *COLUMNS]
REFERENCE = "source_only"
ALL = "all"
ALONE = ""  # in the column `reference`, of what is no comparison

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Images:
    """What one model says of some images under one condition; N of them.

    Parameters
    ----------
    image : numpy.ndarray
        (N,) sorted numbers of galaxy and view, the same in all conditions.
    system_id, label, before, after : numpy.ndarray
        (N,) integers.
    moved, boundary : numpy.ndarray
        (N,) distances.
    """

    image: np.ndarray
    system_id: np.ndarray
    label: np.ndarray
    before: np.ndarray
    after: np.ndarray
    moved: np.ndarray
    boundary: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> "Images":
        return Images(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    @property
    def correct(self) -> np.ndarray:
        """Which are classified correctly as they are."""
        return self.before == self.label

    @property
    def changed(self) -> np.ndarray:
        """Of which the prediction changes."""
        return self.after != self.before


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
    ``latent_distance_moved_ratio_unpaired``
        The same for all images on which the attack succeeds for the one or the other: the
        ratio of the two ``latent_distance_moved``, of more images but not the same ones.

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
        where nothing is compared), quantity, value, low, high, n_images, n_systems. Where a
        method has several seeds, rows of seed -1 have their mean.
    """
    classes = list(attacks.attrs["classes"])
    resampling = Resampling.draw(
        attacks["system_id"].to_numpy(), settings.n_bootstrap, settings.seed
    )
    number = attacks.groupby(IMAGE).ngroup().to_numpy()
    every = Images(number, *(attacks[name].to_numpy() for name in COLUMNS))
    condition = {
        key: every[rows[np.argsort(number[rows])]]
        for key, rows in attacks.groupby([*MODEL, *CONDITION], sort=False).indices.items()
    }
    result = []
    seeds: dict[tuple, list[_Sampled]] = {}
    for key, images in condition.items():
        method, network, seed, domain, attack, strength = key
        untouched = condition[method, network, seed, domain, NONE, 0.0]
        found = list(_alone(attack, images, untouched, classes))
        other = condition.get((REFERENCE, network, seed, domain, attack, strength))
        if method != REFERENCE and other is not None:
            found += list(_paired(attack, images, other, classes))
        for name, group, reference, used, statistic in found:
            values = resampling.apply(
                lambda weights, of=statistic: {"value": of(weights)}, used.system_id
            )["value"]
            sampled = _Sampled(values, len(used.image), len(np.unique(used.system_id)))
            described = dict(zip([*MODEL, *CONDITION], key, strict=True)) | {
                "class": group,
                "reference": reference,
                "quantity": name,
            }
            result.append(described | sampled.row(settings.interval))
            seeds.setdefault(tuple((described | {"seed": ALL_SEEDS}).items()), []).append(sampled)
    result += [
        dict(key) | _mean_of_seeds(parts).row(settings.interval)
        for key, parts in seeds.items()
        if len(parts) > 1
    ]
    return pd.DataFrame(result)


@dataclass(frozen=True)
class _Sampled:
    """A statistic (n_bootstrap + 1,), the first of the sample itself, and of how many."""

    values: np.ndarray
    n_images: int
    n_systems: int

    def row(self, probability: float) -> dict[str, float | int]:
        low, high = interval(self.values, probability)
        about = {"value": self.values[0], "low": low, "high": high}
        return about | {"n_images": self.n_images, "n_systems": self.n_systems}


def _mean_of_seeds(parts: list[_Sampled]) -> _Sampled:
    """Return the mean over the seeds for which the statistic is defined, and all images."""
    defined = [part.values for part in parts if np.isfinite(part.values[0])]
    mean = mean_over_seeds(np.stack(defined or [parts[0].values]))
    images, systems = sum(p.n_images for p in parts), max(p.n_systems for p in parts)
    return _Sampled(mean, images, systems)


Found = tuple[str, str, str, Images, Statistic]


def _alone(attack: str, images: Images, untouched: Images, classes: list[str]) -> Iterator[Found]:
    """Yield quantity, class, reference, images and statistic of one model and attack."""
    correct = images[images.correct]
    if attack == NONE:
        yield "boundary_distance", ALL, ALONE, *_geometric(correct.boundary, correct)
    else:
        yield "success_rate", ALL, ALONE, correct, _mean_of(correct.changed)
        for number, name in enumerate(classes):
            members = correct[correct.label == number]
            yield "success_rate", name, ALONE, members, _mean_of(members.changed)
        won = correct[correct.changed]
        yield "latent_distance_moved", ALL, ALONE, *_geometric(won.moved, won)
    if attack != ONE_PIXEL:
        after = _balanced_accuracy(images, len(classes))
        yield "balanced_accuracy", ALL, ALONE, images, after
        if attack != NONE:
            before = _balanced_accuracy(untouched, len(classes))
            yield "balanced_accuracy_change", ALL, ALONE, images, _difference(after, before)


def _paired(attack: str, own: Images, other: Images, classes: list[str]) -> Iterator[Found]:
    """Yield what sets a model against another on the images of both."""
    if attack != NONE:
        yield "latent_distance_moved_ratio_unpaired", ALL, REFERENCE, *_unpaired(own, other)
    _, *rows = np.intersect1d(own.image, other.image, return_indices=True)
    own, other = own[rows[0]], other[rows[1]]
    if attack != ONE_PIXEL:
        sides = [_balanced_accuracy(images, len(classes)) for images in (own, other)]
        yield "balanced_accuracy_difference", ALL, REFERENCE, own, _difference(*sides)
    both = own.correct & other.correct
    own, other = own[both], other[both]
    if attack == NONE:
        times = own.boundary / other.boundary
        yield "boundary_distance_ratio", ALL, REFERENCE, *_geometric(times, own)
        return
    difference = own.changed.astype(float) - other.changed
    yield "success_rate_difference", ALL, REFERENCE, own, _mean_of(difference)
    won = own.changed & other.changed
    times = own.moved[won] / other.moved[won]
    yield "latent_distance_moved_ratio", ALL, REFERENCE, *_geometric(times, own[won])


def _mean_of(values: np.ndarray) -> Statistic:
    """Return the weighted mean of values, NaN without any weight."""
    numbers = values.astype(float)
    return lambda weights: weighted_mean(numbers, weights)


def _geometric(values: np.ndarray, images: Images) -> tuple[Images, Statistic]:
    """Return the images whose value is positive and finite, and their geometric mean."""
    usable = (values > 0) & np.isfinite(values)
    mean = _mean_of(np.log(values[usable]))
    return images[usable], lambda weights: np.exp(mean(weights))


def _unpaired(own: Images, other: Images) -> tuple[Images, Statistic]:
    """Return the successes on both models, one after the other, and the ratio of their means."""
    won = [side[side.correct & side.changed & (side.moved > 0)] for side in (own, other)]
    means = [_mean_of(np.log(side.moved)) for side in won]
    joined = {
        field.name: np.concatenate([getattr(side, field.name) for side in won])
        for field in fields(Images)
    }
    n = len(won[0].image)
    return Images(**joined), lambda w: np.exp(means[0](w[:n]) - means[1](w[n:]))


def _balanced_accuracy(images: Images, n_classes: int) -> Statistic:
    """Return the mean of the recalls of all classes that have images, NaN if one loses all."""
    present = np.unique(images.label)

    def balanced(weights: np.ndarray) -> np.ndarray:
        table = confusion(images.label, images.after, weights, n_classes)
        actual = table.sum(axis=2)[:, present]
        hits = np.diagonal(table, axis1=1, axis2=2)[:, present]
        return ratio(hits, actual).mean(axis=1)

    return balanced


def _difference(first: Statistic, second: Statistic) -> Statistic:
    """Return the difference of two statistics of the same images."""
    return lambda weights: first(weights) - second(weights)
