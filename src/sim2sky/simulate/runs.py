"""The file of one batch of N-body runs, between `simulate` and `assemble`.

Units are nominal (kpc, Gyr, 1e10 Msun, kpc/Gyr): a collisionless result may be
rescaled, which `assemble` does.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, hdf5_dataset, open_hdf5
from sim2sky.settings import parse_settings
from sim2sky.simulate.settings import SuiteSettings


@dataclass(frozen=True)
class SystemRun:
    """One system over time: T snapshots of N bodies.

    Parameters
    ----------
    system : int
        Number of the system in its suite.
    kind : str
        ``encounter``, ``disk`` or ``elliptical``.
    mass_ratio : float
        Stellar mass of the secondary over the primary's; NaN for one galaxy.
    coalescence_time_gyr : float
        When the cores come together for good; NaN for one galaxy, or if they do not.
    energy_drift, momentum_drift : float
        See `integrate.Track`.
    time_gyr : array (T,)
        Times of the snapshots on the clock that all systems share.
    position, velocity : float32 array (T, N, 3)
        Of all bodies.
    potential : float32 array (T, N)
        Of each body in its own galaxy.
    mass : array (N,)
        Of the bodies.
    component, galaxy : int8 array (N,)
        Codes of `galaxies.Bodies`.
    elliptical : int8 array (2,)
        Whether the primary and the secondary are ellipticals.
    birth_radius : array (N,)
        Initial radius over the half-mass radius of the galaxy's stars.
    """

    system: int
    kind: str
    mass_ratio: float
    coalescence_time_gyr: float
    energy_drift: float
    momentum_drift: float
    time_gyr: NDArray[np.float64]
    position: NDArray[np.float32]
    velocity: NDArray[np.float32]
    potential: NDArray[np.float32]
    mass: NDArray[np.float64]
    component: NDArray[np.int8]
    galaxy: NDArray[np.int8]
    elliptical: NDArray[np.int8]
    birth_radius: NDArray[np.float64]


_NUMBERS = ("system", "kind", "mass_ratio", "coalescence_time_gyr", "energy_drift",
            "momentum_drift")  # fmt: skip
_ARRAYS = tuple(field.name for field in fields(SystemRun) if field.name not in _NUMBERS)


def write_runs(path: str | Path, runs: list[SystemRun], provenance: dict[str, str]) -> None:
    """Write a batch, one HDF5 group for each system.

    Parameters
    ----------
    path : str or Path
        Output file.
    runs : list of SystemRun
        The systems.
    provenance : dict of str
        Attributes of the file, with the suite's ``settings`` as JSON.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(provenance)
        for run in runs:
            group = file.create_group(f"system_{run.system:05d}")
            for name in _NUMBERS:
                group.attrs[name] = getattr(run, name)
            for name in _ARRAYS:
                group[name] = getattr(run, name)


def read_runs(path: str | Path) -> list[SystemRun]:
    """Read a batch.

    Parameters
    ----------
    path : str or Path
        File written by `write_runs`.

    Returns
    -------
    list of SystemRun
        In the order of their numbers.

    Raises
    ------
    Sim2SkyError
        If the file is missing, truncated or not one of `sim2sky simulate`.
    """
    runs = []
    with open_hdf5(path) as file:
        for name in sorted(file):
            group = file[name]
            missing = [key for key in _NUMBERS if key not in group.attrs]
            if missing:
                raise Sim2SkyError(
                    f"attribute {missing[0]} is missing",
                    where=f"{path}:/{name}",
                    expected="a file written by `sim2sky simulate`",
                )
            numbers = {key: group.attrs[key] for key in _NUMBERS}
            arrays = {key: hdf5_dataset(group, key)[:] for key in _ARRAYS}
            runs.append(SystemRun(**numbers, **arrays))
    if not runs:
        raise Sim2SkyError("no system in the file", where=path)
    return runs


def read_suite(paths: list[Path]) -> tuple[SuiteSettings, list[SystemRun]]:
    """Read all batches of a suite.

    Parameters
    ----------
    paths : list of Path
        Files written by `write_runs`, in any order.

    Returns
    -------
    settings : SuiteSettings
        The suite's.
    runs : list of SystemRun
        All its systems in the order of their numbers.

    Raises
    ------
    Sim2SkyError
        If there are no files, they are not of one suite, or a system is missing or twice
        there.
    """
    if not paths:
        raise Sim2SkyError(
            "no files of runs", where="assemble", fix="name every file that `simulate` wrote"
        )
    texts = []
    for path in paths:
        with open_hdf5(path) as file:
            texts.append(file.attrs.get("settings"))
        if texts[-1] is None or texts[-1] != texts[0]:
            raise Sim2SkyError(
                "not a batch of the same suite",
                where=path,
                got=texts[-1] or "no settings",
                expected=f"the settings of {paths[0]}: {texts[0]}",
                fix="give the files of one suite only",
            )
    settings = parse_settings(SuiteSettings, json.loads(texts[0]), paths[0])
    runs = sorted((run for path in paths for run in read_runs(path)), key=lambda run: run.system)
    numbers = [int(run.system) for run in runs]
    if numbers != list(range(settings.n_systems)):
        raise Sim2SkyError(
            "the runs are not those of one whole suite",
            where=", ".join(str(path) for path in paths),
            got=f"systems {numbers}",
            expected=f"each of 0 to {settings.n_systems - 1} once",
            fix="give every batch of the suite once",
        )
    return settings, runs
