"""Commands of the stage: `observe-ladder`, `ladder` and `join-ladder`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.ladder.settings import LadderSettings, ObserveLadderSettings
from sim2sky.observe.settings import SurveySettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def observe_ladder(
    settings: Annotated[str, typer.Option(help="JSON text or file of the rungs")],
    source: Annotated[Path, typer.Option(help="Dataset of the source, which names the galaxies")],
    output: Annotated[Path, typer.Option(help="Output HDF5 of every rung's stamps")],
    maps: Annotated[list[Path], typer.Argument(help="All maps files of the source's sample")],
    sky: Annotated[
        Path | None, typer.Option(help="Patches of the survey's sky by `detect --sky`")
    ] = None,
) -> None:
    """Observe the same test galaxies on every rung of the ladder.

    A rung is a survey, factors on the width of its PSF and on its exposure time, and
    settings of `observe`. Where these are a domain's, the stamps are the domain's own.
    """
    from sim2sky.build.dataset import read_dataset
    from sim2sky.ladder.galaxies import choose_galaxies, read_galaxies
    from sim2sky.ladder.render import render_ladder
    from sim2sky.ladder.rungs_file import write_rungs
    from sim2sky.ladder.survey import rung_bands
    from sim2sky.observe.sky import read_sky
    from sim2sky.provenance import stamp

    parsed = read_settings(ObserveLadderSettings, settings)
    surveys = {
        path: read_settings(SurveySettings, str(path))
        for path in dict.fromkeys(rung.survey for rung in parsed.rungs)
    }
    dataset = read_dataset(source, "test", labels=True)
    chosen = choose_galaxies(dataset, parsed.n_galaxies, parsed.seed)
    first = parsed.rungs[0]
    galaxies = read_galaxies(chosen, maps, rung_bands(surveys[first.survey], first))
    rendered = render_ladder(
        galaxies, dataset, parsed.rungs, surveys, None if sky is None else read_sky(sky)
    )
    content = {
        "ladder": parsed.model_dump(mode="json"),
        "surveys": [survey.model_dump(mode="json") for survey in surveys.values()],
    }
    write_rungs(output, rendered, stamp("ladder", content))
    log.info("observe-ladder: %d galaxies on %d rungs", len(galaxies), len(parsed.rungs))


def ladder(
    model: Annotated[Path, typer.Option(help="Model file of `sim2sky train`")],
    rungs: Annotated[Path, typer.Option(help="Rungs of `sim2sky observe-ladder`")],
    source: Annotated[Path, typer.Option(help="Dataset of the source")],
    target: Annotated[Path, typer.Option(help="Dataset of the target; no label is read")],
    output: Annotated[Path, typer.Option(help="Output table")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
) -> None:
    """Say what a model makes of each rung, without retraining.

    Its latent distances to the target's and the source's images, balanced accuracy and
    recalls, and where Grad-CAM looks; for the exposures, at which depth it
    stops using the faint outskirts.
    """
    from sim2sky.files import write_parquet
    from sim2sky.ladder.judge import judge_model
    from sim2sky.ladder.rungs_file import read_rungs
    from sim2sky.provenance import stamp
    from sim2sky.train.model_file import load_model

    parsed = read_settings(LadderSettings, settings)
    loaded = load_model(model)
    datasets = [loaded.read_rows(path, "test", labels=False) for path in (source, target)]
    rendered = read_rungs(rungs)
    table = judge_model(loaded, rendered, *datasets, parsed)
    table.attrs = dict(zip(("source", "target"), (d.domain for d in datasets), strict=True))
    table.attrs |= {"units": rendered.units, **stamp("ladder", parsed)}
    write_parquet(table, output)
    row = table[table["quantity"] == "rank_correlation_source"].iloc[0]
    log.info(
        "ladder %s: accuracy and distance to the source, rank correlation %.2f (%.2f to %.2f)",
        loaded.method,
        *row[["value", "low", "high"]],
    )


def join_ladder(
    tables: Annotated[list[Path], typer.Argument(help="models/.../ladder.parquet files")],
    output: Annotated[Path, typer.Option(help="Output table; a .csv is written beside it")],
) -> None:
    """Join the ladders of an experiment's models to one table, with means over seeds."""
    from sim2sky.files import atomic_path, read_parquet, write_parquet
    from sim2sky.ladder.join import join_models

    joined = join_models([read_parquet(path, ["method", "quantity", "draws"]) for path in tables])
    write_parquet(joined, output)
    with atomic_path(output.with_suffix(".csv")) as temporary:
        joined.to_csv(temporary, index=False, float_format="%.5g")
