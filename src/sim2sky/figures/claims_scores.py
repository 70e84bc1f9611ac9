"""Answers to the claims about scores, from the result tables.

Each takes a `Study` and one of its experiments, and returns None where that cannot tell.
"""

from sim2sky.baseline.settings import NETWORK as BASELINE_NETWORK
from sim2sky.figures.evidence import Evidence, Study
from sim2sky.figures.summary import ADABN, ORACLE, SOURCE_ONLY
from sim2sky.figures.verdict import Answer, apart, judge
from sim2sky.plot.inputs import recall_classes
from sim2sky.plot.style import method_label

ACCURACY = "balanced_accuracy"
CUTS = ("gini_m20", "asymmetry")
GOOD = 0.75  # "about 80 %": a classifier that has learned its own domain
NEAR = 0.1  # "about 50 %", "near the diagonal": this far from chance
WHOLE = (("mmd",), ("mmd_median",), ("dann",), ("coral",))  # losses that align all at once


def shapes(_: Study, evidence: Evidence) -> Answer | None:
    """Claim 1: cuts < forest < network, each trained and tested on the source."""
    if evidence.table is None:
        return None
    classes = recall_classes(evidence.table)
    metric = "auc" if len(classes) == 2 else f"auc_{classes[-1]}"
    cuts = {name: evidence.score(name, "source", metric, BASELINE_NETWORK) for name in CUTS}
    cuts = {name: score for name, score in cuts.items() if score}
    forest = evidence.score("random_forest", "source", metric, BASELINE_NETWORK)
    network = evidence.score(SOURCE_ONLY, "source", metric)
    if not (cuts and forest and network):
        return None
    best = max(cuts, key=lambda name: cuts[name].value)
    cut = cuts[best]
    verdict = judge(
        cut.high < forest.low and forest.high < network.low,
        cut.low > forest.high or forest.low > network.high or cut.low > network.high,
    )
    sentence = (
        f"On the source, the AUC is {cut} for the better cut ({method_label(best)}), {forest} "
        f"for the random forest and {network} for the network."
    )
    return Answer(verdict, sentence, evidence.name)


def _noise_gap(study: Study, evidence: Evidence) -> bool:
    """Return whether the same mocks are the source without the sky's noise, the target with it."""
    source, target = (study.domain(evidence, side) for side in ("source", "target"))
    return (
        source.get("sample") is not None
        and source.get("sample") == target.get("sample")
        and not source.get("observe", {}).get("noise", True)
        and target.get("observe", {}).get("noise", True)
    )


def across_noise(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 2: good on the own domain, a coin toss on the other."""
    own = evidence.score(SOURCE_ONLY, "source", ACCURACY)
    across = evidence.score(SOURCE_ONLY, "target", ACCURACY)
    if not (_noise_gap(study, evidence) and own and across):
        return None
    chance = 1 / len(recall_classes(evidence.table))
    oracle = evidence.score(ORACLE, "target", ACCURACY)
    trained = f", {oracle} with noise if trained on it" if oracle else ""
    sentence = (
        f"The balanced accuracy is {own} without noise{trained}, and {across} for the same "
        f"galaxies with noise if trained without it (chance: {chance:.2g})."
    )
    verdict = judge(
        own.low > GOOD and across.high < chance + NEAR,
        own.high < GOOD or across.low > chance + NEAR,
    )
    return Answer(verdict, sentence, evidence.name)


def adaptation(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 3: MMD and adversarial training both close the gap, the source stays good."""
    names = [study.with_losses(evidence, loss) for loss in ("mmd", "dann")]
    if not _noise_gap(study, evidence) or names[0] is None:
        return None
    parts, scores, gains, kept = [], [], [], []
    for name in filter(None, names):
        score = evidence.score(name, "target", ACCURACY)
        gain = evidence.score(name, "target", f"gain_over_{SOURCE_ONLY}")
        source = evidence.score(name, "source", ACCURACY)
        if not (score and gain and source):
            return None
        parts.append(
            f"{method_label(name)} brings the target to {score} ({gain.signed} over source only), "
            f"with {source} on the source"
        )
        scores, gains, kept = [*scores, score], [*gains, gain], [*kept, source]
    alike = len(scores) == 2 and not apart(*scores)
    rest = "" if len(scores) == 2 else "; adversarial training was not tried"
    verdict = judge(
        alike and all(gain.low > 0 for gain in gains) and all(s.low > GOOD for s in kept),
        any(gain.high < 0 for gain in gains)
        or any(source.high < GOOD for source in kept)
        or (len(scores) == 2 and apart(*scores)),
    )
    return Answer(verdict, "; ".join(parts) + rest + ".", evidence.name)


def fisher_entropy(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 5: Fisher loss and entropy minimisation help sometimes."""
    changes = []
    for loss in ("mmd", "dann"):
        plain = study.with_losses(evidence, loss)
        extra = study.with_losses(evidence, loss, "fisher", "entropy")
        if plain is None or extra is None:
            continue
        pair = [evidence.score(name, "target", ACCURACY) for name in (plain, extra)]
        if all(pair):
            changes.append((plain, *pair))
    if not changes:
        return None
    parts = [
        f"{after} with them against {before} for {method_label(name)} alone"
        for name, before, after in changes
    ]
    helped = any(after.low > before.high for _, before, after in changes)
    harmed = all(after.high < before.low for _, before, after in changes)
    sentence = f"The balanced accuracy on the target is {', and '.join(parts)}."
    return Answer(judge(helped, harmed), sentence, evidence.name)


def transferred_weights(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 6: on real images adaptation alone stays near chance, other weights help."""
    started = next((n for n in evidence.methods if study.method(n).get("init_from")), None)
    alone = next((n for w in WHOLE if (n := study.with_losses(evidence, *w)) is not None), ADABN)
    if started is None or evidence.table is None:
        return None
    before, after = (evidence.score(name, "target", "auc") for name in (alone, started))
    if not (before and after):
        return None
    origin = study.method(started)["init_from"]["experiment"].replace("_", " ")
    sentence = (
        f"On the target, the AUC is {before} with adaptation alone ({method_label(alone)}) and "
        f"{after} from the weights of the experiment {origin} ({method_label(started)})."
    )
    verdict = judge(
        before.high < 0.5 + NEAR and after.low > before.high,
        before.low > 0.5 + NEAR or after.high < before.low,
    )
    return Answer(verdict, sentence, evidence.name)


def other_classes(study: Study, evidence: Evidence) -> Answer | None:
    """Claim 11: with other classes in the target, class-by-class methods are needed."""
    metric = "h_score"
    classwise = study.with_losses(evidence, "dance")
    whole = next((n for w in WHOLE if (n := study.with_losses(evidence, *w)) is not None), None)
    if classwise is None or whole is None:
        return None
    ours = {name: evidence.score(name, "target", metric) for name in (whole, classwise)}
    plain = evidence.score(SOURCE_ONLY, "target", metric)
    if not all(ours.values()):
        return None
    without = f", {plain} without adaptation" if plain else ""
    sentence = (
        "With a class in the target that the source has not, the H-score is "
        f"{ours[whole]} for {method_label(whole)}, which aligns whole distributions, and "
        f"{ours[classwise]} for {method_label(classwise)}, which goes class by class{without}."
    )
    verdict = judge(ours[classwise].low > ours[whole].high, ours[classwise].high < ours[whole].low)
    return Answer(verdict, sentence, evidence.name)
