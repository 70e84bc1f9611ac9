"""Command of the stage: `calibrate`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.calibrate.settings import CalibrateSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def calibrate(
    model: Annotated[Path, typer.Option(help="Model file.")],
    source: Annotated[Path, typer.Option(help="The labelled dataset it was trained on.")],
    output: Annotated[Path, typer.Option(help="calibration.h5, best beside the model.")],
    target: Annotated[
        Path | None,
        typer.Option(help="The dataset it was adapted to, if it was; labels are not read."),
    ] = None,
    settings: Annotated[str, typer.Option(help="JSON text or file.")] = "{}",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Find what a model's probabilities mean and where its training images lie.

    Validation rows of the source, which the training did not learn from, say how
    often the model is right at each probability; the training images' places in
    its latent space say what is too far from them to be classified. `predict`
    and `fraction` use both.
    """
    from sim2sky.calibrate.calibration import calibrate_model, write_calibration
    from sim2sky.calibrate.scaling import fit_scaling
    from sim2sky.provenance import stamp
    from sim2sky.train.model_file import load_model
    from sim2sky.train.run import choose_device

    parsed = read_settings(CalibrateSettings, settings)
    loaded = load_model(model, choose_device(device))
    calibration = calibrate_model(loaded, source, target, parsed)
    write_calibration(calibration, output, stamp("calibrate", parsed))
    scaling = fit_scaling(calibration.rows["probability"], calibration.rows["label"])
    log.info(
        "%s: %d validation rows, inverse temperature %.3g; training images of %s",
        output,
        len(calibration.rows["label"]),
        scaling.inverse_temperature,
        " and ".join(calibration.points),
    )
