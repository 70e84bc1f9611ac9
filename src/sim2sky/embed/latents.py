"""The latent vectors of test rows of both domains, laid out and measured."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
from scipy.spatial.distance import pdist, squareform

from sim2sky.build.dataset import Dataset, labels_for_model
from sim2sky.embed.discrepancy import gaussian_kernel, mmd_squared, permutation_p_value
from sim2sky.embed.faithfulness import distance_correlation, pair_ranks, trust
from sim2sky.embed.layout import isomap_plane, principal_components, tsne_plane
from sim2sky.embed.separation import (
    domain_distances,
    fisher_ratio,
    proxy_a_distance,
    silhouette,
    told_domains,
)
from sim2sky.embed.settings import EmbedSettings
from sim2sky.evaluate.bootstrap import Resampling, interval
from sim2sky.evaluate.choice import choose_rows
from sim2sky.files import atomic_path

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model

Statistic = Callable[[np.ndarray], dict[str, np.ndarray]]


def latent_rows(
    model: "Model", source: Dataset, target: Dataset, settings: EmbedSettings
) -> dict[str, np.ndarray]:
    """Return latent vectors of chosen rows of both domains, source first.

    Parameters
    ----------
    model : Model
        The classifier.
    source, target : Dataset
        Test rows with labels.
    settings : EmbedSettings
        How many.

    Returns
    -------
    dict of numpy.ndarray
        ``latent`` (N,D) float32, ``domain`` (0 source, 1 target), ``label`` and
        ``predicted`` (numbered by the model's classes), ``galaxy_id``, ``view``,
        ``system_id``.
    """
    parts = []
    for number, (domain, dataset) in enumerate((("source", source), ("target", target))):
        label = labels_for_model(dataset, model.classes)
        identity = (dataset.galaxy_id, dataset.view, dataset.system_id)
        rows = choose_rows(*identity, label, settings.n_per_domain, settings.seed)
        probability, latent = model.predict(dataset.images[rows], domain)
        parts.append(
            {
                "latent": latent,
                "domain": np.full(len(rows), number, dtype=np.int8),
                "label": label[rows],
                "predicted": probability.argmax(axis=1).astype(np.int8),
                "galaxy_id": dataset.galaxy_id[rows],
                "view": dataset.view[rows],
                "system_id": dataset.system_id[rows],
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def embed_latents(
    rows: dict[str, np.ndarray], classes: list[str], settings: EmbedSettings
) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, np.ndarray]]:
    """Return the points in the plane and the numbers.

    Parameters
    ----------
    rows : dict of numpy.ndarray
        From `latent_rows`.
    classes : list of str
        The model's K classes.
    settings : EmbedSettings
        How.

    Returns
    -------
    planes : dict of numpy.ndarray
        ``isomap`` and ``tsne``, (N,2) float32.
    numbers : dict of float
        What is in `resamples`, each with ``_low`` and ``_high``; ``mmd_p_value`` from
        permuted systems; ``explained_variance`` of the principal components all of this
        is measured in; ``isomap_neighbours`` and ``isomap_pieces`` as used.
    resamples : dict of numpy.ndarray
        (1+B,) of the sample itself and of every resample of the systems, in
        which another model's can be subtracted:

        - ``silhouette_domain``, ``silhouette_class`` of all labelled rows and
          ``silhouette_class_source``, ``_target`` of each domain's;
        - ``fisher_ratio_domain``, ``fisher_ratio_class`` and so on, see `fisher_ratio`;
        - ``proxy_a_distance``; ``mmd_squared``, see `sim2sky.embed.discrepancy`;
        - ``domain_distance`` and ``domain_distance_<class>``, see `domain_distances`;
        - ``isomap_distance_correlation``, ``tsne_distance_correlation``: rank correlation of
          the distances in the plane with the true ones, and ``_geodesic_correlation`` with
          those along isomap's graph; ``isomap_trustworthiness``, ``tsne_trustworthiness``;
          ``isomap_over_tsne_...``: what isomap has more of each.
    """
    points, explained = principal_components(rows["latent"], settings.n_components)
    isomap = isomap_plane(points, settings.n_neighbours)
    planes = {
        "isomap": isomap.points,
        "tsne": tsne_plane(points, settings.perplexity, settings.seed).astype(np.float64),
    }
    domain, system_id = rows["domain"], rows["system_id"]
    distance = squareform(pdist(points))
    kernel = gaussian_kernel(distance)
    separation = _separation(rows, points, distance, kernel, classes, settings)
    faithfulness = _faithfulness(distance, isomap.distance, planes, settings)

    def statistics(weights: np.ndarray) -> dict[str, np.ndarray]:
        return separation(weights) | faithfulness(weights)

    resampling = Resampling.draw(system_id, settings.n_bootstrap, settings.seed)
    resamples = resampling.apply(statistics, system_id)
    numbers = {}
    for name, values in resamples.items():
        low, high = interval(values, settings.interval)
        numbers |= {name: float(values[0]), f"{name}_low": low, f"{name}_high": high}
    numbers |= {
        "mmd_p_value": permutation_p_value(
            kernel, domain, system_id, settings.n_permutations, settings.seed
        ),
        "explained_variance": explained,
        "isomap_neighbours": isomap.n_neighbours,
        "isomap_pieces": isomap.n_pieces,
    }
    return {name: plane.astype("f4") for name, plane in planes.items()}, numbers, resamples


def write_latents(
    path: str | Path,
    rows: dict[str, np.ndarray],
    planes: dict[str, np.ndarray],
    resamples: dict[str, np.ndarray],
    attributes: dict[str, object],
) -> None:
    """Write latent vectors, planes and numbers to an HDF5 file.

    Parameters
    ----------
    path : str or Path
        Output file.
    rows, planes : dict of numpy.ndarray
        Datasets by name, each with N rows.
    resamples : dict of numpy.ndarray
        Datasets of the group ``resamples``.
    attributes : dict
        Attributes of the file.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name, values in {**rows, **planes}.items():
            file[name] = values.astype(object) if values.dtype.kind == "U" else values
        for name, values in resamples.items():
            file[f"resamples/{name}"] = values.astype("f4")
        file.attrs.update(attributes)


def _separation(
    rows: dict[str, np.ndarray],
    points: np.ndarray,
    distance: np.ndarray,
    kernel: np.ndarray,
    classes: list[str],
    settings: EmbedSettings,
) -> Statistic:
    """Return the statistic of how far classes and domains lie apart."""
    domain, label, system_id = rows["domain"], rows["label"], rows["system_id"]
    group = np.where(label >= 0, label, rows["predicted"])
    told = told_domains(points, domain, system_id, settings.cv_folds)
    groups = {
        "domain": domain,
        "class": label,
        "class_source": np.where(domain == 0, label, -1),
        "class_target": np.where(domain == 1, label, -1),
    }

    def statistic(weights: np.ndarray) -> dict[str, np.ndarray]:
        sides = [weights * (domain == side)[:, None] for side in (0, 1)]
        return {
            **{f"silhouette_{n}": silhouette(distance, g, weights) for n, g in groups.items()},
            **{f"fisher_ratio_{n}": fisher_ratio(points, g, weights) for n, g in groups.items()},
            "proxy_a_distance": proxy_a_distance(told, domain, weights),
            "mmd_squared": mmd_squared(kernel, system_id, *sides),
            **domain_distances(points, domain, group, classes, weights),
        }

    return statistic


def _faithfulness(
    distance: np.ndarray,
    geodesic: np.ndarray,
    planes: dict[str, np.ndarray],
    settings: EmbedSettings,
) -> Statistic:
    """Return the statistic of how far each plane can be trusted."""
    truths = {"distance": pair_ranks(distance), "geodesic": pair_ranks(geodesic)}
    flat = {name: squareform(pdist(plane)) for name, plane in planes.items()}
    ranks = {name: pair_ranks(each) for name, each in flat.items()}
    trusts = {name: trust(distance, each, settings.n_neighbours) for name, each in flat.items()}

    def statistic(weights: np.ndarray) -> dict[str, np.ndarray]:
        found = {}
        for name in planes:
            for kind, truth in truths.items():
                values = distance_correlation(truth, ranks[name], weights)
                found[f"{name}_{kind}_correlation"] = values
            found[f"{name}_trustworthiness"] = trusts[name] @ weights / weights.sum(axis=0)
        for kind in ("distance_correlation", "geodesic_correlation", "trustworthiness"):
            found[f"isomap_over_tsne_{kind}"] = found[f"isomap_{kind}"] - found[f"tsne_{kind}"]
        return found

    return statistic
