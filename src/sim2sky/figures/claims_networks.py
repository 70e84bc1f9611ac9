"""Answers to the claims about what networks look at, and how far their domains lie apart.

Each takes a `Study` and one of its experiments, and returns None where that cannot tell.
They rest on the long tables of the stages that look into the shown models.
"""

import pandas as pd

from sim2sky.evaluate.bootstrap import ALL_SEEDS
from sim2sky.figures.evidence import Evidence, Study
from sim2sky.figures.summary import SOURCE_ONLY, Estimate
from sim2sky.figures.verdict import Answer, apart, judge
from sim2sky.plot.inputs import rows_of
from sim2sky.plot.ladder import RUNG_LABELS
from sim2sky.plot.style import method_label


def where_they_look(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 4: from the periphery and the noise to the centre."""
    method = _adapted(study, evidence)
    merger = _last_class(evidence, "attribution")
    if method is None or merger is None:
        return None
    parts, nearer, farther = [], [], []
    for domain in ("source", "target"):
        where = {"method": method, "domain": domain, "class": merger}
        change = evidence.measured(
            "attribution", "attribution_radius_r50_method_difference", **where
        )
        before = evidence.measured(
            "attribution", "attribution_radius_r50", **(where | {"method": SOURCE_ONLY})
        )
        if not (change and before):
            return None
        parts.append(f"{before} in the {domain}, {change.signed} with {method_label(method)}")
        nearer.append(change.high < 0)
        farther.append(change.low > 0)
    sentence = (
        f"The mean distance of the evidence for class {merger} from the centre of such a galaxy "
        f"is, in half-light radii ({_seeds(evidence, 'attribution', method)}), "
        f"{' and '.join(parts)}."
    )
    return Answer(judge(all(nearer), any(farther)), sentence, evidence.name)


def _seeds(evidence: Evidence, stage: str, method: str) -> str:
    """Return how many trainings the numbers of a stage are of."""
    seeds = set(rows_of(evidence.long[stage], method=method)["seed"]) - {ALL_SEEDS}
    return f"mean over {len(seeds)} seeds" if len(seeds) > 1 else "of one training"


def gap_and_accuracy(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 7: the smaller the gap, the better it works."""
    method = _adapted(study, evidence)
    if method is None:
        return None
    found = {
        axis: evidence.measured("ladder", "rank_correlation_source", method=method, axis=axis)
        for axis in ("realism", "exposure")
    }
    found = {axis: number for axis, number in found.items() if number}
    if not found:
        return None
    names = {"realism": "rungs of realism", "exposure": "exposure times"}
    parts = [f"{number} over the {names[axis]}" for axis, number in found.items()]
    sentence = (
        "The rank correlation between accuracy and the latent distance to the images that "
        f"{method_label(method)} learned from is {' and '.join(parts)} "
        f"({_seeds(evidence, 'ladder', method)}); no network was adapted anew at each step, which "
        "alone could confirm it."
    )
    # where a network fails the closer it is to what it knows, the claim has no ground
    verdict = judge(False, any(number.low > 0 for number in found.values()))
    return Answer(verdict, sentence, evidence.name)


def one_pixel(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 8: adaptation protects, and the boundary is farther away."""
    method = _adapted(study, evidence)
    if method is None:
        return None
    where = {"method": method, "domain": "source"}
    ratio = evidence.measured("attack", "boundary_distance_ratio", **where)
    success = evidence.measured("attack", "success_rate", attack="one_pixel", **where)
    change = evidence.measured("attack", "success_rate_difference", attack="one_pixel", **where)
    if not (ratio and success and change):
        return None
    sentence = (
        f"With {method_label(method)} one pixel changes the prediction of {success} of the "
        f"source's galaxies ({change.signed} against source only, in pairs), and the distance to "
        f"the decision boundary, in units of the scatter within a class, is {ratio} times that "
        f"of source only ({_seeds(evidence, 'attack', method)})."
    )
    verdict = judge(ratio.low > 1 and change.high < 0, ratio.high < 1 or change.low > 0)
    return Answer(verdict, sentence, evidence.name)


def planes(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 9: isomap keeps distances, t-SNE does not."""
    method = _adapted(study, evidence)
    if method is None:
        return None
    distance, geodesic, near = (
        evidence.measured("separation", f"isomap_over_tsne_{name}", method=method)
        for name in ("distance_correlation", "geodesic_correlation", "trustworthiness")
    )
    if not (distance and geodesic and near):
        return None
    sentence = (
        "The rank correlation of distances in the plane with those in the latent space of "
        f"{method_label(method)} is {distance.signed} for isomap over t-SNE, and with geodesic "
        f"distances {geodesic.signed}; the trustworthiness of neighbours is {near.signed}."
    )
    verdict = judge(min(distance.low, geodesic.low) > 0, distance.high < 0 or geodesic.high < 0)
    return Answer(verdict, sentence, evidence.name)


def missing_realism(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 10: the distance names what is missing, and the depth at which a feature is lost."""
    method = _adapted(study, evidence)
    table = evidence.long.get("ladder")
    if method is None or table is None:
        return None
    distances, accuracies = (
        _changes(rows_of(table, method=SOURCE_ONLY, quantity=f"{name}_change", axis="realism"))
        for name in ("latent_distance", "balanced_accuracy")
    )
    if not distances or not accuracies:
        return None
    far, bad = (max(steps, key=lambda r: abs(steps[r].value)) for steps in (distances, accuracies))
    distance, accuracy = distances[far], accuracies[bad]
    sentence = (
        f"Of the realisms that are added one by one, {_rung(far)} moves the images most in the "
        f"latent space of source only (its distance to the target by {distance.signed} scatters), "
        f"and {_rung(bad)} changes its accuracy most ({accuracy.signed}; "
        f"{_seeds(evidence, 'ladder', SOURCE_ONLY)})"
    )
    depth = evidence.measured("ladder", "outskirts_lost_depth_mag_arcsec2", method=method)
    cost = evidence.measured("ladder", "outskirts_lost_cost", method=method)
    if depth and cost:
        sentence += (
            f"; at {depth.value:.1f} mag/arcsec² {method_label(method)} uses the outskirts less "
            f"than in the deepest images, which costs {cost} of balanced accuracy"
        )
    # another realism mattered more only where the intervals of the two changes lie apart
    same = far in accuracies and not apart(_size(accuracies[far]), _size(accuracy))
    verdict = judge(far == bad and distance.high < 0, not same)
    return Answer(verdict, f"{sentence}.", evidence.name)


def strange_objects(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 12: strange objects lie far away."""
    method = _adapted(study, evidence)
    if method is None:
        return None
    where = {"method": method, "domain": "target", "score": "distance"}
    strange = evidence.measured("reliability", "strange_auc", kind="any", **where)
    wrong = evidence.measured("reliability", "error_auc", **where)
    if not strange:
        return None
    sentence = (
        "The latent distance to the training images tells images that were made strange from "
        f"the same ones as they were with an AUC of {strange} for {method_label(method)}"
    )
    if wrong:
        sentence += f", and wrong predictions from right ones with {wrong}"
    return Answer(judge(strange.low > 0.5, strange.high < 0.5), f"{sentence}.", evidence.name)


def _adapted(study: Study, evidence: Evidence) -> str | None:
    """Return the first method that is looked into and has an adaptation loss."""
    return next(
        (name for name in evidence.described.get("show", []) if study.method(name).get("losses")),
        None,
    )


def _last_class(evidence: Evidence, stage: str) -> str | None:
    """Return the class that mergers are, the last one of the model's, by its rows."""
    table = evidence.long.get(stage)
    if table is None or "class" not in table:
        return None
    names = [name for name in dict.fromkeys(table["class"]) if name]
    return names[-1] if names else None


def _changes(rows: pd.DataFrame) -> dict[str, Estimate]:
    """Return the change that each rung brings, the mean over seeds (-1) or the first of them."""
    rows = rows[rows["value"].notna()].sort_values("seed", kind="stable")
    rows = rows.drop_duplicates("rung")
    return {
        row["rung"]: Estimate(*(float(row[name]) for name in ("value", "low", "high")))
        for _, row in rows.iterrows()
    }


def _size(change: Estimate) -> Estimate:
    """Return a change without its sign."""
    if change.value >= 0:
        return change
    return Estimate(-change.value, -change.high, -change.low)


def _rung(name: str) -> str:
    """Return a rung's name in a sentence."""
    return RUNG_LABELS.get(name, name)
