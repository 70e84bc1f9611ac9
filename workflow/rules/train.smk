# needs: the datasets of an experiment's source and target, and their audit; the model that
#        a method with `init_from` starts from; the choice of its settings, if they are tuned
# makes: results/experiments/<experiment>/models/<method>/<network>/<seed>/model.pt, history.csv


rule train_model:
    input:
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
        audit="results/experiments/{experiment}/audit.json",
        initial=initial_model,
        choice=chosen_settings,
    output:
        model=f"{MODEL}/model.pt",
        history=f"{MODEL}/history.csv",
    log:
        "results/logs/train_model/{experiment}/{method}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/train_model/{experiment}/{method}/{network}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 60,
    params:
        code=stage_code("train"),
        settings=lambda w: as_json(
            CONFIG.train_settings(w.experiment, w.method, w.network)
        ),
        device=lambda w: CONFIG.experiments[w.experiment].device,
        initial=lambda w, input: (
            f"--initial-model {input.initial}" if input.initial else ""
        ),
        choice=lambda w, input: f"--choice {input.choice}" if input.choice else "",
    message:
        "Training {wildcards.method}, {wildcards.network}, seed {wildcards.seed} for {wildcards.experiment}"
    shell:
        "sim2sky train"
        " --settings {params.settings:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --seed {wildcards.seed}"
        " --device {params.device}"
        " {params.initial}"
        " {params.choice}"
        " --output {output.model:q}"
        " --history {output.history:q}"
        " 2> {log:q}"
