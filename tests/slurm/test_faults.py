"""What goes wrong on clusters, and that the results are those of a run in which nothing did.

A network is trained by the real workflow, long enough for a fault to hit it. Each test
gives the same command again at most once, and does nothing else to mend what is broken.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import toy
from checksums import checksums

pytestmark = pytest.mark.slurm

LOCKED = "Directory cannot be locked"
CHECKPOINT = Path(toy.MODEL).with_name("checkpoint.pt")


def slurm(*resources: str, target: str = toy.MODEL) -> tuple[str, ...]:
    """Return the words that make the target on CPU nodes, of which there are two."""
    wanted = {"slurm_partition": "cpu", "mem_mb": "3000", "runtime": "30"}
    wanted |= dict(resource.split("=", 1) for resource in resources)
    return (
        target,
        *toy.CONFIG,
        *("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "3"),
        *("--latency-wait", "20"),  # a job that has failed is waited for so long, too
        "--set-resources",
        *(f"train_model:{name}={value}" for name, value in wanted.items()),
    )


def scancel(*words: str) -> None:
    subprocess.run(["scancel", *words], check=True)


def scontrol(*words: str) -> None:
    subprocess.run(["scontrol", *words], check=True)


def node_of(job) -> str:
    """Return the node on which a job runs."""
    words = ["squeue", "--noheader", f"--jobs={job.job_id}", "--format=%N"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def processes(folder: Path, *words: str) -> list[int]:
    """Return the processes of a command that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode().split("\0")
            here = (entry / "cwd").readlink() == folder
        except OSError:
            continue  # it has just ended
        if here and any(command[i : i + len(words)] == list(words) for i in range(len(command))):
            found.append(int(entry.name))
    return found


def training_of(head, folder: Path) -> int:
    """Return the process of the training, halted when it has saved its state for the first time.

    Halted, so that it cannot end before something goes wrong. It goes on when it is told
    to end or to continue.
    """
    head.wait_for(lambda: (folder / CHECKPOINT).exists())
    (pid,) = processes(folder, str(toy.BIN / "sim2sky"), "train")
    os.kill(pid, signal.SIGSTOP)
    return pid


def finished(head, project, expected: dict[str, str]):
    """Assert that a call succeeds with the results of the undisturbed run."""
    run = head.finish()
    assert run.returncode == 0, run.output
    assert checksums(project.folder / "results") == expected
    return run


def resumed(project) -> bool:
    """Return whether the training went on from a saved state."""
    log = project.folder / "results/logs/train_model/toy/mmd/deepmerge/0.log"
    return "going on from epoch" in log.read_text()


def test_job_out_of_memory_is_retried_with_more(faults, undisturbed):
    head = faults.start(*slurm("mem_mb=400*attempt**2"))
    first, second = finished(head, faults, undisturbed).jobs()
    assert (first.memory, second.memory) == ("400M", "1600M")
    # OUT_OF_MEMORY where Slurm sees it in the batch step, FAILED where a process in a step died
    assert first.state in {"OUT_OF_MEMORY", "FAILED"}
    assert second.state == "COMPLETED"
    # the log of the job that failed is kept, of the good one not
    (log,) = faults.folder.glob("results/logs/slurm/**/*.log")
    assert log.name == f"{first.job_id}.log"
    assert "oom-kill" in log.read_text() or "exceeded memory limit" in log.read_text()


def test_job_out_of_time_is_retried_with_more(faults, undisturbed):
    """It hangs, as on a file system that does not answer; SIGTERM is of no use then."""
    head = faults.start(*slurm("runtime=1 if attempt == 1 else 30"))
    training_of(head, faults.folder)
    first, second = finished(head, faults, undisturbed).jobs()
    assert (first.state, second.state) == ("TIMEOUT", "COMPLETED")
    assert resumed(faults)


def test_cancelled_job_is_noticed_and_goes_on(faults, undisturbed):
    head = faults.start(*slurm())
    training_of(head, faults.folder)
    scancel(head.wait_for_job("train_model").job_id)
    run = finished(head, faults, undisturbed)
    assert "SLURM status is: 'CANCELLED'" in run.output
    assert [job.state for job in run.jobs()] == ["CANCELLED", "COMPLETED"]
    assert resumed(faults)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_training_ended_by_a_signal_goes_on(faults, undisturbed, sent):
    head = faults.start(*slurm())
    training = training_of(head, faults.folder)
    os.kill(training, sent)
    os.kill(training, signal.SIGCONT)
    run = finished(head, faults, undisturbed)
    assert [job.state for job in run.jobs()] == ["FAILED", "COMPLETED"]
    assert resumed(faults)


def test_node_that_goes_down_is_replaced(faults, undisturbed, daemons):
    head = faults.start(*slurm())
    training_of(head, faults.folder)
    job = head.wait_for_job("train_model")
    scontrol("update", f"nodename={node_of(job)}", "state=down", "reason=test")
    run = finished(head, faults, undisturbed)
    assert "NODE_FAIL" in run.output
    assert [job.state for job in run.jobs()] == ["NODE_FAIL", "COMPLETED"]
    assert resumed(faults)


def test_killed_slurmd_comes_back_to_its_job(faults, undisturbed, daemons):
    head = faults.start(*slurm())
    training = training_of(head, faults.folder)
    daemons("kill", f"slurmd.{node_of(head.wait_for_job('train_model'))}")
    time.sleep(5)
    daemons("repair")
    os.kill(training, signal.SIGCONT)
    run = finished(head, faults, undisturbed)
    assert [job.state for job in run.jobs()] == ["COMPLETED"]


def test_killed_slurmctld_comes_back_to_its_jobs(faults, undisturbed, daemons):
    head = faults.start(*slurm())
    training = training_of(head, faults.folder)
    daemons("kill", "slurmctld")
    time.sleep(20)  # several polls of the head go unanswered
    daemons("repair")
    os.kill(training, signal.SIGCONT)
    run = finished(head, faults, undisturbed)
    assert [job.state for job in run.jobs()] == ["COMPLETED"]


def test_killed_head_is_followed_by_the_same_command(faults, undisturbed):
    head = faults.start(*slurm())
    training_of(head, faults.folder)
    head.process.kill()
    # nobody cancels the jobs of a head that was killed, and its lock stays
    (orphan,) = head.finish().jobs()
    assert orphan.state == "RUNNING"
    again = faults.start(*slurm())
    run = finished(again, faults, undisturbed)
    assert "is dead: lock removed" in run.output
    assert f"jobs of a dead snakemake cancelled: {orphan.job_id}" in run.output
    assert [job.state for job in head.jobs()] == ["CANCELLED"]
    assert [job.state for job in run.jobs()] == ["COMPLETED"]
    assert resumed(faults)


def test_second_head_is_refused_and_disturbs_nothing(faults, undisturbed):
    head = faults.start(*slurm())
    training = training_of(head, faults.folder)
    refused = faults.snakemake(*slurm())
    assert refused.returncode != 0
    assert LOCKED in refused.output
    assert refused.jobs() == []
    os.kill(training, signal.SIGCONT)
    run = finished(head, faults, undisturbed)
    assert [job.state for job in run.jobs()] == ["COMPLETED"]
    assert not resumed(faults)


def test_interrupted_head_cancels_its_jobs_and_leaves_no_lock(faults, undisturbed):
    head = faults.start(*slurm())
    training_of(head, faults.folder)
    head.process.send_signal(signal.SIGINT)  # Ctrl-C; at SIGTERM it waits for its running jobs
    run = head.finish()
    assert run.returncode != 0
    head.wait_for_job("train_model", "CANCELLED")  # it takes a moment to save its state
    assert len(run.jobs()) == 1
    finished(faults.start(*slurm()), faults, undisturbed)
    assert resumed(faults)


def test_full_disk_leaves_no_half_dataset(faults, prepared):
    """The domain's folder lies on a file system that is too small for its dataset."""
    folder = faults.folder / "results/domains/noisy"
    size_kb = (folder / "dataset.h5").stat().st_size // 1024
    shutil.rmtree(folder)
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={size_kb // 2}k", "tmpfs", str(folder)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        # the stamps would fill it too: they lie elsewhere
        stamps = faults.folder / "toy/stamps"
        shutil.copytree(prepared / "results/domains/noisy/stamps", stamps)
        (folder / "stamps").symlink_to(stamps)
        target = "results/domains/noisy/dataset.h5"
        words = (*slurm(target=target), "--retries", "0")
        run = faults.snakemake(*words)
        assert run.returncode != 0
        assert "No space left on device" in run.output
        assert sorted(path.name for path in folder.iterdir()) == ["stamps"]
        subprocess.run(["mount", "-o", "remount,size=100m", str(folder)], check=True)
        run = faults.snakemake(*words)
        assert run.returncode == 0, run.output
        assert checksums(folder) == {
            name: digest
            for name, digest in checksums(prepared / "results/domains/noisy").items()
            if not name.startswith("stamps/")
        }
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Mirror(threading.Thread):
    """Shows files of one folder in another, seconds after they have appeared or changed."""

    def __init__(self, origin: Path, copy: Path, delay_s: float) -> None:
        super().__init__(daemon=True)
        self.origin, self.copy, self.delay_s = origin, copy, delay_s
        self.done = threading.Event()
        self.shown: dict[Path, int] = {}
        self.seen: dict[tuple[Path, int], float] = {}

    def run(self) -> None:
        while not self.done.wait(0.5):
            for path in self.origin.rglob("*"):
                if path.is_file():
                    self.show(path, path.stat().st_mtime_ns)

    def show(self, path: Path, version: int) -> None:
        first = self.seen.setdefault((path, version), time.monotonic())
        if self.shown.get(path) != version and time.monotonic() - first > self.delay_s:
            target = self.copy / path.relative_to(self.origin)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target.with_name(".new"))
            target.with_name(".new").replace(target)
            self.shown[path] = version


def test_outputs_that_show_late_are_waited_for(faults, undisturbed):
    """The head sees results of the nodes 8 s late, as through the caches of a slow NFS.

    It runs in a mount namespace of its own, where another folder lies on `results`;
    what the nodes write is copied there with the delay. Metadata of the head itself
    (.snakemake) and what nodes read of each other are not late.
    """
    real, late = faults.folder / "results", faults.folder / "results_of_head"
    shutil.copytree(real, late, symlinks=True)
    mount = f'mount --bind "{late}" "{real}" && exec "$@"'
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us make mount namespaces")
    mirror = Mirror(real, late, delay_s=8)
    mirror.start()
    try:
        head = faults.start(
            *slurm(),
            *("--slurm-logdir", "slurm_logs"),  # sbatch writes there what the head has made
            before=("unshare", "--mount", "sh", "-c", mount, "sh"),
        )
        run = finished(head, faults, undisturbed)
        assert [job.state for job in run.jobs()] == ["COMPLETED"]
        assert (late / Path(toy.MODEL).relative_to("results")).exists()
    finally:
        mirror.done.set()
        mirror.join()


def test_several_seeds_share_a_job_and_its_gpu(faults, undisturbed):
    """A string, `gres`, is asked for once for all of them; numbers, as memory, are added up."""
    both = [toy.MODEL, toy.MODEL.replace("/0/", "/1/")]
    run = faults.snakemake(
        *both,
        *toy.CONFIG,
        *("--profile", "slurm", "--groups", "train_model=train", "--group-components", "train=2"),
        *("--set-resources", "train_model:slurm_partition=gpu", "train_model:gres=gpu:1"),
    )
    assert run.returncode == 0, run.output
    (job,) = run.jobs()
    assert (job.state, job.partition, job.memory) == ("COMPLETED", "gpu", "6000M")
    results = checksums(faults.folder / "results")
    assert undisturbed.items() <= results.items()
    assert results[toy.MODEL.replace("/0/", "/1/").removeprefix("results/")]
    record = faults.folder / Path(toy.MODEL).parent / ".provenance/model.pt.json"
    assert json.loads(record.read_text())["slurm_job_id"] == job.job_id
