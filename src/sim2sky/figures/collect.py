"""Which figure or table a file is, told by its path, and its name in the gallery."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sim2sky.errors import Sim2SkyError

KINDS = {  # in the order of the page
    "scores": "Scores",
    "roc": "ROC curves",
    "confusion": "Confusion matrices",
    "gradcam": "Where the networks look",
    "attribution": "How far out the networks look, and whether it matters",
    "latent": "Latent space",
    "attack": "Attacks and accidents",
    "church_window": "Church windows",
    "ladder": "Ladder of realisms",
    "exposure": "Exposure time",
    "reliability": "Calibration and prediction sets",
    "outliers": "What is strange in this survey?",
    "history": "Learning curves",
    "realism": "How real the mocks look",
    "method_choice": "Choosing a method without target labels",
    "regret": "Choosing settings without target labels",
    "mosaic": "Example stamps",
    "simulation": "Checks of the simulation",
}


MODEL_FOLDER = r"experiments/([^/]+)/models/([^/]+)/([^/]+)/(\d+)/explore$"


@dataclass(frozen=True)
class Picture:
    """One figure of the gallery.

    Parameters
    ----------
    kind : str
        E.g. ``"roc"``; names its caption.
    png : Path
        The figure.
    pdf : Path or None
        The same figure for a paper.
    name : str
        Stem of both in the gallery.
    """

    kind: str
    png: Path
    pdf: Path | None
    name: str

    @property
    def title(self) -> str:
        """What the figure shows, in words."""
        return KINDS.get(self.kind, self.kind.replace("_", " ").capitalize())


@dataclass(frozen=True)
class LatentMap:
    """What the page's latent map needs of one model.

    Parameters
    ----------
    experiment, method, network : str
        As in the configuration.
    seed : int
        The training seed.
    folder : Path
        Written by `sim2sky explore`.
    """

    experiment: str
    method: str
    network: str
    seed: int
    folder: Path

    @property
    def script(self) -> str:
        """Name of its points in the gallery."""
        return f"{self.experiment}_{self.method}_{self.network}_{self.seed}.js"


@dataclass
class Section:
    """What belongs to one experiment, domain or simulation.

    Parameters
    ----------
    name : str
        Its name in the configuration.
    pictures : list of Picture
        In the order of `KINDS`.
    tables : dict
        Name in the gallery to path, of everything that is not a picture.
    maps : list of LatentMap
        Of an experiment's models that are looked into.
    """

    name: str
    pictures: list[Picture] = field(default_factory=list)
    tables: dict[str, Path] = field(default_factory=dict)
    maps: list[LatentMap] = field(default_factory=list)


@dataclass(frozen=True)
class Gallery:
    """Everything the gallery holds, each by name.

    Parameters
    ----------
    experiments, domains, simulations : dict of Section
        In the order of the files.
    """

    experiments: dict[str, Section]
    domains: dict[str, Section]
    simulations: dict[str, Section]

    @property
    def sections(self) -> list[Section]:
        """All sections."""
        return [
            *self.experiments.values(),
            *self.domains.values(),
            *self.simulations.values(),
        ]

    @property
    def n_figures(self) -> int:
        """Number of pictures."""
        return sum(len(section.pictures) for section in self.sections)


def collect_files(files: Sequence[Path]) -> Gallery:
    """Sort files into the gallery by their paths.

    Parameters
    ----------
    files : sequence of Path
        ``.../experiments/<experiment>/<kind>.png``,
        ``.../domains/<domain>/<kind>.png``, ``.../simulations/<simulation>.png``,
        their PDF, any table or JSON file beside them, and folders
        ``.../experiments/<experiment>/models/<method>/<network>/<seed>/explore``.

    Returns
    -------
    Gallery
        Pictures with the PDF of the same stem, and tables.

    Raises
    ------
    Sim2SkyError
        If a file is missing, its path does not tell what it is, a PDF has no PNG
        or there is no figure.
    """
    gallery = Gallery({}, {}, {})
    pdfs = [path for path in files if path.suffix == ".pdf"]
    for path in files:
        if (path / "points.js").is_file():
            latent_map = _latent_map(path)
            _section(gallery.experiments, latent_map.experiment).maps.append(latent_map)
            continue
        if not path.is_file():
            raise Sim2SkyError("file not found", where=path)
        section, kind, name = _place(gallery, path)
        if path.suffix == ".png":
            pdf = path.with_suffix(".pdf")
            section.pictures.append(Picture(kind, path, pdf if pdf in pdfs else None, name))
        elif path.suffix == ".pdf":
            if path.with_suffix(".png") not in files:
                raise Sim2SkyError(
                    "PDF without its PNG", where=path, fix="name the PNG of the same stem too"
                )
        else:
            section.tables[name + path.suffix] = path
    for section in gallery.sections:
        section.pictures.sort(key=lambda picture: (_rank(picture.kind), picture.kind))
    if gallery.n_figures == 0:
        raise Sim2SkyError("no figures given", fix="name at least one PNG")
    return gallery


def _place(gallery: Gallery, path: Path) -> tuple[Section, str, str]:
    """Return the section of a file, its kind and its name in the gallery."""
    folder, grandparent = path.parent.name, path.parent.parent.name
    if folder == "simulations":
        return _section(gallery.simulations, path.stem), "simulation", f"simulation_{path.stem}"
    if grandparent == "domains":
        return _section(gallery.domains, folder), path.stem, f"domain_{folder}_{path.stem}"
    if grandparent == "experiments":
        return _section(gallery.experiments, folder), path.stem, f"{folder}_{path.stem}"
    raise Sim2SkyError(
        "cannot tell from the path what this file is",
        where=path,
        expected="experiments/<name>/<kind>, domains/<name>/<kind> or simulations/<name>",
    )


def _latent_map(path: Path) -> LatentMap:
    """Return what a folder of `sim2sky explore` belongs to."""
    model = re.search(MODEL_FOLDER, path.as_posix())
    if model is None:
        raise Sim2SkyError(
            "cannot tell from the path what these points are of",
            where=path,
            expected="experiments/<name>/models/<method>/<network>/<seed>/explore",
        )
    experiment, method, network, seed = model.groups()
    return LatentMap(experiment, method, network, int(seed), path)


def _section(sections: dict[str, Section], name: str) -> Section:
    """Return the section of a name, made on first use."""
    return sections.setdefault(name, Section(name))


def _rank(kind: str) -> int:
    """Return the place of a kind on the page; unknown ones come last."""
    return list(KINDS).index(kind) if kind in KINDS else len(KINDS)
