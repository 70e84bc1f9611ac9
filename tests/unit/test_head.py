"""Locks of `snakemake` calls that are dead, alive, or on another host."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

from sim2sky import head

JOIN = """
import sys
from pathlib import Path
from sim2sky.head import join_heads
print(join_heads(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


class Call:
    """A process that works in a directory until it is killed."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", JOIN, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.found = self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def call(tmp_path):
    calls = []

    def start():
        calls.append(Call(tmp_path))
        return calls[-1]

    yield start
    for started in calls:
        started.kill()


def lock(folder: Path) -> Path:
    """Write the lock that Snakemake would."""
    path = folder / ".snakemake/locks/0.output.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("results/a\n")
    return path


def test_lock_of_a_dead_call_is_removed(tmp_path, call):
    first = call()
    assert first.found == "Found(alone=True, message=None)"
    path = lock(tmp_path)
    first.kill()
    second = call()
    assert "is dead: lock removed" in second.found
    assert not path.exists()


def test_lock_of_a_living_call_stays(tmp_path, call):
    first, path = call(), lock(tmp_path)
    second = call()
    assert second.found == "Found(alone=False, message=None)"
    # the first one ends, the second one lives
    first.kill()
    assert call().found == "Found(alone=False, message=None)"
    assert path.exists()


def test_lock_of_another_host_stays(tmp_path, call):
    path = lock(tmp_path)
    (tmp_path / ".snakemake/heads").write_text("login2\n")
    found = call().found
    assert "a snakemake on login2" in found
    assert "alone=False" in found
    assert path.exists()
    path.unlink()  # by --unlock
    call()
    assert "login2" not in (tmp_path / ".snakemake/heads").read_text().splitlines()[-1]


def test_a_file_system_without_locks_changes_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(head.fcntl, "lockf", refuse)
    path = lock(tmp_path)
    assert head.join_heads(tmp_path) == head.Found(alone=False)
    assert path.exists()


def fake_slurm(folder: Path, queue: str, monkeypatch) -> Path:
    """Put a `squeue` on the path that shows a queue until `scancel` is called."""
    folder.mkdir()
    (folder / "queue").write_text(queue)
    cancelled = folder / "cancelled"
    (folder / "squeue").write_text(f"#!/bin/sh\ncat {folder}/queue\n")
    (folder / "scancel").write_text(f'#!/bin/sh\necho "$@" > {cancelled}; : > {folder}/queue\n')
    for name in ("squeue", "scancel"):
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return cancelled


def test_only_jobs_of_this_workflow_here_are_cancelled(tmp_path, monkeypatch):
    queue = "\n".join(
        [
            f"1|rule_train_model_wildcards_noise|{tmp_path}",
            f"2|rule_train_model_wildcards_noise|{tmp_path}/other",
            f"3|(null)|{tmp_path}",
            f"4|group_train|{tmp_path}",
        ]
    )
    cancelled = fake_slurm(tmp_path / "bin", queue + "\n", monkeypatch)
    assert head.cancel_orphans(tmp_path) == ["1", "4"]
    assert cancelled.read_text() == "1 4\n"
    assert head.cancel_orphans(tmp_path) == []


def test_without_slurm_there_are_no_orphans(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert head.cancel_orphans(tmp_path) == []


def test_min_job_age_is_remembered_while_slurmctld_is_silent(tmp_path, monkeypatch):
    answers = iter([300, None, 200, None])
    plugin = types.SimpleNamespace(get_min_job_age=lambda: next(answers))
    monkeypatch.setitem(sys.modules, "snakemake_executor_plugin_slurm", plugin)
    (tmp_path / "scontrol").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    head.remember_min_job_age()
    assert [plugin.get_min_job_age() for _ in range(3)] == [300, 200, 200]


def test_the_plugin_has_what_is_remembered():
    import snakemake_executor_plugin_slurm as plugin

    assert callable(plugin.get_min_job_age)


SLEEPERS = """
from sim2sky.head import look_for_jobs_when_one_ends

rule all:
    input: "1.txt", "2.txt"

rule sleep:
    output: "{n}.txt"
    shell: "sleep 3; touch {output}"

onstart:
    look_for_jobs_when_one_ends(workflow)
"""


def test_the_scheduler_passes_when_a_job_ends_and_not_in_between(tmp_path):
    (tmp_path / "Snakefile").write_text(SLEEPERS)
    run = subprocess.run(
        [Path(sys.executable).with_name("snakemake"), "--cores", "1", "--verbose"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    # at the start and after the first job; a limit would add one each second that the second waits
    assert 2 <= run.stderr.count("Ready jobs:") <= 3


@pytest.mark.parametrize(("limit", "stays"), [((100, 1), False), ((10, 60), True), (None, True)])
def test_a_limit_that_was_asked_for_stays(limit, stays):
    rate = limit and types.SimpleNamespace(max_jobs=limit[0], timespan=limit[1])
    workflow = types.SimpleNamespace(
        scheduling_settings=types.SimpleNamespace(max_jobs_per_timespan=rate),
        scheduler=types.SimpleNamespace(job_rate_limiter="kept"),
    )
    head.look_for_jobs_when_one_ends(workflow)
    assert (workflow.scheduler.job_rate_limiter == "kept") is stays
