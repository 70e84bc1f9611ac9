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
) -> None:
    """Lay out the latent space of test rows of both domains and measure it.

    Isomap and t-SNE coordinates, and numbers: silhouettes by class and by domain,
    the proxy A-distance, and the distance between the domains in units of the
    scatter within a class.
    """
    from sim2sky.embed.latents import embed_latents, latent_rows, write_latents
    from sim2sky.provenance import stamp
    from sim2sky.train.model_file import load_model

    parsed = read_settings(EmbedSettings, settings)
    loaded = load_model(model)
    datasets = [loaded.read_rows(path, "test") for path in (source, target)]
    rows = latent_rows(loaded, *datasets, parsed)
    planes, numbers = embed_latents(rows, loaded.classes, parsed)
    about = {
        "classes": list(loaded.classes),
        "method": loaded.method,
        "network": loaded.network_name,
        "seed": loaded.seed,
        "domains": [dataset.domain for dataset in datasets],
    }
    write_latents(output, rows, planes, about | numbers | stamp("embed", parsed))
    log.info(
        "embed %s: %d rows, proxy A-distance %.2f, domain distance %.2f within-class scatters",
        loaded.method,
        len(rows["latent"]),
        numbers["proxy_a_distance"],
        numbers["domain_distance"],
    )
