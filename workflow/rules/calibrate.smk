# needs: a model, the dataset with its labels and the one it was adapted to, if it was
# makes: calibration.h5 beside the model: what its probabilities mean, and where its images lie


rule calibrate_model:
    input:
        model=f"{MODEL}/model.pt",
        source=experiment_dataset("source"),
        target=adapted_to,
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
        code=stage_code("calibrate"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].calibrate),
        target=lambda w, input: f"--target {input.target}" if input.target else "",
    message:
        "Calibrating {wildcards.method}, {wildcards.network}, seed {wildcards.seed} for {wildcards.experiment}"
    shell:
        "sim2sky calibrate"
        " --settings {params.settings:q}"
        " --model {input.model:q}"
        " --source {input.source:q}"
        " {params.target}"
        " --output {output:q}"
        " 2> {log:q}"
