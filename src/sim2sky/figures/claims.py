"""The claims of the field that this workflow tests, and what it finds, in one sentence each.

A claim belongs to the configuration as a whole. It picks the experiment that can answer
it by what the experiment is (its domains, methods and baselines), never by its name, and
is judged by intervals: where they leave both answers open, it is undecided.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sim2sky.figures.claims_networks import (
    gap_and_accuracy,
    missing_realism,
    one_pixel,
    planes,
    strange_objects,
    where_they_look,
)
from sim2sky.figures.claims_scores import (
    across_noise,
    adaptation,
    fisher_entropy,
    other_classes,
    shapes,
    transferred_weights,
)
from sim2sky.figures.evidence import Evidence, Study
from sim2sky.figures.verdict import Answer, Verdict


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
    answer: Callable[[Study, Evidence], Answer | None]


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
        found = claim.answer(study, evidence)
        if found is not None:
            return found
    return Answer(Verdict.NOT_MEASURED, f"It needs {claim.needs}.")


CLAIMS = (
    Claim(
        1,
        "Hand-set cuts are beaten by a random forest on shape parameters, and that by a network "
        "on the whole image.",
        "an experiment with baselines on measured shapes",
        shapes,
    ),
    Claim(
        2,
        "Networks reach about 80 % on images with the PSF only and a little less on noisy ones, "
        "each trained on itself, but about 50 % across, for the very same galaxies.",
        "the same mocks without and with the sky's noise",
        across_noise,
    ),
    Claim(
        3,
        "MMD or adversarial training bring the target up by about 20 points to almost 80 %, the "
        "source stays above 80 %, and the two end alike.",
        "the same mocks without and with the sky's noise, and the method mmd",
        adaptation,
    ),
    Claim(
        4,
        "Without adaptation the network looks at the periphery in the source and at noise in the "
        "target; adapted, it looks at the centre in both.",
        "the table attribution.parquet of an experiment",
        where_they_look,
    ),
    Claim(
        5,
        "Fisher loss and entropy minimisation separate the classes further; they help sometimes.",
        "an experiment with a method with and without these losses",
        fisher_entropy,
    ),
    Claim(
        6,
        "From simulations to SDSS, adaptation alone stays near the diagonal of the ROC; starting "
        "from the weights of the distant-merger model gains 20 points.",
        "an experiment with a method that starts from another experiment's weights",
        transferred_weights,
    ),
    Claim(
        7,
        "The smaller the gap between mocks and survey, the better adaptation works: realism of "
        "the mocks comes first.",
        "the table ladder.parquet of an experiment",
        gap_and_accuracy,
    ),
    Claim(
        8,
        "Adapting to noise also protects against changes of one pixel: the distance to the "
        "decision boundary grows up to 2.3 times.",
        "the table attack.parquet of an experiment",
        one_pixel,
    ),
    Claim(
        9,
        "t-SNE is not quantitative; isomap keeps geodesic distances and is the better picture.",
        "the table separation.parquet of an experiment",
        planes,
    ),
    Claim(
        10,
        "The latent distance between simulation and survey tells which realism is missing, and at "
        "which noise level a feature stops being used.",
        "the table ladder.parquet of an experiment",
        missing_realism,
    ),
    Claim(
        11,
        "Aligning whole distributions fails when the domains hold different classes; methods that "
        "go class by class are then needed.",
        "an experiment whose target has a class that the source has not, and the method dance",
        other_classes,
    ),
    Claim(
        12,
        "Strange objects lie far away or at the edges of the latent space.",
        "the table reliability.parquet of an experiment",
        strange_objects,
    ),
)
