"""The commands `sim2sky simulate` and `sim2sky assemble`."""

from pathlib import Path
from typing import Annotated

import typer

from sim2sky.settings import read_settings
from sim2sky.simulate.settings import SimulationSettings, SuiteSettings


def simulate(
    settings: Annotated[str, typer.Option(help="Suite settings: JSON text or a file.")],
    batch: Annotated[int, typer.Option(min=0, help="Which batch of the suite.")],
    output: Annotated[Path, typer.Option(help="HDF5 file of the batch's runs.")],
) -> None:
    """Simulate one batch of colliding and isolated galaxies under gravity.

    A system's run depends on the suite's settings and its number alone, not on the
    batch it is in. A run whose energy is not conserved fails.
    """
    from sim2sky.provenance import stamp
    from sim2sky.simulate.runs import write_runs
    from sim2sky.simulate.suite import simulate_batch

    suite = read_settings(SuiteSettings, settings)
    write_runs(output, simulate_batch(suite, batch), stamp("simulate", suite))


def assemble(
    runs: Annotated[list[Path], typer.Argument(help="All batches of one suite.")],
    settings: Annotated[str, typer.Option(help="Simulation settings: JSON text or a file.")],
    output: Annotated[Path, typer.Option(help="Simulation directory to write.")],
) -> None:
    """Make a simulation directory in Illustris/TNG format out of a suite's runs.

    Collisionless runs have no scale of their own: redshift, masses and sizes are
    chosen here, and the stars get their ages and metallicities.
    """
    from sim2sky.simulate.assemble import assemble as assemble_runs

    assemble_runs(runs, read_settings(SimulationSettings, settings), output)
