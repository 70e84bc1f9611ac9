# needs: an API key in the environment and the network, hence it runs where Snakemake does
# makes: results/retrieved/<simulation>/, cutouts, trees and catalogues, and their manifest.json


localrules:
    retrieve_simulation,


# The downloads themselves are no declared outputs: a failed job would lose them,
# and the next one goes on with what is missing.
rule retrieve_simulation:
    output:
        "results/retrieved/{retrieved}/manifest.json",
    log:
        "results/logs/retrieve_simulation/{retrieved}.log",
    benchmark:
        "results/benchmarks/retrieve_simulation/{retrieved}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 720,
    params:
        code=stage_code("retrieve"),
        settings=lambda w: as_json(CONFIG.simulations[w.retrieved].retrieve),
        folder=subpath(output[0], parent=True),
    message:
        "Downloading the simulation {wildcards.retrieved}"
    shell:
        "sim2sky retrieve"
        " --settings {params.settings:q}"
        " --output {params.folder:q}"
        " 2> {log:q}"
