"""Commands `evaluate` and `aggregate`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def evaluate(
    model: Annotated[Path, typer.Option(help="Model file of `sim2sky train`")],
    source: Annotated[Path, typer.Option(help="Dataset of the source domain")],
    target: Annotated[Path, typer.Option(help="Dataset of the target domain")],
    predictions: Annotated[Path, typer.Option(help="Output table, one row per test image")],
    output: Annotated[Path, typer.Option(help="Output JSON of scores with intervals")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
    experiment: Annotated[str, typer.Option(help="Name written into the predictions")] = "",
    held_out: Annotated[
        Path | None,
        typer.Option(help="Output table of the source's validation rows, as the predictions"),
    ] = None,
) -> None:
    """Predict and score the test rows of both domains with one model.

    Each domain is read with its own normalisation; intervals come from resampling
    whole systems. What the model says of the source's validation rows may be kept
    too: it calibrates, and is no part of any score.
    """
    import pandas as pd

    from sim2sky.evaluate.predictions import predict_rows, score_summary
    from sim2sky.files import write_json, write_parquet
    from sim2sky.provenance import stamp
    from sim2sky.train.model_file import load_model

    parsed = read_settings(EvaluateSettings, settings)
    loaded = load_model(model)
    tables, report, counts = [], {}, {}
    for domain, path in (("source", source), ("target", target)):
        dataset = loaded.read_rows(path, "test")
        table = predict_rows(
            loaded, dataset, domain, experiment=experiment, batch_size=parsed.batch_size
        )
        report[domain] = score_summary(table, parsed)
        counts[domain] = {
            "rows": len(table),
            "systems": int(table["system_id"].nunique()),
            "rows_by_label": {
                str(k): int(n) for k, n in sorted(table["label"].value_counts().items())
            },
        }
        tables.append(table)
        log.info(
            "evaluate %s on %s: balanced accuracy %s of %d test rows",
            loaded.method,
            domain,
            report[domain]["balanced_accuracy"]["value"],
            len(table),
        )
    about = {
        "experiment": experiment,
        "method": loaded.method,
        "network": loaded.network_name,
        "seed": loaded.seed,
        "classes": loaded.classes,
        "positive_class": loaded.classes[-1],
        "interval": parsed.interval,
        **stamp("evaluate", parsed),
    }
    write_parquet(pd.concat(tables, ignore_index=True), predictions)
    if held_out is not None:
        validation = loaded.read_rows(source, "validation")
        write_parquet(
            predict_rows(
                loaded, validation, "source", experiment=experiment, batch_size=parsed.batch_size
            ),
            held_out,
        )
    write_json({"about": about, "counts": counts, **report}, output)


def aggregate(
    predictions: Annotated[
        list[Path], typer.Argument(help="Tables of `sim2sky evaluate` and `sim2sky baseline`")
    ],
    output: Annotated[Path, typer.Option(help="Output table; a .csv is written beside it")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
    source_shapes: Annotated[
        Path | None, typer.Option(help="Table of `sim2sky measure` of the source")
    ] = None,
    target_shapes: Annotated[
        Path | None, typer.Option(help="The same of the target; tells which rows are hard")
    ] = None,
    history: Annotated[
        list[Path] | None, typer.Option(help="models/<method>/<network>/<seed>/history.csv files")
    ] = None,
) -> None:
    """Make one table of all methods, networks and seeds from their predictions.

    Scores are means over seeds; their intervals and those of paired differences
    come from resampling the same systems for all of them. Shapes and histories add
    the scores on hard rows and the cost of training.
    """
    from sim2sky.evaluate.aggregate import read_predictions, summary_table
    from sim2sky.evaluate.cost import training_costs, training_rows
    from sim2sky.evaluate.hard import read_hard_rows
    from sim2sky.files import atomic_path, write_parquet

    parsed = read_settings(EvaluateSettings, settings)
    hard = costs = None
    if target_shapes is not None:
        hard = read_hard_rows(target_shapes, parsed.hard_component_ratio)
    if history:
        costs = training_costs(history, training_rows(source_shapes), training_rows(target_shapes))
    table = summary_table(read_predictions(predictions), parsed, hard=hard, costs=costs)
    write_parquet(table, output)
    with atomic_path(output.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4f")
    log.info("aggregate: %d rows from %d files of predictions", len(table), len(predictions))
