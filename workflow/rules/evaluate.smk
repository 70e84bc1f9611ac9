# needs: a model and the datasets of its experiment; the predictions of its baselines, the
#        shapes of its galaxies and the histories of its trainings
# makes: predictions.parquet and metrics.json beside the model (test split only), and
#        held_out.parquet (the source's validation rows, which calibrate and are never scored);
#        results/experiments/<experiment>/table.parquet (.csv), all methods over all seeds


rule evaluate_model:
    input:
        model=f"{MODEL}/model.pt",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
    output:
        predictions=f"{MODEL}/predictions.parquet",
        metrics=f"{MODEL}/metrics.json",
        held_out=f"{MODEL}/held_out.parquet",
    log:
        "results/logs/evaluate_model/{experiment}/{method}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/evaluate_model/{experiment}/{method}/{network}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("evaluate"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].evaluate),
    message:
        "Evaluating {wildcards.method}, {wildcards.network}, seed {wildcards.seed} for {wildcards.experiment}"
    shell:
        "sim2sky evaluate"
        " --settings {params.settings:q}"
        " --experiment {wildcards.experiment}"
        " --model {input.model:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --predictions {output.predictions:q}"
        " --held-out {output.held_out:q}"
        " --output {output.metrics:q}"
        " 2> {log:q}"


rule aggregate_scores:
    input:
        predictions=model_files("predictions.parquet"),
        baselines=baseline_predictions,
        histories=model_files("history.csv"),
        shapes=experiment_shapes,
    output:
        table="results/experiments/{experiment}/table.parquet",
        csv="results/experiments/{experiment}/table.csv",
    log:
        "results/logs/aggregate_scores/{experiment}.log",
    benchmark:
        "results/benchmarks/aggregate_scores/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("evaluate"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].evaluate),
        shapes=lambda w, input: (
            ["--source-shapes", input.shapes[0], "--target-shapes", input.shapes[1]]
            if input.shapes
            else []
        ),
        histories=lambda w, input: [f"--history={path}" for path in input.histories],
    message:
        "Comparing the methods of the experiment {wildcards.experiment}"
    shell:
        "sim2sky aggregate"
        " --settings {params.settings:q}"
        " --output {output.table:q}"
        " {params.shapes:q}"
        " {params.histories:q}"
        " {input.predictions:q}"
        " {input.baselines:q}"
        " 2> {log:q}"
