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
    """Return the name of what a file shows: its stem without the suffix of its band.

    Parameters
    ----------
    path : Path
        FITS file of the first band.
    settings : FitsSettings
        With suffixes or not.

    Returns
    -------
    str
        The identifier.
    """
    stem = path.name[: len(path.name) - len(fits_suffix(path))]
    return stem.removesuffix(settings.band_suffixes[0]) if settings.band_suffixes else stem


def first_band_files(paths: list[Path], settings: FitsSettings) -> list[Path]:
    """Return those of some files that stand for an image: one for all its bands.

    Parameters
    ----------
    paths : list of Path
        FITS files.
    settings : FitsSettings
        With suffixes or not.

    Returns
    -------
    list of Path
        Without companions (masks, weights) and further bands.
    """
    stems = {path: path.name[: len(path.name) - len(fits_suffix(path))] for path in paths}
    companions = [end for end in (settings.mask_suffix, settings.weight_suffix) if end]
    kept = [path for path in paths if not any(stems[path].endswith(end) for end in companions)]
    if settings.band_suffixes:
        kept = [path for path in kept if stems[path].endswith(settings.band_suffixes[0])]
    return kept


def band_files(path: Path, settings: FitsSettings) -> list[Path]:
    """Return the files of all bands of an image.

    Parameters
    ----------
    path : Path
        That of the first band.
    settings : FitsSettings
        With suffixes or not.

    Returns
    -------
    list of Path
        One, or one for each band.
    """
    if settings.band_suffixes is None:
        return [path]
    return [companion(path, suffix, settings) for suffix in settings.band_suffixes]


def companion(path: Path, suffix: str, settings: FitsSettings) -> Path:
    """Return the file beside another with another ending of its stem.

    Parameters
    ----------
    path : Path
        FITS file of the first band.
    suffix : str
        End of the stem of the other.
    settings : FitsSettings
        With suffixes or not.

    Returns
    -------
    Path
        Whether it exists or not.
    """
    return path.with_name(
        image_name(path, settings) + suffix + path.name[-len(fits_suffix(path)) :]
    )
