"""What is found about a claim, and how intervals judge it."""

from dataclasses import dataclass
from enum import StrEnum

from sim2sky.figures.summary import Estimate


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


def judge(agrees: bool, differs: bool) -> Verdict:
    """Return the verdict; what contradicts a claim weighs more than what supports it.

    Parameters
    ----------
    agrees, differs : bool
        Whether intervals support the claim, and whether they contradict it.

    Returns
    -------
    Verdict
        Undecided where they do neither.
    """
    if differs:
        return Verdict.DIFFERS
    return Verdict.AGREES if agrees else Verdict.UNDECIDED


def apart(one: Estimate, other: Estimate) -> bool:
    """Return whether two intervals do not overlap.

    Parameters
    ----------
    one, other : Estimate
        Two numbers.

    Returns
    -------
    bool
        False where they share a value.
    """
    return one.high < other.low or other.high < one.low
