"""Explanations of the same galaxies in the source and the target domain."""

from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from sim2sky.build.dataset import Dataset, labels_for_model
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling, interval
from sim2sky.evaluate.choice import choose_rows
from sim2sky.explain.gradcam import gradcam_maps, share_on, weighted_radius
from sim2sky.explain.settings import ExplainSettings
from sim2sky.files import atomic_path
from sim2sky.measure.footprint import significant_light

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model

NUMBERS = ("attribution_radius", "attribution_on_sky", "light_radius")


def choose_galaxies(source: Dataset, target: Dataset, n: int, seed: int) -> list[np.ndarray]:
    """Return the rows to explain in the source and in the target.

    Parameters
    ----------
    source, target : Dataset
        Test rows with labels.
    n : int
        Rows wanted in each.
    seed : int
        The user's seed.

    Returns
    -------
    list of numpy.ndarray
        Two arrays of indices. Where both domains hold some of the same galaxies
        and views, entry i of both is the same one; else each domain has its own.
        Unlabelled rows come only where a domain has no labelled ones.
    """
    candidates = [_labelled_rows(dataset) for dataset in (source, target)]
    places = [
        {(dataset.galaxy_id[i], int(dataset.view[i])): i for i in rows}
        for dataset, rows in zip((source, target), candidates, strict=True)
    ]
    shared = [key for key in places[0] if key in places[1]]
    if shared:
        rows = np.array([places[0][key] for key in shared])
        chosen = rows[_choose(source, rows, n, seed)]
        twins = [places[1][source.galaxy_id[i], int(source.view[i])] for i in chosen]
        return [chosen, np.array(twins)]
    return [
        rows[_choose(dataset, rows, n, seed)]
        for dataset, rows in zip((source, target), candidates, strict=True)
    ]


def explained_classes(settings: ExplainSettings, classes: list[str]) -> list[str]:
    """Return the classes to explain.

    Parameters
    ----------
    settings : ExplainSettings
        ``classes``, empty for the default.
    classes : list of str
        The model's.

    Returns
    -------
    list of str
        Never empty.

    Raises
    ------
    Sim2SkyError
        If the model does not know one of them.
    """
    unknown = [name for name in settings.classes if name not in classes]
    if unknown:
        raise Sim2SkyError(
            "the model does not know this class",
            where="settings: classes",
            got=", ".join(unknown),
            expected=", ".join(classes),
        )
    return settings.classes or classes[-1:]


def explain_rows(
    model: "Model", dataset: Dataset, rows: np.ndarray, domain: str, settings: ExplainSettings
) -> dict[str, np.ndarray]:
    """Return Grad-CAM maps of some rows and what they amount to.

    Parameters
    ----------
    model : Model
        The classifier.
    dataset : Dataset
        Test rows with labels.
    rows : numpy.ndarray
        (N,) indices.
    domain : {"source", "target"}
        Chooses the normalisation.
    settings : ExplainSettings
        Classes and threshold.

    Returns
    -------
    dict of numpy.ndarray
        ``images`` (N,C,H,W), ``gradcam`` (N,H,W) of the first class explained and
        ``gradcam_<class>`` of the others, ``label``, ``predicted``, ``probability``
        (N,K), ``galaxy_id``, ``view``, ``system_id``; ``attribution_radius`` and
        ``light_radius`` (mean distance from the centre, weighted with the map or
        with the light, in half widths of the image) and ``attribution_on_sky``
        (the map's share on pixels without significant light).
    """
    images = dataset.images[rows]
    probability, _ = model.predict(images, domain)
    prepared = model.prepare(images, domain)
    main, *others = explained_classes(settings, model.classes)
    maps = {
        name: gradcam_maps(model.network_for(domain), prepared, model.classes.index(name))
        for name in (main, *others)
    }
    light = images.sum(axis=1)
    bright = significant_light(light, settings.light_sigma)
    return {
        "images": images,
        "gradcam": maps[main],
        **{f"gradcam_{name}": maps[name] for name in others},
        "label": labels_for_model(dataset, model.classes)[rows],
        "predicted": probability.argmax(axis=1).astype(np.int8),
        "probability": probability,
        "galaxy_id": dataset.galaxy_id[rows],
        "view": dataset.view[rows],
        "system_id": dataset.system_id[rows],
        "attribution_radius": weighted_radius(maps[main]),
        "attribution_on_sky": 1 - share_on(maps[main], bright),
        "light_radius": weighted_radius(np.clip(light, 0, None) * bright),
    }


def mean_numbers(
    explained: dict[str, np.ndarray], classes: list[str], settings: ExplainSettings
) -> dict[str, float]:
    """Return the mean of each number over the images, with its interval over systems.

    Parameters
    ----------
    explained : dict of numpy.ndarray
        From `explain_rows`.
    classes : list of str
        K names.
    settings : ExplainSettings
        The resampling.

    Returns
    -------
    dict of float
        ``<number>_mean``, ``_low`` and ``_high`` over all images, and
        ``<number>_<class>_mean`` ... over those that truly are of a class.
    """
    system_id, label = explained["system_id"], explained["label"]
    resampling = Resampling.draw(system_id, settings.n_bootstrap, settings.seed)
    groups = {"": np.ones(len(label), dtype=bool)}
    groups |= {f"_{name}": label == number for number, name in enumerate(classes)}
    result = {}
    for number in NUMBERS:
        for suffix, member in groups.items():
            used = member & np.isfinite(explained[number])
            values = _resampled_mean(explained[number][used], system_id[used], resampling)
            low, high = interval(values, settings.interval)
            stem = f"{number}{suffix}"
            result |= {f"{stem}_mean": values[0], f"{stem}_low": low, f"{stem}_high": high}
    return result


def write_explanations(
    path: str | Path,
    model: "Model",
    explained: dict[str, dict[str, np.ndarray]],
    datasets: dict[str, Dataset],
    settings: ExplainSettings,
    stamp: dict[str, str],
) -> None:
    """Write the explanations of both domains to one HDF5 file.

    Parameters
    ----------
    path : str or Path
        Output file, groups ``source`` and ``target``.
    model : Model
        Named in the attributes.
    explained : dict
        By domain, from `explain_rows`.
    datasets : dict of Dataset
        By domain.
    settings : ExplainSettings
        As used.
    stamp : dict of str
        Provenance.
    """
    size = explained["source"]["gradcam"].shape[1:]
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for domain, columns in explained.items():
            group = file.create_group(domain)
            for name, values in columns.items():
                text = values.dtype.kind == "U"
                group[name] = values.astype(object) if text else values
            dataset = datasets[domain]
            group.attrs.update(
                domain=dataset.domain,
                units=dataset.units,
                stretch=dataset.normalisation.stretch,
                softening=dataset.normalisation.softening,
                **mean_numbers(columns, model.classes, settings),
            )
        file.attrs.update(
            explained_class=explained_classes(settings, model.classes)[0],
            classes=list(model.classes),
            bands=list(model.bands),
            units=datasets["source"].units,
            stretch=datasets["source"].normalisation.stretch,
            method=model.method,
            network=model.network_name,
            seed=model.seed,
            even_radius=weighted_radius(np.ones((1, *size)))[0],
            same_galaxies=_same(explained["source"], explained["target"]),
            **stamp,
        )


def _labelled_rows(dataset: Dataset) -> np.ndarray:
    """Return the rows with a label, or all where there are none."""
    rows = np.flatnonzero(dataset.label >= 0)
    return rows if len(rows) > 0 else np.arange(len(dataset))


def _choose(dataset: Dataset, rows: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return which of some rows are chosen."""
    columns = (dataset.galaxy_id, dataset.view, dataset.system_id, dataset.label)
    return choose_rows(*(column[rows] for column in columns), n, seed)


def _resampled_mean(
    values: np.ndarray, system_id: np.ndarray, resampling: Resampling
) -> np.ndarray:
    """Return the mean (1+B,) of values in the sample and its resamples."""

    def mean(weights: np.ndarray) -> dict[str, np.ndarray]:
        total = weights.sum(axis=0)
        empty = np.full(len(total), np.nan)
        return {"mean": np.divide(values @ weights, total, out=empty, where=total > 0)}

    return resampling.apply(mean, system_id)["mean"]


def _same(source: dict[str, np.ndarray], target: dict[str, np.ndarray]) -> bool:
    """Return whether both domains show the same galaxies and views."""
    return all(np.array_equal(source[name], target[name]) for name in ("galaxy_id", "view"))
