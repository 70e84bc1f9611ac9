# needs: a simulation directory or cutout
# makes: results/samples/<sample>/galaxies.parquet, one row per galaxy and snapshot


rule select_galaxies:
    input:
        simulation=sample_simulation,
    output:
        "results/samples/{sample}/galaxies.parquet",
    log:
        "results/logs/select_galaxies/{sample}.log",
    benchmark:
        "results/benchmarks/select_galaxies/{sample}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 30,
    params:
        code=stage_code("select"),
        settings=lambda w: as_json(CONFIG.samples[w.sample].select),
    message:
        "Selecting the galaxies of the sample {wildcards.sample}"
    shell:
        "sim2sky select"
        " --settings {params.settings:q}"
        " --simulation {input.simulation:q}"
        " --output {output:q}"
        " 2> {log:q}"
