"""The named parts of the configuration, each made of its stages' settings models."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from sim2sky.attack.settings import AttackSettings
from sim2sky.baseline.settings import BASELINES, BaselineName
from sim2sky.build.settings import BuildSettings
from sim2sky.calibrate.settings import CalibrateSettings
from sim2sky.detect.settings import DetectSettings
from sim2sky.embed.settings import EmbedSettings
from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.explain.settings import ExplainSettings
from sim2sky.explore.settings import ExploreSettings
from sim2sky.fraction.settings import FractionSettings
from sim2sky.ladder.settings import LadderSettings
from sim2sky.measure.settings import MeasureSettings
from sim2sky.observe.settings import ObserveImagesSettings, ObserveSettings
from sim2sky.predict.settings import PredictSettings
from sim2sky.project.settings import ProjectSettings
from sim2sky.published.settings import PublishedSettings
from sim2sky.realism.settings import RealismSettings
from sim2sky.reliability.settings import ReliabilitySettings
from sim2sky.retrieve.settings import RetrieveSettings
from sim2sky.select.settings import SelectSettings
from sim2sky.settings import Settings
from sim2sky.simulate.settings import SimulationSettings
from sim2sky.train.settings import NetworkName, TrainSettings
from sim2sky.tune.settings import TuneSettings


class SimulationConfig(Settings):
    """Where the particles come from: an embedded suite, the user's files or a web API."""

    suite: str | None = Field(None, description="name of an embedded suite")
    assemble: SimulationSettings = Field(
        SimulationSettings(), description="physical scale of the embedded suite"
    )
    path: Path | None = Field(
        None, description="an Illustris/TNG directory, a bare snapshot directory or a cutout"
    )
    retrieve: RetrieveSettings | None = Field(
        None, description="galaxies to download from the TNG web API"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if [self.suite, self.path, self.retrieve].count(None) != 2:
            raise ValueError("name one of 'suite', 'path' and 'retrieve'")
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


class FramesConfig(Settings):
    """A folder of whole survey frames, in which galaxies are yet to be found."""

    path: Path = Field(description="folder of FITS frames")
    settings: DetectSettings = Field(description="how objects are found and cut out")


class PublishedConfig(Settings):
    """A published dataset on the user's disk."""

    path: Path = Field(description="folder of its files, under their published names")
    settings: PublishedSettings = Field(description="which dataset, and how it is split")


class DomainConfig(Settings):
    """A sample seen by a survey, real images, frames, a published dataset, or another's stamps."""

    sample: str | None = Field(None, description="name of a sample")
    survey: str | None = Field(None, description="name under config/surveys, or a YAML path")
    observe: ObserveSettings = Field(ObserveSettings(), description="how the survey observes")
    sky_of: str | None = Field(
        None,
        description="name of a domain of frames on whose patches of sky the mocks are laid, in "
        "place of drawn noise",
    )
    images: ImagesConfig | None = Field(None, description="real images in place of mocks")
    frames: FramesConfig | None = Field(None, description="whole frames in place of images")
    published: PublishedConfig | None = Field(
        None, description="a dataset that others published; it has no stamps, nor 'build' settings"
    )
    stamps_of: str | None = Field(
        None,
        description="name of a domain whose images this one sorts anew: into other classes, say",
    )
    build: BuildSettings = Field(BuildSettings(), description="split and normalisation")
    measure: MeasureSettings = Field(MeasureSettings(), description="shapes of the galaxies")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = [self.sample, self.images, self.frames, self.published, self.stamps_of]
        if origins.count(None) != 4:
            raise ValueError(
                "name either a 'sample' with its 'survey', 'images', 'frames', 'published' or "
                "'stamps_of'"
            )
        if self.sample is not None and self.survey is None:
            raise ValueError("a domain of mocks needs a 'survey'")
        if self.sample is None and self.sky_of is not None:
            raise ValueError("'sky_of' is for a domain of mocks")
        return self


class ExperimentConfig(Settings):
    """A source domain, a target domain, and what is tried to bridge them."""

    description: str = Field("", description="one sentence for the gallery")
    source: str = Field(description="name of the labelled domain")
    target: str = Field(description="name of the domain whose labels only the evaluation reads")
    methods: list[str] = Field(
        ["source_only", "adabn", "mmd", "oracle"], description="methods to compare"
    )
    baselines: list[BaselineName] = Field(
        list(BASELINES),
        description="what stands beside the methods without a network: cuts in gini_m20 and "
        "asymmetry, the flux ratio of the second_component, a random_forest on shape parameters; "
        "leakage_probe, a forest on numbers that are no property of the image, must be at chance",
    )
    networks: list[NetworkName] = Field(["deepmerge"], description="networks to train")
    seeds: list[int] = Field([0, 1, 2, 3, 4], description="one training for each", min_length=1)
    show: list[str] = Field(
        ["source_only", "mmd"], description="methods whose first seed is looked into"
    )
    device: str = Field("auto", description="auto, cpu or cuda")
    train: TrainSettings = Field(TrainSettings(), description="the training loop")
    tune: TuneSettings | None = Field(
        None,
        description="choose each method's settings from trials, without target labels; "
        "null: train with the settings as they stand",
    )
    realism: RealismSettings | None = Field(
        None,
        description="compare the source's images with the target's in shape, size, colour and "
        "sky noise, without target labels; null: do not",
    )
    ladder: LadderSettings | None = Field(
        None,
        description="observe the source's galaxies with one realism after the other, and with "
        "longer and shorter exposures; the source has to be mocks; null: do not",
    )
    evaluate: EvaluateSettings = Field(EvaluateSettings(), description="scores and intervals")
    explain: ExplainSettings = Field(ExplainSettings(), description="Grad-CAM")
    calibrate: CalibrateSettings = Field(
        CalibrateSettings(), description="what is remembered of the models' own images"
    )
    embed: EmbedSettings = Field(EmbedSettings(), description="isomap and t-SNE")
    attack: AttackSettings | None = Field(
        None,
        description="attack the models of 'show' by one pixel, cosmic rays, dead pixels, "
        "compression, a wrong PSF, sky and noise; null: do not",
    )
    reliability: ReliabilitySettings | None = Field(
        ReliabilitySettings(),
        description="calibration, prediction sets and outliers; null: do not judge them",
    )
    explore: ExploreSettings = Field(
        ExploreSettings(), description="the pictures behind the page's latent map"
    )

    @model_validator(mode="after")
    def _trials_have_a_seed_of_their_own(self) -> Self:
        if self.tune is not None and self.tune.training_seed in self.seeds:
            raise ValueError(
                f"'tune.training_seed' is {self.tune.training_seed}, which is among 'seeds'"
            )
        return self

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
    predict: PredictSettings = Field(
        PredictSettings(), description="when the models keep silent about an image"
    )
    fraction: FractionSettings = Field(
        FractionSettings(), description="the share of a class among the images"
    )
