"""The latent vectors of test rows of both domains, laid out and measured."""

from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from sim2sky.build.dataset import Dataset, labels_for_model
from sim2sky.embed.layout import isomap_plane, principal_components, tsne_plane
from sim2sky.embed.separation import domain_distances, proxy_a_distance, silhouette
from sim2sky.embed.settings import EmbedSettings
from sim2sky.evaluate.choice import choose_rows
from sim2sky.files import atomic_path

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model


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
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
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
        ``silhouette_domain``; ``silhouette_class`` of all labelled rows, and of each
        domain's (``_source``, ``_target``); ``proxy_a_distance``; ``domain_distance``
        and one per class, with intervals; ``explained_variance`` of the principal
        components all of this is measured in; ``isomap_neighbours`` and
        ``isomap_pieces`` as used.
    """
    points, explained = principal_components(rows["latent"], settings.n_components)
    domain, label, system_id = rows["domain"], rows["label"], rows["system_id"]
    isomap, n_neighbours, n_pieces = isomap_plane(points, settings.n_neighbours)
    tsne = tsne_plane(points, settings.perplexity, settings.seed)
    of_domain = {"source": domain == 0, "target": domain == 1}
    numbers = {
        "silhouette_domain": silhouette(points, domain),
        "silhouette_class": silhouette(points, label),
        **{
            f"silhouette_class_{name}": silhouette(points[member], label[member])
            for name, member in of_domain.items()
        },
        "proxy_a_distance": proxy_a_distance(points, domain, system_id, settings.cv_folds),
        **domain_distances(
            points,
            domain,
            np.where(label >= 0, label, rows["predicted"]),
            system_id,
            classes,
            n_bootstrap=settings.n_bootstrap,
            level=settings.interval,
            seed=settings.seed,
        ),
        "explained_variance": explained,
        "isomap_neighbours": n_neighbours,
        "isomap_pieces": n_pieces,
    }
    return {"isomap": isomap.astype("f4"), "tsne": tsne.astype("f4")}, numbers


def write_latents(
    path: str | Path,
    rows: dict[str, np.ndarray],
    planes: dict[str, np.ndarray],
    attributes: dict[str, object],
) -> None:
    """Write latent vectors, planes and numbers to an HDF5 file.

    Parameters
    ----------
    path : str or Path
        Output file.
    rows, planes : dict of numpy.ndarray
        Datasets by name, each with N rows.
    attributes : dict
        Attributes of the file.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name, values in {**rows, **planes}.items():
            file[name] = values.astype(object) if values.dtype.kind == "U" else values
        file.attrs.update(attributes)
