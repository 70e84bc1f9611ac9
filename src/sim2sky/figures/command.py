"""The command `figures`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.figures.settings import FiguresSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def figures(
    files: Annotated[list[Path], typer.Argument(help="Figures (PNG, PDF), tables and audits")],
    output: Annotated[Path, typer.Option(help="Output folder; index.html is the page")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
    configuration: Annotated[
        str | None,
        typer.Option(help="The workflow's configuration, JSON text or file, shown on the page"),
    ] = None,
) -> None:
    """Copy every figure and table into one folder and write the gallery page.

    The page needs neither a network nor a server. Its numbers and sentences come
    from the tables, the times from Snakemake's benchmark files.
    """
    from sim2sky.figures.collect import collect_files
    from sim2sky.figures.page import read_configuration, write_gallery

    parsed = read_settings(FiguresSettings, settings)
    gallery = collect_files(files)
    write_gallery(gallery, output, parsed, read_configuration(configuration))
    log.info("figures: %d figures in %s", gallery.n_figures, output / "index.html")
