# needs: nothing
# makes: results/checks/gpu.txt, what PyTorch sees where training would run


rule probe_gpu:
    output:
        temp("results/checks/gpu.txt"),
    log:
        "results/logs/probe_gpu.log",
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=2000,
        runtime=5,
    message:
        "Looking for a GPU"
    shell:
        "python -c 'import socket, torch; cuda = torch.cuda.is_available();"
        ' print(socket.gethostname(), torch.__version__, "GPU:",'
        ' torch.cuda.get_device_name() if cuda else "none")\''
        " > {output:q} 2> {log:q}"


rule check_gpu:
    input:
        "results/checks/gpu.txt",
    log:
        "results/logs/check_gpu.log",
    localrule: True
    conda:
        "../../envs/sim2sky.yaml"
    message:
        "The GPU that training would use"
    shell:
        "cat {input:q} 2> {log:q}"
