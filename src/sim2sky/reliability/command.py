"""Commands `outliers` and `reliability`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.reliability.settings import ReliabilitySettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def outliers(
    model: Annotated[Path, typer.Option(help="Model file of `sim2sky train`")],
    calibration: Annotated[Path, typer.Option(help="File of `sim2sky calibrate` for this model")],
    source: Annotated[Path, typer.Option(help="Dataset of the source domain")],
    target: Annotated[Path, typer.Option(help="Dataset of the target domain")],
    output: Annotated[Path, typer.Option(help="Output HDF5, best beside the model")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
) -> None:
    """Find which test images are strange to a model, and try it with images made strange.

    Strange is what lies far from the training images in the latent space; confidence,
    entropy and energy of the prediction stand beside it.
    """
    from sim2sky.calibrate.calibration import read_calibration
    from sim2sky.provenance import stamp
    from sim2sky.reliability.outliers import search_outliers
    from sim2sky.reliability.search import write_search
    from sim2sky.train.model_file import load_model
    from sim2sky.train.run import choose_device

    parsed = read_settings(ReliabilitySettings, settings)
    loaded = load_model(model, choose_device(device))
    datasets = {
        "source": loaded.read_rows(source, "test"),
        "target": loaded.read_rows(target, "test"),
    }
    search = search_outliers(
        loaded, read_calibration(calibration), datasets, parsed, stamp("outliers", parsed)
    )
    write_search(search, output)
    rows = search.rows["target"]
    farthest = rows["distance"].argmax()
    log.info(
        "outliers %s: %d of %d target test images are far; the strangest is %s, view %d",
        loaded.method,
        rows["far"].sum(),
        len(rows["far"]),
        rows["galaxy_id"][farthest],
        rows["view"][farthest],
    )


def reliability(
    predictions: Annotated[
        list[Path], typer.Argument(help="predictions.parquet files of `sim2sky evaluate`")
    ],
    held_out: Annotated[list[Path], typer.Option(help="held_out.parquet of each of these models")],
    output: Annotated[Path, typer.Option(help="Output table; a .csv is written beside it")],
    curves: Annotated[Path, typer.Option(help="Output table of the reliability diagrams")],
    outliers: Annotated[
        list[Path] | None, typer.Option(help="outliers.h5 files of `sim2sky outliers`")
    ] = None,
    ranking: Annotated[
        Path | None,
        typer.Option(help="Output table of the target's strangest images; a .csv beside it"),
    ] = None,
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
) -> None:
    """Judge probabilities, prediction sets and outlier scores on both domains' test rows.

    Temperature and thresholds come from held-out rows of the source alone. Intervals
    come from resampling whole systems.
    """
    import pandas as pd

    from sim2sky.evaluate.aggregate import read_predictions
    from sim2sky.evaluate.predictions import class_names
    from sim2sky.files import atomic_path, write_parquet
    from sim2sky.provenance import stamp
    from sim2sky.reliability.detection import detection_table, ranking_table
    from sim2sky.reliability.held_out import fit_held_out
    from sim2sky.reliability.probabilities import curve_table, probability_table
    from sim2sky.reliability.search import read_search

    parsed = read_settings(ReliabilitySettings, settings)
    tests = read_predictions(predictions)
    classes = class_names(tests)
    fitted = fit_held_out(read_predictions(held_out), classes, parsed.coverage)
    searches = [read_search(path) for path in outliers or []]
    parts = [probability_table(tests, fitted, parsed), detection_table(searches, parsed)]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    diagrams = curve_table(tests, fitted, parsed)
    about = {"classes": classes, "coverage": parsed.coverage, **stamp("reliability", parsed)}
    written = {output: table, curves: diagrams}
    if ranking is not None:
        written[ranking] = ranking_table(searches)
    for path, content in written.items():
        content.attrs = about
        write_parquet(content, path)
        if path != curves:
            with atomic_path(path.with_suffix(".csv")) as temporary:
                content.to_csv(temporary, index=False, float_format="%.4g")
    log.info(
        "reliability: %d numbers of %d models, outliers of %d",
        len(table),
        len(fitted),
        len(searches),
    )
