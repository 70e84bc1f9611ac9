"""Commands of the stage: `build` and `audit`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.build.settings import BuildSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def build(
    stamps: Annotated[list[Path], typer.Argument(help="Stamps files of one domain.")],
    settings: Annotated[str, typer.Option(help="JSON text or file of the build settings.")],
    output: Annotated[Path, typer.Option(help="Dataset to write.")],
    audit: Annotated[Path, typer.Option(help="Audit report (JSON) to write.")],
    domain: Annotated[
        str | None,
        typer.Option(help="Name of the domain; by default that of the output's folder."),
    ] = None,
    sample: Annotated[
        Path | None,
        typer.Option(help="Table of the galaxies behind the stamps, for class rules and split."),
    ] = None,
) -> None:
    """Join stamps to a dataset, split it by system and audit it for leaks.

    Training statistics give the normalisation. Any leak, or nuisance features
    that tell the class, fails the run with examples.
    """
    from sim2sky.build.audit import audit_dataset
    from sim2sky.build.dataset import write_dataset
    from sim2sky.build.from_stamps import build_dataset
    from sim2sky.build.nuisance import leaks, nuisance_scores
    from sim2sky.files import write_json
    from sim2sky.provenance import stamp

    build_settings = read_settings(BuildSettings, settings)
    domain = domain or output.resolve().parent.name
    part, nuisance, attributes = build_dataset(stamps, build_settings, domain, sample)
    report, problems = audit_dataset(part, build_settings.duplicate_correlation)
    if build_settings.nuisance != "off":
        scores = nuisance_scores(nuisance, part.dataset.label, part.dataset.system_id)
        report["nuisance"] = scores
        telling = leaks(scores, build_settings.nuisance_margin)
        if telling and build_settings.nuisance == "fail":
            problems.append("nuisance features tell the class: " + ", ".join(telling))
        elif telling:
            log.warning("nuisance features tell the class: %s", ", ".join(telling))
    provenance = stamp("build", build_settings)
    write_json({"passed": not problems, "problems": problems, **report, **provenance}, audit)
    _fail(problems, output)
    write_dataset(
        output,
        part.dataset,
        part.split,
        attributes={**attributes, **provenance},
        nuisance=nuisance if len(nuisance.columns) else None,
    )
    log.info("%s: %d images, audit passed", output, len(part.dataset))


def audit(
    source: Annotated[Path, typer.Argument(help="Dataset with labels.")],
    target: Annotated[Path, typer.Argument(help="Dataset to adapt to.")],
    output: Annotated[Path, typer.Option(help="Audit report (JSON) to write.")],
    settings: Annotated[
        str, typer.Option(help="JSON text or file of the build settings; of use: thresholds.")
    ] = "{}",
) -> None:
    """Audit the two datasets of an experiment against each other.

    A system in training of one and in test of the other, an image in both
    (also flipped or turned), or a chance projection apart from its members
    fails the run with examples. With a published dataset in the split it was
    published with, whose leaks are the point, they are a warning.
    """
    from sim2sky.build.audit import Part, audit_pair
    from sim2sky.build.dataset import is_split_as_published, read_dataset, read_splits
    from sim2sky.files import write_json
    from sim2sky.provenance import stamp

    build_settings = read_settings(BuildSettings, settings)
    parts = [
        Part(read_dataset(path, None, labels=True), read_splits(path)) for path in (source, target)
    ]
    report, problems = audit_pair(*parts, build_settings.duplicate_correlation)
    provenance = stamp("audit", build_settings)
    write_json({"passed": not problems, "problems": problems, **report, **provenance}, output)
    if problems and any(map(is_split_as_published, (source, target))):
        log.warning("split as published, scores say little: %s", "; ".join(problems))
        return
    _fail(problems, output)
    log.info("%s and %s: audit passed", source, target)


def _fail(problems: list[str], where: Path) -> None:
    """Raise if there are problems."""
    from sim2sky.errors import Sim2SkyError

    if problems:
        raise Sim2SkyError(
            "the leak audit failed: " + "; ".join(problems),
            where=where,
            fix="mend the split or the inputs; scores on this data would mean nothing",
        )
