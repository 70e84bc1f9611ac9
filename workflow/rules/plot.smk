# needs: what the stages before have made
# makes: figures, each as PNG for the page and PDF for the paper, beside what they show


rule plot_simulation:
    input:
        simulation="results/simulations/{simulation}",
    output:
        png=report(
            "results/simulations/{simulation}.png",
            caption="../report/simulation.rst",
            category="Simulations",
        ),
        pdf="results/simulations/{simulation}.pdf",
    log:
        "results/logs/plot_simulation/{simulation}.log",
    benchmark:
        "results/benchmarks/plot_simulation/{simulation}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the energy and merger times of the simulation {wildcards.simulation}"
    shell:
        "sim2sky plot-simulation"
        " --output {output.png:q}"
        " --simulation {input.simulation:q}"
        " 2> {log:q}"


rule plot_mosaic:
    input:
        dataset="results/domains/{domain}/dataset.h5",
    output:
        png=report(
            "results/domains/{domain}/mosaic.png",
            caption="../report/mosaic.rst",
            category="Domains",
        ),
        pdf="results/domains/{domain}/mosaic.pdf",
    log:
        "results/logs/plot_mosaic/{domain}.log",
    benchmark:
        "results/benchmarks/plot_mosaic/{domain}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting a mosaic of the domain {wildcards.domain}"
    shell:
        "sim2sky plot-mosaic"
        " --output {output.png:q}"
        " --dataset {input.dataset:q}"
        " 2> {log:q}"


# Figures of an experiment: what they show, and what their commands read, as options or, where
# the name is `files`, as arguments. Each is a rule of its own, `plot_<figure>`.
EXPERIMENT = "results/experiments/{experiment}"
PLOTS = {
    "realism": (
        "the mocks beside the images",
        {
            "table": f"{EXPERIMENT}/realism.parquet",
            "values": f"{EXPERIMENT}/realism_values.parquet",
        },
    ),
    "roc": (
        "the ROC curves",
        {
            "table": f"{EXPERIMENT}/table.parquet",
            "files": model_files("predictions.parquet"),
        },
    ),
    "confusion": (
        "the confusion matrices",
        {"files": model_files("predictions.parquet")},
    ),
    "scores": ("the scores", {"table": f"{EXPERIMENT}/table.parquet"}),
    "history": ("the learning curves", {"files": model_files("history.csv")}),
    "gradcam": ("the Grad-CAM panels", {"files": shown_files("explain.h5")}),
    "attribution": (
        "how far out networks look",
        {"table": f"{EXPERIMENT}/attribution.parquet"},
    ),
    "latent": ("the latent space", {"files": shown_latents}),
    "ladder": (
        "the ladder of realisms",
        {"table": f"{EXPERIMENT}/ladder.parquet"},
    ),
    "exposure": (
        "what exposure time buys",
        {"table": f"{EXPERIMENT}/ladder.parquet"},
    ),
    "attack": ("the attacks", {"table": f"{EXPERIMENT}/attack.parquet"}),
    "church_window": ("the church windows", {"files": shown_files("church.h5")}),
    "reliability": (
        "the calibration",
        {
            "table": f"{EXPERIMENT}/reliability.parquet",
            "curves": f"{EXPERIMENT}/reliability_curves.parquet",
        },
    ),
    "outliers": (
        "what is strange in the target",
        {
            "table": f"{EXPERIMENT}/reliability.parquet",
            "files": outlier_files("outliers.h5"),
        },
    ),
    "method_choice": (
        "what chooses a method without target labels",
        {"table": f"{EXPERIMENT}/method_choice.parquet"},
    ),
    "regret": (
        "what a choice without target labels costs",
        {"regret": f"{EXPERIMENT}/regret.parquet"},
    ),
}

for FIGURE, (SHOWN, READ) in PLOTS.items():

    rule:
        name:
            f"plot_{FIGURE}"
        input:
            **READ,
        output:
            png=report(
                f"{EXPERIMENT}/{FIGURE}.png",
                caption=f"../report/{FIGURE}.rst",
                category="{experiment}",
            ),
            pdf=f"{EXPERIMENT}/{FIGURE}.pdf",
        log:
            f"results/logs/plot_{FIGURE}/{{experiment}}.log",
        benchmark:
            f"results/benchmarks/plot_{FIGURE}/{{experiment}}.tsv"
        conda:
            "../../envs/sim2sky.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: attempt * 2000,
            runtime=lambda wildcards, attempt: attempt * 20,
        params:
            code=stage_code("plot"),
            # the shell command is put together after the loop, when FIGURE is the last
            command=f"plot-{FIGURE.replace('_', '-')}",
            words=as_words(READ),
        message:
            f"Plotting {SHOWN} of {{wildcards.experiment}}"
        shell:
            "sim2sky {params.command}"
            " --output {output.png:q}"
            " {params.words:q}"
            " 2> {log:q}"
