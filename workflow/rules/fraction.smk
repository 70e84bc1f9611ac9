# needs: a catalogue and the calibrations of the models behind it
# makes: results/fractions/<catalogue>.json, the share of a class among its objects, and
#        results/fractions/<catalogue>.parquet, purity and completeness at that share


rule estimate_fraction:
    input:
        shards=catalogue_shards,
        calibrations=catalogue_models("calibration.h5"),
    output:
        json="results/fractions/{catalogue}.json",
        table="results/fractions/{catalogue}.parquet",
    log:
        "results/logs/estimate_fraction/{catalogue}.log",
    benchmark:
        "results/benchmarks/estimate_fraction/{catalogue}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 20,
    params:
        code=stage_code("fraction"),
        settings=lambda w: as_json(CONFIG.catalogues[w.catalogue].fraction),
        calibrations=lambda w, input: [
            f"--calibration={path}" for path in input.calibrations
        ],
    message:
        "Estimating shares of classes in the catalogue {wildcards.catalogue}"
    shell:
        "sim2sky fraction {input.shards:q}"
        " {params.calibrations:q}"
        " --settings {params.settings:q}"
        " --output {output.json:q}"
        " 2> {log:q}"
