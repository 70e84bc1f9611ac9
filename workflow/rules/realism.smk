# needs: the dataset and the measured shapes of an experiment's source and target, and the user's
#        table of shapes, if there is one
# makes: results/experiments/<experiment>/realism.parquet (.csv, .json), mocks beside the
#        survey's images, and realism_values.parquet, what each image has


rule compare_realism:
    input:
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
        source_shapes=shapes_of("source"),
        target_shapes=shapes_of("target"),
        reference=realism_reference,
    output:
        table="results/experiments/{experiment}/realism.parquet",
        csv="results/experiments/{experiment}/realism.csv",
        json="results/experiments/{experiment}/realism.json",
        values="results/experiments/{experiment}/realism_values.parquet",
    log:
        "results/logs/compare_realism/{experiment}.log",
    benchmark:
        "results/benchmarks/compare_realism/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("realism"),
        settings=lambda w: as_json(realism_settings(w.experiment)),
    message:
        "Comparing the mocks with the images of {wildcards.experiment}"
    shell:
        "sim2sky realism"
        " --settings {params.settings:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --source-shapes {input.source_shapes:q}"
        " --target-shapes {input.target_shapes:q}"
        " --values {output.values:q}"
        " --output {output.table:q}"
        " 2> {log:q}"
