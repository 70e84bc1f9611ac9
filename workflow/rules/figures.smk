# needs: every figure and table
# makes: results/figures/, copies of all of them and the gallery page index.html


FIGURES = ["scores", "roc", "confusion", "history", "gradcam", "attribution", "latent"]
TABLES = {  # beside the figures, by the kind they belong to
    "table": ["parquet", "csv"],
    "audit": ["json"],
    "attribution": ["parquet", "csv"],
    "separation": ["parquet", "csv"],
    "realism": ["parquet", "csv", "json"],
    "ladder": ["parquet", "csv"],
    "attack": ["parquet", "csv"],
    "reliability": ["parquet", "csv"],
    "outliers": ["parquet", "csv"],
    "regret": ["parquet"],
}


def figure_files(wildcards):
    """Return every figure and table of the configuration's experiments."""
    used = CONFIG.used_domains
    stems = expand("results/domains/{d}/mosaic", d=used)
    stems += expand("results/simulations/{s}", s=CONFIG.used_embedded_simulations)
    files = expand("results/domains/{d}/audit.json", d=used)
    for name, entry in CONFIG.experiments.items():
        folder = f"results/experiments/{name}"
        optional = CONFIG.optional_figures(name)
        stems += [f"{folder}/{kind}" for kind in FIGURES + optional]
        for kind in ["table", "audit", "separation", *FIGURES, *optional]:
            files += [f"{folder}/{kind}.{suffix}" for suffix in TABLES.get(kind, [])]
        files += expand(
            f"{MODEL}/explore",
            experiment=name,
            method=entry.show,
            network=entry.networks,
            seed=entry.seeds[:1],
        )
    return files + expand("{stem}.{suffix}", stem=stems, suffix=["png", "pdf"])


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
