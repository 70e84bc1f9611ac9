"""Explanations of the same galaxies in the source and the target domain."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import h5py
import numpy as np

from sim2sky.build.dataset import Dataset, labels_for_model
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.choice import choose_rows
from sim2sky.explain.deletion import ORDERS, deletion_curves
from sim2sky.explain.extent import profile_edges, radial_shares, radius_in_units
from sim2sky.explain.gradcam import gradcam_maps, share_on, weighted_radius
from sim2sky.explain.randomised import random_weights_correlation
from sim2sky.explain.settings import ExplainSettings
from sim2sky.files import atomic_path
from sim2sky.measure.footprint import significant_light

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model


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
        As named, else all, the last first.

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
    return settings.classes or [classes[-1], *classes[:-1]]


def explain_rows(
    model: "Model",
    dataset: Dataset,
    rows: np.ndarray,
    domain: Literal["source", "target"],
    settings: ExplainSettings,
    unit_px: np.ndarray,
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
        Classes, radii and checks.
    unit_px : numpy.ndarray
        (N,) half-light radii, from `sim2sky.explain.extent.half_light_radii`.

    Returns
    -------
    dict of numpy.ndarray
        ``images`` (N,C,H,W), ``gradcam`` (N,H,W) of the first class explained and
        ``gradcam_<class>`` of the others, ``label``, ``predicted``, ``probability``
        (N,K), ``galaxy_id``, ``view``, ``system_id``; ``half_light_radius_px`` (N,).
        By image and explained class (N,E): ``attribution_radius`` and
        ``attribution_radius_r50``, the mean distance from the centre weighted with the map,
        in half widths of the image and in half-light radii; ``attribution_on_sky``, the
        map's share on pixels without significant light; ``random_weights_correlation``,
        see `sim2sky.explain.randomised`. ``light_radius`` (N,) is weighted with the light
        and in half widths, ``even_radius_r50`` (N,) with nothing, and ``even_on_sky`` (N,) is
        the sky's share of the image. ``profile`` (N,E,R) and
        ``even_profile`` (N,R) are shares in annuli (`radial_shares`) of the maps and of
        the image's pixels. ``deletion`` (N,3,F) are the curves of `deletion_curves` for
        the class that is predicted, NaN where that is not an explained one.
    """
    images = dataset.images[rows]
    keys = list(zip(dataset.galaxy_id[rows].tolist(), dataset.view[rows].tolist(), strict=True))
    probability, _ = model.predict(images, domain)
    predicted = probability.argmax(axis=1).astype(np.int8)
    prepared = model.prepare(images, domain)
    names = explained_classes(settings, model.classes)
    maps = {
        name: gradcam_maps(model.network_for(domain), prepared, model.classes.index(name))
        for name in names
    }
    light = images.sum(axis=1)
    bright = significant_light(light, settings.light_sigma)
    edges = profile_edges(settings.profile_max_r50, settings.profile_bin_r50)
    even = np.ones(light.shape, dtype=np.float32)
    return {
        "images": images,
        "gradcam": maps[names[0]],
        **{f"gradcam_{name}": maps[name] for name in names[1:]},
        "label": labels_for_model(dataset, model.classes)[rows],
        "predicted": predicted,
        "probability": probability,
        "galaxy_id": dataset.galaxy_id[rows],
        "view": dataset.view[rows],
        "system_id": dataset.system_id[rows],
        "half_light_radius_px": unit_px,
        "attribution_radius": _by_class(maps, weighted_radius),
        "attribution_radius_r50": _by_class(maps, lambda m: radius_in_units(m, unit_px)),
        "attribution_on_sky": _by_class(maps, lambda m: 1 - share_on(m, bright)),
        "light_radius": weighted_radius(np.clip(light, 0, None) * bright),
        "even_radius_r50": radius_in_units(even, unit_px),
        "even_on_sky": 1 - bright.mean(axis=(1, 2)),
        "profile": _by_class(maps, lambda m: radial_shares(m, unit_px, edges)),
        "even_profile": radial_shares(even, unit_px, edges),
        "random_weights_correlation": random_weights_correlation(
            model, images, domain, maps, n_draws=settings.random_networks, seed=settings.seed
        ),
        "deletion": _deletion(model, images, domain, maps, predicted, keys, settings),
    }


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
    names = explained_classes(settings, model.classes)
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
            )
        file.attrs.update(
            explained_class=names[0],
            explained_classes=names,
            classes=list(model.classes),
            bands=list(model.bands),
            units=datasets["source"].units,
            stretch=datasets["source"].normalisation.stretch,
            method=model.method,
            network=model.network_name,
            seed=model.seed,
            profile_edges_r50=profile_edges(settings.profile_max_r50, settings.profile_bin_r50),
            deletion_orders=list(ORDERS),
            **stamp,
        )


def _by_class(
    maps: dict[str, np.ndarray], number: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return a number of every map, by image and class."""
    return np.stack([number(each) for each in maps.values()], axis=1)


def _deletion(
    model: "Model",
    images: np.ndarray,
    domain: Literal["source", "target"],
    maps: dict[str, np.ndarray],
    predicted: np.ndarray,
    keys: list[tuple[str, int]],
    settings: ExplainSettings,
) -> np.ndarray:
    """Return the deletion curves of each image for the class that is predicted."""
    curves = np.full(
        (len(images), len(ORDERS), settings.deletion_steps + 1), np.nan, dtype=np.float32
    )
    for name, of_class in maps.items():
        number = model.classes.index(name)
        rows = np.flatnonzero(predicted == number)
        curves[rows] = deletion_curves(
            model,
            images[rows],
            domain,
            of_class[rows],
            predicted[rows],
            [keys[row] for row in rows],
            steps=settings.deletion_steps,
            seed=settings.seed,
        )
    return curves


def _labelled_rows(dataset: Dataset) -> np.ndarray:
    """Return the rows with a label, or all where there are none."""
    rows = np.flatnonzero(dataset.label >= 0)
    return rows if len(rows) > 0 else np.arange(len(dataset))


def _choose(dataset: Dataset, rows: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return which of some rows are chosen."""
    columns = (dataset.galaxy_id, dataset.view, dataset.system_id, dataset.label)
    return choose_rows(*(column[rows] for column in columns), n, seed)
