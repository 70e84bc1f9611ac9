# needs: results/samples/<sample>/galaxies.parquet and the simulation
# makes: results/samples/<sample>/maps/<shard>.h5, noise-free maps per view and band


rule project_maps:
    input:
        simulation=sample_simulation,
        sample="results/samples/{sample}/galaxies.parquet",
    output:
        "results/samples/{sample}/maps/{shard}.h5",
    log:
        "results/logs/project_maps/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/project_maps/{sample}/{shard}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 30,
    params:
        code=stage_code("project"),
        settings=lambda w: as_json(CONFIG.samples[w.sample].project),
        shard=lambda w: int(w.shard),
    message:
        "Projecting shard {wildcards.shard} of the sample {wildcards.sample}"
    shell:
        "sim2sky project"
        " --settings {params.settings:q}"
        " --simulation {input.simulation:q}"
        " --sample {input.sample:q}"
        " --shard {params.shard}"
        " --output {output:q}"
        " 2> {log:q}"
