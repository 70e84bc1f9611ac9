"""The command `sim2sky predict`."""

from pathlib import Path
from typing import Annotated

import typer


def predict(
    model: Annotated[list[Path], typer.Option(help="Model file; several make an ensemble.")],
    images: Annotated[
        Path, typer.Option(help="Folder of PNG, JPEG or FITS images, stamps or a dataset.")
    ],
    output: Annotated[Path, typer.Option(help="Catalogue: .parquet, .fits, .ecsv or .csv.")],
    domain: Annotated[
        str, typer.Option(help="Whose normalisation applies: target (the survey) or source.")
    ] = "target",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    block_size: Annotated[int, typer.Option(min=1, help="Images in memory at a time.")] = 512,
) -> None:
    """Classify images with one or more trained models and write a catalogue.

    An image that cannot be classified keeps its row, with a flag: 1
    unreadable, 2 wrong bands, 4 wrong size, 8 not finite, 16 empty. Flag 32
    says that the stamps file had a flag for it. Several models give the mean
    probability and its spread.
    """
    from sim2sky.errors import Sim2SkyError
    from sim2sky.predict.catalogue import predict_catalogue
    from sim2sky.train.run import choose_device

    if domain not in ("source", "target"):
        raise Sim2SkyError(
            "unknown domain", where="--domain", got=domain, expected="source or target"
        )
    predict_catalogue(
        model,
        images,
        output,
        domain=domain,
        device=str(choose_device(device)),
        block_size=block_size,
    )
