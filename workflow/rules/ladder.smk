# needs: noise-free maps of the source's sample, the source's and the target's dataset, and the
#        models that are shown
# makes: results/experiments/<experiment>/rungs.h5, the same test galaxies observed on every rung;
#        ladder.parquet beside each model; results/experiments/<experiment>/ladder.parquet (.csv)


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


rule observe_ladder:
    input:
        source=experiment_dataset("source"),
        maps=ladder_maps,
        surveys=ladder_surveys,
        sky=ladder_sky,
        code=stage_code("ladder"),
    output:
        "results/experiments/{experiment}/rungs.h5",
    log:
        "results/logs/observe_ladder/{experiment}.log",
    benchmark:
        "results/benchmarks/observe_ladder/{experiment}.tsv"
    wildcard_constraints:
        experiment=any_of(CONFIG.experiments_with("ladder")),
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 4000,
        runtime=lambda wildcards, attempt: attempt * 30,
    params:
        settings=lambda w: as_json(CONFIG.ladder_plan(w.experiment)),
        sky=lambda w, input: ["--sky", input.sky] if input.sky else [],
    message:
        "Observing the rungs of {wildcards.experiment}"
    shell:
        "sim2sky observe-ladder"
        " --settings {params.settings:q}"
        " --source {input.source:q}"
        " {params.sky:q}"
        " --output {output:q}"
        " {input.maps:q}"
        " 2> {log:q}"


rule ladder_model:
    input:
        model=f"{MODEL}/model.pt",
        rungs="results/experiments/{experiment}/rungs.h5",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
        code=stage_code("ladder"),
    output:
        f"{MODEL}/ladder.parquet",
    log:
        "results/logs/ladder_model/{experiment}/{method}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/ladder_model/{experiment}/{method}/{network}/{seed}.tsv"
    wildcard_constraints:
        experiment=any_of(CONFIG.experiments_with("ladder")),
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 4000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].ladder),
    message:
        "What {wildcards.method}, seed {wildcards.seed}, makes of the rungs of {wildcards.experiment}"
    shell:
        "sim2sky ladder"
        " --settings {params.settings:q}"
        " --model {input.model:q}"
        " --rungs {input.rungs:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --output {output:q}"
        " 2> {log:q}"


rule join_ladder:
    input:
        tables=ladder_models("ladder.parquet"),
        code=stage_code("ladder"),
    output:
        table="results/experiments/{experiment}/ladder.parquet",
        csv="results/experiments/{experiment}/ladder.csv",
    log:
        "results/logs/join_ladder/{experiment}.log",
    benchmark:
        "results/benchmarks/join_ladder/{experiment}.tsv"
    wildcard_constraints:
        experiment=any_of(CONFIG.experiments_with("ladder")),
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 1000,
        runtime=lambda wildcards, attempt: attempt * 20,
    message:
        "Joining the ladders of {wildcards.experiment}"
    shell:
        "sim2sky join-ladder"
        " --output {output.table:q}"
        " {input.tables:q}"
        " 2> {log:q}"
