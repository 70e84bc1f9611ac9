"""The `published` command."""

from pathlib import Path
from typing import Annotated

import typer

from sim2sky.published.settings import PublishedSettings
from sim2sky.settings import read_settings


def published(
    settings: Annotated[str, typer.Option(help="JSON text, or a JSON or YAML file")],
    folder: Annotated[Path, typer.Option(help="the published files, under their own names")],
    output: Annotated[Path, typer.Option(help="dataset to write, dataset.h5")],
    audit: Annotated[Path, typer.Option(help="report on the leaks of both splits (JSON)")],
    domain: Annotated[
        str | None,
        typer.Option(help="name of the domain; by default that of the output's folder"),
    ] = None,
) -> None:
    """Make a dataset of a published one: DeepMerge I and II, or DeepAdversaries.

    The releases name no galaxies, so which rows are flips, turns and views of one
    galaxy is found from the pixels. The report says for the published split and for
    a fair one how many test images have a copy or their galaxy in training; the
    settings say which split is written.
    """
    from sim2sky.build.dataset import write_dataset
    from sim2sky.files import write_json
    from sim2sky.provenance import stamp
    from sim2sky.published.make import make_dataset

    parsed = read_settings(PublishedSettings, settings)
    domain = domain or output.resolve().parent.name
    part, report, attributes = make_dataset(folder, parsed, domain)
    provenance = stamp("published", parsed)
    write_json({"split": parsed.split, **report, **provenance}, audit)
    write_dataset(output, part.dataset, part.split, attributes={**attributes, **provenance})
