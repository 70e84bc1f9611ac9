# needs: the datasets of an experiment, and their audit; its models and their predictions
# makes: with `tune`, results/experiments/<experiment>/trials/<method>/<network>/choice.json, the settings that
#        `train_model` takes; .../<trial>/model.pt, history.csv, scores.json of each trial;
#        afterwards predictions.parquet and metrics.json of each trial (test split) and
#        results/experiments/<experiment>/regret.parquet, what another choice would have gained;
#        results/experiments/<experiment>/models/<method>/<network>/<seed>/scores.json and
#        results/experiments/<experiment>/method_choice.parquet (.csv), the same for the choice
#        between the methods


rule train_trial:
    input:
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
        audit="results/experiments/{experiment}/audit.json",
        initial=trial_initial_model,
    output:
        model=f"{TRIAL}/model.pt",
        history=f"{TRIAL}/history.csv",
    log:
        "results/logs/train_trial/{experiment}/{method}/{network}/{trial}.log",
    benchmark:
        "results/benchmarks/train_trial/{experiment}/{method}/{network}/{trial}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 60,
    params:
        code=stage_code("train"),
        settings=lambda w: as_json(
            CONFIG.trial_settings(w.experiment, w.method, w.network, int(w.trial))
        ),
        seed=lambda w: CONFIG.experiments[w.experiment].tune.training_seed,
        device=lambda w: CONFIG.experiments[w.experiment].device,
        initial=lambda w, input: (
            f"--initial-model {input.initial}" if input.initial else ""
        ),
    message:
        "Training trial {wildcards.trial} of {wildcards.method}, {wildcards.network} for {wildcards.experiment}"
    shell:
        "sim2sky train"
        " --settings {params.settings:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --seed {params.seed}"
        " --device {params.device}"
        " {params.initial}"
        " --output {output.model:q}"
        " --history {output.history:q}"
        " 2> {log:q}"


rule score_trial:
    input:
        model=f"{TRIAL}/model.pt",
        history=f"{TRIAL}/history.csv",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
    output:
        f"{TRIAL}/scores.json",
    log:
        "results/logs/score_trial/{experiment}/{method}/{network}/{trial}.log",
    benchmark:
        "results/benchmarks/score_trial/{experiment}/{method}/{network}/{trial}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("tune"),
    message:
        "Judging trial {wildcards.trial} of {wildcards.method}, {wildcards.network} for {wildcards.experiment}"
    shell:
        "sim2sky score"
        " --model {input.model:q}"
        " --history {input.history:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --trial {wildcards.trial}"
        " --output {output:q}"
        " 2> {log:q}"


rule choose_trial:
    input:
        scores=lambda w: trial_files(w, "scores.json", [w.method], [w.network]),
    output:
        "results/experiments/{experiment}/trials/{method}/{network}/choice.json",
    log:
        "results/logs/choose_trial/{experiment}/{method}/{network}.log",
    benchmark:
        "results/benchmarks/choose_trial/{experiment}/{method}/{network}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 1000,
        runtime=lambda wildcards, attempt: attempt * 10,
    params:
        code=stage_code("tune"),
        criterion=lambda w: CONFIG.experiments[w.experiment].tune.criterion,
    message:
        "Choosing the settings of {wildcards.method}, {wildcards.network} for {wildcards.experiment}"
    shell:
        "sim2sky choose"
        " --criterion {params.criterion}"
        " --output {output:q}"
        " {input.scores:q}"
        " 2> {log:q}"


rule evaluate_trial:
    input:
        model=f"{TRIAL}/model.pt",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
    output:
        predictions=f"{TRIAL}/predictions.parquet",
        metrics=f"{TRIAL}/metrics.json",
    log:
        "results/logs/evaluate_trial/{experiment}/{method}/{network}/{trial}.log",
    benchmark:
        "results/benchmarks/evaluate_trial/{experiment}/{method}/{network}/{trial}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("evaluate"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].evaluate),
    message:
        "Evaluating trial {wildcards.trial} of {wildcards.method}, {wildcards.network} for {wildcards.experiment}"
    shell:
        "sim2sky evaluate"
        " --settings {params.settings:q}"
        " --experiment {wildcards.experiment}"
        " --model {input.model:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --predictions {output.predictions:q}"
        " --output {output.metrics:q}"
        " 2> {log:q}"


rule measure_regret:
    input:
        scores=lambda w: trial_files(w, "scores.json"),
        predictions=lambda w: trial_files(w, "predictions.parquet"),
    output:
        "results/experiments/{experiment}/regret.parquet",
    log:
        "results/logs/measure_regret/{experiment}.log",
    benchmark:
        "results/benchmarks/measure_regret/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("tune"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].evaluate),
        folders=lambda w, input: [str(Path(file).parent) for file in input.scores],
    message:
        "Measuring what a choice without target labels costs in {wildcards.experiment}"
    shell:
        "sim2sky regret"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " {params.folders:q}"
        " 2> {log:q}"


rule score_model:
    input:
        model=f"{MODEL}/model.pt",
        history=f"{MODEL}/history.csv",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
    output:
        f"{MODEL}/scores.json",
    log:
        "results/logs/score_model/{experiment}/{method}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/score_model/{experiment}/{method}/{network}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("tune"),
    message:
        "Judging {wildcards.method}, {wildcards.network}, seed {wildcards.seed} for {wildcards.experiment} without target labels"
    shell:
        "sim2sky score"
        " --model {input.model:q}"
        " --history {input.history:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --output {output:q}"
        " 2> {log:q}"


rule choose_method:
    input:
        scores=judged_files("scores.json"),
        predictions=judged_files("predictions.parquet"),
    output:
        table="results/experiments/{experiment}/method_choice.parquet",
        csv="results/experiments/{experiment}/method_choice.csv",
    log:
        "results/logs/choose_method/{experiment}.log",
    benchmark:
        "results/benchmarks/choose_method/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("tune"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].evaluate),
        folders=lambda w, input: [str(Path(file).parent) for file in input.scores],
    message:
        "Choosing a method for {wildcards.experiment} without target labels"
    shell:
        "sim2sky choose-method"
        " --settings {params.settings:q}"
        " --output {output.table:q}"
        " {params.folders:q}"
        " 2> {log:q}"
