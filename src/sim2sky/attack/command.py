"""Commands `attack` and `compare-attacks`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.attack.settings import AttackSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")

SettingsText = Annotated[str, typer.Option(help="JSON text or file")]


def attack(
    model: Annotated[Path, typer.Option(help="Model file of `sim2sky train`")],
    source: Annotated[Path, typer.Option(help="Dataset of the source domain")],
    target: Annotated[Path, typer.Option(help="Dataset of the target domain")],
    output: Annotated[Path, typer.Option(help="Output table: one row per image and attack")],
    church: Annotated[Path, typer.Option(help="Output HDF5 of church windows")],
    settings: SettingsText = "{}",
) -> None:
    """Attack a model by one pixel, and let accidents befall its test images.

    The pixel is found by differential evolution. Cosmic rays, dead pixels and columns,
    compression, a wrong PSF, a wrong sky and another noise come in several strengths.
    Where both domains hold the same galaxies, church windows show the classes in the
    plane of the noise's direction and the attack's.
    """
    from sim2sky.attack.church import church_windows, write_church_windows
    from sim2sky.attack.run import attack_model, look_at
    from sim2sky.files import write_parquet
    from sim2sky.provenance import stamp
    from sim2sky.train.model_file import load_model

    parsed = read_settings(AttackSettings, settings)
    loaded = load_model(model)
    sides = {
        domain: look_at(loaded, loaded.read_rows(path, "test"), domain)
        for domain, path in (("source", source), ("target", target))
    }
    table = attack_model(loaded, sides, parsed)
    table.attrs = {
        "classes": list(loaded.classes),
        "scatter": {domain: side.scatter for domain, side in sides.items()},
        "sky_noise": {domain: side.noise.tolist() for domain, side in sides.items()},
        **stamp("attack", parsed),
    }
    windows = church_windows(loaded, *sides.values(), parsed)
    write_parquet(table, output)
    write_church_windows(church, windows, loaded, sides["source"], stamp("attack", parsed))
    log.info(
        "attack %s: %d rows, %d church windows", loaded.method, len(table), len(windows["view"])
    )


def compare_attacks(
    attacks: Annotated[list[Path], typer.Argument(help="Tables of `sim2sky attack`")],
    output: Annotated[Path, typer.Option(help="Output table; a .csv is written beside it")],
    settings: SettingsText = "{}",
) -> None:
    """Compare the attacked models of an experiment, paired by galaxy.

    Success rates and balanced accuracies against strength, distances to the decision
    boundary and distances moved, with intervals from resampling whole systems; each
    method beside source_only on the images that both classify correctly.
    """
    from sim2sky.attack.compare import compare, read_attacks
    from sim2sky.files import atomic_path, write_parquet
    from sim2sky.provenance import stamp

    parsed = read_settings(AttackSettings, settings)
    table = compare(read_attacks(attacks), parsed)
    table.attrs = stamp("attack", parsed)
    write_parquet(table, output)
    with atomic_path(output.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")
    log.info("compare-attacks: %d models, %d numbers", len(attacks), len(table))
