"""How strange each test image is to a model, by several scores, and what they notice."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp, softmax

from sim2sky.build.dataset import Dataset, labels_for_model
from sim2sky.calibrate.calibration import Calibration, model_digest
from sim2sky.calibrate.ensemble import distance_limits
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.choice import choose_rows
from sim2sky.evaluate.metrics import entropy
from sim2sky.reliability.search import SCORES, TEXT, Search
from sim2sky.reliability.settings import ReliabilitySettings
from sim2sky.reliability.strange import KINDS, make_strange

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model


def strangeness(
    model: "Model", images: np.ndarray, domain: str, calibration: Calibration
) -> dict[str, np.ndarray]:
    """Return how strange images are to a model; higher is stranger.

    Parameters
    ----------
    model : Model
        The classifier.
    images : numpy.ndarray
        (N,C,H,W).
    domain : {"source", "target"}
        Whose normalisation applies.
    calibration : Calibration
        Of this model: where its training images lie.

    Returns
    -------
    dict of numpy.ndarray
        Each (N,). ``confidence``: one less the highest probability (Hendrycks & Gimpel
        2017, arXiv:1610.02136). ``entropy`` of the prediction, 0 to 1. ``energy``:
        minus the logarithm of the sum of the exponentiated scores (Liu et al. 2020,
        arXiv:2010.03759, eq. 4, at a temperature of 1). ``distance``: to the k-th
        nearest training image, of whichever domain is nearer, in the latent space,
        in units of the scatter within a class (Sun et al. 2022, arXiv:2204.06507, without
        their division of each vector by its length). Beside these ``predicted`` and
        ``distance_<domain>``.
    """
    logits, latent = model.logits(images, domain)
    probability = softmax(logits, axis=1)
    distances = calibration.distances(latent)
    return {
        "predicted": probability.argmax(axis=1).astype(np.int8),
        # the sum of the others: the difference from one is lost to rounding
        "confidence": np.sort(probability, axis=1)[:, :-1].sum(axis=1),
        "entropy": entropy(probability),
        "energy": -logsumexp(logits, axis=1),
        "distance": np.min(list(distances.values()), axis=0),
        **{f"distance_{name}": values for name, values in distances.items()},
    }


def search_outliers(
    model: "Model",
    calibration: Calibration,
    datasets: dict[str, Dataset],
    settings: ReliabilitySettings,
    provenance: dict[str, str],
) -> Search:
    """Score the test rows of both domains, and target images that are made strange.

    Parameters
    ----------
    model : Model
        The classifier.
    calibration : Calibration
        Of this model.
    datasets : dict of Dataset
        Test rows with labels, by domain.
    settings : ReliabilitySettings
        How many.
    provenance : dict of str
        From `sim2sky.provenance.stamp`.

    Returns
    -------
    Search
        Ready to be written.

    Raises
    ------
    Sim2SkyError
        If the calibration is that of another model.
    """
    if calibration.model_digest != model_digest(model):
        raise Sim2SkyError(
            "this is the calibration of another model",
            where=f"method {model.method}, seed {model.seed}",
            fix="make it anew with `sim2sky calibrate`",
        )
    limits = distance_limits([calibration], settings.far_quantile)
    rows = {}
    for domain, dataset in datasets.items():
        scores = strangeness(model, dataset.images, domain, calibration)
        far = [scores.pop(f"distance_{name}") > limit for name, limit in limits.items()]
        rows[domain] = {
            **{name: getattr(dataset, name) for name in (TEXT, "view", "system_id")},
            "label": labels_for_model(dataset, model.classes),
            **scores,
            "far": np.logical_and.reduce(far),
        }
    target = datasets["target"]
    strange, examples = _made_strange(model, calibration, target, rows["target"], settings)
    images = {}
    for name, places in extremes(rows["target"], settings.shown_images).items():
        images |= {name: target.images[places], f"{name}_row": places}
    attributes = {
        "method": model.method,
        "network": model.network_name,
        "seed": model.seed,
        "classes": list(model.classes),
        "units": target.units,
        "neighbours": calibration.neighbours,
        "reference": list(limits),
        **provenance,
    }
    return Search(rows, strange, images | examples, attributes)


def extremes(rows: dict[str, np.ndarray], n_shown: int) -> dict[str, np.ndarray]:
    """Return the farthest and the nearest images, one of each galaxy at most.

    Parameters
    ----------
    rows : dict of numpy.ndarray
        galaxy_id and distance, (N,).
    n_shown : int
        How many of both; fewer where there are fewer galaxies.

    Returns
    -------
    dict of numpy.ndarray
        ``strangest``, farthest first, and ``ordinary``, nearest first: places.
    """
    order = np.argsort(-rows["distance"], kind="stable")
    return {
        name: places[np.sort(np.unique(rows[TEXT][places], return_index=True)[1])][:n_shown]
        for name, places in (("strangest", order), ("ordinary", order[::-1]))
    }


def _made_strange(
    model: "Model",
    calibration: Calibration,
    target: Dataset,
    rows: dict[str, np.ndarray],
    settings: ReliabilitySettings,
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Return the scores of some images as they are and made strange, and an example of each.

    The example is the most ordinary of the images, so that nothing else is strange in it.
    """
    identity = (rows[TEXT], rows["view"], rows["system_id"])
    chosen = choose_rows(*identity, rows["label"], settings.injected_images, settings.seed)
    strange = {
        "ordinary": {"row": chosen, **{name: rows[name][chosen] for name in SCORES}},
    }
    nearest = int(np.argmin(rows["distance"][chosen]))
    examples = {"example_ordinary": target.images[chosen[nearest]]}
    for kind in KINDS:
        images = make_strange(
            target.images[chosen],
            kind,
            rows[TEXT][chosen],
            rows["view"][chosen],
            units=target.units,
            seed=settings.seed,
        )
        scores = strangeness(model, images, "target", calibration)
        strange[kind] = {"row": chosen, **{name: scores[name] for name in SCORES}}
        examples[f"example_{kind}"] = images[nearest]
    return strange, examples
