"""Which kind of thing a path is, by its name and what is in it."""

from pathlib import Path

from sim2sky.errors import Sim2SkyError
from sim2sky.files import open_hdf5
from sim2sky.inspect import pictures, products, simulation
from sim2sky.inspect.image_folder import inspect_image_folder
from sim2sky.inspect.report import Report
from sim2sky.published.releases import recognise as release_of

_FITS = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")
_EXPECTED = (
    "a simulation (HDF5), a dataset, stamps or maps (*.h5), a model (*.pt), a folder of images, "
    "an image (FITS, PNG, JPEG, .npy), a survey (*.yaml) or a table (*.parquet, *.csv, *.ecsv)"
)


def inspect_path(path: Path) -> Report:
    """Return what a path holds.

    Parameters
    ----------
    path : Path
        A file or a folder.

    Returns
    -------
    Report
        For the screen or JSON.

    Raises
    ------
    Sim2SkyError
        If it is not there, damaged or of no kind that is known.
    """
    if path.is_dir():
        return _inspect_folder(path)
    if not path.is_file():
        raise Sim2SkyError("no such file or directory", where=path)
    name = path.name.lower()
    if path.name == simulation.MANIFEST:
        return simulation.inspect_folder(path.parent)
    if name.endswith((".h5", ".hdf5")):
        return _inspect_hdf5(path)
    if name.endswith(".pt"):
        return products.inspect_model(path)
    if name.endswith(_FITS):
        return pictures.inspect_fits(path)
    if name.endswith((".png", ".jpg", ".jpeg")):
        return pictures.inspect_picture(path)
    if name.endswith(".npy"):
        return pictures.inspect_array(path)
    if name.endswith((".yaml", ".yml")):
        return products.inspect_survey(path)
    if name.endswith((".parquet", ".csv", ".ecsv")):
        return products.inspect_table(path)
    raise Sim2SkyError("not a kind of file that is known", where=path, expected=_EXPECTED)


def _inspect_hdf5(path: Path) -> Report:
    with open_hdf5(path) as file:
        names = set(file)
        is_simulation = bool({"Header", "SubhaloID", "SnapNum"} & names) or any(
            name.startswith("SnapNumLast") for name in names
        )
        if is_simulation:
            return simulation.inspect_file(file, path)
        if "maps" in names:
            return products.inspect_maps(file, path)
        if {"images", "split"} <= names:
            return products.inspect_dataset(file, path)
        if {"images", "noise_sigma"} <= names:
            return products.inspect_stamps(file, path)
    raise Sim2SkyError(
        "an HDF5 file of no kind that is known",
        where=path,
        got=", ".join(sorted(names)) or "nothing",
        expected="a simulation's, or a dataset, stamps or maps of this package",
    )


def _inspect_folder(path: Path) -> Report:
    entries = sorted(path.iterdir())
    if not entries:
        raise Sim2SkyError("an empty folder", where=path)
    if simulation.is_simulation(path):
        return simulation.inspect_folder(path)
    releases = sorted({found for entry in entries if (found := release_of(entry.name))})
    if releases:
        return pictures.inspect_release(path, releases)
    images = [p for p in entries if p.name.lower().endswith((*_FITS, ".png", ".jpg", ".jpeg"))]
    if images:
        return inspect_image_folder(path, images)
    inner = [entry for entry in entries if entry.is_dir() and simulation.is_simulation(entry)]
    if len(inner) == 1:
        return simulation.inspect_folder(inner[0])
    raise Sim2SkyError(
        "a folder of no kind that is known",
        where=path,
        got=", ".join(entry.name for entry in entries[:6]) + (" ..." if len(entries) > 6 else ""),
        expected=_EXPECTED,
    )
