"""The whole configuration: named parts, composed, each checked by its stage's settings model.

A *suite* of N-body runs becomes a *simulation*, a *sample* is galaxies selected
from a simulation, a *domain* is a sample seen by a survey or a folder of real
images, an *experiment* adapts from a source domain to a target domain.
"""

from collections.abc import Iterable
from typing import Self

from pydantic import Field, field_validator, model_validator

from sim2sky.baseline.settings import BASELINES
from sim2sky.figures.settings import FiguresSettings
from sim2sky.ladder.plan import Telescope, plan_ladder
from sim2sky.ladder.settings import ObserveLadderSettings
from sim2sky.sections import (
    CatalogueConfig,
    DomainConfig,
    ExperimentConfig,
    SampleConfig,
    SimulationConfig,
)
from sim2sky.settings import Settings
from sim2sky.simulate.settings import SuiteSettings
from sim2sky.train.settings import METHODS, MethodSettings, TrainSettings
from sim2sky.tune.trials import trial_settings


class Config(Settings):
    """The configuration file."""

    suites: dict[str, SuiteSettings] = Field({}, description="embedded N-body suites")
    simulations: dict[str, SimulationConfig] = Field({}, description="simulation directories")
    samples: dict[str, SampleConfig] = Field({}, description="galaxies")
    domains: dict[str, DomainConfig] = Field(description="images")
    methods: dict[str, MethodSettings] = Field(
        METHODS, description="how a method trains; yours stand beside the published ones"
    )
    experiments: dict[str, ExperimentConfig] = Field(description="comparisons")
    catalogues: dict[str, CatalogueConfig] = Field(
        {}, description="domains to classify, of mocks or of real images"
    )
    figures: FiguresSettings = Field(FiguresSettings(), description="the gallery page")

    @field_validator("methods", mode="before")
    @classmethod
    def _published_methods_stay(cls, value: object) -> object:
        return METHODS | value if isinstance(value, dict) else value

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
            if domain.sky_of is not None:
                where = f"domains.{name}.sky_of"
                _check(domain.sky_of, self.domains, where, "domains")
                frames = self.domains[domain.sky_of].frames
                if frames is None or frames.settings.sky_patches == 0:
                    raise ValueError(
                        f"{where}: '{domain.sky_of}' has no frames, or its sky_patches is 0"
                    )
            if domain.stamps_of is not None:
                where = f"domains.{name}.stamps_of"
                _check(domain.stamps_of, self.domains, where, "domains")
                origin = self.domains[domain.stamps_of]
                if origin.stamps_of is not None or origin.published is not None:
                    raise ValueError(f"{where}: '{domain.stamps_of}' has no stamps of its own")
        for name, experiment in self.experiments.items():
            for side in ("source", "target"):
                where = f"experiments.{name}.{side}"
                _check(getattr(experiment, side), self.domains, where, "domains")
            for method in experiment.methods:
                _check(method, self.methods, f"experiments.{name}.methods", "methods")
            if experiment.ladder is not None:
                self._check_ladder(name)
        for name in set(self.methods) & set(BASELINES):
            raise ValueError(f"methods.{name}: this is the name of a baseline")
        for name in self.methods:
            self._check_start(name)
        for name in self.methods:
            self._check_no_circle(name)
        for name, catalogue in self.catalogues.items():
            where = f"catalogues.{name}"
            _check(catalogue.domain, self.domains, f"{where}.domain", "domains")
            if self.domains[catalogue.domain].published is not None:
                raise ValueError(
                    f"{where}.domain: '{catalogue.domain}' is a published dataset, which has no "
                    "stamps; classify its dataset.h5 with `sim2sky predict`"
                )
            _check(catalogue.experiment, self.experiments, f"{where}.experiment", "experiments")
            experiment = self.experiments[catalogue.experiment]
            section = f"experiments.{catalogue.experiment}"
            _check(catalogue.method, experiment.methods, f"{where}.method", f"{section}.methods")
            _check(
                catalogue.network, experiment.networks, f"{where}.network", f"{section}.networks"
            )
        return self

    def _check_start(self, name: str) -> None:
        """Refuse a method that starts from models which are never trained."""
        origin, where = self.methods[name].init_from, f"methods.{name}.init_from"
        if origin is None:
            return
        _check(origin.experiment, self.experiments, f"{where}.experiment", "experiments")
        first = self.experiments[origin.experiment]
        section = f"experiments.{origin.experiment}"
        _check(origin.method, first.methods, f"{where}.method", f"{section}.methods")
        for user, entry in self.experiments.items():
            if name not in entry.methods:
                continue
            for field in ("networks", "seeds"):
                missing = set(getattr(entry, field)) - set(getattr(first, field))
                if missing:
                    raise ValueError(
                        f"{where}: experiments.{user} needs {section} to have the {field} "
                        f"{', '.join(map(str, sorted(missing)))} too"
                    )

    def _check_ladder(self, name: str) -> None:
        """Refuse a ladder that cannot be observed."""
        where, source = f"experiments.{name}.ladder", self.experiments[name].source
        if self.sample_of(source) is None:
            raise ValueError(
                f"{where}: '{source}' has no noise-free maps to observe; the source has to be a "
                "domain of mocks, with a 'sample'"
            )
        try:
            self.ladder_plan(name)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None

    def _check_no_circle(self, name: str) -> None:
        """Refuse methods that start from each other."""
        chain = [name]
        while (origin := self.methods[chain[-1]].init_from) is not None:
            if origin.method in chain:
                circle = " from ".join([*chain, origin.method])
                raise ValueError(f"methods.{name}.init_from: no method begins, {circle}")
            chain.append(origin.method)

    @property
    def embedded_simulations(self) -> list[str]:
        """Names of the simulations that are made from a suite."""
        return [name for name, entry in self.simulations.items() if entry.suite is not None]

    @property
    def retrieved_simulations(self) -> list[str]:
        """Names of the simulations that are downloaded."""
        return [name for name, entry in self.simulations.items() if entry.retrieve is not None]

    @property
    def published_domains(self) -> list[str]:
        """Names of the domains that are published datasets."""
        return [name for name, entry in self.domains.items() if entry.published is not None]

    @property
    def mock_domains(self) -> list[str]:
        """Names of the domains that are observed samples."""
        return [name for name, entry in self.domains.items() if entry.sample is not None]

    @property
    def image_domains(self) -> list[str]:
        """Names of the domains that are real images."""
        return [name for name, entry in self.domains.items() if entry.images is not None]

    @property
    def frame_domains(self) -> list[str]:
        """Names of the domains that are survey frames."""
        return [name for name, entry in self.domains.items() if entry.frames is not None]

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
        samples = {self.sample_of(name) for name in self.used_domains} - {None}
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
        sample = self.sample_of(domain)
        return 1 if sample is None else self.samples[sample].project.n_shards

    def stamps_domain(self, domain: str) -> str:
        """Return the domain whose stamps a domain is built from: itself or another.

        Parameters
        ----------
        domain : str
            Its name.

        Returns
        -------
        str
            A name.
        """
        return self.domains[domain].stamps_of or domain

    def sample_of(self, domain: str) -> str | None:
        """Return the sample behind a domain.

        Parameters
        ----------
        domain : str
            Its name.

        Returns
        -------
        str or None
            None for real images.
        """
        return self.domains[self.stamps_domain(domain)].sample

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

    def trial_settings(
        self, experiment: str, method: str, network: str, trial: int
    ) -> TrainSettings:
        """Return the settings of one trial of a tuned experiment.

        Parameters
        ----------
        experiment, method, network : str
            Names.
        trial : int
            Its number.

        Returns
        -------
        TrainSettings
            The experiment's for trial 0, else a draw.
        """
        base = self.train_settings(experiment, method, network)
        return trial_settings(base, self.experiments[experiment].tune, trial)

    def telescope_of(self, domain: str) -> Telescope | None:
        """Return the survey behind a domain and how it observes.

        Parameters
        ----------
        domain : str
            Its name.

        Returns
        -------
        Telescope or None
            None for real images.
        """
        origin = self.domains[self.stamps_domain(domain)]
        if origin.sample is None:
            return None
        return Telescope(origin.survey, origin.observe, origin.sky_of is not None)

    def ladder_plan(self, experiment: str) -> ObserveLadderSettings:
        """Return the rungs that the galaxies of an experiment's source climb.

        Parameters
        ----------
        experiment : str
            Its name; with a `ladder`.

        Returns
        -------
        ObserveLadderSettings
            With every value of every rung.
        """
        entry = self.experiments[experiment]
        ends = [self.telescope_of(name) for name in (entry.source, entry.target)]
        return plan_ladder(entry.ladder, *ends, survey_file)

    def optional_figures(self, experiment: str) -> list[str]:
        """Return the figures that an experiment has beside those of every experiment.

        Parameters
        ----------
        experiment : str
            Its name.

        Returns
        -------
        list of str
            Kinds: of those parts of the configuration that are not null, and of what these
            parts ask for.
        """
        entry = self.experiments[experiment]
        sample = self.sample_of(entry.source)
        is_paired = sample is not None and sample == self.sample_of(entry.target)
        asked = {
            "realism": entry.realism is not None,
            "ladder": entry.ladder is not None,
            "exposure": entry.ladder is not None and len(entry.ladder.exposure_factors) > 1,
            "attack": entry.attack is not None,
            # needs the same galaxies in both domains
            "church_window": entry.attack is not None
            and entry.attack.church_galaxies > 0
            and is_paired,
            "reliability": entry.reliability is not None,
            "outliers": entry.reliability is not None
            and entry.reliability.latent_seeds > 0
            and bool(entry.show),
            "regret": entry.tune is not None and entry.tune.measure_regret,
            "method_choice": sum(self.methods[m].is_candidate for m in entry.methods) > 1,
        }
        return [kind for kind, wanted in asked.items() if wanted]

    def experiments_with(self, figure: str) -> list[str]:
        """Return the experiments that have an optional figure.

        Parameters
        ----------
        figure : str
            One of `optional_figures`.

        Returns
        -------
        list of str
            Names.
        """
        return [name for name in self.experiments if figure in self.optional_figures(name)]


def survey_file(name: str) -> str:
    """Return the YAML file of a survey.

    Parameters
    ----------
    name : str
        A name under config/surveys, or a path as it stands.

    Returns
    -------
    str
        The path.
    """
    return name if name.endswith((".yaml", ".yml")) else f"config/surveys/{name}.yaml"


def _check(name: str, known: Iterable[str], where: str, section: str) -> None:
    """Refuse a name that the configuration does not define."""
    if name not in known:
        names = ", ".join(known) or "none"
        raise ValueError(f"{where}: '{name}' is not defined under '{section}' (there: {names})")
