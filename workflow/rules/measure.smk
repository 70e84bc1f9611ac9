# needs: results/domains/<domain>/dataset.h5
# makes: results/domains/<domain>/morphology.parquet, the shapes of its galaxies


rule measure_shapes:
    input:
        dataset="results/domains/{domain}/dataset.h5",
    output:
        "results/domains/{domain}/morphology.parquet",
    log:
        "results/logs/measure_shapes/{domain}.log",
    benchmark:
        "results/benchmarks/measure_shapes/{domain}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 60,
    params:
        code=stage_code("measure"),
        settings=lambda w: as_json(CONFIG.domains[w.domain].measure),
    message:
        "Measuring the shapes of the galaxies of the domain {wildcards.domain}"
    shell:
        "sim2sky measure"
        " --settings {params.settings:q}"
        " --threads {threads}"
        " --dataset {input.dataset:q}"
        " --output {output:q}"
        " 2> {log:q}"
