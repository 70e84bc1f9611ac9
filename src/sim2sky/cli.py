"""The `sim2sky` command: one command per rule, named here, defined in its stage.

Only the module of the command that is called is imported, and each command loads what it
needs when it is called: a workflow starts hundreds of these processes.
"""

import gc
import importlib
import logging
import sys

import typer

from sim2sky import __version__
from sim2sky.errors import Sim2SkyError
from sim2sky.origin import provenance
from sim2sky.provenance import RUN

COMMANDS = {
    "simulate": ["simulate", "assemble"],
    "retrieve": ["retrieve"],
    "select": ["select"],
    "project": ["project"],
    "detect": ["detect"],
    "observe": ["observe", "observe_images"],
    "build": ["build", "audit"],
    "published": ["published"],
    "measure": ["measure"],
    "realism": ["realism"],
    "train": ["train"],
    "tune": ["score", "choose", "regret", "choose_method"],
    "baseline": ["baseline"],
    "evaluate": ["evaluate", "aggregate"],
    "explain": ["explain", "tabulate_attribution"],
    "embed": ["embed", "tabulate_separation"],
    "attack": ["attack", "compare_attacks"],
    "ladder": ["observe_ladder", "ladder", "join_ladder"],
    "explore": ["explore"],
    "calibrate": ["calibrate"],
    "predict": ["predict"],
    "fraction": ["fraction"],
    "reliability": ["outliers", "reliability"],
    "plot": [
        "plot_simulation",
        "plot_mosaic",
        "plot_roc",
        "plot_confusion",
        "plot_history",
        "plot_gradcam",
        "plot_attribution",
        "plot_latent",
        "plot_scores",
        "plot_regret",
        "plot_method_choice",
        "plot_realism",
        "plot_attack",
        "plot_church_window",
        "plot_ladder",
        "plot_exposure",
        "plot_reliability",
        "plot_outliers",
    ],
    "figures": ["figures"],
    "inspect": ["inspect"],
}
"""Functions of each stage's `command` module, in the order in which the data flows."""

NEW_OBJECTS = 50_000
"""Between two looks for garbage. Python's 700 cost a tenth of the time of imports."""


def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def application(called: str | None = None) -> typer.Typer:
    """Return the command line.

    Parameters
    ----------
    called : str, optional
        A command: if it is known, no other stage's is there.

    Returns
    -------
    typer.Typer
        With a command for each function of `COMMANDS`.
    """
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="From simulated galaxies to a merger classifier that holds on the sky.",
    )
    app.callback()(lambda: None)  # one command alone would lose its name
    name = (called or "").replace("-", "_")
    stages = [stage for stage, names in COMMANDS.items() if name in names]
    for stage in stages or COMMANDS:
        module = importlib.import_module(f"sim2sky.{stage}.command")
        for function in COMMANDS[stage]:
            app.command()(getattr(module, function))
    for command in (provenance, version):
        app.command()(command)
    return app


def main() -> None:
    """Run the command line; bad input ends in one message on stderr and status 1."""
    gc.set_threshold(NEW_OBJECTS)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    # galsim, matplotlib and numba are talkative at INFO; sim2sky's own lines are what a log is for
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("sim2sky").setLevel(logging.INFO)
    try:
        application(sys.argv[1] if len(sys.argv) > 1 else None)()
    except SystemExit as end:
        if not end.code:
            RUN.write_records(sys.argv)
        raise
    except Sim2SkyError as error:
        sys.stderr.write(f"sim2sky: error: {error}\n")
        sys.exit(1)
