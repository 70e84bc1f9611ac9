# needs: trained models of an experiment, their calibrations and the stamps of any domain
# makes: results/catalogues/<catalogue>/<shard>.parquet, one row per image; pandas reads the folder


rule predict_catalogue:
    input:
        models=catalogue_models("model.pt"),
        calibrations=catalogue_models("calibration.h5"),
        stamps=catalogue_stamps,
    output:
        "results/catalogues/{catalogue}/{shard}.parquet",
    log:
        "results/logs/predict_catalogue/{catalogue}/{shard}.log",
    benchmark:
        "results/benchmarks/predict_catalogue/{catalogue}/{shard}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 60,
    params:
        code=stage_code("predict"),
        models=lambda w, input: [f"--model={model}" for model in input.models],
        calibrations=lambda w, input: [
            f"--calibration={path}" for path in input.calibrations
        ],
        settings=lambda w: as_json(CONFIG.catalogues[w.catalogue].predict),
        normalisation=lambda w: CONFIG.catalogues[w.catalogue].normalisation,
    message:
        "Predicting shard {wildcards.shard} of the catalogue {wildcards.catalogue}"
    shell:
        "sim2sky predict"
        " {params.models:q}"
        " {params.calibrations:q}"
        " --settings {params.settings:q}"
        " --images {input.stamps:q}"
        " --domain {params.normalisation}"
        " --output {output:q}"
        " 2> {log:q}"
