# needs: a model and the datasets of its experiment
# makes: attacks.parquet and church.h5 beside the model: predictions before and after attacks and
#        accidents; results/experiments/<experiment>/attack.parquet (.csv), the models compared


rule attack_model:
    input:
        model=f"{MODEL}/model.pt",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
    output:
        table=f"{MODEL}/attacks.parquet",
        church=f"{MODEL}/church.h5",
    log:
        "results/logs/attack_model/{experiment}/{method}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/attack_model/{experiment}/{method}/{network}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 60,
    params:
        code=stage_code("attack"),
        settings=lambda w: as_json(attack_settings(w.experiment)),
    message:
        "Attacking {wildcards.method}, {wildcards.network}, seed {wildcards.seed} of {wildcards.experiment}"
    shell:
        "sim2sky attack"
        " --settings {params.settings:q}"
        " --model {input.model:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --output {output.table:q}"
        " --church {output.church:q}"
        " 2> {log:q}"


rule compare_attacks:
    input:
        attacks=attacked_files("attacks.parquet"),
    output:
        table="results/experiments/{experiment}/attack.parquet",
        csv="results/experiments/{experiment}/attack.csv",
    log:
        "results/logs/compare_attacks/{experiment}.log",
    benchmark:
        "results/benchmarks/compare_attacks/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("attack"),
        settings=lambda w: as_json(attack_settings(w.experiment)),
    message:
        "Comparing the attacked models of {wildcards.experiment}"
    shell:
        "sim2sky compare-attacks"
        " --settings {params.settings:q}"
        " --output {output.table:q}"
        " {input.attacks:q}"
        " 2> {log:q}"
