"""The claims of the field that this workflow tests, and what it finds, in one sentence each.

A claim belongs to the configuration as a whole. It picks the experiment that can answer
it by what the experiment is (its domains, methods and baselines), never by its name, and
is judged by intervals: where they leave both answers open, it is undecided.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sim2sky.baseline.settings import NETWORK as BASELINE_NETWORK
from sim2sky.figures.evidence import Evidence, Study
from sim2sky.figures.summary import ADABN, ORACLE, SOURCE_ONLY, Estimate
from sim2sky.plot.inputs import recall_classes
from sim2sky.plot.style import method_label

ACCURACY = "balanced_accuracy"
CUTS = ("gini_m20", "asymmetry")
GOOD = 0.75  # "about 80 %": a classifier that has learned its own domain
NEAR = 0.1  # "about 50 %", "near the diagonal": this far from chance
WHOLE = (("mmd",), ("mmd_median",), ("dann",), ("coral",))  # losses that align all at once


class Verdict(StrEnum):
    """How a measurement stands to a claim."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNDECIDED = "undecided"
    NOT_MEASURED = "not measured in this run"


@dataclass(frozen=True)
class Answer:
    """What we find about a claim.

    Parameters
    ----------
    verdict : Verdict
        How it stands to the claim.
    sentence : str
        With a number and its interval, or what is missing.
    experiment : str
        Where it was measured; empty if it was not.
    """

    verdict: Verdict
    sentence: str
    experiment: str = ""


@dataclass(frozen=True)
class Claim:
    """A claim and how it is answered.

    Parameters
    ----------
    number : int
        Its place in the list.
    said : str
        The claim, in short.
    needs : str
        What an experiment has to hold for an answer.
    answer : callable
        Takes a `Study` and one of its experiments, returns an `Answer`, or None where
        the experiment cannot tell.
    """

    number: int
    said: str
    needs: str
    answer: Callable[[Study, Evidence], Answer | None] | None = None


def answers(study: Study) -> list[tuple[Claim, Answer]]:
    """Return every claim with our answer.

    Parameters
    ----------
    study : Study
        From `sim2sky.figures.evidence.read_study`.

    Returns
    -------
    list of tuple
        In the order of `CLAIMS`; of several experiments that can answer a claim, the
        first one of the configuration does.
    """
    return [(claim, _first_answer(claim, study)) for claim in CLAIMS]


def _first_answer(claim: Claim, study: Study) -> Answer:
    """Return the answer of the first experiment that has one."""
    for evidence in study.experiments:
        found = None if claim.answer is None else claim.answer(study, evidence)
        if found is not None:
            return found
    return Answer(Verdict.NOT_MEASURED, f"It needs {claim.needs}.")


def _judge(agrees: bool, differs: bool) -> Verdict:
    """Return the verdict; what contradicts a claim weighs more than what supports it."""
    if differs:
        return Verdict.DIFFERS
    return Verdict.AGREES if agrees else Verdict.UNDECIDED


def _shapes(_: Study, evidence: Evidence) -> Answer | None:
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
    verdict = _judge(
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


def _across(study: Study, evidence: Evidence) -> Answer | None:
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
    verdict = _judge(
        own.low > GOOD and across.high < chance + NEAR,
        own.high < GOOD or across.low > chance + NEAR,
    )
    return Answer(verdict, sentence, evidence.name)


def _adaptation(study: Study, evidence: Evidence) -> Answer | None:
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
    alike = len(scores) == 2 and not _apart(*scores)
    rest = "" if len(scores) == 2 else "; adversarial training was not tried"
    verdict = _judge(
        alike and all(gain.low > 0 for gain in gains) and all(s.low > GOOD for s in kept),
        any(gain.high < 0 for gain in gains)
        or any(source.high < GOOD for source in kept)
        or (len(scores) == 2 and _apart(*scores)),
    )
    return Answer(verdict, "; ".join(parts) + rest + ".", evidence.name)


def _apart(one: Estimate, other: Estimate) -> bool:
    """Return whether two intervals do not overlap."""
    return one.high < other.low or other.high < one.low


def _fisher(study: Study, evidence: Evidence) -> Answer | None:
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
    return Answer(_judge(helped, harmed), sentence, evidence.name)


def _transfer(study: Study, evidence: Evidence) -> Answer | None:
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
    verdict = _judge(
        before.high < 0.5 + NEAR and after.low > before.high,
        before.low > 0.5 + NEAR or after.high < before.low,
    )
    return Answer(verdict, sentence, evidence.name)


def _classes_apart(study: Study, evidence: Evidence) -> Answer | None:
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
    verdict = _judge(
        ours[classwise].low > ours[whole].high, ours[classwise].high < ours[whole].low
    )
    return Answer(verdict, sentence, evidence.name)


CLAIMS = (
    Claim(
        1,
        "Hand-set cuts are beaten by a random forest on shape parameters, and that by a network "
        "on the whole image.",
        "an experiment with baselines on measured shapes",
        _shapes,
    ),
    Claim(
        2,
        "Networks reach about 80 % on images with the PSF only and a little less on noisy ones, "
        "each trained on itself, but about 50 % across, for the very same galaxies.",
        "the same mocks without and with the sky's noise",
        _across,
    ),
    Claim(
        3,
        "MMD or adversarial training bring the target up by about 20 points to almost 80 %, the "
        "source stays above 80 %, and the two end alike.",
        "the same mocks without and with the sky's noise, and the method mmd",
        _adaptation,
    ),
    Claim(
        4,
        "Without adaptation the network looks at the periphery in the source and at noise in the "
        "target; adapted, it looks at the centre in both.",
        "the table attribution.parquet of an experiment",
    ),
    Claim(
        5,
        "Fisher loss and entropy minimisation separate the classes further; they help sometimes.",
        "an experiment with a method with and without these losses",
        _fisher,
    ),
    Claim(
        6,
        "From simulations to SDSS, adaptation alone stays near the diagonal of the ROC; starting "
        "from the weights of the distant-merger model gains 20 points.",
        "an experiment with a method that starts from another experiment's weights",
        _transfer,
    ),
    Claim(
        7,
        "The smaller the gap between mocks and survey, the better adaptation works: realism of "
        "the mocks comes first.",
        "the table ladder.parquet of an experiment",
    ),
    Claim(
        8,
        "Adapting to noise also protects against changes of one pixel: the distance to the "
        "decision boundary grows up to 2.3 times.",
        "the table attack.parquet of an experiment",
    ),
    Claim(
        9,
        "t-SNE is not quantitative; isomap keeps geodesic distances and is the better picture.",
        "the table separation.parquet of an experiment",
    ),
    Claim(
        10,
        "The latent distance between simulation and survey tells which realism is missing, and at "
        "which noise level a feature stops being used.",
        "the table ladder.parquet of an experiment",
    ),
    Claim(
        11,
        "Aligning whole distributions fails when the domains hold different classes; methods that "
        "go class by class are then needed.",
        "an experiment whose target has a class that the source has not, and the method dance",
        _classes_apart,
    ),
    Claim(
        12,
        "Strange objects lie far away or at the edges of the latent space.",
        "the table reliability.parquet of an experiment",
    ),
)
