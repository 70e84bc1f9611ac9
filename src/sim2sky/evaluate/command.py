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
) -> None:
    """Predict and score the test rows of both domains with one model.

    Each domain is read with its own normalisation; intervals come from resampling
    whole systems. Beside the scores stands the AUC of plain image asymmetry.
    """
    import pandas as pd

    from sim2sky.evaluate.baselines import asymmetry_summary
    from sim2sky.evaluate.predictions import predict_rows, read_test_rows, score_summary
    from sim2sky.files import write_json, write_parquet
    from sim2sky.provenance import stamp
    from sim2sky.train.model_file import load_model

    parsed = read_settings(EvaluateSettings, settings)
    loaded = load_model(model)
    tables, report, counts = [], {}, {}
    for domain, path in (("source", source), ("target", target)):
        dataset = read_test_rows(path, loaded)
        table = predict_rows(
            loaded, dataset, domain, experiment=experiment, batch_size=parsed.batch_size
        )
        report[domain] = score_summary(table, parsed)
        report[domain]["asymmetry_auc"] = asymmetry_summary(dataset, loaded.classes, parsed)
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
    write_json({"about": about, "counts": counts, **report}, output)


def aggregate(
    predictions: Annotated[list[Path], typer.Argument(help="Tables of `sim2sky evaluate`")],
    output: Annotated[Path, typer.Option(help="Output table; a .csv is written beside it")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
) -> None:
    """Make one table of all methods, networks and seeds from their predictions.

    Scores are means over seeds; their intervals and those of paired differences
    come from resampling the same systems for all of them.
    """
    from sim2sky.evaluate.aggregate import read_predictions, summary_table
    from sim2sky.files import atomic_path, write_parquet

    parsed = read_settings(EvaluateSettings, settings)
    table = summary_table(read_predictions(predictions), parsed)
    write_parquet(table, output)
    with atomic_path(output.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4f")
    log.info("aggregate: %d rows from %d files of predictions", len(table), len(predictions))
