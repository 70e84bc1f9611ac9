# needs: every figure and table
# makes: results/figures/, copies of all of them and the gallery page index.html


FIGURES = ["scores", "roc", "confusion", "history", "gradcam", "attribution", "latent"]


def figure_files(wildcards):
    """Return every figure and table of the configuration's experiments."""
    used = CONFIG.used_domains
    stems = expand("results/experiments/{e}/{f}", e=CONFIG.experiments, f=FIGURES)
    regrets = expand("results/experiments/{e}/regret", e=CONFIG.regret_experiments)
    stems += regrets
    realism = expand("results/experiments/{e}/realism", e=CONFIG.realism_experiments)
    stems += realism
    attacks = expand("results/experiments/{e}/attack", e=CONFIG.attacked_experiments)
    stems += attacks
    stems += expand(
        "results/experiments/{e}/church_window", e=CONFIG.church_experiments
    )
    ladders = expand("results/experiments/{e}/ladder", e=CONFIG.ladder_experiments)
    stems += ladders
    stems += expand("results/experiments/{e}/exposure", e=CONFIG.exposure_experiments)
    reliability = expand(
        "results/experiments/{e}/reliability", e=CONFIG.reliability_experiments
    )
    outliers = expand("results/experiments/{e}/outliers", e=CONFIG.outlier_experiments)
    stems += reliability + outliers
    stems += expand("results/domains/{d}/mosaic", d=used)
    stems += expand("results/simulations/{s}", s=CONFIG.used_embedded_simulations)
    files = expand("{stem}.{suffix}", stem=stems, suffix=["png", "pdf"])
    files += expand(
        "results/experiments/{e}/{table}",
        e=CONFIG.experiments,
        table=["table.parquet", "table.csv", "audit.json"],
    )
    files += expand(
        "results/experiments/{e}/{table}.{suffix}",
        e=CONFIG.experiments,
        table=["attribution", "separation"],
        suffix=["parquet", "csv"],
    )
    files += expand("results/domains/{d}/audit.json", d=used)
    files += expand("{stem}.parquet", stem=regrets)
    files += expand("{stem}.{suffix}", stem=realism, suffix=["parquet", "csv", "json"])
    files += expand("{stem}.{suffix}", stem=attacks, suffix=["parquet", "csv"])
    files += expand("{stem}.{suffix}", stem=ladders, suffix=["parquet", "csv"])
    files += expand(
        "{stem}.{suffix}", stem=reliability + outliers, suffix=["parquet", "csv"]
    )
    for name, entry in CONFIG.experiments.items():
        files += expand(
            f"{MODEL}/explore",
            experiment=name,
            method=entry.show,
            network=entry.networks,
            seed=entry.seeds[:1],
        )
    return files


rule figures:
    input:
        files=figure_files,
        captions=sorted(str(p) for p in Path("workflow/report").glob("*.rst")),
        code=stage_code("figures"),
    output:
        directory("results/figures"),
    log:
        "results/logs/figures.log",
    localrule: True
    conda:
        "../../envs/sim2sky.yaml"
    params:
        settings=as_json(CONFIG.figures),
        configuration=as_json(CONFIG),
    message:
        "Assembling results/figures"
    shell:
        "sim2sky figures"
        " --settings {params.settings:q}"
        " --configuration {params.configuration:q}"
        " --output {output:q}"
        " {input.files:q}"
        " 2> {log:q}"
