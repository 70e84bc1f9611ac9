# Shared by all rules. The validated configuration, the names that wildcards
# may take, the settings a rule passes on, and input functions.
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from sim2sky.baseline.settings import BASELINES, NETWORK, SEEDED
from sim2sky.config import Config, survey_file
from sim2sky.errors import Sim2SkyError
from sim2sky.inputs import check_inputs, read_survey
from sim2sky.settings import parse_settings

try:
    CONFIG = parse_settings(Config, config, "configuration")
    check_inputs(CONFIG)
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


@cache
def imported_files(file):
    """Return the files of this package that a source file imports."""
    if file.suffix != ".py":
        return []
    root, files = Path("src/sim2sky"), []
    for module in re.findall(r"(?:from|import) sim2sky\.([\w.]+)", file.read_text()):
        path = root / module.replace(".", "/")
        files += [
            p for p in (path.with_suffix(".py"), path / "__init__.py") if p.exists()
        ]
    return files


@cache
def stage_code(stage):
    """Return a digest of the source files that a stage's results depend on.

    These are its own and what they import. Named among a rule's params, the digest
    makes an edit rerun the stage; touching a file or checking it out again reruns
    nothing. The files themselves as inputs would do the same, but there are dozens,
    and Snakemake looks at each input of each job again and again.
    """
    own = Path("src/sim2sky", stage).rglob("*")
    found, todo = set(), [p for p in own if p.suffix in CODE_SUFFIXES]
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += imported_files(file)
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted(found - PLUMBING):
        digest.update(f"{file}\0".encode() + file_digest(file))
    return digest.hexdigest()


@cache
def file_digest(file):
    """Return a digest of a file's content."""
    return hashlib.blake2b(file.read_bytes(), digest_size=16).digest()


def simulation_path(name):
    """Return the directory of a simulation: the user's, or the one made from a suite.

    Of a downloaded one this is the manifest in it, which is written when all is there.
    """
    entry = CONFIG.simulations[name]
    if entry.retrieve is not None:
        return f"results/retrieved/{name}/manifest.json"
    if entry.path is None:
        return f"results/simulations/{name}"
    return str(entry.path)


def survey_images(wildcards):
    """Return the user's folder of images and table of labels of a domain."""
    entry = CONFIG.domains[wildcards.domain].images
    return {
        "images": str(entry.path),
        "labels": [str(entry.labels)] if entry.labels else [],
    }


def domain_sky(wildcards):
    """Return the patches of sky that a domain's mocks are laid on, if they are."""
    sky_of = CONFIG.domains[wildcards.domain].sky_of
    return [] if sky_of is None else [f"results/domains/{sky_of}/sky/000.h5"]


def psf_files(survey):
    """Return the user's files of PSFs that the YAML file of a survey names."""
    bands = read_survey(survey).bands.values()
    return [str(band.psf.path) for band in bands if band.psf.path is not None]


def survey_psf_files(wildcards):
    """Return the user's files of PSFs that a domain's survey names."""
    return psf_files(survey_file(CONFIG.domains[wildcards.domain].survey))


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


def experiment_shapes(wildcards):
    """Return the shapes of both domains, if the experiment has baselines that need them."""
    if not CONFIG.experiments[wildcards.experiment].baselines:
        return []
    return [shapes_of(side)(wildcards) for side in ("source", "target")]


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
