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
    same without group catalogues, one ``snapdir_NNN``, and one or a folder of
    single-galaxy files (TNG web API cutouts with their ``sublink`` files, or alike).

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
    if path.is_file():
        return CutoutSimulation([path], [], on_missing)
    if not path.is_dir():
        raise Sim2SkyError(
            "no such file or directory", where=path, fix="check the simulation's path"
        )
    this = SNAPSHOT_FOLDER.fullmatch(path.name)
    output = path / "output" if (path / "output").is_dir() else path
    snapshots = {int(this[1]): path} if this else numbered_folders(output, SNAPSHOT_FOLDER)
    groups = numbered_folders(output, GROUP_FOLDER)
    if snapshots.keys() & groups.keys():
        inside = output != path or path.name == "output" or (path.parent / _POST).is_dir()
        root = output.parent if inside else path
        trees = next(filter(None, (_tree_files(root / name) for name in _TREE_FOLDERS)), [])
        redshifts = _read_redshifts(root / _REDSHIFTS)
        return IllustrisSimulation(root, snapshots, groups, trees, redshifts, on_missing)
    if snapshots:
        return BareSimulation(snapshots, on_missing, linking_length_kpc, min_star_particles)
    if groups:
        raise Sim2SkyError(
            "group catalogues without a snapshot",
            where=output,
            got=", ".join(folder.name for folder in groups.values()),
            fix="download the snapdir_NNN of the same number beside them",
        )
    return _open_folder(path, on_missing)


def _open_folder(path: Path, on_missing: str) -> Simulation:
    """Tell galaxies from trees in a folder of single files by what they hold."""
    galaxies, trees = [], []
    for file_path in sorted(path.glob("*.hdf5")) + sorted(path.glob("*.h5")):
        with open_hdf5(file_path) as file:
            (trees if "DescendantID" in file else galaxies).append(file_path)
    if not galaxies:
        raise Sim2SkyError(
            "no simulation here",
            where=path,
            got=", ".join(sorted(p.name for p in path.iterdir())[:8]) or "an empty folder",
            expected="output/snapdir_NNN, snapdir_NNN or galaxies as *.hdf5",
        )
    return CutoutSimulation(galaxies, trees, on_missing, _read_redshifts(path / _REDSHIFTS))


def _tree_files(folder: Path) -> list[Path]:
    files = folder.glob("tree_extended.*.hdf5")
    return sorted(files, key=lambda path: int(path.name.split(".")[1]))


def _read_redshifts(path: Path) -> dict[int, float]:
    """Return the redshift of each snapshot from a table of two columns, if there is one."""
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
