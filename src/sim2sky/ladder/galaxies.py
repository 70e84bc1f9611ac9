"""The test galaxies that climb the ladder: their maps, and what they are without noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2sky.build.dataset import Dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.choice import choose_rows
from sim2sky.files import hdf5_dataset, open_hdf5
from sim2sky.observe.flags import StampFlag
from sim2sky.observe.instrument import Band
from sim2sky.observe.mock import maps_of_bands


@dataclass(frozen=True)
class Galaxies:
    """Chosen test galaxies of the source and their maps; N rows.

    Parameters
    ----------
    columns : dict of numpy.ndarray
        galaxy_id, view, system_id, label and redshift, (N,) each.
    maps : numpy.ndarray
        (N,C,M,M) float32 noise-free, in nJy per map pixel.
    field_kpc : numpy.ndarray
        (N,2) side of the map and R90 of the galaxy.
    """

    columns: dict[str, np.ndarray]
    maps: np.ndarray
    field_kpc: np.ndarray

    def __len__(self) -> int:
        return len(self.maps)


def choose_galaxies(dataset: Dataset, n: int, seed: int) -> dict[str, np.ndarray]:
    """Return which test galaxies are observed on every rung.

    Parameters
    ----------
    dataset : Dataset
        Labelled test rows of the source.
    n : int
        Rows wanted, balanced over the classes and spread over systems.
    seed : int
        The user's seed.

    Returns
    -------
    dict of numpy.ndarray
        galaxy_id, view, system_id, label and redshift.
    """
    names = ("galaxy_id", "view", "system_id", "label", "redshift")
    bad = dataset.flag & (StampFlag.BAD_MAP | StampFlag.EMPTY_MAP) > 0
    known = np.flatnonzero((dataset.label >= 0) & ~bad)
    columns = {name: getattr(dataset, name)[known] for name in names}
    rows = choose_rows(*(columns[name] for name in names[:4]), n, seed)
    return {name: values[rows] for name, values in columns.items()}


def read_galaxies(
    columns: dict[str, np.ndarray], paths: Sequence[str | Path], bands: list[Band]
) -> Galaxies:
    """Read the maps of chosen galaxies.

    Parameters
    ----------
    columns : dict of numpy.ndarray
        From `choose_galaxies`.
    paths : sequence of str or Path
        Maps files of the source's sample.
    bands : list of Band
        C bands.

    Returns
    -------
    Galaxies
        In the order of the columns.

    Raises
    ------
    Sim2SkyError
        If a file is not usable, or a galaxy is in none.
    """
    wanted = {
        (str(galaxy), int(view)): row
        for row, (galaxy, view) in enumerate(
            zip(columns["galaxy_id"], columns["view"], strict=True)
        )
    }
    maps: dict[int, np.ndarray] = {}
    field_kpc = np.full((len(wanted), 2), np.nan)
    for path in paths:
        with open_hdf5(path) as file:
            light, channels = maps_of_bands(file, bands)
            galaxy_id = hdf5_dataset(file, "galaxy_id").asstr()[:]
            view = hdf5_dataset(file, "view")[:]
            sides = np.column_stack(
                [hdf5_dataset(file, name)[:] for name in ("fov_kpc", "size_kpc")]
            )
            for place, key in enumerate(zip(galaxy_id, view.tolist(), strict=True)):
                if key in wanted:
                    maps[wanted[key]] = light[place][channels]
                    field_kpc[wanted[key]] = sides[place]
    missing = [
        f"{galaxy} view {view}" for (galaxy, view), row in wanted.items() if row not in maps
    ]
    if missing:
        raise Sim2SkyError(
            f"the maps lack {len(missing)} of {len(wanted)} test galaxies",
            where=paths[0] if paths else "--maps",
            got=missing[0],
            fix="give all maps of the sample that the source dataset was made from",
        )
    return Galaxies(columns, np.stack([maps[row] for row in range(len(wanted))]), field_kpc)


def holds_light(light: np.ndarray, fraction: float) -> np.ndarray:
    """Return the brightest pixels that together hold a fraction of each image's light.

    Parameters
    ----------
    light : numpy.ndarray
        (N,H,W) without noise; less than nothing counts as nothing.
    fraction : float
        Between 0 and 1.

    Returns
    -------
    numpy.ndarray
        (N,H,W) bool.
    """
    flat = np.clip(light.reshape(len(light), -1), 0, None).astype(np.float64)
    order = np.argsort(-flat, axis=1, kind="stable")
    growth = np.cumsum(np.take_along_axis(flat, order, axis=1), axis=1)
    # a pixel counts while what is brighter does not hold the fraction yet
    before = np.concatenate([np.zeros((len(flat), 1)), growth[:, :-1]], axis=1)
    inside = before < fraction * growth[:, -1:]
    result = np.zeros(flat.shape, dtype=bool)
    np.put_along_axis(result, order, inside, axis=1)
    return result.reshape(light.shape)
