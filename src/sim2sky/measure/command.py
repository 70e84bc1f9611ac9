"""Command of the stage: `measure`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.measure.settings import MeasureSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def measure(
    dataset: Annotated[Path, typer.Option(help="Dataset of a domain")],
    output: Annotated[Path, typer.Option(help="Output table, one row per image")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
    threads: Annotated[int, typer.Option(min=1, help="Processes that share the images")] = 1,
) -> None:
    """Measure the shapes of a domain's galaxies: what a classifier must beat.

    Each galaxy is found in the sum of its bands and deblended; its asymmetry, its
    second brightest component and statmorph's parameters are written, with flags
    where something could not be measured.
    """
    from sim2sky.files import write_parquet
    from sim2sky.measure.columns import FLAG_BAD, FLAG_NO_GALAXY
    from sim2sky.measure.table import morphology_table
    from sim2sky.provenance import stamp

    parsed = read_settings(MeasureSettings, settings)
    table = morphology_table(dataset, parsed, threads)
    table.attrs |= stamp("measure", parsed)
    write_parquet(table, output)
    log.info(
        "measure %s: %d images, %d without a galaxy at the centre, %d measured badly",
        dataset,
        len(table),
        (table["flag"] & FLAG_NO_GALAXY > 0).sum(),
        (table["flag"] & FLAG_BAD > 0).sum(),
    )
