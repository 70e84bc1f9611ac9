# needs: every figure and table, what the latent map is made of, and the captions
# makes: results/figures/, copies of all of them and the gallery page index.html


rule figures:
    input:
        files=figure_files,
        captions=sorted(str(p) for p in Path("workflow/report").glob("*.rst")),
    output:
        directory("results/figures"),
    log:
        "results/logs/figures.log",
    localrule: True
    conda:
        "../../envs/sim2sky.yaml"
    params:
        code=stage_code("figures"),
        settings=as_json(CONFIG.figures),
        configuration=as_json(CONFIG),
    message:
        "Assembling results/figures"
    shell:
        "sim2sky figures"
        " --settings {params.settings:q}"
        " --configuration {params.configuration:q}"
        " --output {output:q}"
        " {input.files:q}"
        " 2> {log:q}"
