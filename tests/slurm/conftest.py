"""Snakemake on a Slurm cluster: `tests/slurm/cluster.sh up` makes one on this machine."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import toy
from checksums import checksums

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CLUSTER = Path(__file__).parent / "cluster.sh"
FIELDS = "--Format=JobID:|,Comment:|,State:|,MinMemory:|,Partition:|,tres-per-job:"


@pytest.fixture(scope="session", autouse=True)
def cluster():
    """Skip everything where no cluster answers."""
    if shutil.which("sinfo") is None:
        pytest.skip("no Slurm here: sinfo is not installed; see tests/slurm/cluster.sh")
    answer = subprocess.run(["sinfo"], capture_output=True, text=True, timeout=60, check=False)
    if answer.returncode != 0:
        pytest.skip(f"no Slurm cluster answers: {answer.stderr.strip().splitlines()[-1]}")


@dataclass(frozen=True)
class SlurmJob:
    """What Slurm still knows of a job."""

    job_id: str
    rule: str
    state: str
    memory: str
    partition: str
    gpus: str


@dataclass(frozen=True)
class Finished:
    """A `snakemake` call that has ended."""

    returncode: int
    output: str

    def jobs(self) -> list[SlurmJob]:
        """Return this call's Slurm jobs in the order of their submission."""
        return jobs_of(self.output)


def jobs_of(output: str) -> list[SlurmJob]:
    """Return the Slurm jobs of the call that has printed `output` so far."""
    run_id = output.partition("SLURM run ID: ")[2].split("\n")[0]
    if not run_id:
        return []
    # the plugin names each job after the run, and puts the rule in the comment
    lines = subprocess.run(
        ["squeue", "--states=all", "--noheader", "--sort=i", f"--name={run_id}", FIELDS],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    fields = (line.split("|") for line in lines)
    return [
        SlurmJob(i.strip(), k.removeprefix("rule_").partition("_wildcards_")[0], *rest)
        for i, k, *rest in fields
    ]


class Running:
    """A `snakemake` call in the background: the head process."""

    def __init__(self, process: subprocess.Popen, log: Path) -> None:
        self.process = process
        self.log = log

    def jobs(self) -> list[SlurmJob]:
        return jobs_of(self.log.read_text())

    def wait_for_job(self, rule: str, state: str = "RUNNING", seconds: float = 300) -> SlurmJob:
        """Return the job of a rule once it is in a state."""

        def found():
            return [job for job in self.jobs() if (job.rule, job.state) == (rule, state)]

        return self.wait_for(found, seconds)[0]

    def wait_for(self, found: Callable, seconds: float = 300):
        """Return what `found` returns as soon as it is true."""
        deadline = time.monotonic() + seconds
        while not (result := found()):
            assert time.monotonic() < deadline, f"nothing in {seconds} s\n{self.log.read_text()}"
            time.sleep(0.1)
        return result

    def finish(self, seconds: float = 3000) -> Finished:
        self.process.wait(timeout=seconds)
        return Finished(self.process.returncode, self.log.read_text())


class Project:
    """A folder with the profiles of the repository, and snakemake called in it as typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._calls: list[Running] = []

    def start(self, *words: str, before: tuple[str, ...] = ()) -> Running:
        """Start snakemake, by the command `before` if there is one."""
        log = self.folder.parent / f"{self.folder.name}_{len(self._calls)}.log"
        # jobs inherit this: they find `snakemake` and `sim2sky` of the environment under test,
        # and import the copy's own source, whatever happens to the repository meanwhile
        environment = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "OMP_NUM_THREADS": "1",
        }
        with log.open("w") as stream:
            process = subprocess.Popen(
                [*before, BIN / "snakemake", *words],
                cwd=self.folder,
                env=environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                # a shell's background job ignores Ctrl-C, and so would this child of it
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        self._calls.append(Running(process, log))
        return self._calls[-1]

    def snakemake(self, *words: str, seconds: float = 3000) -> Finished:
        return self.start(*words).finish(seconds)

    def stop(self) -> None:
        """Leave no process and no job behind, also where a test has failed."""
        for call in self._calls:
            call.process.kill()
            call.process.wait()
            for job in call.jobs():
                subprocess.run(["scancel", job.job_id], check=False, capture_output=True)


def copy_repository(folder: Path) -> None:
    """Copy what git knows or would add, so that no result or environment comes along."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Iterator[Project]:
    """A copy of this repository without results and environment."""
    folder = tmp_path_factory.mktemp("slurm") / "project"
    copy_repository(folder)
    project = Project(folder)
    yield project
    project.stop()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Path:
    """A copy of this repository with the datasets of a toy experiment, ready to train."""
    folder = tmp_path_factory.mktemp("faults") / "prepared"
    copy_repository(folder)
    toy.write_toy(folder, epochs=30)
    made = Project(folder).snakemake(toy.AUDIT, *toy.CONFIG, "--cores", "2")
    assert made.returncode == 0, made.output
    return folder


@pytest.fixture(scope="session")
def undisturbed(prepared, tmp_path_factory) -> dict[str, str]:
    """Checksums of the toy's results by a run in which nothing went wrong."""
    project = Project(tmp_path_factory.mktemp("undisturbed") / "project")
    shutil.copytree(prepared, project.folder, symlinks=True)
    made = project.snakemake(toy.MODEL, *toy.CONFIG, "--cores", "1")
    assert made.returncode == 0, made.output
    return checksums(project.folder / "results")


@pytest.fixture
def faults(prepared, tmp_path) -> Iterator[Project]:
    """A copy of the prepared toy experiment, for one thing to go wrong in."""
    folder = tmp_path / "project"
    shutil.copytree(prepared, folder, symlinks=True)
    project = Project(folder)
    yield project
    project.stop()


@pytest.fixture
def daemons() -> Iterator[Callable[[str, str], None]]:
    """Return what kills or starts a daemon of the cluster, all of which run again at the end."""

    def act(what: str, name: str = "") -> None:
        subprocess.run([CLUSTER, what, *filter(None, [name])], check=True, capture_output=True)

    yield act
    act("repair")
