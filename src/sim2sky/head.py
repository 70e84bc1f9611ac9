"""The `snakemake` call itself: what one that was killed leaves behind, its lock and its jobs.

Snakemake's own lock is a set of files, which stay when the process that made them is
killed. Beside it every call holds a lock of the operating system for as long as it
lives, so that the next call can tell whether a lock still has an owner.
"""

import fcntl
import getpass
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(".snakemake")
JOB_COMMENTS = ("rule_", "group_")  # how the Slurm plugin begins the comment of its jobs
DEFAULT_RATE = (100, 1)  # jobs, seconds: --max-jobs-per-timespan of Snakemake 9

_held: list = []  # open files: closing one would give up its lock


class Found(NamedTuple):
    """What a call finds when it begins.

    Parameters
    ----------
    alone : bool
        Whether it is certain that no other call lives in the directory.
    message : str or None
        A lock that was removed, or one that was left alone because its owner
        cannot be seen from this host. Snakemake itself refuses to go on beside a
        living owner.
    """

    alone: bool
    message: str | None = None


def join_heads(directory: Path) -> Found:
    """Note that this process works in a directory, and remove the lock of a dead one.

    Parameters
    ----------
    directory : Path
        Working directory of the workflow.

    Returns
    -------
    Found
        Whether another call lives, and what became of a lock.
    """
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    file = (folder / "heads").open("a+")
    locks = folder / "locks"
    here = socket.gethostname()
    found = Found(alone=False)
    try:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # another call lives, on this host or on another
        else:
            # no other call lives, as far as the file system shares locks between hosts
            locked = locks.is_dir() and any(locks.iterdir())
            file.seek(0)
            elsewhere = sorted(set(file.read().split()) - {here})
            if locked and elsewhere:
                message = (
                    f"the lock may belong to a snakemake on {', '.join(elsewhere)}: call it "
                    "there, or remove the lock by snakemake --unlock if none runs there any more"
                )
                found = Found(alone=False, message=message)
            else:
                file.truncate(0)
                found = Found(alone=not elsewhere)
                if locked:
                    shutil.rmtree(locks)
                    message = "the snakemake that locked this directory is dead: lock removed"
                    found = Found(alone=True, message=message)
        file.write(f"{here}\n")
        file.flush()
        fcntl.lockf(file, fcntl.LOCK_SH)  # waits for a call that looks around just now
    except OSError:
        file.close()  # a file system without locks: the lock files stay what they are
        return Found(alone=False)
    _held.append(file)
    return found


def cancel_orphans(directory: Path, seconds: float = 120.0) -> list[str]:
    """Cancel the Slurm jobs of a dead `snakemake` in a directory, and wait until they are gone.

    A job that goes on would write the same files as its successor. Trainings save
    their state when they are told to end, and go on from it.

    Parameters
    ----------
    directory : Path
        Working directory of the workflow, in which no other `snakemake` lives.
    seconds : float
        How long to wait.

    Returns
    -------
    list of str
        Identifiers of the jobs.
    """
    orphans = _jobs_in(directory)
    if orphans:
        subprocess.run(["scancel", *orphans], check=False)
        deadline = time.monotonic() + seconds
        while _jobs_in(directory) and time.monotonic() < deadline:
            time.sleep(1)
    return orphans


def remember_min_job_age() -> None:
    """Let Snakemake's Slurm plugin keep to `squeue` while slurmctld restarts.

    Before each poll the plugin asks slurmctld for ``MinJobAge``, and without an answer
    polls `sacct` instead. On a cluster without accounting that fails, and the plugin
    (2.8) then forgets its jobs and waits for ever. The value does not change meanwhile:
    the last one that was told is as good.
    """
    plugin = sys.modules.get("snakemake_executor_plugin_slurm")
    ask = getattr(plugin, "get_min_job_age", None)
    if ask is None or shutil.which("scontrol") is None:
        return
    known = ask()

    def remembered() -> int | None:
        nonlocal known
        answer = ask()
        known = known if answer is None else answer
        return known

    plugin.get_min_job_age = remembered


def look_for_jobs_when_one_ends(workflow: Any) -> None:  # noqa: ANN401
    """Spare Snakemake's scheduler the passes that its default rate limit makes it repeat.

    With a limit each pass sets a timer for the next, while a job waits; and each
    job that ends starts a pass, so another such chain. At the default of 100 jobs
    a second a chain has a pass a second: the head takes more and more of a core,
    ten minutes of the first hour (140 jobs). Without a limit nothing but the end of a
    job starts a pass. A limit that was asked for stays.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        With its scheduler, as when ``onstart`` runs.
    """
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit is not None and (limit.max_jobs, limit.timespan) == DEFAULT_RATE:
        workflow.scheduler.job_rate_limiter = None


def _jobs_in(directory: Path) -> list[str]:
    """Return the user's Slurm jobs that the workflow in a directory has submitted."""
    if shutil.which("squeue") is None:
        return []
    answer = subprocess.run(
        ["squeue", "--noheader", f"--user={getpass.getuser()}", "--format=%i|%k|%Z"],
        capture_output=True,
        text=True,
        check=False,
    )
    jobs = (line.strip().split("|", 2) for line in answer.stdout.splitlines())
    return [
        fields[0]
        for fields in jobs
        if len(fields) == 3
        and fields[1].startswith(JOB_COMMENTS)
        and Path(fields[2]) == directory.resolve()
    ]
