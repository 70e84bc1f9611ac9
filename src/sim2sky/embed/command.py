"""Command `embed`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.embed.settings import EmbedSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def embed(
    model: Annotated[Path, typer.Option(help="Model file of `sim2sky train`")],
    source: Annotated[Path, typer.Option(help="Dataset of the source domain")],
    target: Annotated[Path, typer.Option(help="Dataset of the target domain")],
    output: Annotated[Path, typer.Option(help="Output HDF5 of latent vectors and planes")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
    untrained: Annotated[
        bool, typer.Option("--untrained", help="Take the network as it was before training")
    ] = False,
) -> None:
    """Lay out the latent space of test rows of both domains and measure it.

    Isomap and t-SNE coordinates with how far they can be trusted, and numbers, each with an
    interval: silhouettes and Fisher ratios by class and by domain, the proxy A-distance, the
    MMD with the p-value of a permutation test, and the distance between the domains in units
    of the scatter within a class.
    """
    from sim2sky.embed.latents import embed_latents, latent_rows, write_latents
    from sim2sky.provenance import stamp
    from sim2sky.train import initial
    from sim2sky.train.model_file import load_model

    parsed = read_settings(EmbedSettings, settings)
    loaded = load_model(model)
    if untrained:
        loaded = initial.untrained(loaded)
    datasets = [loaded.read_rows(path, "test") for path in (source, target)]
    rows = latent_rows(loaded, *datasets, parsed)
    planes, numbers, resamples = embed_latents(rows, loaded.classes, parsed)
    about = {
        "classes": list(loaded.classes),
        "method": loaded.method,
        "network": loaded.network_name,
        "seed": loaded.seed,
        "domains": [dataset.domain for dataset in datasets],
        "interval": parsed.interval,
    }
    write_latents(output, rows, planes, resamples, about | numbers | stamp("embed", parsed))
    log.info(
        "embed %s: %d rows, proxy A-distance %.2f, domain distance %.2f within-class scatters, "
        "squared MMD %.3f (p = %.2g)",
        loaded.method,
        len(rows["latent"]),
        *(numbers[name] for name in ("proxy_a_distance", "domain_distance", "mmd_squared")),
        numbers["mmd_p_value"],
    )


def tabulate_separation(
    latents: Annotated[
        list[Path], typer.Argument(help="models/<method>/<network>/<seed>/latents.h5 files")
    ],
    output: Annotated[Path, typer.Option(help="Output table; a .csv is written beside it")],
) -> None:
    """Put the numbers of several latent spaces into one table, with differences in pairs."""
    from sim2sky.embed.table import separation_table
    from sim2sky.files import atomic_path, write_parquet
    from sim2sky.provenance import stamp

    table = separation_table(latents)
    table.attrs = stamp("tabulate_separation", {})
    write_parquet(table, output)
    with atomic_path(output.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")
    log.info("separation: %d numbers of %d latent spaces", len(table), len(latents))
