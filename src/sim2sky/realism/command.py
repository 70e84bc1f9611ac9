"""Command of the stage: `realism`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.realism.settings import RealismSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def realism(
    source: Annotated[Path, typer.Option(help="Dataset of the mocks")],
    target: Annotated[Path, typer.Option(help="Dataset of the survey's images")],
    source_shapes: Annotated[Path, typer.Option(help="Table of `sim2sky measure` of the mocks")],
    target_shapes: Annotated[Path, typer.Option(help="The same of the survey's images")],
    output: Annotated[
        Path, typer.Option(help="Output table; a .csv and a .json are written beside it")
    ],
    values: Annotated[Path, typer.Option(help="Output table of every image, for the figure")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
) -> None:
    """Compare mocks with a survey's images and name the largest mismatch.

    Gini, M20, concentration, asymmetry, size, colours and sky noise: medians, their
    standardised difference and the Kolmogorov-Smirnov distance, with intervals from
    resampling whole systems. No label of the survey's images is read, and none of the
    mocks unless the settings name ``source_classes``.
    """
    import pandas as pd

    from sim2sky.files import atomic_path, write_json, write_parquet
    from sim2sky.provenance import stamp
    from sim2sky.realism.comparison import compare, verdict
    from sim2sky.realism.quantities import SIDES
    from sim2sky.realism.values import domain_values, reference_values

    parsed = read_settings(RealismSettings, settings)
    sides = {
        "source": domain_values(source, source_shapes, parsed, parsed.source_classes),
        "target": domain_values(target, target_shapes, parsed),
    }
    if parsed.reference is not None:
        sides["reference"] = reference_values(parsed.reference)
    table = compare(sides["source"], sides["target"], parsed, sides.get("reference"))
    sentence = verdict(table)
    names = {side: sides[side].attrs["domain"] for side in ("source", "target")}
    about = {
        **names,
        "reference": None if parsed.reference is None else parsed.reference.name,
        "split": parsed.split,
        "verdict": sentence,
        **stamp("realism", parsed),
    }
    every = pd.concat(
        [sides[side].assign(side=side) for side in SIDES if side in sides], ignore_index=True
    )
    table.attrs, every.attrs = about, about
    write_parquet(every, values)
    write_parquet(table, output)
    with atomic_path(output.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")
    rows = [
        {key: None if pd.isna(value) else value for key, value in row.items()}
        for row in table.to_dict("records")
    ]
    write_json(about | {"quantities": rows}, output.with_suffix(".json"))
    log.info("realism: %s against %s: %s", names["source"], names["target"], sentence)
