"""The commands `score`, `choose`, `regret` and `choose-method`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.settings import read_settings
from sim2sky.tune.settings import CriterionName

log = logging.getLogger("sim2sky")


def score(
    model: Annotated[Path, typer.Option(help="Model file")],
    history: Annotated[Path, typer.Option(help="Its history.csv")],
    source: Annotated[Path, typer.Option(help="Dataset with labels")],
    target: Annotated[Path, typer.Option(help="Dataset of the target; its labels stay unread")],
    output: Annotated[Path, typer.Option(help="Output JSON")],
    trial: Annotated[
        int | None, typer.Option(min=0, help="Number of the trial; by default the model's seed")
    ] = None,
) -> None:
    """Judge a trial or a model of an experiment by every criterion without target labels.

    Validation rows of both domains are used, no test rows. A method that was trained on
    target labels is judged by its own validation rows instead.
    """
    from sim2sky.files import write_json
    from sim2sky.tune.scores import score_trial

    content = score_trial(model, history, source, target, trial)
    write_json(content, output)
    log.info("score: %s, %d: %s", content["method"], content["trial"], content["criteria"])


def choose(
    scores: Annotated[list[Path], typer.Argument(help="scores.json of every trial of a method")],
    output: Annotated[Path, typer.Option(help="Output JSON")],
    criterion: Annotated[
        CriterionName, typer.Option(help="What the chosen trial is best in")
    ] = "information_maximisation",
) -> None:
    """Choose one of a method's trials without target labels.

    The output holds its settings in full, for `sim2sky train --choice`.
    """
    from sim2sky.files import write_json
    from sim2sky.tune.choice import choose_trial, read_trials

    choice = choose_trial(read_trials(scores), criterion)
    write_json(choice, output)
    log.info("choose: %s: trial %d, %s", choice["method"], choice["trial"], choice["reason"])


def regret(
    trials: Annotated[
        list[Path],
        typer.Argument(help="Folders that hold scores.json and predictions.parquet of a trial"),
    ],
    output: Annotated[Path, typer.Option(help="Output table")],
    settings: Annotated[str, typer.Option(help="Evaluation settings: JSON text or file")] = "{}",
) -> None:
    """Measure what choosing without target labels costs on the target's test rows.

    For each criterion: the balanced accuracy of the trial it chooses, that of the best
    trial, and the difference, with intervals from resampling whole systems.
    """
    from sim2sky.files import write_parquet
    from sim2sky.tune.regret import read_evaluated_trials, regret_table

    table = regret_table(read_evaluated_trials(trials), read_settings(EvaluateSettings, settings))
    write_parquet(table, output)
    log.info("regret: %d rows from %d trials", len(table), len(trials))


def choose_method(
    models: Annotated[
        list[Path],
        typer.Argument(help="Folders that hold scores.json and predictions.parquet of a model"),
    ],
    output: Annotated[Path, typer.Option(help="Output table; a .csv is written beside it")],
    settings: Annotated[str, typer.Option(help="Evaluation settings: JSON text or file")] = "{}",
) -> None:
    """Say which method each criterion chooses without target labels, and what that costs.

    The cost is measured on the target's test rows, if these have labels.
    """
    from sim2sky.files import atomic_path, write_parquet
    from sim2sky.tune.methods import method_table
    from sim2sky.tune.regret import read_evaluated_trials

    table = method_table(read_evaluated_trials(models), read_settings(EvaluateSettings, settings))
    write_parquet(table, output)
    with atomic_path(output.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")
    for row in table[table["chosen"]].itertuples():
        log.info("choose-method: %s: %s, regret %.3f", row.criterion, row.method, row.regret)
