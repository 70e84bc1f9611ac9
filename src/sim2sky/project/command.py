"""The `project` command."""

from pathlib import Path
from typing import Annotated

import typer

from sim2sky.project.settings import ProjectSettings
from sim2sky.settings import read_settings


def project(
    settings: Annotated[str, typer.Option(help="JSON text, or a JSON or YAML file")],
    simulation: Annotated[Path, typer.Option(help="simulation directory, snapshot or cutout")],
    sample: Annotated[Path, typer.Option(help="galaxies.parquet made by `select`")],
    shard: Annotated[int, typer.Option(help="which of the n_shards files to make, from 0")],
    output: Annotated[Path, typer.Option(help="HDF5 file of maps")],
) -> None:
    """Project the star particles of a sample's galaxies to noise-free maps.

    Every galaxy is seen from n_views random directions in every band: band
    fluxes come from a table of simple stellar populations at the galaxy's
    redshift, each star is smoothed over its neighbours. The same galaxies
    give the same maps whatever the number of shards.
    """
    from sim2sky.project.shard import write_maps

    write_maps(read_settings(ProjectSettings, settings), simulation, sample, shard, output)
