# needs: the measured shapes of an experiment's source and target
# makes: results/experiments/<experiment>/models/<baseline>/morphology/<seed>/predictions.parquet


rule predict_baseline:
    input:
        source=shapes_of("source"),
        target=shapes_of("target"),
    output:
        f"{BASELINE}/predictions.parquet",
    log:
        "results/logs/predict_baseline/{experiment}/{baseline}/{seed}.log",
    benchmark:
        "results/benchmarks/predict_baseline/{experiment}/{baseline}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("baseline"),
    message:
        "Classifying by {wildcards.baseline}, seed {wildcards.seed} for {wildcards.experiment}"
    shell:
        "sim2sky baseline"
        " --method {wildcards.baseline}"
        " --seed {wildcards.seed}"
        " --experiment {wildcards.experiment}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --output {output:q}"
        " 2> {log:q}"
