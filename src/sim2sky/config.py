"""The whole configuration: named parts, composed, each checked by its stage's settings model.

A *suite* of N-body runs becomes a *simulation*, a *sample* is galaxies selected
from a simulation, a *domain* is a sample seen by a survey or a folder of real
images, an *experiment* adapts from a source domain to a target domain.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from sim2sky.build.settings import BuildSettings
from sim2sky.embed.settings import EmbedSettings
from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.explain.settings import ExplainSettings
from sim2sky.figures.settings import FiguresSettings
from sim2sky.observe.settings import ObserveImagesSettings, ObserveSettings
from sim2sky.project.settings import ProjectSettings
from sim2sky.select.settings import SelectSettings
from sim2sky.settings import Settings
from sim2sky.simulate.settings import SimulationSettings, SuiteSettings
from sim2sky.train.settings import METHODS, MethodSettings, TrainSettings


class SimulationConfig(Settings):
    """Where the particles come from: an embedded suite or the user's files."""

    suite: str | None = Field(None, description="name of an embedded suite")
    assemble: SimulationSettings = Field(
        SimulationSettings(), description="physical scale of the embedded suite"
    )
    path: Path | None = Field(
        None, description="an Illustris/TNG directory, a bare snapshot directory or a cutout"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.suite is None) == (self.path is None):
            raise ValueError("name either a 'suite' or a 'path'")
        return self


class SampleConfig(Settings):
    """Galaxies of one simulation, and how they are projected."""

    simulation: str = Field(description="name of a simulation")
    select: SelectSettings = Field(SelectSettings(), description="which galaxies, which labels")
    project: ProjectSettings = Field(ProjectSettings(), description="views, bands, framing")


class ImagesConfig(Settings):
    """A folder of real survey images."""

    path: Path = Field(description="folder of FITS, PNG or JPEG images")
    labels: Path | None = Field(None, description="CSV of labels, used in the final evaluation")
    settings: ObserveImagesSettings = Field(description="how the images are read")


class DomainConfig(Settings):
    """A sample seen by a survey, or a folder of real images."""

    sample: str | None = Field(None, description="name of a sample")
    survey: str | None = Field(None, description="name under config/surveys, or a YAML path")
    observe: ObserveSettings = Field(ObserveSettings(), description="how the survey observes")
    images: ImagesConfig | None = Field(None, description="real images in place of mocks")
    build: BuildSettings = Field(BuildSettings(), description="split and normalisation")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.images is None) == (self.sample is None):
            raise ValueError("name either a 'sample' with its 'survey' or 'images'")
        if self.sample is not None and self.survey is None:
            raise ValueError("a domain of mocks needs a 'survey'")
        return self


class ExperimentConfig(Settings):
    """A source domain, a target domain, and what is tried to bridge them."""

    description: str = Field("", description="one sentence for the gallery")
    source: str = Field(description="name of the labelled domain")
    target: str = Field(description="name of the domain whose labels only the evaluation reads")
    methods: list[str] = Field(
        ["source_only", "adabn", "mmd", "oracle"], description="methods to compare"
    )
    networks: list[str] = Field(["deepmerge"], description="networks to train")
    seeds: list[int] = Field([0, 1, 2, 3, 4], description="one training for each", min_length=1)
    show: list[str] = Field(
        ["source_only", "mmd"], description="methods whose first seed is looked into"
    )
    device: str = Field("auto", description="auto, cpu or cuda")
    train: TrainSettings = Field(TrainSettings(), description="the training loop")
    evaluate: EvaluateSettings = Field(EvaluateSettings(), description="scores and intervals")
    explain: ExplainSettings = Field(ExplainSettings(), description="Grad-CAM")
    embed: EmbedSettings = Field(EmbedSettings(), description="isomap and t-SNE")

    @model_validator(mode="after")
    def _shown_are_trained(self) -> Self:
        for method in self.show:
            if method not in self.methods:
                raise ValueError(f"'show' names '{method}', which is not among 'methods'")
        return self


class CatalogueConfig(Settings):
    """A domain classified by the models of an experiment."""

    domain: str = Field(description="name of the domain whose stamps are classified")
    experiment: str = Field(description="experiment whose models are used, all seeds together")
    method: str = Field("mmd", description="one of the experiment's methods")
    network: str = Field("deepmerge", description="one of the experiment's networks")
    normalisation: Literal["target", "source"] = Field(
        "target", description="which of the models' two normalisations fits the images"
    )


class Config(Settings):
    """The configuration file."""

    suites: dict[str, SuiteSettings] = Field({}, description="embedded N-body suites")
    simulations: dict[str, SimulationConfig] = Field({}, description="simulation directories")
    samples: dict[str, SampleConfig] = Field({}, description="galaxies")
    domains: dict[str, DomainConfig] = Field(description="images")
    methods: dict[str, MethodSettings] = Field(
        METHODS, description="how a method trains; the published ones are there by default"
    )
    experiments: dict[str, ExperimentConfig] = Field(description="comparisons")
    catalogues: dict[str, CatalogueConfig] = Field(
        {}, description="domains to classify, of mocks or of real images"
    )
    figures: FiguresSettings = Field(FiguresSettings(), description="the gallery page")

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        for name, simulation in self.simulations.items():
            if simulation.suite is not None:
                _check(simulation.suite, self.suites, f"simulations.{name}.suite", "suites")
        for name, sample in self.samples.items():
            where = f"samples.{name}.simulation"
            _check(sample.simulation, self.simulations, where, "simulations")
        for name, domain in self.domains.items():
            if domain.sample is not None:
                _check(domain.sample, self.samples, f"domains.{name}.sample", "samples")
        for name, experiment in self.experiments.items():
            for side in ("source", "target"):
                where = f"experiments.{name}.{side}"
                _check(getattr(experiment, side), self.domains, where, "domains")
            for method in experiment.methods:
                _check(method, self.methods, f"experiments.{name}.methods", "methods")
        for name, catalogue in self.catalogues.items():
            where = f"catalogues.{name}"
            _check(catalogue.domain, self.domains, f"{where}.domain", "domains")
            _check(catalogue.experiment, self.experiments, f"{where}.experiment", "experiments")
            experiment = self.experiments[catalogue.experiment]
            section = f"experiments.{catalogue.experiment}"
            _check(catalogue.method, experiment.methods, f"{where}.method", f"{section}.methods")
            _check(
                catalogue.network, experiment.networks, f"{where}.network", f"{section}.networks"
            )
        return self

    @property
    def embedded_simulations(self) -> list[str]:
        """Names of the simulations that are made from a suite."""
        return [name for name, entry in self.simulations.items() if entry.suite is not None]

    @property
    def mock_domains(self) -> list[str]:
        """Names of the domains that are observed samples."""
        return [name for name, entry in self.domains.items() if entry.images is None]

    @property
    def image_domains(self) -> list[str]:
        """Names of the domains that are real images."""
        return [name for name, entry in self.domains.items() if entry.images is not None]

    @property
    def used_domains(self) -> list[str]:
        """Names of the domains that some experiment uses."""
        used = {
            name for entry in self.experiments.values() for name in (entry.source, entry.target)
        }
        return [name for name in self.domains if name in used]

    @property
    def used_embedded_simulations(self) -> list[str]:
        """Names of the embedded simulations behind `used_domains`."""
        samples = {self.domains[name].sample for name in self.used_domains} - {None}
        used = {self.samples[name].simulation for name in samples}
        return [name for name in self.embedded_simulations if name in used]

    def suite_of(self, simulation: str) -> SuiteSettings:
        """Return the suite behind an embedded simulation.

        Parameters
        ----------
        simulation : str
            Its name.

        Returns
        -------
        SuiteSettings
            The suite's settings.
        """
        return self.suites[self.simulations[simulation].suite]

    def n_shards(self, domain: str) -> int:
        """Return into how many files the stamps of a domain are cut.

        Parameters
        ----------
        domain : str
            Its name.

        Returns
        -------
        int
            As many as its sample's maps; one for real images.
        """
        sample = self.domains[domain].sample
        return 1 if sample is None else self.samples[sample].project.n_shards

    def train_settings(self, experiment: str, method: str, network: str) -> TrainSettings:
        """Return the settings of one training.

        Parameters
        ----------
        experiment, method, network : str
            Names.

        Returns
        -------
        TrainSettings
            The experiment's, with the method and the network filled in.
        """
        return self.experiments[experiment].train.model_copy(
            update={"method": self.methods[method], "network": network}
        )


def _check(name: str, known: Iterable[str], where: str, section: str) -> None:
    """Refuse a name that the configuration does not define."""
    if name not in known:
        names = ", ".join(known) or "none"
        raise ValueError(f"{where}: '{name}' is not defined under '{section}' (there: {names})")
