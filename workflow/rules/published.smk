# needs: the files of a published dataset, under their own names
# makes: results/domains/<domain>/dataset.h5, split fairly or as published, and audit.json,
#        which says for both splits how many test images have a copy in training


rule read_published:
    input:
        folder=published_files,
    output:
        dataset="results/domains/{domain}/dataset.h5",
        audit="results/domains/{domain}/audit.json",
    log:
        "results/logs/read_published/{domain}.log",
    benchmark:
        "results/benchmarks/read_published/{domain}.tsv"
    wildcard_constraints:
        domain=any_of(CONFIG.published_domains),
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 8000,
        runtime=lambda wildcards, attempt: attempt * 60,
    params:
        code=stage_code("published"),
        settings=lambda w: as_json(CONFIG.domains[w.domain].published.settings),
    message:
        "Reading the published dataset of the domain {wildcards.domain}"
    shell:
        "sim2sky published"
        " --settings {params.settings:q}"
        " --folder {input.folder:q}"
        " --output {output.dataset:q}"
        " --audit {output.audit:q}"
        " 2> {log:q}"
