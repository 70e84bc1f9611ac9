# needs: results/domains/<domain>/stamps/*.h5; for mocks their sample's galaxies.parquet
# makes: results/domains/<domain>/dataset.h5, split by system, and its leak audit;
#        results/experiments/<experiment>/audit.json, the audit of a pair of domains


rule build_dataset:
    input:
        stamps=lambda w: numbered(
            f"results/domains/{CONFIG.stamps_domain(w.domain)}/stamps/{{i}}.h5",
            CONFIG.n_shards(w.domain),
        ),
        sample=lambda w: domain_sample(w.domain),
    output:
        dataset="results/domains/{domain}/dataset.h5",
        audit="results/domains/{domain}/audit.json",
    log:
        "results/logs/build_dataset/{domain}.log",
    benchmark:
        "results/benchmarks/build_dataset/{domain}.tsv"
    wildcard_constraints:
        domain=any_of(set(CONFIG.domains) - set(CONFIG.published_domains)),
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 4000,
        runtime=lambda wildcards, attempt: attempt * 30,
    params:
        code=stage_code("build"),
        settings=lambda w: as_json(CONFIG.domains[w.domain].build),
        sample=lambda w, input: f"--sample {input.sample}" if input.sample else "",
    message:
        "Building the dataset of the domain {wildcards.domain}"
    shell:
        "sim2sky build"
        " --settings {params.settings:q}"
        " --output {output.dataset:q}"
        " --audit {output.audit:q}"
        " {params.sample}"
        " {input.stamps:q}"
        " 2> {log:q}"


rule audit_experiment:
    input:
        source=experiment_dataset("source"),
        target=experiment_dataset("target"),
    output:
        "results/experiments/{experiment}/audit.json",
    log:
        "results/logs/audit_experiment/{experiment}.log",
    benchmark:
        "results/benchmarks/audit_experiment/{experiment}.tsv"
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 4000,
        runtime=lambda wildcards, attempt: attempt * 30,
    params:
        code=stage_code("build"),
    message:
        "Auditing the experiment {wildcards.experiment} for leaks between its domains"
    shell:
        "sim2sky audit"
        " --output {output:q}"
        " {input.source:q} {input.target:q}"
        " 2> {log:q}"
