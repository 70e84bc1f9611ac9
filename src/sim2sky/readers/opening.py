"""Recognise what kind of simulation files a path holds."""

from pathlib import Path
from typing import Literal

import numpy as np

from sim2sky.errors import Sim2SkyError
from sim2sky.files import open_hdf5
from sim2sky.readers.bare import BareSimulation
from sim2sky.readers.cutout import CutoutSimulation
from sim2sky.readers.groups import GROUP_FOLDER
from sim2sky.readers.illustris import IllustrisSimulation
from sim2sky.readers.interface import Simulation
from sim2sky.readers.merger_history import merger_history_files
from sim2sky.readers.retrieved import GALAXIES, MANIFEST, RetrievedSimulation
from sim2sky.readers.snapshot import SNAPSHOT_FOLDER, numbered_folders

LINKING_LENGTH_KPC = 10.0
MIN_STAR_PARTICLES = 20
# as published by Illustris and by TNG, from the directory that holds 'output'
_TREE_FOLDERS = (
    "trees/SubLink",
    "postprocessing/trees/SubLink",
    "../postprocessing/trees/SubLink",
)
_POST = "postprocessing"
_REDSHIFTS = "redshifts.txt"


def open_simulation(
    path: Path,
    *,
    on_missing: Literal["error", "skip"] = "error",
    linking_length_kpc: float = LINKING_LENGTH_KPC,
    min_star_particles: int = MIN_STAR_PARTICLES,
) -> Simulation:
    """Open simulation files for reading.

    Recognised are a directory in Illustris/TNG layout (``output/snapdir_NNN`` with
    ``output/groups_NNN``, perhaps ``trees/SubLink`` and ``postprocessing/offsets``), the
    same without group catalogues, one ``snapdir_NNN``, one or a folder of single-galaxy
    files (TNG web API cutouts with their ``sublink`` files, or alike), and a folder that
    `sim2sky retrieve` filled, or its ``manifest.json``.

    Parameters
    ----------
    path : Path
        File or directory.
    on_missing : {"error", "skip"}
        Whether missing, truncated or inconsistent files end the work or are left out,
        with the galaxies that they may concern flagged.
    linking_length_kpc : float
        For snapshots without group catalogue: friends-of-friends on the stars.
    min_star_particles : int
        For snapshots without group catalogue: smallest group that is a galaxy.

    Returns
    -------
    Simulation
        Reads lazily.

    Raises
    ------
    Sim2SkyError
        If nothing readable is there.
    """
    path = Path(path)
    if path.name == MANIFEST and path.is_file():
        path = path.parent
    if path.is_file():
        if path.suffix not in (".hdf5", ".h5"):
            raise Sim2SkyError(
                "not a simulation file",
                where=path,
                got=f"a file named *{path.suffix or path.name}",
                expected="HDF5, named *.hdf5 or *.h5",
            )
        return CutoutSimulation([path], [], on_missing)
    if not path.is_dir():
        raise Sim2SkyError(
            "no such file or directory", where=path, fix="check the simulation's path"
        )
    root, snapshots, groups = simulation_root(path)
    if snapshots.keys() & groups.keys():
        redshifts = read_redshifts(root / _REDSHIFTS)
        trees, mergers = tree_files(root), merger_history_files(root)
        return IllustrisSimulation(root, snapshots, groups, trees, redshifts, mergers, on_missing)
    if (path / GALAXIES).is_file():
        return RetrievedSimulation(path, read_redshifts(path / _REDSHIFTS), on_missing)
    if snapshots:
        return BareSimulation(snapshots, on_missing, linking_length_kpc, min_star_particles)
    if groups:
        raise Sim2SkyError(
            "group catalogues without a snapshot",
            where=path,
            got=", ".join(folder.name for folder in groups.values()),
            fix="download the snapdir_NNN of the same number beside them",
        )
    return _open_folder(path, on_missing)


def _open_folder(path: Path, on_missing: str) -> Simulation:
    """Tell galaxies from trees in a folder of single files by what they hold."""
    galaxies, trees = [], []
    mergers = merger_history_files(path)
    files = sorted(path.glob("*.hdf5")) + sorted(path.glob("*.h5"))
    for file_path in [file for file in files if file not in mergers.values()]:
        with open_hdf5(file_path) as file:
            (trees if "DescendantID" in file else galaxies).append(file_path)
    if not galaxies:
        raise Sim2SkyError(
            "no simulation here",
            where=path,
            got=", ".join(sorted(p.name for p in path.iterdir())[:8]) or "an empty folder",
            expected="output/snapdir_NNN, snapdir_NNN or galaxies as *.hdf5",
        )
    redshifts = read_redshifts(path / _REDSHIFTS)
    return CutoutSimulation(galaxies, trees, on_missing, redshifts, mergers)


def simulation_root(path: Path) -> tuple[Path, dict[int, Path], dict[int, Path]]:
    """Return where a simulation's directory begins, and its snapshots and groups.

    Parameters
    ----------
    path : Path
        The directory, its ``output``, or one ``snapdir_NNN``.

    Returns
    -------
    root : Path
        The directory that ``trees``, ``postprocessing`` and ``redshifts.txt`` are in.
    snapshots, groups : dict of int to Path
        ``snapdir_NNN`` and ``groups_NNN`` by number, possibly none.
    """
    this = SNAPSHOT_FOLDER.fullmatch(path.name)
    output = path / "output" if (path / "output").is_dir() else path
    snapshots = {int(this[1]): path} if this else numbered_folders(output, SNAPSHOT_FOLDER)
    groups = numbered_folders(output, GROUP_FOLDER)
    inside = output != path or path.name == "output" or (path.parent / _POST).is_dir()
    return output.parent if inside else path, snapshots, groups


def tree_files(root: Path) -> list[Path]:
    """Return the SubLink files of a simulation's directory in the order of their numbers."""
    for name in _TREE_FOLDERS:
        files = (root / name).glob("tree_extended.*.hdf5")
        if found := sorted(files, key=lambda path: int(path.name.split(".")[1])):
            return found
    return []


def read_redshifts(path: Path) -> dict[int, float]:
    """Return the redshift of each snapshot from a table of two columns, if there is one.

    Parameters
    ----------
    path : Path
        ``redshifts.txt``.

    Returns
    -------
    dict of int to float
        Empty without the file.

    Raises
    ------
    Sim2SkyError
        If it is not such a table.
    """
    if not path.is_file():
        return {}
    try:
        table = np.loadtxt(path, ndmin=2)
        if table.shape[1] != 2:
            raise ValueError(f"{table.shape[1]} columns")
    except ValueError as error:
        raise Sim2SkyError(
            "not a table of snapshots", where=path, got=error, expected="snapshot and redshift"
        ) from error
    return {int(snapshot): float(redshift) for snapshot, redshift in table}
