"""What the page knows of each point of a latent map."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim2sky.build.dataset import Dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.metrics import log_odds
from sim2sky.files import hdf5_dataset, open_hdf5

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model

PLANES = ("isomap", "tsne")
DOMAINS = ("source", "target")
UNLABELLED = -1


def model_points(
    model: "Model", source: Dataset, target: Dataset, latents: str | Path
) -> tuple[dict[str, object], list[np.ndarray]]:
    """Return the points of a model's latent map.

    Parameters
    ----------
    model : Model
        The classifier.
    source, target : Dataset
        Test rows with labels.
    latents : str or Path
        ``latents.h5`` of the same model, which says which rows and where they lie.

    Returns
    -------
    points : dict
        As JSON can hold it: ``classes``, the model's; ``truths``, these and further
        ones that only the datasets know; ``stages``; ``domains``, the names of source
        and target; ``explained``, the class of the Grad-CAM maps and of the threshold,
        which is the last one; ``n``; and lists of n values: ``domain`` (0 source,
        1 target), ``truth`` (index in ``truths``, -1 unlabelled), ``stage`` (index in
        ``stages``), ``predicted`` (index in ``classes``), ``id``, ``view``, ``system``
        (numbered from 0), ``probability`` (a list per class), ``log_odds`` of
        the last class, by which probabilities that round to 1 are still told apart, and
        ``planes`` (by name, x and y between -1 and 1).
    rows : list of numpy.ndarray
        Indices of the points into the source's and the target's rows; the points of
        the source come first.

    Raises
    ------
    Sim2SkyError
        If the latents are not of these rows.
    """
    with open_hdf5(latents) as file:
        galaxy_id = hdf5_dataset(file, "galaxy_id").asstr()[:]
        view, domain = hdf5_dataset(file, "view")[:], hdf5_dataset(file, "domain")[:]
        planes = {name: hdf5_dataset(file, name)[:] for name in PLANES}
    order = np.argsort(domain, kind="stable")
    rows, probabilities, truth, stage, system = [], [], [], [], []
    for number, dataset in enumerate((source, target)):
        member = order[domain[order] == number]
        chosen = _rows_of(dataset, galaxy_id[member], view[member], latents)
        rows.append(chosen)
        probabilities.append(model.predict(dataset.images[chosen], DOMAINS[number])[0])
        truth += [
            dataset.classes[label] if label >= 0 else None for label in dataset.label[chosen]
        ]
        stage += dataset.stage[chosen].tolist()
        system += dataset.system_id[chosen].tolist()
    probability = np.concatenate(probabilities)
    truths = [*model.classes, *sorted(set(truth) - set(model.classes) - {None})]
    stages = sorted(set(stage))
    points = {
        "method": model.method,
        "network": model.network_name,
        "seed": int(model.seed),
        "classes": list(model.classes),
        "truths": truths,
        "stages": stages,
        "domains": [source.domain, target.domain],
        "explained": model.classes[-1],
        "n": len(order),
        "domain": domain[order].tolist(),
        "truth": [UNLABELLED if name is None else truths.index(name) for name in truth],
        "stage": [stages.index(name) for name in stage],
        "predicted": probability.argmax(axis=1).tolist(),
        "id": galaxy_id[order].tolist(),
        "view": view[order].tolist(),
        "system": np.unique(system, return_inverse=True)[1].tolist(),
        "probability": np.round(probability, 5).T.tolist(),
        "log_odds": np.round(log_odds(probability), 5).tolist(),
        "planes": {name: _rounded(plane[order]) for name, plane in planes.items()},
    }
    return points, rows


def as_script(points: dict[str, object]) -> str:
    """Return points as a script, which a page opened from disk may load where it may not fetch.

    Parameters
    ----------
    points : dict
        From `model_points`, and whatever else.

    Returns
    -------
    str
        A call of ``sim2skyPoints``, which the page defines.
    """
    return f"sim2skyPoints({json.dumps(points, separators=(',', ':'), allow_nan=False)});\n"


def _rows_of(
    dataset: Dataset, galaxy_id: np.ndarray, view: np.ndarray, latents: str | Path
) -> np.ndarray:
    """Return where galaxies and views are in a dataset."""
    places = {
        (galaxy, int(number)): row
        for row, (galaxy, number) in enumerate(zip(dataset.galaxy_id, dataset.view, strict=True))
    }
    wanted = [(galaxy, int(number)) for galaxy, number in zip(galaxy_id, view, strict=True)]
    missing = next((key for key in wanted if key not in places), None)
    if missing is not None:
        raise Sim2SkyError(
            "the latents hold a galaxy that is not among the domain's test rows",
            where=latents,
            got=f"{missing[0]}, view {missing[1]}",
            expected=f"rows of domain {dataset.domain}",
            fix="make the latents anew from the same datasets",
        )
    return np.array([places[key] for key in wanted], dtype=np.int64)


def _rounded(plane: np.ndarray) -> list[list[float]]:
    """Return x and y of a plane to a ten-thousandth of its width."""
    middle = (plane.max(axis=0) + plane.min(axis=0)) / 2
    half = max(float(np.ptp(plane, axis=0).max()) / 2, np.finfo("f4").tiny)
    return np.round((plane.astype("f8") - middle) / half, 4).T.tolist()
