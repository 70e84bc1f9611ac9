# What single stages ask for: input functions and settings of one rule file each, in the order in
# which the data flows. What several share is in common.smk.
from sim2sky.attack.settings import AttackSettings
from sim2sky.realism.settings import RealismSettings
from sim2sky.reliability.settings import ReliabilitySettings


def survey_frames(wildcards):
    """Return the user's folder of frames of a domain."""
    return str(CONFIG.domains[wildcards.domain].frames.path)


def published_files(wildcards):
    """Return the user's folder of a published dataset."""
    return str(CONFIG.domains[wildcards.domain].published.path)


def realism_settings(experiment):
    """Return how an experiment's mocks are compared; a comparison asked for by name needs none."""
    return CONFIG.experiments[experiment].realism or RealismSettings()


def realism_reference(wildcards):
    """Return the user's table of shapes that stands beside both domains, if there is one."""
    path = realism_settings(wildcards.experiment).reference
    return [] if path is None else str(path)


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


def judged_files(name):
    """Return an input function for one file of each model between which a method is chosen."""
    return model_files(
        name,
        methods=lambda e: [m for m in e.methods if CONFIG.methods[m].is_candidate],
    )


def attack_settings(experiment):
    """Return how an experiment's models are attacked; what is asked for by name needs no section."""
    return CONFIG.experiments[experiment].attack or AttackSettings()


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
    return surveys + [file for path in surveys for file in psf_files(path)]


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


def attacked_files(name):
    """Return an input function for one file of each model that is attacked."""
    return model_files(
        name,
        methods=lambda e: e.show,
        seeds=lambda e: (
            e.seeds if (e.attack or AttackSettings()).all_seeds else e.seeds[:1]
        ),
    )


def explained_files(name):
    """Return an input function for one file of each model whose attention is measured."""
    return model_files(
        name,
        methods=lambda e: e.show,
        seeds=lambda e: e.seeds if e.explain.all_seeds else e.seeds[:1],
    )


def reliability_settings(experiment):
    """Return how reliability is judged; if it is asked for by name, with the defaults."""
    return CONFIG.experiments[experiment].reliability or ReliabilitySettings()


def as_words(names):
    """Return a function for a rule's named inputs as words of a command line.

    Each is an option of its name, but `files`, which are arguments.
    """

    def words(wildcards, input):
        options = [f"--{name}={input[name]}" for name in names if name != "files"]
        return options + list(input.get("files", []))

    return words


FIGURES = ["scores", "roc", "confusion", "history", "gradcam", "attribution", "latent"]
TABLES = {  # beside the figures, by the kind they belong to
    "table": ["parquet", "csv"],
    "audit": ["json"],
    "attribution": ["parquet", "csv"],
    "separation": ["parquet", "csv"],
    "realism": ["parquet", "csv", "json"],
    "ladder": ["parquet", "csv"],
    "attack": ["parquet", "csv"],
    "reliability": ["parquet", "csv"],
    "outliers": ["parquet", "csv"],
    "regret": ["parquet"],
    "method_choice": ["parquet", "csv"],
}


def figure_files(wildcards):
    """Return every figure and table of the configuration's experiments."""
    used = CONFIG.used_domains
    stems = expand("results/domains/{d}/mosaic", d=used)
    stems += expand("results/simulations/{s}", s=CONFIG.used_embedded_simulations)
    files = expand("results/domains/{d}/audit.json", d=used)
    for name, entry in CONFIG.experiments.items():
        folder = f"results/experiments/{name}"
        optional = CONFIG.optional_figures(name)
        stems += [f"{folder}/{kind}" for kind in FIGURES + optional]
        for kind in ["table", "audit", "separation", *FIGURES, *optional]:
            files += [f"{folder}/{kind}.{suffix}" for suffix in TABLES.get(kind, [])]
        files += expand(
            f"{MODEL}/explore",
            experiment=name,
            method=entry.show,
            network=entry.networks,
            seed=entry.seeds[:1],
        )
    return files + expand("{stem}.{suffix}", stem=stems, suffix=["png", "pdf"])
