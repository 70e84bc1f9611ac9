# needs: noise-free maps of the source's sample, the source's and the target's dataset, the
#        models that are shown, and the surveys' YAML files with their PSFs and patches of sky
# makes: results/experiments/<experiment>/rungs.h5, the same test galaxies observed on every rung;
#        ladder.parquet beside each model; results/experiments/<experiment>/ladder.parquet (.csv)


rule observe_ladder:
    input:
        source=experiment_dataset("source"),
        maps=ladder_maps,
        surveys=ladder_surveys,
        sky=ladder_sky,
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
        code=stage_code("ladder"),
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
        code=stage_code("ladder"),
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
    params:
        code=stage_code("ladder"),
    message:
        "Joining the ladders of {wildcards.experiment}"
    shell:
        "sim2sky join-ladder"
        " --output {output.table:q}"
        " {input.tables:q}"
        " 2> {log:q}"
