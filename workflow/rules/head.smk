# When the `snakemake` before was killed: its lock is removed, its jobs are cancelled. When
# slurmctld restarts: its jobs are not forgotten.
import sys

from snakemake_interface_executor_plugins.settings import ExecMode

from sim2sky.head import cancel_orphans, join_heads, remember_min_job_age

# not in the jobs, which read the Snakefile too
IS_HEAD = workflow.exec_mode == ExecMode.DEFAULT
FOUND = join_heads(Path.cwd()) if IS_HEAD else None
if IS_HEAD:
    remember_min_job_age()
    if FOUND.message:
        print(f"sim2sky: {FOUND.message}", file=sys.stderr)


onstart:
    if IS_HEAD and FOUND.alone:
        orphans = cancel_orphans(Path.cwd())
        if orphans:
            print(
                f"sim2sky: jobs of a dead snakemake cancelled: {' '.join(orphans)}",
                file=sys.stderr,
            )
