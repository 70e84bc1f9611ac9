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
    """Map with Grad-CAM where a model sees each class, in test images of both domains.

    The same galaxies and views are shown in both domains where both hold them, and
    for every model. With the maps come their extent in half-light radii, how the
    class's probability falls when the highlighted pixels are deleted, and how much the
    maps resemble those of random weights; `tabulate-attribution` sums them up.
    """
    from sim2sky.explain.domains import choose_galaxies, explain_rows, write_explanations
    from sim2sky.explain.extent import half_light_radii
    from sim2sky.provenance import stamp
    from sim2sky.train.model_file import load_model

    parsed = read_settings(ExplainSettings, settings)
    loaded = load_model(model)
    datasets = {
        "source": loaded.read_rows(source, "test"),
        "target": loaded.read_rows(target, "test"),
    }
    chosen = choose_galaxies(*datasets.values(), parsed.n_galaxies, parsed.seed)
    units = half_light_radii(list(datasets.values()), chosen, parsed.light_sigma)
    explained = {
        domain: explain_rows(loaded, dataset, rows, domain, parsed, unit_px)
        for (domain, dataset), rows, unit_px in zip(datasets.items(), chosen, units, strict=True)
    }
    write_explanations(output, loaded, explained, datasets, parsed, stamp("explain", parsed))
    log.info("explain %s: %d and %d images", loaded.method, *(len(rows) for rows in chosen))


def tabulate_attribution(
    explanations: Annotated[
        list[Path], typer.Argument(help="models/<method>/<network>/<seed>/explain.h5 files")
    ],
    output: Annotated[Path, typer.Option(help="Output table; a .csv is written beside it")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
) -> None:
    """Sum up where the models of an experiment look, with intervals and paired differences.

    Radial profiles and mean radii of the attribution, deletion and insertion, and the
    control with random weights; methods are compared galaxy by galaxy.
    """
    from sim2sky.explain.attribution import attribution_table
    from sim2sky.files import atomic_path, write_parquet
    from sim2sky.provenance import stamp

    parsed = read_settings(ExplainSettings, settings)
    table = attribution_table(explanations, parsed)
    table.attrs = stamp("tabulate_attribution", parsed)
    write_parquet(table, output)
    with atomic_path(output.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")
    log.info("attribution: %d numbers of %d models", len(table), len(explanations))
