"""Where the models of an experiment look: one long table, methods and domains in pairs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import ALL_SEEDS, Resampling, interval
from sim2sky.evaluate.metrics import ratio
from sim2sky.explain.deletion import ORDERS, curve_areas
from sim2sky.explain.settings import ExplainSettings
from sim2sky.files import hdf5_dataset, open_hdf5

DOMAINS = ("source", "target")
REFERENCE = "source_only"
OF_MAPS = (
    "attribution_radius",
    "attribution_radius_r50",
    "attribution_on_sky",
    "random_weights_correlation",
)
OF_DECISIONS = {
    "decision_radius_r50": "attribution_radius_r50",
    "decision_on_sky": "attribution_on_sky",
}
OF_IMAGES = ("light_radius", "even_radius_r50", "even_on_sky", "half_light_radius_px")
COMPARED = ("attribution_radius_r50", "attribution_on_sky", *OF_DECISIONS)
COLUMNS = [
    *("method", "network", "seed", "domain", "class", "quantity", "reference"),
    *("radius_r50", "order", "fraction", "value", "low", "high", "n_images", "n_systems"),
]


@dataclass(frozen=True)
class Explained:
    """What one model makes of the images of one domain; N rows.

    Parameters
    ----------
    keys : list of tuple
        (galaxy_id, view) of each row.
    system_id : numpy.ndarray
        (N,).
    classes : list of str
        The model's.
    own, predicted : numpy.ndarray
        (N,) index of the true class (of the predicted one where there is no label, or one
        that the model does not know), and of the predicted class.
    numbers : dict of numpy.ndarray
        (N,) ``blank_map`` and by the names in `OF_MAPS`, of the map of the own class, in
        `OF_DECISIONS`, of that of the predicted class, and in `OF_IMAGES`; NaN where the
        class is not explained or the map is blank.
    profile, even_profile : numpy.ndarray
        (N,R) shares in annuli of the own class's map and of the image's pixels.
    edges : numpy.ndarray
        (R+1,) of the annuli in half-light radii.
    deletion : numpy.ndarray
        (N,3,F) curves for the predicted class.
    """

    keys: list[tuple[str, int]]
    system_id: np.ndarray
    classes: list[str]
    own: np.ndarray
    predicted: np.ndarray
    numbers: dict[str, np.ndarray]
    profile: np.ndarray
    even_profile: np.ndarray
    edges: np.ndarray
    deletion: np.ndarray


def attribution_table(paths: list[Path], settings: ExplainSettings) -> pd.DataFrame:
    """Return where the models of an experiment look, with intervals over systems.

    ``class`` is that of the galaxies: the true one, whose map is taken (the predicted one
    where no label is known), except in what comes of deletion, where it is the predicted
    one; empty for all images together, each with the map of its own class. ``seed`` is -1 for
    the mean over the seeds of a method, where there are several.

    Parameters
    ----------
    paths : list of Path
        ``explain.h5`` of each model.
    settings : ExplainSettings
        The resampling and the interval.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`, one row per number. Quantities, means over images:

        - ``attribution_radius``, ``attribution_radius_r50``: mean distance of the
          attribution from the image's centre, in half widths of the image and in half-light
          radii; ``even_radius_r50`` the same of a map that is even, ``light_radius`` that of
          the light in half widths; ``half_light_radius_px`` the unit in pixels;
        - ``attribution_on_sky``: share of the attribution on pixels without significant light;
          ``even_on_sky`` that of an even map;
        - ``decision_radius_r50``, ``decision_on_sky``: the same of the map of the class that is
          predicted, right or wrong: what the decision rests on;
        - ``blank_map``: share of images in which nothing speaks for the class; these have no
          radius and do not enter the means;
        - ``attribution_density``: attribution per area in the annulus around ``radius_r50``
          over that of an even map;
        - ``random_weights_correlation``: rank correlation with the maps of random weights;
        - ``deletion_auc``, ``insertion_auc``, ``random_auc``, ``deletion_gain`` and
          ``insertion_gain``: see `sim2sky.explain.deletion.curve_areas`;
          ``deletion_probability``: the curves, by ``order`` and ``fraction`` deleted;
        - ``<number>_method_difference`` of the numbers in `COMPARED`: this method less
          ``reference`` of the same seed (of its first, where it lacks that seed), galaxy by
          galaxy, and ``<number>_domain_difference``: target less
          source, of the same galaxies where both domains hold them.

    Raises
    ------
    Sim2SkyError
        If there is no file, one lacks something, a model comes twice or the models explain
        different galaxies.
    """
    models = _read_models(paths)
    models |= _averages(models)
    everything = [entry for domains in models.values() for entry in domains.values()]
    systems = np.concatenate([entry.system_id for entry in everything])
    resampling = Resampling.draw(systems, settings.n_bootstrap, settings.seed)
    rows = []
    for (method, network, seed), domains in models.items():
        about = {"method": method, "network": network, "seed": seed}
        other = _reference(models, network, seed)
        for domain, entry in domains.items():
            found = list(_own_rows(entry, resampling, settings))
            if other is not None and method != other[0]:
                pair = (models[other][domain], entry)
                for row in _difference_rows(*pair, "method", resampling, settings):
                    found.append(row | {"reference": other[0]})
            rows += [about | {"domain": domain} | row for row in found]
        for row in _difference_rows(*domains.values(), "domain", resampling, settings):
            rows.append(about | {"domain": "target", "reference": "source"} | row)
    return pd.DataFrame([{"reference": "", "order": ""} | row for row in rows], columns=COLUMNS)


def read_explained(path: str | Path) -> tuple[tuple[str, str, int], dict[str, Explained]]:
    """Read what one model makes of both domains.

    Parameters
    ----------
    path : str or Path
        ``explain.h5``.

    Returns
    -------
    model : tuple
        Method, network and seed.
    domains : dict of Explained
        By domain.

    Raises
    ------
    Sim2SkyError
        If the file lacks something.
    """
    with open_hdf5(path) as file:
        about = file.attrs
        missing = [
            name for name in ("profile_edges_r50", "explained_classes") if name not in about
        ]
        if missing:
            raise Sim2SkyError(
                f"attribute {', '.join(missing)} is missing",
                where=path,
                fix="make the file with `sim2sky explain`",
            )
        classes = [str(name) for name in about["classes"]]
        # column of each class's maps; -1: not explained
        names = [str(name) for name in about["explained_classes"]]
        column = np.array([names.index(name) if name in names else -1 for name in classes])
        domains = {}
        for domain in DOMAINS:
            group = hdf5_dataset(file, domain)
            label, predicted = (hdf5_dataset(group, name)[:] for name in ("label", "predicted"))
            own = np.where((label >= 0) & (label < len(classes)), label, predicted)

            arrays = {
                name: hdf5_dataset(group, name)[:] for name in (*OF_MAPS, "profile", *OF_IMAGES)
            }
            of_own = {name: _pick(arrays[name], column[own]) for name in (*OF_MAPS, "profile")}
            blank = np.isnan(of_own["attribution_radius"]).astype(np.float64)
            blank[column[own] < 0] = np.nan
            galaxy_id = hdf5_dataset(group, "galaxy_id").asstr()[:].tolist()
            view = hdf5_dataset(group, "view")[:].tolist()
            domains[domain] = Explained(
                keys=list(zip(galaxy_id, view, strict=True)),
                system_id=hdf5_dataset(group, "system_id")[:],
                classes=classes,
                own=own,
                predicted=predicted,
                numbers={
                    **{name: of_own[name] for name in OF_MAPS},
                    **{
                        name: _pick(arrays[of], column[predicted])
                        for name, of in OF_DECISIONS.items()
                    },
                    "blank_map": blank,
                    **{name: arrays[name] for name in OF_IMAGES},
                },
                profile=of_own["profile"],
                even_profile=hdf5_dataset(group, "even_profile")[:],
                edges=about["profile_edges_r50"],
                deletion=hdf5_dataset(group, "deletion")[:],
            )
        return (str(about["method"]), str(about["network"]), int(about["seed"])), domains


def _read_models(paths: list[Path]) -> dict[tuple[str, str, int], dict[str, Explained]]:
    """Read all models and check that they explain the same galaxies."""
    if not paths:
        raise Sim2SkyError("no explanations given", fix="name the files written by `explain`")
    models: dict = {}
    for path in paths:
        key, domains = read_explained(path)
        if key in models:
            raise Sim2SkyError(
                "the same model comes twice", where=path, got="{}, {}, seed {}".format(*key)
            )
        first = next(iter(models.values()), domains)
        for domain in DOMAINS:
            same = first[domain].keys == domains[domain].keys
            if not (same and np.array_equal(first[domain].edges, domains[domain].edges)):
                raise Sim2SkyError(
                    f"other galaxies of the {domain} or other annuli than in the first file",
                    where=path,
                    fix="run `sim2sky explain` with the same settings for every model",
                )
        models[key] = domains
    return models


def _averages(models: dict) -> dict[tuple[str, str, int], dict[str, Explained]]:
    """Return, for each method with several seeds, the images as all its networks see them.

    Each image is there once for each seed, so that a mean over images is one over seeds too,
    and resampling systems takes all views and seeds of a system together.
    """
    found: dict[tuple[str, str], list[dict[str, Explained]]] = {}
    for (method, network, _), domains in sorted(models.items()):
        found.setdefault((method, network), []).append(domains)
    return {
        (*variant, ALL_SEEDS): {
            domain: _together([domains[domain] for domains in of_seeds]) for domain in DOMAINS
        }
        for variant, of_seeds in found.items()
        if len(of_seeds) > 1
    }


def _together(parts: list[Explained]) -> Explained:
    """Return the rows of all parts as one."""
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("system_id", "own", "predicted", "profile", "even_profile", "deletion")
    }
    numbers = {
        name: np.concatenate([part.numbers[name] for part in parts]) for name in parts[0].numbers
    }
    keys = [key for part in parts for key in part.keys]
    return replace(parts[0], keys=keys, numbers=numbers, **joined)


def _reference(models: dict, network: str, seed: int) -> tuple[str, str, int] | None:
    """Return the model that another of its network and seed is compared with."""
    found = [key for key in models if key[0] == REFERENCE and key[1] == network]
    return min(found, key=lambda key: (key[2] != seed, key[2] == ALL_SEEDS, key[2]), default=None)


def _own_rows(
    entry: Explained, resampling: Resampling, settings: ExplainSettings
) -> Iterator[dict]:
    """Yield what one model says of one domain."""

    def summary(numerator: np.ndarray, member: np.ndarray, denominator: np.ndarray | None = None):  # noqa: ANN202
        return _summary(
            [(numerator, denominator, entry.system_id, member)], resampling, settings.interval
        )

    middle = (entry.edges[1:] + entry.edges[:-1]) / 2
    fractions = np.linspace(0, 1, entry.deletion.shape[2])
    areas = curve_areas(entry.deletion)
    for number, name in ((None, ""), *enumerate(entry.classes)):
        own, predicted = (
            np.full(len(group), True) if number is None else group == number
            for group in (entry.own, entry.predicted)
        )
        rows = [{"quantity": q} | summary(v, own) for q, v in entry.numbers.items()]
        for ring, radius in enumerate(middle):
            shares = entry.profile[:, ring], own, entry.even_profile[:, ring]
            rows.append(
                {"quantity": "attribution_density", "radius_r50": radius} | summary(*shares)
            )
        rows += [{"quantity": q} | summary(v, predicted) for q, v in areas.items()]
        for place, order in enumerate(ORDERS):
            for step, fraction in enumerate(fractions):
                point = {"quantity": "deletion_probability", "order": order, "fraction": fraction}
                rows.append(point | summary(entry.deletion[:, place, step], predicted))
        yield from ({"class": name} | row for row in rows if np.isfinite(row["value"]))


def _difference_rows(
    first: Explained,
    second: Explained,
    kind: str,
    resampling: Resampling,
    settings: ExplainSettings,
) -> Iterator[dict]:
    """Yield what a second model or domain has more than the first, in pairs if it can be."""
    paired = first.keys == second.keys
    for number, name in ((None, ""), *enumerate(first.classes)):
        members = [
            np.full(len(entry.own), True) if number is None else entry.own == number
            for entry in (first, second)
        ]
        for quantity in COMPARED:
            values = [entry.numbers[quantity] for entry in (first, second)]
            if paired:
                both = members[0] & members[1]
                parts = [(values[1] - values[0], None, second.system_id, both)]
            else:
                parts = [
                    (sign * value, None, entry.system_id, member)
                    for sign, value, entry, member in zip(
                        (-1, 1), values, (first, second), members, strict=True
                    )
                ]
            row = _summary(parts, resampling, settings.interval)
            if np.isfinite(row["value"]):
                yield {"quantity": f"{quantity}_{kind}_difference", "class": name} | row


def _summary(
    parts: list[tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray]],
    resampling: Resampling,
    level: float,
) -> dict[str, float]:
    """Return the sum of some means with its interval, NaN for a single system.

    A part is (values, denominators or None, system_id, member); with denominators it is
    the ratio of the two sums.
    """
    total, n_images, systems = 0.0, 0, set()
    for values, denominators, system_id, member in parts:
        bottom = np.ones(len(values)) if denominators is None else denominators
        used = member & np.isfinite(values) & np.isfinite(bottom)
        n_images += int(used.sum())
        systems |= set(system_id[used].tolist())
        top, bottom = values[used], bottom[used]
        sums = resampling.apply(partial(_sums, top, bottom), system_id[used])
        total = total + ratio(**sums)
    # resampling one system tells nothing
    low, high = interval(total, level) if len(systems) > 1 else (np.nan, np.nan)
    return {
        "value": float(total[0]),
        "low": low,
        "high": high,
        "n_images": n_images,
        "n_systems": len(systems),
    }


def _sums(top: np.ndarray, bottom: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return the weighted sums of two columns, which `ratio` divides."""
    return {"numerator": top @ weights, "denominator": bottom @ weights}


def _pick(values: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return (N,...) of (N,E,...): one class's number for each image, NaN for column -1."""
    chosen = values[np.arange(len(values)), column].astype(np.float64)
    chosen[column < 0] = np.nan
    return chosen
