"""One file of maps: the galaxies of a shard, each in all its views."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, read_parquet
from sim2sky.project.field import Field, Picture, make_field, take_picture
from sim2sky.project.flags import MapFlag
from sim2sky.project.framing import draw_view
from sim2sky.project.neighbours import Neighbours
from sim2sky.project.settings import ProjectSettings
from sim2sky.project.stellar_table import StellarTable
from sim2sky.provenance import stamp

if TYPE_CHECKING:
    from sim2sky.readers import Simulation

log = logging.getLogger("sim2sky")

SAMPLE_COLUMNS = [
    "galaxy_id",
    "system_id",
    "snapshot",
    "subhalo_id",
    "companion_subhalo_id",
    "redshift",
    "label",
    "stage",
    "flag",
]
ROW_TYPES = {
    "galaxy_id": h5py.string_dtype(),
    "system_id": "i8",
    "view": "i4",
    "label": "i1",
    "redshift": "f8",
    "stage": h5py.string_dtype(),
    "size_kpc": "f8",
    "fov_kpc": "f8",
    "n_particles": "i4",
    "companion_sizes": "f8",
    "centre_offset_px": "f8",
    "direction": "f8",
    "flag": "i4",
}
WIDTHS = {"centre_offset_px": (2,), "direction": (3,)}


def write_maps(
    settings: ProjectSettings, simulation: Path, sample: Path, shard: int, output: Path
) -> None:
    """Write the maps of one shard.

    Parameters
    ----------
    settings : ProjectSettings
        How to project.
    simulation : Path
        What `sim2sky.readers.open_simulation` opens.
    sample : Path
        Parquet table of galaxies.
    shard : int
        Galaxies in rows ``shard``, ``shard + n_shards``, ... of the table are taken.
    output : Path
        HDF5 file; see `project_galaxies` for its content.

    Raises
    ------
    Sim2SkyError
        If the shard does not exist, a band is unknown, an input is unreadable
        or a galaxy's redshift cannot be observed.
    """
    from sim2sky.readers import open_simulation

    if not 0 <= shard < settings.n_shards:
        raise Sim2SkyError(
            "no such shard", where="--shard", got=shard, expected=f"0 to {settings.n_shards - 1}"
        )
    table = StellarTable.read().select(settings.bands)
    galaxies = read_parquet(sample, SAMPLE_COLUMNS).iloc[shard :: settings.n_shards]
    source = open_simulation(simulation, on_missing=settings.on_missing)
    with atomic_path(output) as temporary, h5py.File(temporary, "w") as file:
        flags = project_galaxies(file, galaxies, source, table, settings)
    named = {flag.name: int(((flags & flag) > 0).sum()) for flag in MapFlag}
    counts = ", ".join(f"{name} {count}" for name, count in named.items() if count) or "none"
    log.info("%s: %d maps of %d galaxies; flags: %s", output, len(flags), len(galaxies), counts)


def project_galaxies(
    file: h5py.File,
    galaxies: pd.DataFrame,
    simulation: "Simulation",
    table: StellarTable,
    settings: ProjectSettings,
) -> np.ndarray:
    """Write maps and what is known about them to an open file, N = galaxies x views rows.

    ``maps`` (N,B,M,M) holds nJy per pixel, row = y (up) and column = x;
    ``companion_sizes`` is the distance on the sky of a chance companion, or with
    ``visible_companion_sizes`` of the heaviest other galaxy of the group, in R90 (NaN
    without); ``direction`` points from the galaxy to the observer in the simulation's
    frame, ``centre_offset_px`` (x, y) from the middle of the map to the
    centre about which ``size_kpc`` (R90) was measured.

    Parameters
    ----------
    file : h5py.File
        Empty and writable.
    galaxies : pandas.DataFrame
        Rows of the sample.
    simulation : Simulation
        Gives stars and cosmology.
    table : StellarTable
        Of the bands in `settings`.
    settings : ProjectSettings
        How to project.

    Returns
    -------
    ndarray, shape (N,)
        The flags.

    Raises
    ------
    Sim2SkyError
        If stars cannot be read and ``on_missing`` is ``"error"``, or a
        redshift cannot be observed.
    """
    n_rows = len(galaxies) * settings.n_views
    shape = (len(settings.bands), settings.map_pixels, settings.map_pixels)
    maps = file.create_dataset("maps", (n_rows, *shape), dtype="f4")
    rows: list[dict[str, Any]] = []
    neighbours = Neighbours(simulation, settings.field_radius_kpc)
    for galaxy in galaxies.itertuples(index=False):
        field = _read_field(galaxy, simulation, table, settings)
        if settings.visible_companion_sizes is not None:
            field = replace(field, neighbour_kpc=neighbours.of(galaxy.snapshot, galaxy.subhalo_id))
        for number in range(settings.n_views):
            view = draw_view(galaxy.galaxy_id, number, settings)
            picture = take_picture(field, view, settings)
            maps[len(rows)] = picture.map_njy
            unclear = _is_unclear(galaxy, picture, settings)
            rows.append(
                {
                    "galaxy_id": galaxy.galaxy_id,
                    "system_id": galaxy.system_id,
                    "view": number,
                    "label": -1 if unclear else galaxy.label,
                    "redshift": galaxy.redshift,
                    "stage": "unclear" if unclear else galaxy.stage,
                    "size_kpc": picture.size_kpc,
                    "fov_kpc": picture.fov_kpc,
                    "n_particles": len(field),
                    "companion_sizes": picture.companion_sizes,
                    "centre_offset_px": view.jitter_px,
                    "direction": view.rotation[2],
                    "flag": int(galaxy.flag) | picture.flag,
                }
            )
    for name, dtype in ROW_TYPES.items():
        shape = (n_rows, *WIDTHS.get(name, ()))
        column = file.create_dataset(name, shape, dtype=dtype)
        if rows:
            column[:] = np.array([row[name] for row in rows]).astype(column.dtype)
    file.attrs["bands"] = settings.bands
    file.attrs["map_pixels"] = settings.map_pixels
    file.attrs["units"] = "nJy per pixel"
    file.attrs.update(stamp("project", settings))
    return file["flag"][()]


def _is_unclear(
    galaxy: Any,  # noqa: ANN401 (a row of itertuples)
    picture: Picture,
    settings: ProjectSettings,
) -> bool:
    """Return whether a merger does not look like one from here."""
    if settings.visible_companion_sizes is None or galaxy.label != 1:
        return False
    nearest, farthest = settings.visible_companion_sizes
    return not nearest <= picture.companion_sizes <= farthest


def _read_field(
    galaxy: Any,  # noqa: ANN401 (a row of itertuples)
    simulation: "Simulation",
    table: StellarTable,
    settings: ProjectSettings,
) -> Field:
    """Return the stars of one row of the sample; empty where they may be missing and are."""
    members = [galaxy.subhalo_id]
    if galaxy.companion_subhalo_id >= 0:
        members.append(galaxy.companion_subhalo_id)
    snapshot = int(galaxy.snapshot)
    try:
        stars = [
            simulation.stars(snapshot, int(member), settings.field_radius_kpc)
            for member in members
        ]
    except Sim2SkyError as error:
        if settings.on_missing == "error":
            raise
        log.warning("galaxy %s is left empty: %s", galaxy.galaxy_id, error)
        nothing = np.empty((0, len(settings.bands)))
        flag = MapFlag.UNREADABLE | MapFlag.EMPTY
        return Field(np.empty((0, 3)), np.empty(0), nothing, np.empty(0, bool), flag)
    cosmology = simulation.header(snapshot).cosmology
    try:
        return make_field(stars, galaxy.galaxy_id, galaxy.redshift, cosmology, table, settings)
    except Sim2SkyError as error:
        where = f"galaxy {galaxy.galaxy_id} of the sample"
        raise Sim2SkyError(
            error.what, where=where, got=error.got, expected=error.expected, fix=error.fix
        ) from error
