"""The gallery folder and its page."""

import json
import platform
import shutil
import warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from docutils.core import publish_parts
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from sim2sky import __version__
from sim2sky.errors import Sim2SkyError
from sim2sky.figures.claims import answers
from sim2sky.figures.collect import Gallery, Picture, Section
from sim2sky.figures.costs import duration_text, rule_costs
from sim2sky.figures.evidence import read_study
from sim2sky.figures.explorer import class_colours, copy_maps, explorer_content
from sim2sky.figures.settings import FiguresSettings
from sim2sky.figures.summary import Estimate, choices, estimate, headline, sentences
from sim2sky.files import atomic_path, read_json, read_parquet
from sim2sky.plot.inputs import read_table, recall_classes, variant_labels, variants_of
from sim2sky.provenance import code_commit

WIDE = 2.1  # width over height from which a figure takes the whole width of the page
PACKAGES = (
    *("snakemake", "numpy", "scipy", "numba", "torch", "galsim", "astropy", "scikit-learn"),
    *("captum", "h5py", "pandas", "matplotlib"),
)


@dataclass(frozen=True)
class Column:
    """A column of the result table on the page.

    Parameters
    ----------
    metric : str
        Its name in ``table.parquet``.
    title : str
        Its heading.
    signed : bool
        Whether a plus sign is written: for differences.
    digits : int
        After the point.
    """

    metric: str
    title: str
    signed: bool = False
    digits: int = 3

    def text(self, number: Estimate) -> tuple[str, str]:
        """Return a value and its interval as the page shows them."""
        if not number:
            return "–", ""
        form = f"{'+' if self.signed else ''}.{self.digits}f"
        # a method against itself has an interval of no width, which says nothing
        has_interval = np.isfinite(number.low) and number.low < number.high
        ends = f"[{number.low:{form}}, {number.high:{form}}]" if has_interval else ""
        return f"{number.value:{form}}", ends


def write_gallery(
    gallery: Gallery, output: Path, settings: FiguresSettings, configuration: dict
) -> None:
    """Write the folder: copies of all figures and tables, and ``index.html``.

    Parameters
    ----------
    gallery : Gallery
        What to show.
    output : Path
        The folder; an older one is replaced once the new one is complete.
    settings : FiguresSettings
        Title and folders.
    configuration : dict
        The workflow's configuration, shown on the page; may be empty.

    Raises
    ------
    Sim2SkyError
        If the folder of captions is missing, or a table or a benchmark file is
        not what it should be.
    """
    if not settings.captions.is_dir():
        raise Sim2SkyError(
            "folder of captions not found", where="figures: captions", got=settings.captions
        )
    environment = Environment(
        loader=PackageLoader("sim2sky.figures"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    described = configuration.get("experiments", {})
    page = environment.get_template("index.html.j2").render(
        title=settings.title,
        claims=answers(read_study(gallery, configuration)),
        models=explorer_content(gallery, configuration),
        class_colours=class_colours(),
        experiments=[
            _experiment_content(section, settings.captions, described.get(name, {}))
            for name, section in gallery.experiments.items()
        ],
        groups=[
            (title, [_section_content(section, settings.captions) for section in group.values()])
            for title, group in (
                ("Domains", gallery.domains),
                ("Simulations", gallery.simulations),
            )
        ],
        versions=package_versions(),
        commit=code_commit(),
        python=platform.python_version(),
        costs=_cost_rows(rule_costs(settings.benchmarks)),
        benchmarks=settings.benchmarks,
        configuration=yaml.safe_dump(configuration, sort_keys=False) if configuration else "",
    )
    with atomic_path(output) as folder:
        folder.mkdir()
        for section in gallery.sections:
            for picture in section.pictures:
                for path in filter(None, (picture.png, picture.pdf)):
                    shutil.copyfile(path, folder / f"{picture.name}{path.suffix}")
            for name, path in section.tables.items():
                shutil.copyfile(path, folder / name)
        copy_maps(gallery, folder)
        (folder / "index.html").write_text(page)


def read_configuration(text: str | None) -> dict:
    """Read the workflow's configuration from a JSON text, or from a JSON or YAML file.

    Parameters
    ----------
    text : str or None
        JSON if it begins with ``{``, else a path; None gives an empty one.

    Returns
    -------
    dict
        Plain data.

    Raises
    ------
    Sim2SkyError
        If it cannot be read or is no mapping.
    """
    if text is None:
        return {}
    inline = text.lstrip().startswith("{")
    where = "--configuration" if inline else text
    if not inline and not Path(text).is_file():
        raise Sim2SkyError("file not found", where=where)
    try:
        # JSON is YAML, but JSON's own parser is a hundred times faster
        content = json.loads(text) if inline else yaml.safe_load(Path(text).read_text())
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise Sim2SkyError("neither JSON nor YAML", where=where, got=error) from error
    if not isinstance(content, dict):
        raise Sim2SkyError("not a mapping", where=where, got=type(content).__name__)
    return content


def package_versions() -> dict[str, str]:
    """Return the versions of sim2sky and of the packages that make its numbers.

    Returns
    -------
    dict of str
        Package to version; what is not installed is left out.
    """
    found = {"sim2sky": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def caption_html(folder: Path, kind: str) -> str:
    """Return the caption of a kind of figure.

    Parameters
    ----------
    folder : Path
        With ``<kind>.rst`` files.
    kind : str
        E.g. ``"roc"``.

    Returns
    -------
    str
        HTML; empty if there is no such file.

    Raises
    ------
    Sim2SkyError
        If the file is not valid reStructuredText.
    """
    path = folder / f"{kind}.rst"
    if not path.is_file():
        return ""
    with warnings.catch_warnings():
        # docutils announces changes of its own future versions
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        try:
            parts = publish_parts(
                path.read_text(),
                writer_name="html5",
                settings_overrides={
                    "halt_level": 2,
                    "report_level": 5,
                    "file_insertion_enabled": False,
                    "raw_enabled": False,
                    "_disable_config": True,
                },
            )
        except Exception as error:
            raise Sim2SkyError("not valid reStructuredText", where=path, got=error) from error
    return parts["body"]


def table_columns(table: pd.DataFrame) -> list[Column]:
    """Return which columns of a result table the page shows.

    Parameters
    ----------
    table : pandas.DataFrame
        Result table of one experiment.

    Returns
    -------
    list of Column
        Those that the table has.
    """
    columns = [
        Column("balanced_accuracy", "balanced accuracy"),
        Column("gain_over_source_only", "gain over source only", signed=True),
        Column("gain_over_adabn", "gain over AdaBN", signed=True),
        Column("gap_closed", "gap closed"),
        *(Column(f"recall_{name}", f"recall of {name}") for name in recall_classes(table)),
        Column("h_score", "H-score with unknown class"),
        Column("unknown_auc", "AUC of unknown class"),
        Column("auc", "AUC"),
        Column("auc_gain_over_asymmetry", "AUC gain over asymmetry", signed=True),
        Column("auc_gain_over_second_component", "AUC gain over second component", signed=True),
        Column("auc_hard", "AUC, hard rows"),
        Column("auc_hard_gain_over_asymmetry", "hard AUC gain over asymmetry", signed=True),
        Column(
            "auc_hard_gain_over_second_component",
            "hard AUC gain over second component",
            signed=True,
        ),
        Column("ensemble_balanced_accuracy", "balanced accuracy, seeds together"),
        Column("ensemble_auc", "AUC, seeds together"),
        Column("ensemble_auc_hard", "AUC, hard rows, seeds together"),
        Column("f1", "F1"),
        Column("brier", "Brier score"),
        Column("ece", "calibration error"),
        Column("purity_at_prior", "purity at survey prior"),
        Column("train_seconds", "seconds to train", digits=0),
        Column("images_per_second", "training images per second", digits=0),
    ]
    return [column for column in columns if column.metric in table]


def _experiment_content(section: Section, captions: Path, described: dict) -> dict:
    """Return what the template needs to show an experiment."""
    content = _section_content(section, captions)
    content |= {"description": described.get("description", "")}
    content |= {"headline": "", "findings": [], "table": None}
    content["domains"] = [described[side] for side in ("source", "target") if side in described]
    by_name = {path.name: path for path in section.tables.values()}
    parquet = by_name.get("table.parquet")
    if parquet is None:
        return content
    table = read_table(parquet, ["balanced_accuracy"])
    columns = table_columns(table)
    labels = variant_labels(variants_of(table))
    rows = []
    for _, row in table.iterrows():
        numbers = [estimate(row, column.metric) for column in columns]
        texts = [column.text(number) for column, number in zip(columns, numbers, strict=True)]
        worse = row.get("negative_transfer", pd.NA)
        if not pd.isna(worse) and worse:
            texts = _with_warning(columns, texts)
        cells = [
            # repr gives back the very number of the table
            {"number": repr(number.value) if number else "", "text": text, "interval": interval}
            for number, (text, interval) in zip(numbers, texts, strict=True)
        ]
        names = (labels[row["method"], row["network"]], row["domain"])
        rows.append({"method": names[0], "domain": names[1], "cells": cells})
    choice = by_name.get("method_choice.parquet")
    chosen = [] if choice is None else choices(read_parquet(choice))
    counts = {name: sorted(set(table[name])) for name in ("n_seeds", "n_systems") if name in table}
    return content | {
        "headline": headline(table),
        "findings": sentences(table) + chosen,
        "table": {"columns": columns, "rows": rows, "counts": counts},
    }


def _with_warning(columns: list[Column], texts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the texts of a row with a word where a method is worse than none."""
    return [
        (text, f"{interval} negative transfer")
        if column.metric == "gain_over_source_only"
        else (text, interval)
        for column, (text, interval) in zip(columns, texts, strict=True)
    ]


def _section_content(section: Section, captions: Path) -> dict:
    """Return what the template needs to show a section."""
    audit = next((path for path in section.tables.values() if path.name == "audit.json"), None)
    return {
        "name": section.name,
        "figures": [_figure_content(picture, captions, section) for picture in section.pictures],
        "files": list(section.tables),
        "audit_passed": None if audit is None else bool(read_json(audit).get("passed")),
    }


def _figure_content(picture: Picture, captions: Path, section: Section) -> dict:
    """Return what the template needs to show a figure."""
    with Image.open(picture.png) as image:
        width, height = image.size
    caption = caption_html(captions, picture.kind)
    return {
        "name": picture.name,
        "title": picture.title,
        "alt": f"{picture.title}, {section.name.replace('_', ' ')}",
        "caption": caption,
        "pdf": picture.pdf is not None,
        "wide": width > WIDE * height,
        "width": width,
        "height": height,
    }


def _cost_rows(costs: pd.DataFrame) -> list[dict]:
    """Return the rows of the table of costs as texts and numbers."""
    return [
        {
            "rule": row.rule,
            "jobs": int(row.jobs),
            "seconds": float(row.seconds),
            "duration": duration_text(row.seconds),
        }
        for row in costs.itertuples()
    ]
