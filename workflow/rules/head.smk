# When the `snakemake` before was killed: its lock is removed, its jobs are cancelled. When
# slurmctld restarts: its jobs are not forgotten. On one machine, jobs need not import libraries.
import sys

from snakemake_interface_executor_plugins.settings import ExecMode

from sim2sky import preload
from sim2sky.head import (
    cancel_orphans,
    join_heads,
    look_for_jobs_when_one_ends,
    remember_min_job_age,
)

# not in the jobs, which read the Snakefile too
IS_HEAD = workflow.exec_mode == ExecMode.DEFAULT
FOUND = join_heads(Path.cwd()) if IS_HEAD else None
if IS_HEAD:
    remember_min_job_age()
    if FOUND.message:
        print(f"sim2sky: {FOUND.message}", file=sys.stderr)


onstart:
    if IS_HEAD:
        look_for_jobs_when_one_ends(workflow)
    if IS_HEAD and FOUND.alone:
        orphans = cancel_orphans(Path.cwd())
        if orphans:
            print(
                f"sim2sky: jobs of a dead snakemake cancelled: {' '.join(orphans)}",
                file=sys.stderr,
            )
    # a job on a node, or in an environment of its own, has other libraries
    if (
        IS_HEAD
        and workflow.local_exec
        and not workflow.deployment_settings.deployment_method
    ):
        preload.start()
