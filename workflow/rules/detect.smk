# needs: a folder of survey frames
# makes: in results/domains/<domain>: stamps/<shard>.h5, as observe makes them of images;
#        objects/<shard>.parquet, all that was detected; sky/<shard>.h5, patches of sky for mocks


rule detect_objects:
    input:
        frames=survey_frames,
    output:
        stamps="results/domains/{domain}/stamps/{shard}.h5",
        objects="results/domains/{domain}/objects/{shard}.parquet",
        sky="results/domains/{domain}/sky/{shard}.h5",
    log:
        "results/logs/detect_objects/{domain}/{shard}.log",
    benchmark:
        "results/benchmarks/detect_objects/{domain}/{shard}.tsv"
    wildcard_constraints:
        domain=any_of(CONFIG.frame_domains),
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 4000,
        runtime=lambda wildcards, attempt: attempt * 60,
    params:
        code=stage_code("detect"),
        settings=lambda w: as_json(CONFIG.domains[w.domain].frames.settings),
    message:
        "Finding the galaxies in the frames of the domain {wildcards.domain}"
    shell:
        "sim2sky detect"
        " --settings {params.settings:q}"
        " --frames {input.frames:q}"
        " --objects {output.objects:q}"
        " --sky {output.sky:q}"
        " --output {output.stamps:q}"
        " 2> {log:q}"
