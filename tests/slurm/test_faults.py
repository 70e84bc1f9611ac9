"""What happens when a job or the head process dies."""

import signal
import subprocess

import pytest

pytestmark = pytest.mark.slurm

SLURM = ("--profile", "slurm")
LOCKED = "Directory cannot be locked"


def scancel(*words: str) -> None:
    subprocess.run(["scancel", *words], check=True)


def test_job_out_of_memory_is_retried_with_more(faults):
    run = faults.snakemake("results/memory.txt", *SLURM)
    assert run.returncode == 0, run.output
    first, second = run.jobs()
    assert (first.memory, second.memory) == ("600M", "1200M")
    # OUT_OF_MEMORY where Slurm sees it in the batch step, FAILED where a process in a step died
    assert first.state in {"OUT_OF_MEMORY", "FAILED"}
    assert second.state == "COMPLETED"
    assert (faults.folder / "results/memory.txt").read_text() == f"{500 << 20}\n"
    # the log of the job that failed is kept, of the good one not
    (log,) = faults.folder.glob("results/logs/slurm/**/*.log")
    assert log.name == f"{first.job_id}.log"
    assert "oom-kill" in log.read_text() or "exceeded memory limit" in log.read_text()


def test_cancelled_job_is_noticed_and_retried(faults):
    head = faults.start("results/hangs.txt", *SLURM)
    scancel(head.wait_for_job("hangs_at_first").job_id)
    run = head.finish()
    assert run.returncode == 0, run.output
    assert "SLURM status is: 'CANCELLED'" in run.output
    assert [job.state for job in run.jobs()] == ["CANCELLED", "COMPLETED"]


def test_interrupted_head_cancels_its_jobs_and_leaves_no_lock(faults):
    head = faults.start("results/hangs.txt", *SLURM)
    head.wait_for_job("hangs_at_first")
    head.process.send_signal(signal.SIGINT)  # Ctrl-C; at SIGTERM it waits for its running jobs
    run = head.finish()
    assert run.returncode != 0
    assert [job.state for job in run.jobs()] == ["CANCELLED"]
    assert LOCKED not in faults.snakemake("results/hangs.txt", *SLURM, "-n").output


def test_second_head_is_refused_and_a_killed_one_can_be_followed(faults):
    target = "results/second.txt"
    assert faults.snakemake("results/first.txt", "--cores", "1").returncode == 0
    hold = faults.folder / "hold"
    hold.touch()
    head = faults.start(target, *SLURM)
    head.wait_for_job("second")
    refused = faults.snakemake(target, *SLURM)
    assert refused.returncode != 0
    assert LOCKED in refused.output
    assert refused.jobs() == []

    head.process.kill()
    # nobody cancels the jobs of a head that was killed, and its lock stays
    (orphan,) = head.finish().jobs()
    assert orphan.state == "RUNNING"
    head.wait_for(faults.folder.joinpath(target).exists)
    scancel(orphan.job_id)
    head.wait_for_job("second", "CANCELLED")
    hold.unlink()
    assert LOCKED in faults.snakemake(target, *SLURM).output

    assert faults.snakemake("--unlock").returncode == 0
    run = faults.snakemake(target, *SLURM)
    assert run.returncode == 0, run.output
    assert [job.rule for job in run.jobs()] == ["second"]  # what was finished stays
    # the half-written output of the orphan was made anew
    assert (faults.folder / target).read_text() == "whole\n"
