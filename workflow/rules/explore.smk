# needs: a model, its latents and the datasets of its experiment
# makes: explore/ beside the model: points, stamps and Grad-CAM maps for the page's latent map


rule explore_model:
    input:
        model=f"{MODEL}/model.pt",
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
        latents=f"{MODEL}/latents.h5",
    output:
        directory(f"{MODEL}/explore"),
    log:
        "results/logs/explore_model/{experiment}/{method}/{network}/{seed}.log",
    benchmark:
        "results/benchmarks/explore_model/{experiment}/{method}/{network}/{seed}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("explore"),
        settings=lambda w: as_json(CONFIG.experiments[w.experiment].explore),
    message:
        "Points and pictures of {wildcards.method}, seed {wildcards.seed}, for {wildcards.experiment}"
    shell:
        "sim2sky explore"
        " --settings {params.settings:q}"
        " --model {input.model:q}"
        " --source {input.source:q}"
        " --target {input.target:q}"
        " --latents {input.latents:q}"
        " --output {output:q}"
        " 2> {log:q}"
