# Shared by all rules. The validated configuration, the names that wildcards
# may take, the settings a rule passes on, and input functions.
import json
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError

from sim2sky.attack.settings import AttackSettings
from sim2sky.baseline.settings import BASELINES, NETWORK, SEEDED
from sim2sky.config import Config, survey_file
from sim2sky.errors import Sim2SkyError
from sim2sky.observe.settings import SurveySettings
from sim2sky.realism.settings import RealismSettings
from sim2sky.reliability.settings import ReliabilitySettings
from sim2sky.settings import parse_settings, read_settings

try:
    CONFIG = parse_settings(Config, config, "configuration")
except Sim2SkyError as error:
    raise WorkflowError(str(error))


def any_of(names):
    """Return a regular expression that matches just these names."""
    return "|".join(re.escape(name) for name in names) or r"(?!)"


wildcard_constraints:
    suite=any_of(CONFIG.suites),
    simulation=any_of(CONFIG.embedded_simulations),
    retrieved=any_of(CONFIG.retrieved_simulations),
    sample=any_of(CONFIG.samples),
    domain=any_of(CONFIG.domains),
    experiment=any_of(CONFIG.experiments),
    method=any_of(CONFIG.methods),
    baseline=any_of(BASELINES),
    network="[a-z0-9_]+",
    seed=r"\d+",
    trial=r"\d+",
    batch=r"\d\d\d+",
    catalogue=any_of(CONFIG.catalogues),
    shard=r"\d\d\d+",


CODE_SUFFIXES = {".py", ".h5", ".j2"}
# Shared by all stages and without a say in any number: an edit reruns nothing.
PLUMBING = {
    Path("src/sim2sky") / name
    for name in ("__init__.py", "errors.py", "files.py", "settings.py", "provenance.py")
}
MODEL = "results/experiments/{experiment}/models/{method}/{network}/{seed}"
BASELINE = f"results/experiments/{{experiment}}/models/{{baseline}}/{NETWORK}/{{seed}}"
UNTRAINED = (
    "results/experiments/{experiment}/models/untrained/{network}/{seed}/latents.h5"
)
TRIAL = "results/experiments/{experiment}/trials/{method}/{network}/{trial}"


def as_json(settings):
    """Return a settings model as the JSON text that its command takes."""
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True)


def stage_code(stage):
    """Return the source files that a stage's results depend on: its own and what they import.

    Named as inputs, they make an edit rerun the stage. Small inputs are compared
    by checksum, so touching a file or checking it out again reruns nothing.
    """
    root = Path("src/sim2sky")
    found, todo = set(), [
        p for p in (root / stage).rglob("*") if p.suffix in CODE_SUFFIXES
    ]
    while todo:
        file = todo.pop()
        if file in found:
            continue
        found.add(file)
        if file.suffix == ".py":
            for module in re.findall(
                r"(?:from|import) sim2sky\.([\w.]+)", file.read_text()
            ):
                path = root / module.replace(".", "/")
                todo += [
                    p
                    for p in (path.with_suffix(".py"), path / "__init__.py")
                    if p.exists()
                ]
    return sorted(str(file) for file in found - PLUMBING)


def simulation_path(name):
    """Return the directory of a simulation: the user's, or the one made from a suite.

    Of a downloaded one this is the manifest in it, which is written when all is there.
    """
    entry = CONFIG.simulations[name]
    if entry.retrieve is not None:
        return f"results/retrieved/{name}/manifest.json"
    if entry.path is None:
        return f"results/simulations/{name}"
    if not entry.path.exists():
        raise WorkflowError(
            f"simulations.{name}.path: no such file or directory; got {entry.path}"
        )
    return str(entry.path)


def survey_images(wildcards):
    """Return the user's folder of images and table of labels of a domain."""
    entry = CONFIG.domains[wildcards.domain].images
    for key, path in (("path", entry.path), ("labels", entry.labels)):
        if path is not None and not path.exists():
            raise WorkflowError(
                f"domains.{wildcards.domain}.images.{key}: no such file or directory; got {path}"
            )
    return {
        "images": str(entry.path),
        "labels": [str(entry.labels)] if entry.labels else [],
    }


def survey_frames(wildcards):
    """Return the user's folder of frames of a domain."""
    path = CONFIG.domains[wildcards.domain].frames.path
    if not path.is_dir():
        raise WorkflowError(
            f"domains.{wildcards.domain}.frames.path: no such folder; got {path}"
        )
    return str(path)


def domain_sky(wildcards):
    """Return the patches of sky that a domain's mocks are laid on, if they are."""
    sky_of = CONFIG.domains[wildcards.domain].sky_of
    return [] if sky_of is None else [f"results/domains/{sky_of}/sky/000.h5"]


def survey_psf_files(wildcards):
    """Return the user's files of PSFs that a survey names."""
    path = survey_file(CONFIG.domains[wildcards.domain].survey)
    bands = read_settings(SurveySettings, path).bands.values()
    return [str(band.psf.path) for band in bands if band.psf.path is not None]


def published_files(wildcards):
    """Return the user's folder of a published dataset."""
    path = CONFIG.domains[wildcards.domain].published.path
    if not path.exists():
        raise WorkflowError(
            f"domains.{wildcards.domain}.published.path: no such folder; got {path}"
        )
    return str(path)


def sample_simulation(wildcards):
    return simulation_path(CONFIG.samples[wildcards.sample].simulation)


def domain_sample(domain):
    """Return the table of galaxies behind a domain of mocks, nothing for real images."""
    sample = CONFIG.sample_of(domain)
    return [] if sample is None else [f"results/samples/{sample}/galaxies.parquet"]


def numbered(pattern, count):
    """Return `count` file names, {i} in the pattern replaced by 000, 001, ..."""
    return [pattern.format(i=f"{i:03d}") for i in range(count)]


def experiment_dataset(side):
    """Return an input function for the dataset of an experiment's source or target."""

    def path(wildcards):
        domain = getattr(CONFIG.experiments[wildcards.experiment], side)
        return f"results/domains/{domain}/dataset.h5"

    return path


def adapted_to(wildcards):
    """Return the target's dataset, if the training of a method sees its images."""
    method = CONFIG.methods[wildcards.method]
    if (
        method.mixed_batches
        or method.batchnorm == "target"
        or method.train_on == "target"
    ):
        return experiment_dataset("target")(wildcards)
    return []


def initial_model(wildcards):
    """Return the model that a method starts from, if it starts from one."""
    origin = CONFIG.methods[wildcards.method].init_from
    if origin is None:
        return []
    return f"{MODEL}/model.pt".format(
        experiment=origin.experiment,
        method=origin.method,
        network=wildcards.network,
        seed=wildcards.seed,
    )


def chosen_settings(wildcards):
    """Return the file of the settings chosen for a method, if its experiment is tuned."""
    if CONFIG.experiments[wildcards.experiment].tune is None:
        return []
    return f"{Path(TRIAL).parent}/choice.json".format(**wildcards)


def trial_initial_model(wildcards):
    """Return the model that a trial starts from, if its method starts from one.

    The same for all trials of the method: that of the experiment's first seed.
    """
    origin = CONFIG.methods[wildcards.method].init_from
    if origin is None:
        return []
    return f"{MODEL}/model.pt".format(
        experiment=origin.experiment,
        method=origin.method,
        network=wildcards.network,
        seed=CONFIG.experiments[wildcards.experiment].seeds[0],
    )


def trial_files(wildcards, name, methods=None, networks=None):
    """Return one file of every trial of an experiment, or of some of its methods."""
    entry = CONFIG.experiments[wildcards.experiment]
    return expand(
        f"{TRIAL}/{name}",
        experiment=wildcards.experiment,
        method=entry.methods if methods is None else methods,
        network=entry.networks if networks is None else networks,
        trial=range(entry.tune.trials),
    )


def model_files(name, methods=None, seeds=None):
    """Return an input function for one file of every model of an experiment."""

    def paths(wildcards):
        entry = CONFIG.experiments[wildcards.experiment]
        return expand(
            f"{MODEL}/{name}",
            experiment=wildcards.experiment,
            method=entry.methods if methods is None else methods(entry),
            network=entry.networks,
            seed=entry.seeds if seeds is None else seeds(entry),
        )

    return paths


def baseline_predictions(wildcards):
    """Return the predictions of every baseline of an experiment."""
    entry = CONFIG.experiments[wildcards.experiment]
    return [
        f"{BASELINE}/predictions.parquet".format(
            experiment=wildcards.experiment, baseline=name, seed=seed
        )
        for name in entry.baselines
        for seed in (entry.seeds if name in SEEDED else entry.seeds[:1])
    ]


def shapes_of(side):
    """Return an input function for the measured shapes of an experiment's source or target."""

    def path(wildcards):
        domain = getattr(CONFIG.experiments[wildcards.experiment], side)
        return f"results/domains/{domain}/morphology.parquet"

    return path


def realism_settings(experiment):
    """Return how an experiment's mocks are compared; a comparison asked for by name needs none."""
    return CONFIG.experiments[experiment].realism or RealismSettings()


def realism_reference(wildcards):
    """Return the user's table of shapes that stands beside both domains, if there is one."""
    path = realism_settings(wildcards.experiment).reference
    if path is None:
        return []
    if not path.exists():
        raise WorkflowError(
            f"experiments.{wildcards.experiment}.realism.reference: no such file; got {path}"
        )
    return str(path)


def experiment_shapes(wildcards):
    """Return the shapes of both domains, if the experiment has baselines that need them."""
    if not CONFIG.experiments[wildcards.experiment].baselines:
        return []
    return [shapes_of(side)(wildcards) for side in ("source", "target")]


def attack_settings(experiment):
    """Return how an experiment's models are attacked; what is asked for by name needs no section."""
    return CONFIG.experiments[experiment].attack or AttackSettings()


def shown_files(name):
    """Return an input function for one file of the models that are looked into."""
    return model_files(name, methods=lambda e: e.show, seeds=lambda e: e.seeds[:1])


def shown_model(wildcards):
    """Return a model whose network before training is that of all methods with its seed."""
    method = CONFIG.experiments[wildcards.experiment].show[0]
    return f"{MODEL}/model.pt".format(method=method, **wildcards)


def shown_latents(wildcards):
    """Return the latent spaces that are looked into: before training, then by method."""
    entry = CONFIG.experiments[wildcards.experiment]
    before = expand(
        UNTRAINED,
        experiment=wildcards.experiment,
        network=entry.networks if entry.show else [],
        seed=entry.seeds[:1],
    )
    return before + shown_files("latents.h5")(wildcards)


def ladder_maps(wildcards):
    """Return the noise-free maps behind the source of an experiment with a ladder."""
    source = CONFIG.experiments[wildcards.experiment].source
    return numbered(
        f"results/samples/{CONFIG.sample_of(source)}/maps/{{i}}.h5",
        CONFIG.n_shards(source),
    )


def ladder_surveys(wildcards):
    """Return the YAML files of all surveys of a ladder, and the PSFs that they name."""
    rungs = CONFIG.ladder_plan(wildcards.experiment).rungs
    surveys = sorted({str(rung.survey) for rung in rungs})
    bands = [
        b
        for path in surveys
        for b in read_settings(SurveySettings, path).bands.values()
    ]
    return surveys + [str(b.psf.path) for b in bands if b.psf.path is not None]


def ladder_sky(wildcards):
    """Return the patches of sky for the rungs that are laid on them, if there are some."""
    if not any(rung.sky for rung in CONFIG.ladder_plan(wildcards.experiment).rungs):
        return []
    source = CONFIG.stamps_domain(CONFIG.experiments[wildcards.experiment].source)
    return [f"results/domains/{CONFIG.domains[source].sky_of}/sky/000.h5"]


def ladder_models(name):
    """Return an input function for one file of each model that climbs the ladder."""
    return model_files(
        name,
        methods=lambda e: e.show,
        seeds=lambda e: e.seeds if e.ladder.all_seeds else e.seeds[:1],
    )


FIGURES = ["scores", "roc", "confusion", "history", "gradcam", "attribution", "latent"]
def outlier_files(name):
    """Return an input function for a file of the models whose outliers are searched for."""

    def paths(wildcards):
        settings = reliability_settings(wildcards.experiment)
        return model_files(
            name,
            methods=lambda e: e.show,
            seeds=lambda e: e.seeds[: settings.latent_seeds],
        )(wildcards)

    return paths


def reliability_settings(experiment):
    """Return how reliability is judged; if it is asked for by name, with the defaults."""
    return CONFIG.experiments[experiment].reliability or ReliabilitySettings()


FIGURES = ["scores", "roc", "confusion", "history", "gradcam", "latent"]


def figure_files(wildcards):
    """Return every figure and table of the configuration's experiments."""
    used = CONFIG.used_domains
    stems = expand("results/experiments/{e}/{f}", e=CONFIG.experiments, f=FIGURES)
    regrets = expand("results/experiments/{e}/regret", e=CONFIG.regret_experiments)
    stems += regrets
    realism = expand("results/experiments/{e}/realism", e=CONFIG.realism_experiments)
    stems += realism
    attacks = expand("results/experiments/{e}/attack", e=CONFIG.attacked_experiments)
    stems += attacks
    stems += expand(
        "results/experiments/{e}/church_window", e=CONFIG.church_experiments
    )
    ladders = expand("results/experiments/{e}/ladder", e=CONFIG.ladder_experiments)
    stems += ladders
    stems += expand("results/experiments/{e}/exposure", e=CONFIG.exposure_experiments)
    reliability = expand(
        "results/experiments/{e}/reliability", e=CONFIG.reliability_experiments
    )
    outliers = expand("results/experiments/{e}/outliers", e=CONFIG.outlier_experiments)
    stems += reliability + outliers
    stems += expand("results/domains/{d}/mosaic", d=used)
    stems += expand("results/simulations/{s}", s=CONFIG.used_embedded_simulations)
    files = expand("{stem}.{suffix}", stem=stems, suffix=["png", "pdf"])
    files += expand(
        "results/experiments/{e}/{table}",
        e=CONFIG.experiments,
        table=["table.parquet", "table.csv", "audit.json"],
    )
    files += expand(
        "results/experiments/{e}/{table}.{suffix}",
        e=CONFIG.experiments,
        table=["attribution", "separation"],
        suffix=["parquet", "csv"],
    )
    files += expand("results/domains/{d}/audit.json", d=used)
    files += expand("{stem}.parquet", stem=regrets)
    files += expand("{stem}.{suffix}", stem=realism, suffix=["parquet", "csv", "json"])
    files += expand("{stem}.{suffix}", stem=attacks, suffix=["parquet", "csv"])
    files += expand("{stem}.{suffix}", stem=ladders, suffix=["parquet", "csv"])
    files += expand(
        "{stem}.{suffix}", stem=reliability + outliers, suffix=["parquet", "csv"]
    )
    for name, entry in CONFIG.experiments.items():
        files += expand(
            f"{MODEL}/explore",
            experiment=name,
            method=entry.show,
            network=entry.networks,
            seed=entry.seeds[:1],
        )
    return files


def catalogue_models(name):
    """Return an input function for a file of each model, one per seed, behind a catalogue."""

    def paths(wildcards):
        entry = CONFIG.catalogues[wildcards.catalogue]
        return expand(
            f"{MODEL}/{name}",
            experiment=entry.experiment,
            method=entry.method,
            network=entry.network,
            seed=CONFIG.experiments[entry.experiment].seeds,
        )

    return paths


def catalogue_stamps(wildcards):
    domain = CONFIG.stamps_domain(CONFIG.catalogues[wildcards.catalogue].domain)
    return f"results/domains/{domain}/stamps/{wildcards.shard}.h5"


def catalogue_shards(wildcards):
    """Return the files of a catalogue."""
    n_shards = CONFIG.n_shards(CONFIG.catalogues[wildcards.catalogue].domain)
    return [
        f"results/catalogues/{wildcards.catalogue}/{i:03d}.parquet"
        for i in range(n_shards)
    ]


def catalogue_files(wildcards):
    """Return every file of every catalogue."""
    return [
        f"results/catalogues/{name}/{i:03d}.parquet"
        for name, entry in CONFIG.catalogues.items()
        for i in range(CONFIG.n_shards(entry.domain))
    ]
