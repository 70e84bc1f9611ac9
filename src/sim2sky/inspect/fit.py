"""Whether two things go together: images through a model, two domains in an experiment."""

from dataclasses import dataclass

from sim2sky.errors import Sim2SkyError
from sim2sky.inspect.report import Images, Report

SCALE_TOLERANCE = 0.01  # relative, as `sim2sky predict` allows


@dataclass(frozen=True)
class Check:
    """One comparison.

    Attributes
    ----------
    what : str
        What is compared.
    verdict : str
        ``"fits"``, ``"differs"`` or ``"not told"``.
    says : str
        A sentence.
    """

    what: str
    verdict: str
    says: str


def compare(first: Report, second: Report) -> list[Check]:
    """Return how two sets of images, or a model and images, go together.

    Parameters
    ----------
    first, second : Report
        In either order.

    Returns
    -------
    list of Check
        Bands, size, pixel scale, units and classes.

    Raises
    ------
    Sim2SkyError
        If either has no images.
    """
    for report in (first, second):
        if report.images is None:
            raise Sim2SkyError(
                f"a {report.kind} is not compared with a {(second, first)[report is second].kind}",
                where=report.path,
                expected="a model, a dataset, stamps, maps, a survey or images",
            )
    model = next((report for report in (first, second) if report.kind == "model"), None)
    one, other = first.images, second.images
    return [
        _bands(one, other),
        _size(one, other, model),
        _scale(one, other),
        _units(one, other, {first.kind, second.kind}),
        *_classes(one, other),
    ]


def verdict(checks: list[Check]) -> str:
    """Return one sentence on all checks together."""
    found = {check.verdict for check in checks}
    if "differs" in found:
        names = ", ".join(check.what for check in checks if check.verdict == "differs")
        return f"Does not fit: {names}."
    if "not told" in found:
        names = ", ".join(check.what for check in checks if check.verdict == "not told")
        return f"Fits as far as can be told; the files are silent on {names}."
    return "Fits."


def _bands(one: Images, other: Images) -> Check:
    if one.bands and other.bands:
        texts = [", ".join(images.bands) for images in (one, other)]
        if one.bands == other.bands:
            return Check("bands", "fits", f"both {texts[0]}")
        if sorted(one.bands) == sorted(other.bands):
            return Check("bands", "differs", f"another order: {texts[0]} and {texts[1]}")
        return Check("bands", "differs", f"{texts[0]} and {texts[1]}")
    if one.n_bands != other.n_bands:
        return Check("bands", "differs", f"{one.n_bands} and {other.n_bands} channels")
    return Check("bands", "not told", f"{one.n_bands} channels in both, not named in one of them")


def _size(one: Images, other: Images, model: Report | None) -> Check:
    sizes = [(images.height, images.width) for images in (one, other)]
    if None in sizes[0] + sizes[1]:
        return Check("size", "not told", "one of them has no size of its own")
    text = " and ".join(f"{height} x {width}" for height, width in sizes)
    if sizes[0] == sizes[1]:
        return Check("size", "fits", f"both {sizes[0][0]} x {sizes[0][1]} pixels")
    if model is not None:
        needed = model.images.height
        height, width = sizes[0] if model.images is other else sizes[1]
        if min(height, width) >= needed:
            says = (
                f"{height} x {width}, of which the model takes {needed} x {needed}: cut or resize"
            )
            return Check("size", "differs", says)
    return Check("size", "differs", f"{text} pixels")


def _scale(one: Images, other: Images) -> Check:
    scales = one.pixel_scale_arcsec, other.pixel_scale_arcsec
    if None in scales:
        return Check("pixel scale", "not told", "unknown for one of them")
    text = f"{scales[0]:.4g} and {scales[1]:.4g} arcsec"
    alike = abs(scales[0] / scales[1] - 1) <= SCALE_TOLERANCE
    return Check("pixel scale", "fits" if alike else "differs", text)


def _units(one: Images, other: Images, kinds: set[str]) -> Check:
    if one.units is None or other.units is None:
        return Check("units", "not told", "unknown for one of them")
    text = f"{one.units} and {other.units}"
    eight_bit = (one.units == "8bit", other.units == "8bit")
    if eight_bit[0] != eight_bit[1]:
        return Check("units", "differs", f"{text}: one is stretched, the other is not")
    if _flux_unit(one.units) == _flux_unit(other.units):
        return Check("units", "fits", f"both {one.units}")
    if "FITS image" in kinds or "folder of images" in kinds:
        says = f"{text}: to be converted, by zero point or nano_jansky_per_unit"
        return Check("units", "not told", says)
    return Check("units", "differs", text)


def _flux_unit(units: str) -> str:
    return units.lower().removesuffix(" per pixel").replace("nanojansky", "njy")


def _classes(one: Images, other: Images) -> list[Check]:
    if not one.classes or not other.classes:
        return []
    shared = [name for name in one.classes if name in other.classes]
    if not shared:
        says = f"{', '.join(one.classes)} and {', '.join(other.classes)}: none is in both"
        return [Check("classes", "differs", says)]
    alone = sorted(set(one.classes) ^ set(other.classes))
    more = f"; only in one: {', '.join(alone)}" if alone else ""
    return [Check("classes", "fits", f"in both: {', '.join(shared)}{more}")]
