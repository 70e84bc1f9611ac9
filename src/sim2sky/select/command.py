"""The `select` command."""

from pathlib import Path
from typing import Annotated

import typer

from sim2sky.select.settings import SelectSettings
from sim2sky.settings import read_settings


def select(
    settings: Annotated[str, typer.Option(help="JSON text, or a JSON or YAML file")],
    simulation: Annotated[Path, typer.Option(help="simulation directory, snapshot or cutout")],
    output: Annotated[Path, typer.Option(help="table of galaxies, galaxies.parquet")],
) -> None:
    """Select galaxies from a simulation and label them by its merger tree.

    A galaxy whose main branch takes part in a merger above the mass ratio, within
    the time window around its snapshot, is a merger; one far from any is a
    non-merger; one between is unclear. Everything that ends in one descendant is
    one system. Where TNG's merger_history catalogue is there as well, the labels
    it gives are compared with the tree's. A summary is written beside the table,
    as galaxies.json.
    """
    from sim2sky.files import write_json, write_parquet
    from sim2sky.provenance import stamp
    from sim2sky.readers import open_simulation
    from sim2sky.select.sample import select_galaxies

    parsed = read_settings(SelectSettings, settings)
    reader = open_simulation(
        simulation,
        on_missing=parsed.on_missing,
        linking_length_kpc=parsed.linking_length_kpc,
        min_star_particles=parsed.min_star_particles,
    )
    table, counts = select_galaxies(reader, parsed, where=simulation)
    write_parquet(table, output)
    write_json(stamp("select", parsed) | {"counts": counts}, output.with_suffix(".json"))
