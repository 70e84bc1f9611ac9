"""The latent spaces of an experiment beside each other: one long table."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.bootstrap import interval
from sim2sky.files import hdf5_dataset, open_hdf5

REFERENCES = ("untrained", "source_only")
COLUMNS = [
    *("method", "network", "seed", "domain", "quantity", "reference"),
    *("value", "low", "high", "n_images", "n_systems"),
]


@dataclass(frozen=True)
class Measured:
    """The numbers of one latent space.

    Parameters
    ----------
    method, network : str
        Of the model.
    seed : int
        Of its training.
    rows : list of tuple
        (galaxy_id, view, domain) of every point.
    domain, system_id : numpy.ndarray
        (N,).
    resamples : dict of numpy.ndarray
        (1+B,) by quantity.
    p_value : float
        Of the MMD.
    interval : float
        Probability that an interval covers.
    """

    method: str
    network: str
    seed: int
    rows: list[tuple[str, int, int]]
    domain: np.ndarray
    system_id: np.ndarray
    resamples: dict[str, np.ndarray]
    p_value: float
    interval: float


def separation_table(paths: list[Path]) -> pd.DataFrame:
    """Return the numbers of several latent spaces.

    Parameters
    ----------
    paths : list of Path
        ``latents.h5`` of each model and of the network before training.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`, one row per number. ``domain`` is the one that a quantity is
        about, ``both`` else. Quantities are those of
        `sim2sky.embed.latents.embed_latents`; ``mmd_p_value`` (without interval); and
        ``<quantity>_difference``: what this latent space has more than that of
        ``reference``, the network before training or `source_only`, in pairs: the same
        rows and the same resampled systems.

    Raises
    ------
    Sim2SkyError
        If there is no file, one lacks something, a model comes twice or the files hold
        different galaxies.
    """
    spaces = _read_spaces(paths)
    table = []
    for space in spaces.values():
        about = {"method": space.method, "network": space.network, "seed": space.seed}
        for quantity, values in space.resamples.items():
            table.append(about | _row(space, quantity, values))
        table.append(about | _row(space, "mmd_p_value", np.array([space.p_value])))
        for reference in REFERENCES:
            other = spaces.get((reference, space.network, space.seed))
            if other is None or space.method in REFERENCES[: REFERENCES.index(reference) + 1]:
                continue
            for quantity, values in space.resamples.items():
                row = _row(space, quantity, values - other.resamples[quantity])
                row |= {"quantity": f"{row['quantity']}_difference", "reference": reference}
                table.append(about | row)
    return pd.DataFrame(table, columns=COLUMNS)


def read_space(path: str | Path) -> Measured:
    """Read the numbers of one latent space.

    Parameters
    ----------
    path : str or Path
        ``latents.h5``.

    Returns
    -------
    Measured
        With everything that was resampled.

    Raises
    ------
    Sim2SkyError
        If the file lacks something.
    """
    with open_hdf5(path) as file:
        group = hdf5_dataset(file, "resamples")
        missing = [name for name in ("interval", "mmd_p_value") if name not in file.attrs]
        if missing:
            raise Sim2SkyError(
                f"attribute {', '.join(missing)} is missing",
                where=path,
                fix="make the file with `sim2sky embed`",
            )
        identity = (
            hdf5_dataset(file, "galaxy_id").asstr()[:].tolist(),
            *(hdf5_dataset(file, name)[:].tolist() for name in ("view", "domain")),
        )
        return Measured(
            method=str(file.attrs["method"]),
            network=str(file.attrs["network"]),
            seed=int(file.attrs["seed"]),
            rows=list(zip(*identity, strict=True)),
            domain=hdf5_dataset(file, "domain")[:],
            system_id=hdf5_dataset(file, "system_id")[:],
            resamples={name: group[name][:].astype(np.float64) for name in group},
            p_value=float(file.attrs["mmd_p_value"]),
            interval=float(file.attrs["interval"]),
        )


def _read_spaces(paths: list[Path]) -> dict[tuple[str, str, int], Measured]:
    """Read all files and check that they are about the same points."""
    if not paths:
        raise Sim2SkyError("no latent spaces given", fix="name the files written by `embed`")
    spaces: dict[tuple[str, str, int], Measured] = {}
    for path in paths:
        space = read_space(path)
        key = (space.method, space.network, space.seed)
        if key in spaces:
            raise Sim2SkyError(
                "the same model comes twice", where=path, got="{}, {}, seed {}".format(*key)
            )
        first = next(iter(spaces.values()), space)
        lengths = [{len(values) for values in each.resamples.values()} for each in (first, space)]
        if first.rows != space.rows or lengths[0] != lengths[1]:
            raise Sim2SkyError(
                "other galaxies or resamples than in the first file",
                where=path,
                fix="run `sim2sky embed` with the same settings for every model",
            )
        spaces[key] = space
    return spaces


def _row(space: Measured, quantity: str, values: np.ndarray) -> dict[str, object]:
    """Return the row of a quantity from its value and resamples."""
    domain, member = "both", np.full(len(space.domain), True)
    for number, name in enumerate(("source", "target")):
        if quantity.endswith(f"_{name}"):
            domain, member = name, space.domain == number
            quantity = quantity.removesuffix(f"_{name}")
    low, high = interval(values, space.interval) if len(values) > 1 else (np.nan, np.nan)
    return {
        "domain": domain,
        "quantity": quantity,
        "reference": "",
        "value": float(values[0]),
        "low": low,
        "high": high,
        "n_images": int(member.sum()),
        "n_systems": len(np.unique(space.system_id[member])),
    }
