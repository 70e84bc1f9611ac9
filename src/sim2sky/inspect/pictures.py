"""Images of others: FITS, pictures, arrays and published datasets."""

import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales
from PIL import Image, UnidentifiedImageError

from sim2sky.errors import Sim2SkyError
from sim2sky.inspect.products import image_facts
from sim2sky.inspect.report import Images, Report, Table
from sim2sky.published.releases import recognise as release_of
from sim2sky.published.settings import SIDES

ZERO_POINTS = ("MAGZERO", "MAGZPT", "MAGZP", "ZEROPOINT", "ZP", "PHOTZP", "ABMAGZP")
FILTERS = ("FILTER", "BAND", "FILTNAM1", "FILTER1")


def inspect_fits(path: Path) -> Report:
    """Report on a FITS file: an image, a frame, or a table."""
    release = release_of(path.name)
    if release is not None:
        return inspect_release(path.parent, [release])
    images, header, extensions = read_fits(path)
    if images is None:
        if any(kind == "table" for _, kind, _ in extensions):
            return _inspect_fits_table(path, extensions)
        raise Sim2SkyError("a FITS file without image or table", where=path)
    report = Report(str(path), "FITS image", images=images)
    report.facts["size"] = f"{images.height} x {images.width} pixels"
    report.facts |= image_facts(images)
    for name, keys in (("filter", FILTERS), ("zero point", ZERO_POINTS)):
        value = next((header[key] for key in keys if key in header), None)
        if value is not None:
            report.facts[name] = str(value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        with fits.open(path) as hdus:
            pixels = next(h.data for h in hdus if h.is_image and h.data is not None)
            finite = np.isfinite(pixels)
            report.facts["values"] = (
                f"{pixels[finite].min():.4g} to {pixels[finite].max():.4g}, median "
                f"{np.median(pixels[finite]):.4g}"
                if finite.any()
                else "none"
            )
    if not finite.all():
        report.notes.append(f"{(~finite).mean():.1%} of the pixels are NaN or infinite.")
    if len(extensions) > 1:
        rows = [list(extension) for extension in extensions]
        report.tables.append(Table("extensions", ["name", "kind", "shape"], rows))
    if images.pixel_scale_arcsec is None:
        report.notes.append("No WCS: give pixel_scale_arcsec in the settings.")
    if images.units is None:
        report.notes.append("No BUNIT: give the zero point or nano_jansky_per_unit.")
    return report


def _inspect_fits_table(path: Path, extensions: list[tuple[str, str, str]]) -> Report:
    report = Report(str(path), "FITS table")
    with fits.open(path) as hdus:
        table = next(hdu for hdu in hdus if not hdu.is_image)
        report.facts["rows"] = f"{len(table.data):,}"
        rows = [[column.name, column.format, column.unit or ""] for column in table.columns]
    report.tables.append(Table("columns", ["name", "type", "unit"], rows))
    if len(extensions) > 2:
        report.notes.append(f"{len(extensions)} extensions; this is the first table.")
    return report


def inspect_picture(path: Path) -> Report:
    """Report on a PNG or JPEG picture."""
    images = read_picture(path)
    report = Report(str(path), "picture", images=images)
    report.facts["size"] = f"{images.height} x {images.width} pixels"
    report.facts |= image_facts(images)
    report.notes.append("8-bit: mocks for it need the same stretch, `observe: {rgb: ...}`.")
    return report


def inspect_array(path: Path) -> Report:
    """Report on a .npy file."""
    release = release_of(path.name)
    if release is not None:
        return inspect_release(path.parent, [release])
    array = _read_array(path)
    report = Report(str(path), "array")
    report.facts |= {"shape": str(array.shape), "type": str(array.dtype)}
    if array.ndim == 4:
        report.images = Images(None, array.shape[1], array.shape[2], array.shape[3])
    if release_of(path.name) is None and path.name.startswith("labels_"):
        report.notes.append("Labels of DeepAdversaries; inspect the folder.")
    return report


def inspect_release(folder: Path, releases: list[tuple[str, str]]) -> Report:
    """Report on the files of published datasets.

    Parameters
    ----------
    folder : Path
        Where they are.
    releases : list of tuple of str
        Release and side of those that are there.

    Returns
    -------
    Report
        Shapes, and how to use them.
    """
    report = Report(str(folder), "published dataset")
    rows = []
    for path in sorted(folder.iterdir()):
        found = release_of(path.name)
        if found not in releases:
            continue
        try:
            shape = _shape(path)
        except Sim2SkyError as error:
            shape = error.what
        rows.append([path.name, *found, shape])
        if report.images is None and shape.count(",") == 3:
            bands, height, width = (int(text) for text in shape.strip("()").split(",")[1:])
            report.images = Images(None, bands, height, width, None, "published")
    report.tables.append(Table("files", ["name", "release", "side", "shape"], rows))
    for release in sorted({release for release, _ in releases}):
        absent = set(SIDES[release]) - {side for name, side in releases if name == release}
        if absent:
            report.notes.append(f"{release}: no {', '.join(absent)} files; galaxies of the two "
                                "sides can't be matched.")  # fmt: skip
    report.notes.append(
        "No galaxy is named in them: `published: {path: ..., settings: ...}` as a domain, or "
        "`sim2sky published`, finds copies and views from the pixels and splits fairly."
    )
    return report


def _shape(path: Path) -> str:
    if path.suffix == ".npy":
        return str(tuple(_read_array(path).shape))
    try:
        with fits.open(path) as hdus:
            return str(tuple(hdus[0].shape))
    except OSError as error:
        raise Sim2SkyError("not readable", where=path, got=error) from error


def _read_array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise Sim2SkyError("not a readable .npy file", where=path, got=error) from error


def read_picture(path: Path) -> Images:
    """Return what a PNG or JPEG picture is like.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Images
        8-bit, of one image.

    Raises
    ------
    Sim2SkyError
        If it cannot be read.
    """
    try:
        with Image.open(path) as picture:
            picture.verify()
            width, height = picture.size
            n_bands = len(picture.getbands())
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        raise Sim2SkyError("not a readable picture", where=path, got=error) from error
    return Images(None, n_bands, height, width, None, "8bit")


def read_fits(path: Path) -> tuple[Images | None, fits.Header, list[tuple[str, str, str]]]:
    """Return what a FITS file holds, from its headers alone.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    images : Images or None
        The first image; None if there is none.
    header : astropy.io.fits.Header
        Of the file and of that image.
    extensions : list of tuple of str
        Name, kind and shape of each.

    Raises
    ------
    Sim2SkyError
        If it cannot be read, is cut off, or the image has one axis or more than three.
    """
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", AstropyWarning)
            with fits.open(path) as hdus:
                extensions = [
                    (hdu.name, "image" if hdu.is_image else "table", _hdu_shape(hdu))
                    for hdu in hdus
                ]
                image = next((hdu for hdu in hdus if hdu.is_image and hdu.shape), None)
                if image is None:
                    return None, hdus[0].header, extensions
                header, shape = hdus[0].header + image.header, image.shape
                scale = _pixel_scale(image.header)
    except (OSError, ValueError, TypeError) as error:
        raise Sim2SkyError("not a readable FITS file", where=path, got=error) from error
    cut = next((str(w.message) for w in told if "truncated" in str(w.message)), None)
    if cut is not None:
        raise Sim2SkyError("a FITS file that is cut off", where=path, got=cut)
    if len(shape) not in (2, 3):
        raise Sim2SkyError(
            "a FITS image of an unexpected shape", where=path, got=shape, expected="(C, y, x)"
        )
    n_bands = 1 if len(shape) == 2 else shape[0]
    units = header.get("BUNIT")
    band = next((str(header[key]) for key in FILTERS if key in header), None)
    bands = [band] if band is not None and n_bands == 1 else None
    return Images(bands, n_bands, shape[-2], shape[-1], scale, units), header, extensions


def _hdu_shape(hdu: object) -> str:
    if hdu.is_image:
        return " x ".join(map(str, hdu.shape)) or "-"
    return f"{hdu.header['NAXIS2']} rows, {hdu.header['TFIELDS']} columns"


def _pixel_scale(header: fits.Header) -> float | None:
    """Return the side of a pixel by the WCS [arcsec], or None without a celestial one."""
    try:
        wcs = WCS(header).celestial
        if not wcs.has_celestial:
            return None
        return float(np.mean(proj_plane_pixel_scales(wcs)) * 3600)
    except Exception:  # a broken WCS is none; astropy raises many kinds of errors for it
        return None
