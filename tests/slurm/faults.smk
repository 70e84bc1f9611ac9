# Jobs that go wrong on request, for test_faults.py.


# 500 MB beside Snakemake's own processes, which live in the job too: 600 MB are too few, 1200 enough
rule needs_memory:
    output:
        "results/memory.txt",
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 600,
    shell:
        "python3 -c 'print(len(bytearray(500 << 20)))' > {output}"


rule hangs_at_first:
    output:
        "results/hangs.txt",
    resources:
        mem_mb=600,
        seconds=lambda wildcards, attempt: 600 if attempt == 1 else 0,
    shell:
        "sleep {resources.seconds} && touch {output}"


# a chain whose second job takes as long as a file named `hold` is there
rule first:
    output:
        "results/first.txt",
    shell:
        "touch {output}"


rule second:
    input:
        "results/first.txt",
    output:
        "results/second.txt",
    resources:
        mem_mb=600,
    shell:
        "echo half > {output}; while [[ -e hold ]]; do sleep 0.5; done; echo whole > {output}"
