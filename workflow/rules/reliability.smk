# needs: predictions and held-out rows of all models of an experiment; of some models the file, its
#        calibration and the datasets
# makes: outliers.h5 beside a model: how strange each test image is to it;
#        results/experiments/<experiment>/reliability.parquet (.csv), scores of calibration,
#        prediction sets and outliers; reliability_curves.parquet, the diagrams;
#        outliers.parquet (.csv), the target's test images, the strangest first


rule search_outliers:
    input:
        model=f"{MODEL}/model.pt",
        calibration=f"{MODEL}/calibration.h5",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
    output:
        f"{MODEL}/outliers.h5",
    log:
        "results/logs/search_outliers/{experiment}/{method}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/search_outliers/{experiment}/{method}/{network}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("reliability"),
        settings=lambda w: as_json(reliability_settings(w.experiment)),
    message:
        "Searching outliers with {wildcards.method}, seed {wildcards.seed}, for {wildcards.experiment}"
    shell:
        "sim2sky outliers"
        " --settings {params.settings:q}"
        " --model {input.model:q}"
        " --calibration {input.calibration:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --output {output:q}"
        " 2> {log:q}"


rule judge_reliability:
    input:
        predictions=model_files("predictions.parquet"),
        held_out=model_files("held_out.parquet"),
        outliers=outlier_files("outliers.h5"),
    output:
        table="results/experiments/{experiment}/reliability.parquet",
        csv="results/experiments/{experiment}/reliability.csv",
        curves="results/experiments/{experiment}/reliability_curves.parquet",
        ranking="results/experiments/{experiment}/outliers.parquet",
        ranking_csv="results/experiments/{experiment}/outliers.csv",
    log:
        "results/logs/judge_reliability/{experiment}.log",
    benchmark:
        "results/benchmarks/judge_reliability/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("reliability"),
        settings=lambda w: as_json(reliability_settings(w.experiment)),
        held_out=lambda w, input: [f"--held-out={path}" for path in input.held_out],
        outliers=lambda w, input: [f"--outliers={path}" for path in input.outliers],
    message:
        "Judging calibration, prediction sets and outliers of {wildcards.experiment}"
    shell:
        "sim2sky reliability"
        " --settings {params.settings:q}"
        " {params.held_out:q}"
        " {params.outliers:q}"
        " --curves {output.curves:q}"
        " --ranking {output.ranking:q}"
        " --output {output.table:q}"
        " {input.predictions:q}"
        " 2> {log:q}"
