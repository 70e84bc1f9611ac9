# needs: a model and the datasets of its experiment
# makes: explain.h5 beside the model: Grad-CAM maps of the same test galaxies in both domains, and
#        results/experiments/<experiment>/attribution.parquet (.csv), what they amount to


rule explain_model:
    input:
        model=f"{MODEL}/model.pt",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
    output:
        f"{MODEL}/explain.h5",
    log:
        "results/logs/explain_model/{experiment}/{method}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/explain_model/{experiment}/{method}/{network}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("explain"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].explain),
    message:
        "Grad-CAM of {wildcards.method}, seed {wildcards.seed}, for {wildcards.experiment}"
    shell:
        "sim2sky explain"
        " --settings {params.settings:q}"
        " --model {input.model:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --output {output:q}"
        " 2> {log:q}"


rule tabulate_attribution:
    input:
        explanations=explained_files("explain.h5"),
    output:
        table="results/experiments/{experiment}/attribution.parquet",
        csv="results/experiments/{experiment}/attribution.csv",
    log:
        "results/logs/tabulate_attribution/{experiment}.log",
    benchmark:
        "results/benchmarks/tabulate_attribution/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("explain"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].explain),
    message:
        "Summing up where the models of {wildcards.experiment} look"
    shell:
        "sim2sky tabulate-attribution"
        " --settings {params.settings:q}"
        " --output {output.table:q}"
        " {input.explanations:q}"
        " 2> {log:q}"
