# needs: a model and the datasets of its experiment
# makes: latents.h5 beside the model: latent vectors of test galaxies, their isomap and t-SNE; the
#        same of the network before training; and
#        results/experiments/<experiment>/separation.parquet (.csv), their numbers side by side


rule embed_latents:
    input:
        model=f"{MODEL}/model.pt",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
    output:
        f"{MODEL}/latents.h5",
    log:
        "results/logs/embed_latents/{experiment}/{method}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/embed_latents/{experiment}/{method}/{network}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("embed"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].embed),
    message:
        "Embedding the latents of {wildcards.method}, seed {wildcards.seed}, for {wildcards.experiment}"
    shell:
        "sim2sky embed"
        " --settings {params.settings:q}"
        " --model {input.model:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --output {output:q}"
        " 2> {log:q}"


rule embed_untrained:
    input:
        model=shown_model,
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
    output:
        UNTRAINED,
    log:
        "results/logs/embed_untrained/{experiment}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/embed_untrained/{experiment}/{network}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("embed"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].embed),
    message:
        "Embedding the latents before training, seed {wildcards.seed}, for {wildcards.experiment}"
    shell:
        "sim2sky embed --untrained"
        " --settings {params.settings:q}"
        " --model {input.model:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --output {output:q}"
        " 2> {log:q}"


rule tabulate_separation:
    input:
        latents=shown_latents,
    output:
        table="results/experiments/{experiment}/separation.parquet",
        csv="results/experiments/{experiment}/separation.csv",
    log:
        "results/logs/tabulate_separation/{experiment}.log",
    benchmark:
        "results/benchmarks/tabulate_separation/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("embed"),
    message:
        "Comparing the latent spaces of {wildcards.experiment}"
    shell:
        "sim2sky tabulate-separation"
        " --output {output.table:q}"
        " {input.latents:q}"
        " 2> {log:q}"
