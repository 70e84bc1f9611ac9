"""What a model makes of each rung."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from sim2sky.build.dataset import Dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import Resampling, interval
from sim2sky.evaluate.metrics import scores, weighted_mean
from sim2sky.explain.gradcam import gradcam_maps, share_on, weighted_radius
from sim2sky.ladder.anchor import Anchor, anchor_rows
from sim2sky.ladder.columns import DRAWS, KEYS
from sim2sky.ladder.galaxies import holds_light
from sim2sky.ladder.losses import losses
from sim2sky.ladder.rungs_file import Rendered, Step
from sim2sky.ladder.settings import LadderSettings
from sim2sky.measure.radii import pixel_radii

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model

LOOKS = (
    *("attribution_radius", "attribution_radius_r50"),
    *("attribution_outskirts", "attribution_on_sky"),
)
# what is set against the rung before, and against the deepest exposure
COMPARED = {
    "realism": (
        *("latent_distance", "latent_distance_source"),
        *("balanced_accuracy", "attribution_radius_r50"),
    ),
    "exposure": ("balanced_accuracy", "attribution_outskirts", "attribution_radius_r50"),
}


@dataclass(frozen=True)
class Judged:
    """One rung seen by one model.

    Parameters
    ----------
    about : dict
        See `sim2sky.ladder.rungs_file.Step`.
    samples : dict of numpy.ndarray
        (1+B,) the sample's value and those of the resamples, by quantity.
    counts : dict of tuple of int
        Images and systems behind each quantity.
    looks : dict of numpy.ndarray
        (N,) of each galaxy, NaN where nothing speaks for the class or the rung does not
        keep the galaxy.
    """

    about: dict
    samples: dict[str, np.ndarray]
    counts: dict[str, tuple[int, int]]
    looks: dict[str, np.ndarray]


def judge_model(
    model: "Model",
    rendered: Rendered,
    source: Dataset,
    target: Dataset,
    settings: LadderSettings,
) -> pd.DataFrame:
    """Return everything that a model makes of the rungs.

    Images of every rung are normalised as those of the target, for every model: this is
    how the survey's images would be treated, and the rung that equals the target then has
    the target's scores and distance 0. With `target_normalisation: source`, the default of
    `train`, that is the source's normalisation, the one a network without adaptation knows.

    Parameters
    ----------
    model : Model
        The classifier.
    rendered : Rendered
        From `sim2sky.ladder.rungs_file.read_rungs`.
    source, target : Dataset
        Test rows of both domains, read without labels.
    settings : LadderSettings
        Outskirts, distances and resampling.

    Returns
    -------
    pandas.DataFrame
        `KEYS`, quantity, value, low, high, n_images, n_systems and `DRAWS`. For each rung
        (domain ``mock``): ``balanced_accuracy``, ``accuracy``, ``auc`` and
        ``recall_<class>`` without retraining; ``latent_distance`` and
        ``proxy_a_distance`` to the target, and ``latent_distance_source`` to the images
        of the source, from which networks learned (`Anchor.distances`); of Grad-CAM for the
        last class, means over images: ``attribution_radius`` [half widths of the image],
        ``attribution_radius_r50`` [half-light radii], ``attribution_outskirts`` (its
        share on the galaxy beyond `outer_radius_r50`) and ``attribution_on_sky`` (its
        share outside of the galaxy, both by the light without noise). ``<quantity>_change``
        is, in pairs, against the rung before or against the longest exposure.
        For the target (rung ``target``): ``attribution_radius``, and
        ``latent_distance_floor`` (`Anchor.floor`). For the ladder as a whole (rung
        ``all``): ``rank_correlation_source`` and ``rank_correlation_target`` of balanced accuracy
        with the latent distance to either, over the rungs (Spearman). The first is -1 where
        a rung is the worse the farther it is from what the network learned from. The second is
        not: a rung near the target is as good or bad as the target. For the exposures also
        ``outskirts_lost_...`` and ``accuracy_lost_...``, see `losses`.

    Raises
    ------
    Sim2SkyError
        If the model was trained on other classes or bands.
    """
    for name in ("classes", "bands"):
        if list(getattr(model, name)) != list(getattr(rendered, name)):
            raise Sim2SkyError(
                f"the model was trained on other {name}",
                where="--rungs",
                got=", ".join(getattr(rendered, name)),
                expected=", ".join(getattr(model, name)),
                fix="give the rungs of the model's own experiment",
            )
    anchors = {
        domain: Anchor(model, dataset, anchor_rows(dataset, rendered, settings), settings, domain)
        for domain, dataset in (("source", source), ("target", target))
    }
    systems = np.concatenate(
        [rendered.columns["system_id"], *(anchor.system_id for anchor in anchors.values())]
    )
    resampling = Resampling.draw(systems, settings.n_bootstrap, settings.seed)
    judged = [_judge(model, rendered, step, anchors, resampling) for step in rendered.steps]
    base = {"method": model.method, "network": model.network_name, "seed": int(model.seed)}
    rows = []
    for axis in COMPARED:
        rungs = [rung for rung in judged if rung.about["axis"] == axis]
        for number, rung in enumerate(rungs):
            other = rungs[-1] if axis == "exposure" else rungs[number - 1] if number else None
            samples, counts = rung.samples, rung.counts
            if other is not None and other is not rung:
                changes, pairs = _changes(rung, other, COMPARED[axis], rendered, resampling)
                samples, counts = samples | changes, counts | pairs
            for name, values in samples.items():
                rows.append(_row(base, "mock", rung.about, name, values, counts[name], settings))
        rows += _summary(base, axis, rungs, rows, settings)
    rows += _target_numbers(base, model, anchors["target"], resampling, settings)
    return pd.DataFrame(rows)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation for each column.

    Parameters
    ----------
    first, second : numpy.ndarray
        (R,B), one row per rung.

    Returns
    -------
    numpy.ndarray
        (B,) from -1 to 1; NaN with fewer than three rungs or where all are equal.
    """
    if len(first) < 3:
        return np.full(first.shape[1], np.nan)
    ranks = [rankdata(values, axis=0, nan_policy="propagate") for values in (first, second)]
    x, y = (values - values.mean(axis=0) for values in ranks)
    norm = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return np.divide((x * y).sum(axis=0), norm, out=np.full(len(norm), np.nan), where=norm > 0)


def _judge(
    model: "Model",
    rendered: Rendered,
    step: Step,
    anchors: dict[str, Anchor],
    resampling: Resampling,
) -> Judged:
    """Return what a model makes of one rung."""
    kept = np.flatnonzero(step.kept)
    images = step.images[kept]
    label, system_id = (rendered.columns[name][kept] for name in ("label", "system_id"))
    label = label.astype(np.int64)
    probability, latent = model.predict(images, "target")

    def chosen_scores(weights: np.ndarray) -> dict[str, np.ndarray]:
        every = scores(
            label, probability, weights, model.classes, calibration_bins=10, positive_fraction=0.5
        )
        names = ["balanced_accuracy", "accuracy", "auc"]
        names += [f"recall_{name}" for name in model.classes]
        return {name: every[name] for name in names}

    samples = resampling.apply(chosen_scores, system_id)
    samples |= anchors["target"].distances(latent, label, system_id, resampling)
    to_source = anchors["source"].distances(latent, label, system_id, resampling, classifier=False)
    samples["latent_distance_source"] = to_source["latent_distance"]
    all_of_them = (len(kept), len(np.unique(system_id)))
    counts = dict.fromkeys(samples, all_of_them)
    looks = {}
    for name, values in _looks(model, images, rendered, kept, anchors["target"].settings).items():
        looks[name] = np.full(len(rendered), np.nan)
        looks[name][kept] = values
        counts[name] = _counts(np.isfinite(values), system_id)
        samples[name] = _mean(values, system_id, resampling)
    return Judged(step.about, samples, counts, looks)


def _looks(
    model: "Model",
    images: np.ndarray,
    rendered: Rendered,
    kept: np.ndarray,
    settings: LadderSettings,
) -> dict[str, np.ndarray]:
    """Return where the model looks in each image."""
    maps = _gradcam(model, images)
    galaxy = holds_light(rendered.light[kept], settings.light_fraction)
    r50 = rendered.properties["r50"].to_numpy()[kept]
    height, width = images.shape[2:]
    place = pixel_radii(height, width) / (width / 2)
    outside = place > settings.outer_radius_r50 * r50[:, None, None]
    radius = weighted_radius(maps)
    numbers = (
        *(radius, radius / r50),
        *(share_on(maps, galaxy & outside), 1 - share_on(maps, galaxy)),
    )
    return dict(zip(LOOKS, numbers, strict=True))


def _gradcam(model: "Model", images: np.ndarray) -> np.ndarray:
    """Return Grad-CAM maps (N,H,W) for the last class."""
    prepared = model.prepare(images, "target")
    return gradcam_maps(model.network_for("target"), prepared, len(model.classes) - 1)


def _mean(values: np.ndarray, system_id: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Return the mean (1+B,) of the defined values in the sample and its resamples."""
    used = np.isfinite(values)
    chosen = values[used]
    return resampling.apply(lambda w: {"mean": weighted_mean(chosen, w)}, system_id[used])["mean"]


def _changes(
    rung: Judged,
    other: Judged,
    quantities: tuple[str, ...],
    rendered: Rendered,
    resampling: Resampling,
) -> tuple[dict[str, np.ndarray], dict[str, tuple[int, int]]]:
    """Return the paired differences to another rung, and what is behind them."""
    result, counts = {}, {}
    for name in quantities:
        if name in LOOKS:
            # of the galaxies for which both rungs say something
            values = rung.looks[name] - other.looks[name]
            system_id = rendered.columns["system_id"]
            result[f"{name}_change"] = _mean(values, system_id, resampling)
            counts[f"{name}_change"] = _counts(np.isfinite(values), system_id)
        else:
            result[f"{name}_change"] = rung.samples[name] - other.samples[name]
            counts[f"{name}_change"] = rung.counts[name]
    return result, counts


def _row(
    base: dict,
    domain: str,
    about: dict,
    quantity: str,
    values: np.ndarray,
    counts: tuple[int, int],
    settings: LadderSettings,
) -> dict:
    """Return one row of the long table."""
    low, high = interval(values, settings.interval)
    keys = {name: about.get(name) for name in KEYS[4:]}
    row = base | {"domain": domain} | keys | {"quantity": quantity, "value": float(values[0])}
    row |= {"low": low, "high": high, "n_images": counts[0], "n_systems": counts[1]}
    return row | {DRAWS: values.astype(np.float32)}


def _summary(
    base: dict, axis: str, rungs: list[Judged], rows: list[dict], settings: LadderSettings
) -> list[dict]:
    """Return what a whole ladder comes to."""
    if not rungs:
        return []
    about = {"axis": axis, "rung": "all", "step": -1, "exposure_factor": np.nan}
    about |= {"depth_band": rungs[-1].about["depth_band"]}
    counts = rungs[-1].counts["balanced_accuracy"]
    correlations = []
    for name, distance in (("source", "latent_distance_source"), ("target", "latent_distance")):
        pair = [
            np.array([rung.samples[quantity] for rung in rungs])
            for quantity in (distance, "balanced_accuracy")
        ]
        values = rank_correlation(*pair)
        quantity = f"rank_correlation_{name}"
        correlations.append(_row(base, "mock", about, quantity, values, counts, settings))
    if axis == "realism":
        return correlations
    table = pd.DataFrame(row for row in rows if row["axis"] == axis)
    about = base | {"domain": "mock"} | {name: about.get(name) for name in KEYS[4:]}
    return correlations + [about | row for row in losses(table)]


def _target_numbers(
    base: dict, model: "Model", anchor: Anchor, resampling: Resampling, settings: LadderSettings
) -> list[dict]:
    """Return what the model makes of the target's own images."""
    about = {"axis": "realism", "rung": "target", "step": -1, "exposure_factor": np.nan}
    radius = weighted_radius(_gradcam(model, anchor.images))
    values = {
        "attribution_radius": _mean(radius, anchor.system_id, resampling),
        "latent_distance_floor": anchor.floor(),
    }
    counts = {
        "attribution_radius": _counts(np.isfinite(radius), anchor.system_id),
        "latent_distance_floor": _counts(np.full(len(radius), True), anchor.system_id),
    }
    return [
        _row(base, "target", about, name, values[name], counts[name], settings) for name in values
    ]


def _counts(used: np.ndarray, system_id: np.ndarray) -> tuple[int, int]:
    """Return how many images and systems are used."""
    return int(used.sum()), len(np.unique(system_id[used]))
