"""Command of the stage: `fraction`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.fraction.settings import FractionSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")

_UNINFORMATIVE = 0.8  # width of an interval of a share


def fraction(
    catalogue: Annotated[
        list[Path], typer.Argument(help="Catalogue of `sim2sky predict`, or all its shards.")
    ],
    calibration: Annotated[
        list[Path], typer.Option(help="calibration.h5 of every model behind the catalogue.")
    ],
    output: Annotated[Path, typer.Option(help="JSON; thresholds beside it as .parquet.")],
    settings: Annotated[str, typer.Option(help="JSON text or file.")] = "{}",
) -> None:
    """Estimate the share of a class in a sample, whatever the share in the training was.

    By black-box shift estimation and by expectation maximisation, each with an
    interval that holds the uncertainty of the sample and that of the held-out
    source images on which the classifier's mistakes were counted; with the
    purity and the completeness at that share for a list of thresholds.
    """
    import pandas as pd

    from sim2sky.calibrate.ensemble import read_calibrations
    from sim2sky.files import write_json, write_parquet
    from sim2sky.fraction.sample import estimate_shares, held_rows, read_catalogue
    from sim2sky.provenance import stamp

    parsed = read_settings(FractionSettings, settings)
    calibrations = read_calibrations(calibration)
    classes = calibrations[0].classes
    sample, left_out = read_catalogue(catalogue, classes, abstained=parsed.include_abstained)
    result = estimate_shares(sample, held_rows(calibrations), classes, parsed)
    table = pd.json_normalize(result["thresholds"], sep="_")
    table.columns = [name.removesuffix("_value") for name in table]
    write_parquet(table, output.with_suffix(".parquet"))
    write_json({**result, "n_left_out": left_out, **stamp("fraction", parsed)}, output)
    for name in ("em", "bbse"):
        share = result[name][result["positive"]]
        log.info(
            "%s: share of %s %.4f [%.4f, %.4f] by %s, of %d objects",
            output,
            result["positive"],
            *share.values(),
            name,
            result["n_objects"],
        )
        if share["high"] - share["low"] > _UNINFORMATIVE:
            log.warning(
                "%s: the interval by %s says next to nothing: the model hardly tells the classes "
                "apart on held-out images, or there are too few of these or of the sample",
                output,
                name,
            )
