"""The `sim2sky` command: one command per rule, registered here, defined in its stage.

The stages' `command` modules are light to import; each command loads what it
needs when it is called, so that `sim2sky --help` does not wait for torch.
"""

import logging
import sys

import typer

from sim2sky import __version__
from sim2sky.attack import command as attack
from sim2sky.baseline import command as baseline
from sim2sky.build import command as build
from sim2sky.calibrate import command as calibrate
from sim2sky.detect import command as detect
from sim2sky.embed import command as embed
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate import command as evaluate
from sim2sky.explain import command as explain
from sim2sky.explore import command as explore
from sim2sky.figures import command as figures
from sim2sky.fraction import command as fraction
from sim2sky.inspect import command as inspect
from sim2sky.ladder import command as ladder
from sim2sky.measure import command as measure
from sim2sky.observe import command as observe
from sim2sky.origin import provenance
from sim2sky.plot import command as plot
from sim2sky.predict import command as predict
from sim2sky.project import command as project
from sim2sky.provenance import RUN
from sim2sky.published import command as published
from sim2sky.realism import command as realism
from sim2sky.reliability import command as reliability
from sim2sky.retrieve import command as retrieve
from sim2sky.select import command as select
from sim2sky.simulate import command as simulate
from sim2sky.train import command as train
from sim2sky.tune import command as tune

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From simulated galaxies to a merger classifier that holds on the sky.",
)
for command in (
    simulate.simulate,
    simulate.assemble,
    retrieve.retrieve,
    select.select,
    project.project,
    detect.detect,
    observe.observe,
    observe.observe_images,
    build.build,
    build.audit,
    published.published,
    measure.measure,
    realism.realism,
    train.train,
    tune.score,
    tune.choose,
    baseline.baseline,
    evaluate.evaluate,
    evaluate.aggregate,
    tune.regret,
    explain.explain,
    explain.tabulate_attribution,
    embed.embed,
    embed.tabulate_separation,
    attack.attack,
    attack.compare_attacks,
    ladder.observe_ladder,
    ladder.ladder,
    ladder.join_ladder,
    explore.explore,
    calibrate.calibrate,
    predict.predict,
    fraction.fraction,
    reliability.outliers,
    reliability.reliability,
    plot.plot_simulation,
    plot.plot_mosaic,
    plot.plot_roc,
    plot.plot_confusion,
    plot.plot_history,
    plot.plot_gradcam,
    plot.plot_attribution,
    plot.plot_latent,
    plot.plot_table,
    plot.plot_regret,
    plot.plot_realism,
    plot.plot_attack,
    plot.plot_church_window,
    plot.plot_ladder,
    plot.plot_exposure,
    plot.plot_reliability,
    plot.plot_outliers,
    figures.figures,
    inspect.inspect,
    provenance,
):
    app.command()(command)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line; bad input ends in one message on stderr and status 1."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    # galsim, matplotlib and numba are talkative at INFO; sim2sky's own lines are what a log is for
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("sim2sky").setLevel(logging.INFO)
    try:
        app()
    except SystemExit as end:
        if not end.code:
            RUN.write_records(sys.argv)
        raise
    except Sim2SkyError as error:
        sys.stderr.write(f"sim2sky: error: {error}\n")
        sys.exit(1)
