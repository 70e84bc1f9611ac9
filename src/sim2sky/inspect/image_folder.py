"""A folder of images: one file each, or one for each band."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sim2sky.errors import Sim2SkyError
from sim2sky.inspect.pictures import FILTERS, ZERO_POINTS, read_fits, read_picture
from sim2sky.inspect.products import image_facts
from sim2sky.inspect.report import Images, Report, Table
from sim2sky.observe.flux import njy_per_unit

_SAMPLE = 50  # images of a folder that are opened
_PICTURES = (".png", ".jpg", ".jpeg")
# the end of a stem that may name a band: -g, _F814W, .ivar
_END = re.compile(r"[-_.][A-Za-z][A-Za-z0-9]{0,7}$")
_MOST_ENDS = 12
_MASKS = ("mask", "flag", "dq", "msk")
_WEIGHTS = ("weight", "wht", "ivar", "invvar")


@dataclass(frozen=True)
class BandFiles:
    """Images whose bands are files of their own.

    Attributes
    ----------
    names : list of str
        What the files of an image have in common.
    suffixes : list of str
        Ends of the names of the bands' files.
    masks, weights : list of str
        Ends that say so of themselves.
    missing : list of str
        Names of files that are not there.
    """

    names: list[str]
    suffixes: list[str]
    masks: list[str]
    weights: list[str]
    missing: list[str]


def band_files(stems: list[str]) -> BandFiles | None:
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
    groups: dict[str, set[str]] = {}
    for stem in stems:
        if (end := _END.search(stem)) is not None:
            groups.setdefault(stem[: end.start()], set()).add(end.group())
    groups = {name: ends for name, ends in groups.items() if len(ends) > 1}
    ends = sorted(set().union(*groups.values()))
    if 2 * sum(map(len, groups.values())) < len(stems) or not 2 <= len(ends) <= _MOST_ENDS:
        return None
    masks = [end for end in ends if any(word in end.lower() for word in _MASKS)]
    weights = [end for end in ends if any(word in end.lower() for word in _WEIGHTS)]
    suffixes = [end for end in ends if end not in masks + weights]
    missing = [
        f"{name}{end}" for name in sorted(groups) for end in ends if f"{name}{end}" not in stems
    ]
    return BandFiles(sorted(groups), suffixes, masks, weights, missing)


def inspect_image_folder(path: Path, files: list[Path]) -> Report:
    """Report on a folder of images.

    Parameters
    ----------
    path : Path
        The folder.
    files : list of Path
        Its images in the order of their names; some, evenly spread, are opened.

    Returns
    -------
    Report
        With `images` set to what most of them are.

    Raises
    ------
    Sim2SkyError
        If none of those that were opened is readable.
    """
    report = Report(str(path), "folder of images")
    ends = Counter(_suffix(file) for file in files)
    report.facts["files"] = ", ".join(f"{n:,} {suffix}" for suffix, n in ends.items())
    opened, bad = _open_some(files)
    if not opened:
        raise Sim2SkyError("no image is readable", where=path, got="; ".join(bad[:3]))
    kinds = Counter(_kind(images) for _, images, _ in opened)
    n_bands, height, width, units, scale = kinds.most_common(1)[0][0]
    stems = [file.name.removesuffix(_suffix(file)) for file in files]
    together = band_files(stems) if n_bands == 1 and units != "8bit" else None
    if together is not None:
        n_bands = len(together.suffixes)
        report.tables.append(_band_table(opened, together))
    report.images = Images(None, n_bands, height, width, scale, units)
    n_images = len(files) if together is None else len(together.names)
    report.facts["images"] = f"{n_images:,} of {height} x {width} pixels"
    report.facts |= image_facts(report.images)
    if len(kinds) > 1:
        rows = [
            [str(n), f"{h} x {w}", str(bands), unit or "-", "-" if s is None else f"{s:g}"]
            for (bands, h, w, unit, s), n in kinds.most_common(8)
        ]
        columns = ["files", "pixels", "bands", "units", "pixel [arcsec]"]
        report.tables.append(Table(f"kinds among {len(opened)} that were opened", columns, rows))
    if bad:
        n = len(opened) + len(bad)
        report.notes.append(f"{len(bad)} of {n} can't be read, such as {bad[0]}.")
    if together is not None and together.missing:
        report.notes.append(f"Missing: {_some(together.missing)}.")
    tables = sorted(p.name for folder in (path.parent, path) for p in folder.glob("*.csv"))
    if tables:
        report.notes.append(f"Tables nearby, perhaps of labels: {', '.join(tables[:4])}.")
    report.notes += _use_pictures() if units == "8bit" else _use_fits(report.images, together)
    return report


def _open_some(files: list[Path]) -> tuple[list[tuple[Path, Images, dict]], list[str]]:
    """Return path, images and header of some files, and what is wrong with the others."""
    opened, bad = [], []
    for file in files[:: max(1, len(files) // _SAMPLE)]:
        try:
            if file.suffix.lower() in _PICTURES:
                images, header = read_picture(file), {}
            else:
                images, header, _ = read_fits(file)
        except Sim2SkyError as error:
            bad.append(f"{file.name}: {error.what}")
            continue
        if images is not None:
            opened.append((file, images, header))
    return opened, bad


def _kind(images: Images) -> tuple:
    scale = images.pixel_scale_arcsec
    scale = None if scale is None else round(scale, 4)
    return images.n_bands, images.height, images.width, images.units, scale


def _suffix(file: Path) -> str:
    """Return the ending, of a compressed file both."""
    last = file.suffix.lower()
    inner = Path(file.stem).suffix.lower() if last in (".gz", ".fz") else ""
    return file.name[len(file.name) - len(inner + last) :]


def _band_table(opened: list[tuple[Path, Images, dict]], together: BandFiles) -> Table:
    """Return what the headers say of each band's files."""
    rows = []
    for end in together.suffixes + together.masks + together.weights:
        headers = [header for file, _, header in opened if _stem(file).endswith(end)]
        told = [
            ", ".join(sorted({str(h[key]) for h in headers for key in keys if key in h})) or "-"
            for keys in (FILTERS, ZERO_POINTS)
        ]
        n = sum(f"{name}{end}" not in together.missing for name in together.names)
        rows.append([end, str(n), *told])
    return Table("files of one band each", ["end of name", "files", "filter", "zero point"], rows)


def _stem(file: Path) -> str:
    return file.name.removesuffix(_suffix(file))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _use_pictures() -> list[str]:
    return [
        "Usable as a domain: `images: {path: ...}`.",
        "8-bit: mocks for it need the same stretch, `observe: {rgb: ...}`.",
    ]


def _use_fits(images: Images, together: BandFiles | None) -> list[str]:
    notes = []
    if together is not None:
        settings = [f"band_suffixes: [{', '.join(together.suffixes)}]"]
        settings += [f"mask_suffix: {end}" for end in together.masks[:1]]
        settings += [f"weight_suffix: {end}" for end in together.weights[:1]]
        notes.append(f"In its settings: {', '.join(settings)}; the order is that of `bands`.")
    if images.pixel_scale_arcsec is None:
        notes.append("No WCS: pixel scale and coordinates are unknown.")
    scale = float("nan") if images.pixel_scale_arcsec is None else images.pixel_scale_arcsec
    if images.units is None or njy_per_unit(images.units, scale) is None:
        unit = "No BUNIT" if images.units is None else f"{images.units} is no known unit of flux"
        notes.append(
            f"{unit}: give zero_point_mag_ab, zero_point_keyword or nano_jansky_per_unit."
        )
    return [
        "Usable as a domain: `frames: {path: ...}` where an image shows many galaxies, "
        "`images: {path: ...}` where it shows one.",
        *notes,
    ]
