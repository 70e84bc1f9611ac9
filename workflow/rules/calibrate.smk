# needs: a model and the datasets of its experiment
# makes: calibration.h5 beside the model: what its probabilities mean, and where its images lie


rule calibrate_model:
    input:
        model=f"{MODEL}/model.pt",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
        code=stage_code("calibrate"),
    output:
        f"{MODEL}/calibration.h5",
    log:
        "results/logs/calibrate_model/{experiment}/{method}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/calibrate_model/{experiment}/{method}/{network}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].calibrate),
    message:
        "Calibrating {wildcards.method}, {wildcards.network}, seed {wildcards.seed} for {wildcards.experiment}"
    shell:
        "sim2sky calibrate"
        " --settings {params.settings:q}"
        " --model {input.model:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --output {output:q}"
        " 2> {log:q}"
