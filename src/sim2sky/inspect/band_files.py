"""Which files of a folder are bands, masks and weights of the same images, by their names."""

import json
import re
from dataclasses import dataclass
from itertools import chain

_SEPARATORS = re.compile(r"([-_.])")
_BAND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,7}$")  # g, F814W, Ks, ivar
_FILTER = re.compile(r"([ugrizyUBVRIGZYJHKW][0-9s]?|VIS|F[0-9]{3,4}[A-Z]{1,2}[0-9]?)$")
_PLACES = (-1, 0, 1, 2, -2, -3)  # of the band among the parts of a name, likely ones first
_MOST_BANDS = 12
_MASKS = ("mask", "maskbits", "flag", "flags", "dq", "msk")
_WEIGHTS = ("weight", "wht", "wt", "ivar", "invvar", "var", "variance", "rms", "sigma")
_TYPES = {"var": "variance", "variance": "variance", "rms": "rms", "sigma": "rms"}


@dataclass(frozen=True)
class BandFiles:
    """Images whose bands are files of their own.

    Attributes
    ----------
    images : list of str
        What the files of an image have in common.
    bands, masks, weights : list of str
        Names of the files, with * for that of the image.
    missing : list of str
        Names of files that are not there.
    """

    images: list[str]
    bands: list[str]
    masks: list[str]
    weights: list[str]
    missing: list[str]

    def settings(self) -> list[str]:
        """Return the settings that read them, ``key: value``.

        Returns
        -------
        list of str
            For `sim2sky.observe.settings.FitsSettings`.
        """
        lines = {"band_files": self.bands, "mask_files": self.masks, "weight_files": self.weights}
        # quoted, since a * begins an alias in YAML
        told = [f"{key}: {json.dumps(names)}" for key, names in lines.items() if names]
        words = {part for name in self.weights for part in _parts(name.lower())}
        return told + [f"weight_type: {_TYPES[word]}" for word in sorted(words & set(_TYPES))]


def find_band_files(stems: list[str]) -> BandFiles | None:
    """Return how file names go together as bands of the same images.

    Parameters
    ----------
    stems : list of str
        Names without ``.fits``.

    Returns
    -------
    BandFiles or None
        None if each file is an image of its own.
    """
    found = []
    for place in _PLACES:
        # what precedes and what follows the part at this place -> that part, of each file
        groups: dict[tuple[str, str], set[str]] = {}
        for stem in stems:
            parts = _SEPARATORS.split(stem)
            number = 2 * place if place >= 0 else len(parts) + 1 + 2 * place
            if len(parts) > 1 and 0 <= number < len(parts) and _BAND.match(parts[number]):
                key = "".join(parts[:number]), "".join(parts[number + 1 :])
                groups.setdefault(key, set()).add(parts[number])
        groups = {key: found for key, found in groups.items() if len(found) > 1}
        parts = sorted(set().union(*groups.values()), key=_by_wavelength)
        if 2 * sum(map(len, groups.values())) < len(stems) or not 2 <= len(parts) <= _MOST_BANDS:
            continue
        befores, afters = ({key[side] for key in groups} for side in (0, 1))
        # a single image may have its name on either side; names have digits
        digits = [any(map(str.isdigit, "".join(side))) for side in (befores, afters)]
        last = len(afters) > 1 or (len(befores) == 1 and digits == [False, True])
        named = (_star_last if last else _star_first)(groups, parts)
        if named is not None:
            found.append((all(_FILTER.match(part) or _kind(part) for part in parts), named))
    if not found:
        return None
    images, names = max(found, key=lambda pair: pair[0])[1]
    _add_others(stems, images, names)
    every = [name.replace("*", image) for image in images for name in chain(*names)]
    return BandFiles(images, *names, [stem for stem in every if stem not in stems])


_Groups = dict[tuple[str, str], set[str]]
_Found = tuple[list[str], tuple[list[str], list[str], list[str]]]  # images; bands, masks, weights


def _parts(name: str) -> list[str]:
    return _SEPARATORS.split(name)[::2]


def _by_wavelength(part: str) -> tuple[int, str]:
    return "uUBgGVrRiIzZyYJHK".find(part[0]) if _FILTER.match(part) else -1, part


def _kind(part: str) -> int:
    """Return 1 for a word that means a mask, 2 for weights, else 0."""
    return 1 if part.lower() in _MASKS else 2 if part.lower() in _WEIGHTS else 0


def _star_first(groups: _Groups, parts: list[str]) -> _Found | None:
    """Return images and file names where the image's name stands before the band: x-g."""
    after = next(iter(groups))[1]
    # the image's name with the word before the band, "x-ivar" of x-ivar-g, and its last separator
    heads = {before[:-1]: before[-1] for before, _ in groups if before}
    if len(heads) < len(groups) or len(set(heads.values())) > 1:
        return None
    separator = next(iter(heads.values()))
    words = {head: "".join(_SEPARATORS.split(head)[-2:]) for head in heads}
    kinds = {head: _kind(word[1:]) for head, word in words.items()}
    companions = {head.removesuffix(words[head]) for head, kind in kinds.items() if kind}
    images = {head for head, kind in kinds.items() if not kind}
    # x-image-g beside x-ivar-g: the image is x; without such companions it is x-image
    tails = {words[head] for head in images if head.removesuffix(words[head]) in companions}
    tail = tails.pop() if len(tails) == 1 and not images & companions else ""
    images = sorted(head.removesuffix(tail) for head in images)
    names: tuple[list[str], list[str], list[str]] = ([], [], [])
    for part in parts:
        names[_kind(part)].append(f"*{tail}{separator}{part}{after}")
    own = [part for part in parts if not _kind(part)]
    for kind in (1, 2):
        for end in sorted({words[head] for head, found in kinds.items() if found == kind})[:1]:
            names[kind].extend(f"*{end}{separator}{part}{after}" for part in own)
    return (images, names) if images and own else None


def _star_last(groups: _Groups, parts: list[str]) -> _Found | None:
    """Return images and file names where the image's name stands after the band: frame-g-x."""
    separators = {after[:1] for _, after in groups}
    # frame-g-x beside ivar-g-x
    kinds = {before: max(map(_kind, _parts(before))) for before, _ in groups}
    starts = [before for before, kind in kinds.items() if not kind]
    if len(starts) != 1 or len(separators) > 1 or separators == {""}:
        return None
    names: tuple[list[str], list[str], list[str]] = ([], [], [])
    for before in sorted(kinds):
        for part in parts:
            names[_kind(part) or kinds[before]].append(f"{before}{part}{min(separators)}*")
    return sorted({after[1:] for before, after in groups if before == starts[0]}), names


def _add_others(stems: list[str], images: list[str], names: tuple[list[str], ...]) -> None:
    """Add the names of masks and weights of no band, such as mask-x, to those of the bands."""
    known = {name.replace("*", image) for image in images for name in chain(*names)}
    for stem in stems:
        image = max((image for image in images if image in stem), key=len, default=None)
        if stem in known or image is None:
            continue
        name = stem.replace(image, "*", 1)
        kind = max(map(_kind, _parts(name)))
        if kind and name not in names[kind]:
            names[kind].append(name)
