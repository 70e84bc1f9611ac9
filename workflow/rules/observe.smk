# needs: results/samples/<sample>/maps/<shard>.h5 and a survey's YAML with its PSFs (and, for some,
#        patches of a survey's sky), or a folder of images
# makes: results/domains/<domain>/stamps/<shard>.h5, the same for mocks and for real images


rule observe_stamps:
    input:
        maps=lambda w: f"results/samples/{CONFIG.domains[w.domain].sample}/maps/{w.shard}.h5",
        survey=lambda w: survey_file(CONFIG.domains[w.domain].survey),
        psfs=survey_psf_files,
        sky=domain_sky,
    output:
        "results/domains/{domain}/stamps/{shard}.h5",
    log:
        "results/logs/observe_stamps/{domain}/{shard}.log",
    benchmark:
        "results/benchmarks/observe_stamps/{domain}/{shard}.tsv"
    wildcard_constraints:
        domain=any_of(CONFIG.mock_domains),
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 30,
    params:
        code=stage_code("observe"),
        settings=lambda w: as_json(CONFIG.domains[w.domain].observe),
        sky=lambda w, input: ["--sky", input.sky] if input.sky else [],
    message:
        "Observing shard {wildcards.shard} of the domain {wildcards.domain}"
    shell:
        "sim2sky observe"
        " --settings {params.settings:q}"
        " --survey {input.survey:q}"
        " --maps {input.maps:q}"
        " {params.sky:q}"
        " --output {output:q}"
        " 2> {log:q}"


rule observe_images:
    input:
        unpack(survey_images),
    output:
        "results/domains/{domain}/stamps/{shard}.h5",
    log:
        "results/logs/observe_images/{domain}/{shard}.log",
    benchmark:
        "results/benchmarks/observe_images/{domain}/{shard}.tsv"
    wildcard_constraints:
        domain=any_of(CONFIG.image_domains),
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 30,
    params:
        code=stage_code("observe"),
        settings=lambda w: as_json(CONFIG.domains[w.domain].images.settings),
        labels=lambda w, input: f"--labels {input.labels}" if input.labels else "",
    message:
        "Reading the survey images of the domain {wildcards.domain}"
    shell:
        "sim2sky observe-images"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " {params.labels}"
        " --output {output:q}"
        " 2> {log:q}"
