"""A folder of images: one file each, or one for each band."""

from collections import Counter
from pathlib import Path

from sim2sky.errors import Sim2SkyError
from sim2sky.inspect.band_files import BandFiles, find_band_files
from sim2sky.inspect.pictures import FILTERS, ZERO_POINTS, read_fits, read_picture
from sim2sky.inspect.pixels import folder_notes
from sim2sky.inspect.products import image_facts
from sim2sky.inspect.report import Images, Report, Table
from sim2sky.observe.flux import njy_per_unit

_SAMPLE = 50  # images of a folder that are opened
_PICTURES = (".png", ".jpg", ".jpeg")


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
    together = find_band_files([_stem(file) for file in files])
    others = set() if together is None else _companions(together)
    shown = [found for found in opened if _stem(found[0]) not in others] or opened
    kinds = Counter(_kind(images) for _, images, _ in shown)
    kind = kinds.most_common(1)[0][0]
    n_bands, height, width, units, scale = kind
    if n_bands != 1 or units == "8bit":
        together = None
    if together is not None:
        n_bands = len(together.bands)
        report.tables.append(_band_table(opened, together))
    report.images = Images(None, n_bands, height, width, scale, units)
    n_images = len(files) if together is None else len(together.images)
    report.facts["images"] = f"{n_images:,} of {height} x {width} pixels"
    report.facts |= image_facts(report.images)
    if len(kinds) > 1:
        rows = [
            [str(n), f"{h} x {w}", str(bands), unit or "-", "-" if s is None else f"{s:g}"]
            for (bands, h, w, unit, s), n in kinds.most_common(8)
        ]
        columns = ["files", "pixels", "bands", "units", "pixel [arcsec]"]
        report.tables.append(Table(f"kinds among {len(shown)} that were opened", columns, rows))
    if bad:
        n = len(opened) + len(bad)
        report.notes.append(f"{len(bad)} of {n} can't be read, such as {bad[0]}.")
    if together is not None and together.missing:
        report.notes.append(f"Missing: {_some(together.missing)}.")
    if units != "8bit":
        facts, notes = folder_notes([file for file, found, _ in shown if _kind(found) == kind])
        report.facts |= facts
        report.notes += notes
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
    for name in together.bands + together.masks + together.weights:
        stems = {name.replace("*", image) for image in together.images}
        headers = [header for file, _, header in opened if _stem(file) in stems]
        told = [
            ", ".join(sorted({str(h[key]) for h in headers for key in keys if key in h})) or "-"
            for keys in (FILTERS, ZERO_POINTS)
        ]
        rows.append([name, str(len(stems - set(together.missing))), *told])
    return Table("files of one band each", ["name", "files", "filter", "zero point"], rows)


def _companions(together: BandFiles) -> set[str]:
    """Return the names of masks and weights, without ``.fits``."""
    names = together.masks + together.weights
    return {name.replace("*", image) for name in names for image in together.images}


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
        settings = ", ".join(together.settings())
        notes.append(f"In its settings: {settings}; the order is that of `bands`.")
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
