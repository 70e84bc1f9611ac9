"""Command of the stage: `baseline`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

log = logging.getLogger("sim2sky")


def baseline(
    method: Annotated[str, typer.Option(help="Name of the baseline")],
    source: Annotated[Path, typer.Option(help="Measured shapes of the source domain")],
    target: Annotated[Path, typer.Option(help="Measured shapes of the target domain")],
    output: Annotated[Path, typer.Option(help="Output table, one row per test image")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of a forest")] = 0,
    experiment: Annotated[str, typer.Option(help="Name written into the predictions")] = "",
) -> None:
    """Classify the test rows of both domains by measured shapes, as a method to beat.

    Cuts are those of the literature or fitted, forests grown, on the labelled training
    rows of the source. The table has the form that `sim2sky evaluate` gives to the
    predictions of a trained model.
    """
    from sim2sky.baseline.predictions import predict_baseline, read_shapes
    from sim2sky.baseline.settings import BASELINES
    from sim2sky.errors import Sim2SkyError
    from sim2sky.files import write_parquet

    if method not in BASELINES:
        raise Sim2SkyError(
            "unknown baseline", where="--method", got=method, expected=", ".join(BASELINES)
        )
    shapes = read_shapes(source), read_shapes(target)
    table = predict_baseline(method, *shapes, seed=seed, experiment=experiment)
    write_parquet(table, output)
    log.info("baseline %s: %d test rows", method, len(table))
