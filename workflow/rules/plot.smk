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


rule plot_realism:
    input:
        table="results/experiments/{experiment}/realism.parquet",
        values="results/experiments/{experiment}/realism_values.parquet",
    output:
        png=report(
            "results/experiments/{experiment}/realism.png",
            caption="../report/realism.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/realism.pdf",
    log:
        "results/logs/plot_realism/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_realism/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the mocks beside the images of {wildcards.experiment}"
    shell:
        "sim2sky plot-realism"
        " --output {output.png:q}"
        " --table {input.table:q}"
        " --values {input.values:q}"
        " 2> {log:q}"


rule plot_roc:
    input:
        table="results/experiments/{experiment}/table.parquet",
        predictions=model_files("predictions.parquet"),
    output:
        png=report(
            "results/experiments/{experiment}/roc.png",
            caption="../report/roc.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/roc.pdf",
    log:
        "results/logs/plot_roc/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_roc/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the ROC curves of {wildcards.experiment}"
    shell:
        "sim2sky plot-roc"
        " --output {output.png:q}"
        " --table {input.table:q}"
        " {input.predictions:q}"
        " 2> {log:q}"


rule plot_confusion:
    input:
        predictions=model_files("predictions.parquet"),
    output:
        png=report(
            "results/experiments/{experiment}/confusion.png",
            caption="../report/confusion.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/confusion.pdf",
    log:
        "results/logs/plot_confusion/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_confusion/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the confusion matrices of {wildcards.experiment}"
    shell:
        "sim2sky plot-confusion"
        " --output {output.png:q}"
        " {input.predictions:q}"
        " 2> {log:q}"


rule plot_table:
    input:
        table="results/experiments/{experiment}/table.parquet",
    output:
        png=report(
            "results/experiments/{experiment}/scores.png",
            caption="../report/scores.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/scores.pdf",
    log:
        "results/logs/plot_table/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_table/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the scores of {wildcards.experiment}"
    shell:
        "sim2sky plot-table"
        " --output {output.png:q}"
        " --table {input.table:q}"
        " 2> {log:q}"


rule plot_history:
    input:
        histories=model_files("history.csv"),
    output:
        png=report(
            "results/experiments/{experiment}/history.png",
            caption="../report/history.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/history.pdf",
    log:
        "results/logs/plot_history/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_history/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the learning curves of {wildcards.experiment}"
    shell:
        "sim2sky plot-history"
        " --output {output.png:q}"
        " {input.histories:q}"
        " 2> {log:q}"


rule plot_gradcam:
    input:
        explanations=shown_files("explain.h5"),
    output:
        png=report(
            "results/experiments/{experiment}/gradcam.png",
            caption="../report/gradcam.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/gradcam.pdf",
    log:
        "results/logs/plot_gradcam/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_gradcam/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the Grad-CAM panels of {wildcards.experiment}"
    shell:
        "sim2sky plot-gradcam"
        " --output {output.png:q}"
        " {input.explanations:q}"
        " 2> {log:q}"


rule plot_attribution:
    input:
        table="results/experiments/{experiment}/attribution.parquet",
    output:
        png=report(
            "results/experiments/{experiment}/attribution.png",
            caption="../report/attribution.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/attribution.pdf",
    log:
        "results/logs/plot_attribution/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_attribution/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting how far out the networks of {wildcards.experiment} look"
    shell:
        "sim2sky plot-attribution"
        " --output {output.png:q}"
        " --table {input.table:q}"
        " 2> {log:q}"


rule plot_latent:
    input:
        latents=shown_latents,
    output:
        png=report(
            "results/experiments/{experiment}/latent.png",
            caption="../report/latent.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/latent.pdf",
    log:
        "results/logs/plot_latent/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_latent/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the latent space of {wildcards.experiment}"
    shell:
        "sim2sky plot-latent"
        " --output {output.png:q}"
        " {input.latents:q}"
        " 2> {log:q}"


rule plot_ladder:
    input:
        table="results/experiments/{experiment}/ladder.parquet",
    output:
        png=report(
            "results/experiments/{experiment}/ladder.png",
            caption="../report/ladder.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/ladder.pdf",
    log:
        "results/logs/plot_ladder/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_ladder/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the ladder of realisms of {wildcards.experiment}"
    shell:
        "sim2sky plot-ladder"
        " --output {output.png:q}"
        " --table {input.table:q}"
        " 2> {log:q}"


rule plot_exposure:
    input:
        table="results/experiments/{experiment}/ladder.parquet",
    output:
        png=report(
            "results/experiments/{experiment}/exposure.png",
            caption="../report/exposure.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/exposure.pdf",
    log:
        "results/logs/plot_exposure/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_exposure/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting what exposure time buys in {wildcards.experiment}"
    shell:
        "sim2sky plot-exposure"
        " --output {output.png:q}"
        " --table {input.table:q}"
        " 2> {log:q}"


rule plot_attack:
    input:
        table="results/experiments/{experiment}/attack.parquet",
    output:
        png=report(
            "results/experiments/{experiment}/attack.png",
            caption="../report/attack.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/attack.pdf",
    log:
        "results/logs/plot_attack/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_attack/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the attacks on the models of {wildcards.experiment}"
    shell:
        "sim2sky plot-attack"
        " --output {output.png:q}"
        " --table {input.table:q}"
        " 2> {log:q}"


rule plot_church_window:
    input:
        windows=shown_files("church.h5"),
    output:
        png=report(
            "results/experiments/{experiment}/church_window.png",
            caption="../report/church_window.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/church_window.pdf",
    log:
        "results/logs/plot_church_window/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_church_window/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the church windows of {wildcards.experiment}"
    shell:
        "sim2sky plot-church-window"
        " --output {output.png:q}"
        " {input.windows:q}"
        " 2> {log:q}"


rule plot_reliability:
    input:
        table="results/experiments/{experiment}/reliability.parquet",
        curves="results/experiments/{experiment}/reliability_curves.parquet",
    output:
        png=report(
            "results/experiments/{experiment}/reliability.png",
            caption="../report/reliability.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/reliability.pdf",
    log:
        "results/logs/plot_reliability/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_reliability/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting the calibration of {wildcards.experiment}"
    shell:
        "sim2sky plot-reliability"
        " --output {output.png:q}"
        " --table {input.table:q}"
        " --curves {input.curves:q}"
        " 2> {log:q}"


rule plot_outliers:
    input:
        table="results/experiments/{experiment}/reliability.parquet",
        outliers=outlier_files("outliers.h5"),
    output:
        png=report(
            "results/experiments/{experiment}/outliers.png",
            caption="../report/outliers.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/outliers.pdf",
    log:
        "results/logs/plot_outliers/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_outliers/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting what is strange in the target of {wildcards.experiment}"
    shell:
        "sim2sky plot-outliers"
        " --output {output.png:q}"
        " --table {input.table:q}"
        " {input.outliers:q}"
        " 2> {log:q}"


rule plot_regret:
    input:
        regret="results/experiments/{experiment}/regret.parquet",
    output:
        png=report(
            "results/experiments/{experiment}/regret.png",
            caption="../report/regret.rst",
            category="{experiment}",
        ),
        pdf="results/experiments/{experiment}/regret.pdf",
    log:
        "results/logs/plot_regret/{experiment}.log",
    benchmark:
        "results/benchmarks/plot_regret/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("plot"),
    message:
        "Plotting what a choice without target labels costs in {wildcards.experiment}"
    shell:
        "sim2sky plot-regret"
        " --output {output.png:q}"
        " --regret {input.regret:q}"
        " 2> {log:q}"
