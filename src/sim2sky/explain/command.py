"""Command `explain`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.explain.settings import ExplainSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def explain(
    model: Annotated[Path, typer.Option(help="Model file of `sim2sky train`")],
    source: Annotated[Path, typer.Option(help="Dataset of the source domain")],
    target: Annotated[Path, typer.Option(help="Dataset of the target domain")],
    output: Annotated[Path, typer.Option(help="Output HDF5 of images and Grad-CAM maps")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
) -> None:
    """Map with Grad-CAM where a model sees mergers, in test images of both domains.

    The same galaxies and views are shown in both domains where both hold them, and
    for every model. How far from the centre the evidence lies, and how much of it
    on empty sky, are given as numbers with intervals.
    """
    from sim2sky.explain.domains import choose_galaxies, explain_rows, write_explanations
    from sim2sky.provenance import stamp
    from sim2sky.train.model_file import load_model

    parsed = read_settings(ExplainSettings, settings)
    loaded = load_model(model)
    datasets = {
        "source": loaded.read_rows(source, "test"),
        "target": loaded.read_rows(target, "test"),
    }
    chosen = choose_galaxies(*datasets.values(), parsed.n_galaxies, parsed.seed)
    explained = {
        domain: explain_rows(loaded, dataset, rows, domain, parsed)
        for (domain, dataset), rows in zip(datasets.items(), chosen, strict=True)
    }
    write_explanations(output, loaded, explained, datasets, parsed, stamp("explain", parsed))
    log.info("explain %s: %d and %d images", loaded.method, *(len(rows) for rows in chosen))
