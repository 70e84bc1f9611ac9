"""Which FITS files of a folder belong together: bands, masks and weights of one image."""

from pathlib import Path

from sim2sky.observe.settings import FitsSettings

FITS = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")


def fits_suffix(path: Path) -> str:
    """Return the suffix of a FITS file, ``.fits.gz`` in one piece, or nothing.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    str
        In lower case.
    """
    name = path.name.lower()
    return next((end for end in FITS[::-1] if name.endswith(end)), "")


def image_name(path: Path, settings: FitsSettings) -> str:
    """Return the name of what a file shows: its stem, less what says which band it is.

    Parameters
    ----------
    path : Path
        FITS file of the first band.
    settings : FitsSettings
        With names of the bands' files or not.

    Returns
    -------
    str
        The identifier.
    """
    if settings.band_files is None:
        return _stem(path)
    return _starred(_stem(path), settings.band_files[0]) or _stem(path)


def first_band_files(paths: list[Path], settings: FitsSettings) -> list[Path]:
    """Return those of some files that stand for an image: one for all its bands.

    Parameters
    ----------
    paths : list of Path
        FITS files.
    settings : FitsSettings
        With names of the bands' files or not.

    Returns
    -------
    list of Path
        Without companions (masks, weights) and further bands.
    """
    companions = [*(settings.mask_files or []), *(settings.weight_files or [])]
    first = "*" if settings.band_files is None else settings.band_files[0]
    return [
        path
        for path in paths
        if _starred(_stem(path), first)
        and not any(_starred(_stem(path), name) for name in companions)
    ]


def band_files(path: Path, settings: FitsSettings) -> list[Path]:
    """Return the files of all bands of an image.

    Parameters
    ----------
    path : Path
        That of the first band.
    settings : FitsSettings
        With names of the bands' files or not.

    Returns
    -------
    list of Path
        One, or one for each band.
    """
    if settings.band_files is None:
        return [path]
    return companions(path, settings.band_files, settings)


def companions(path: Path, names: list[str], settings: FitsSettings) -> list[Path]:
    """Return files beside another that belong to the same image.

    Parameters
    ----------
    path : Path
        FITS file of the first band.
    names : list of str
        Of the others, with * for the name of the image.
    settings : FitsSettings
        With names of the bands' files or not.

    Returns
    -------
    list of Path
        Compressed as `path` is, or otherwise where only that exists; whether they exist or not.
    """
    image, own = image_name(path, settings), path.name[-len(fits_suffix(path)) :]
    found = []
    for name in names:
        stem = name.replace("*", image)
        files = [path.with_name(stem + suffix) for suffix in (own, *FITS)]
        found.append(next((file for file in files if file.exists()), files[0]))
    return found


def _stem(path: Path) -> str:
    """Return a FITS file's name without its suffix."""
    return path.name[: len(path.name) - len(fits_suffix(path))]


def _starred(stem: str, name: str) -> str | None:
    """Return what stands in a stem for the star of a name, None if it does not match."""
    start, end = name.split("*")
    if not (stem.startswith(start) and stem.endswith(end)):
        return None
    return stem[len(start) : len(stem) - len(end)] or None
