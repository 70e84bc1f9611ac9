"""The `retrieve` command."""

from pathlib import Path
from typing import Annotated

import typer

from sim2sky.retrieve.settings import RetrieveSettings
from sim2sky.settings import read_settings


def retrieve(
    settings: Annotated[str, typer.Option(help="JSON text, or a JSON or YAML file")],
    output: Annotated[Path, typer.Option(help="folder to fill; its manifest.json comes last")],
) -> None:
    """Download galaxies, merger trees and catalogues from the TNG web API.

    The API key is read from an environment variable (TNG_API_KEY unless the settings
    name another). What is there already is not fetched again, so that a run which
    was interrupted goes on when it is started once more. `select` and `project` read
    the folder, or its manifest.json, like any other simulation.
    """
    from sim2sky.retrieve.run import retrieve_simulation

    retrieve_simulation(read_settings(RetrieveSettings, settings), output)
