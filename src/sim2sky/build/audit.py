"""The leak audit of one dataset and of the two datasets of an experiment.

Each check returns problems as sentences with examples; any problem fails the
run. What they guard against has happened in published work: 100 % of the test
mergers of one release share a galaxy with training, 99.5 % an augmented copy
of the same image.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sim2sky.build.dataset import SPLITS, Dataset
from sim2sky.build.duplicates import duplicate_pairs, fine_structure
from sim2sky.errors import Sim2SkyError

log = logging.getLogger("sim2sky")

SPLIT_NAMES = {value: name for name, value in SPLITS.items()}
EXAMPLES = 3


@dataclass(frozen=True)
class Part:
    """A dataset with its split.

    Parameters
    ----------
    dataset : Dataset
        All rows.
    split : numpy.ndarray
        (N,) values of `SPLITS`.
    """

    dataset: Dataset
    split: np.ndarray

    def named(self, row: int) -> str:
        """Return how a row is named in a message."""
        data = self.dataset
        split = SPLIT_NAMES[int(self.split[row])]
        return f"{data.galaxy_id[row]} view {data.view[row]} ({data.domain} {split})"


def audit_dataset(part: Part, correlation: float) -> tuple[dict, list[str]]:
    """Check one dataset.

    Parameters
    ----------
    part : Part
        The dataset and its split.
    correlation : float
        Above which two images are the same, see `sim2sky.build.duplicates`.

    Returns
    -------
    dict
        Counts of rows, systems and labels by split, and of each kind of leak.
    list of str
        Problems; empty for a clean dataset.
    """
    fine = fine_structure(part.dataset.images)
    images = []
    for first, second in ((0, 1), (0, 2), (1, 2)):
        images += _duplicates((part, fine), first, (part, fine), [second], correlation)
    checks = {
        "not_finite_images": _not_finite(part),
        "systems_in_two_splits": _split_systems([part]),
        "duplicate_images": images,
        "projections_apart_from_their_members": _projections([part]),
        "training_classes": _training_classes(part),
    }
    return {"rows": _counts(part), **_sizes(checks)}, _problems(checks)


def audit_pair(source: Part, target: Part, correlation: float) -> tuple[dict, list[str]]:
    """Check the source and the target of an experiment against each other.

    Parameters
    ----------
    source, target : Part
        Two datasets.
    correlation : float
        Above which two images are the same.

    Returns
    -------
    dict
        Classes in both domains and in one alone; counts for each domain and of each
        kind of leak.
    list of str
        Problems; empty for a clean pair.

    Raises
    ------
    Sim2SkyError
        If the images of the two have other shapes or units (no network fits both),
        or no class is in both.
    """
    for what, one, other in (
        ("shapes (bands, y, x)", source.dataset.images.shape[1:], target.dataset.images.shape[1:]),
        ("units", source.dataset.units, target.dataset.units),
    ):
        if one != other:
            raise Sim2SkyError(
                f"source and target have different {what}",
                where=f"{source.dataset.domain} and {target.dataset.domain}",
                got=f"{one} and {other}",
                fix="give both domains the same bands, image_pixels and rgb stretch",
            )
    parts = [(part, fine_structure(part.dataset.images)) for part in (source, target)]
    train, validation, test = SPLITS.values()
    images = []
    if source.dataset.domain != target.dataset.domain:
        images += _duplicates(parts[0], test, parts[1], [train, validation], correlation)
        images += _duplicates(parts[1], test, parts[0], [train, validation], correlation)
    checks = {
        "systems_in_two_splits": _split_systems([source, target]),
        "duplicate_images": images,
        "projections_apart_from_their_members": _projections([source, target]),
    }
    classes = _classes(source.dataset, target.dataset)
    counts = {side: _counts(part) for side, part in (("source", source), ("target", target))}
    counts["shared_systems"] = len(
        np.intersect1d(source.dataset.system_id, target.dataset.system_id)
    )
    return {"classes": classes, "rows": counts, **_sizes(checks)}, _problems(checks)


def _classes(source: Dataset, target: Dataset) -> dict[str, list[str]]:
    """Return which classes both domains have and which only one has; say so if there are any."""
    shared = [name for name in source.classes if name in target.classes]
    if not shared:
        raise Sim2SkyError(
            "source and target share no class",
            where=f"{source.domain} and {target.domain}",
            got=f"{', '.join(source.classes)} and {', '.join(target.classes)}",
            fix="name the classes alike in the build settings of both domains",
        )
    alone = {
        "source_only": [name for name in source.classes if name not in shared],
        "target_only": [name for name in target.classes if name not in shared],
    }
    if any(alone.values()):
        log.warning(
            "classes only in the source: %s; only in the target, unknown to the models: %s",
            *(", ".join(names) or "none" for names in alone.values()),
        )
    return {"shared": shared, **alone}


def _not_finite(part: Part) -> list[str]:
    """Return images that hold NaN or infinity."""
    rows = [row for row, image in enumerate(part.dataset.images) if not np.isfinite(image).all()]
    return [part.named(row) for row in rows]


def _split_systems(parts: list[Part]) -> list[str]:
    """Return systems that lie in more than one split, over all parts."""
    system = np.concatenate([part.dataset.system_id for part in parts])
    split = np.concatenate([part.split for part in parts])
    rows = [part.named(row) for part in parts for row in range(len(part.dataset))]
    order = np.argsort(system, kind="stable")
    starts = np.flatnonzero(np.diff(system[order], prepend=system[order[0]] - 1))
    found = []
    for group in np.split(order, starts[1:]):
        values, first = np.unique(split[group], return_index=True)
        if len(values) > 1:
            examples = " and ".join(rows[group[row]] for row in first)
            found.append(f"system {system[group[0]]}: {examples}")
    return found


def _duplicates(
    first: tuple[Part, np.ndarray],
    first_split: int,
    second: tuple[Part, np.ndarray],
    second_splits: Iterable[int],
    correlation: float,
) -> list[str]:
    """Return images of one split that are also in other splits, flipped or turned any way."""
    rows = np.flatnonzero(first[0].split == first_split)
    others = np.flatnonzero(np.isin(second[0].split, list(second_splits)))
    pairs = duplicate_pairs(first[1][rows], second[1][others], correlation)
    return [f"{first[0].named(rows[i])} and {second[0].named(others[j])}" for i, j in pairs]


def _projections(parts: list[Part]) -> list[str]:
    """Return chance projections with a member galaxy in another split."""
    galaxies = np.concatenate([part.dataset.galaxy_id for part in parts])
    split = np.concatenate([part.split for part in parts])
    splits_of: dict[str, set[int]] = {}
    for galaxy, value in zip(galaxies.tolist(), split.tolist(), strict=True):
        splits_of.setdefault(galaxy, set()).add(value)
    found = []
    for galaxy, own in splits_of.items():
        for member in members_of(galaxy):
            apart = splits_of.get(member, set()) | own
            if len(apart) > 1:
                names = ", ".join(SPLIT_NAMES[value] for value in sorted(apart))
                found.append(f"{galaxy} and its member {member} ({names})")
    return found


def members_of(galaxy_id: str) -> list[str]:
    """Return the galaxies of a chance projection.

    Parameters
    ----------
    galaxy_id : str
        ``"033-000012+000345"`` is a projection, ``"033-000012"`` a galaxy.

    Returns
    -------
    list of str
        ``["033-000012", "033-000345"]``; empty for a galaxy.
    """
    snapshot, dash, numbers = galaxy_id.rpartition("-")
    if "+" not in numbers:
        return []
    return [f"{snapshot}{dash}{number}" for number in numbers.split("+")]


def _training_classes(part: Part) -> list[str]:
    """Complain if labels are known but training holds only one class."""
    classes = part.dataset.classes
    present = np.unique(part.dataset.label[part.split == SPLITS["train"]])
    present = present[present >= 0]
    if len(present) == 1:
        return [f"only '{classes[present[0]]}' of {', '.join(classes)}"]
    return []


def _counts(part: Part) -> dict:
    """Return rows, systems and labels by split."""
    names = {-1: "unlabelled", **dict(enumerate(part.dataset.classes))}
    label = part.dataset.label
    return {
        name: {
            "rows": int((part.split == value).sum()),
            "systems": len(np.unique(part.dataset.system_id[part.split == value])),
            **{
                text: int(((label == number) & (part.split == value)).sum())
                for number, text in names.items()
            },
        }
        for name, value in SPLITS.items()
    }


SENTENCES = {
    "not_finite_images": "images hold NaN or infinity",
    "systems_in_two_splits": "systems lie in two splits",
    "duplicate_images": "images are in two splits, as they are or flipped or turned",
    "projections_apart_from_their_members": "chance projections are apart from their members",
    "training_classes": "training sets hold one class",
}


def _sizes(checks: dict[str, list[str]]) -> dict[str, int]:
    return {name: len(found) for name, found in checks.items()}


def _problems(checks: dict[str, list[str]]) -> list[str]:
    """Return a sentence with examples for each check that found something."""
    return [
        f"{len(found)} {SENTENCES[name]}: " + "; ".join(found[:EXAMPLES])
        for name, found in checks.items()
        if found
    ]
