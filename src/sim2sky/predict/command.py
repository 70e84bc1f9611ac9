"""The command `sim2sky predict`."""

from pathlib import Path
from typing import Annotated

import typer

from sim2sky.predict.settings import PredictSettings
from sim2sky.settings import read_settings


def predict(
    model: Annotated[list[Path], typer.Option(help="Model file; several make an ensemble.")],
    images: Annotated[
        Path, typer.Option(help="Folder of PNG, JPEG or FITS images, stamps or a dataset.")
    ],
    output: Annotated[Path, typer.Option(help="Catalogue: .parquet, .fits, .ecsv or .csv.")],
    settings: Annotated[str, typer.Option(help="JSON text or file.")] = "{}",
    calibration: Annotated[
        list[Path] | None,
        typer.Option(help="calibration.h5 of each model; default: those beside the models."),
    ] = None,
    coordinates: Annotated[
        Path | None, typer.Option(help="Table with galaxy_id, ra_deg and dec_deg.")
    ] = None,
    domain: Annotated[
        str, typer.Option(help="Whose normalisation applies: target (the survey) or source.")
    ] = "target",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Classify images with one or more trained models and write a catalogue.

    Every image has a row. One without a class has a flag: 1 unreadable, 2 wrong
    bands, 4 wrong size, 8 not finite, 16 empty, 64 a picture in place of a FITS
    image or the reverse, 128 too far from the training images, 256 no class
    likely enough. Flag 32 says that the stamps file had a flag for it. An
    interrupted run goes on where it was when it is started again.
    """
    from sim2sky.errors import Sim2SkyError
    from sim2sky.predict.catalogue import DOMAINS, predict_catalogue
    from sim2sky.train.run import choose_device

    if domain not in DOMAINS:
        raise Sim2SkyError(
            "unknown domain", where="--domain", got=domain, expected=" or ".join(DOMAINS)
        )
    predict_catalogue(
        model,
        images,
        output,
        read_settings(PredictSettings, settings),
        calibration_paths=calibration or None,
        coordinates=coordinates,
        domain=domain,
        device=str(choose_device(device)),
    )
