# needs: nothing but the configuration
# makes: results/runs/<suite>/<batch>.h5, N-body runs without a scale,
#        results/simulations/<simulation>/, a directory in Illustris/TNG format


rule simulate_systems:
    output:
        "results/runs/{suite}/{batch}.h5",
    log:
        "results/logs/simulate_systems/{suite}/{batch}.log",
    benchmark:
        "results/benchmarks/simulate_systems/{suite}/{batch}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 1500,
        runtime=lambda wildcards, attempt: attempt * 30,
    params:
        code=stage_code("simulate"),
        settings=lambda w: as_json(CONFIG.suites[w.suite]),
        batch=lambda w: int(w.batch),
    message:
        "Simulating batch {wildcards.batch} of the suite {wildcards.suite}"
    shell:
        "sim2sky simulate"
        " --settings {params.settings:q}"
        " --batch {params.batch}"
        " --output {output:q}"
        " 2> {log:q}"


rule assemble_simulation:
    input:
        runs=lambda w: numbered(
            f"results/runs/{CONFIG.simulations[w.simulation].suite}/{{i}}.h5",
            CONFIG.suite_of(w.simulation).n_batches,
        ),
    output:
        directory("results/simulations/{simulation}"),
    log:
        "results/logs/assemble_simulation/{simulation}.log",
    benchmark:
        "results/benchmarks/assemble_simulation/{simulation}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 30,
    params:
        code=stage_code("simulate"),
        settings=lambda w: as_json(CONFIG.simulations[w.simulation].assemble),
    message:
        "Assembling the simulation {wildcards.simulation}"
    shell:
        "sim2sky assemble"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " {input.runs:q}"
        " 2> {log:q}"
