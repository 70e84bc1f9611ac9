# needs: nothing
# makes: results/checks/gpu.txt, what PyTorch sees where training would run


rule probe_gpu:
    output:
        temp("results/checks/gpu.txt"),
    log:
        "results/logs/probe_gpu.log",
    retries: 0
    conda:
        "../../envs/sim2sky.yaml"
    resources:
        mem_mb=2000,
        runtime=5,
    message:
        "Looking for a GPU"
    shell:
        "python -c 'import os, socket, sys, torch; cuda = torch.cuda.is_available();"
        ' print(socket.gethostname(), "PyTorch", torch.__version__, "CUDA_VISIBLE_DEVICES:",'
        ' os.environ.get("CUDA_VISIBLE_DEVICES", "not set"), "GPU:",'
        ' torch.cuda.get_device_name() if cuda else "none");'
        ' cuda or sys.exit("no GPU seen here: the line above says by which PyTorch, where")\''
        " 2> {log:q} | tee {output:q}"


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
