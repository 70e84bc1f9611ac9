"""The command `sim2sky train`."""

from pathlib import Path
from typing import Annotated

import typer

from sim2sky.settings import read_settings
from sim2sky.train.settings import TrainSettings


def train(
    settings: Annotated[str, typer.Option(help="Training settings: JSON text or a file.")],
    source: Annotated[Path, typer.Option(help="Dataset with labels.")],
    target: Annotated[Path, typer.Option(help="Dataset to adapt to; its labels stay unread.")],
    output: Annotated[Path, typer.Option(help="Model file to write.")],
    history: Annotated[Path, typer.Option(help="CSV table to write: one row per epoch.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights and batches.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    initial_model: Annotated[
        Path | None, typer.Option(help="Model file whose weights to start from.")
    ] = None,
    choice: Annotated[
        Path | None, typer.Option(help="Output of `sim2sky choose` that replaces the settings.")
    ] = None,
) -> None:
    """Train one classifier with one method, network and seed.

    A training that is killed goes on from its last checkpoint, beside the
    model file, when the same command is run again, and ends with the same weights.
    """
    from sim2sky.train.run import chosen_settings, train_model

    parsed = read_settings(TrainSettings, settings)
    train_model(
        parsed if choice is None else chosen_settings(parsed, choice),
        source,
        target,
        seed=seed,
        device=device,
        model_path=output,
        history_path=history,
        initial_model_path=initial_model,
    )
