"""A copy of the project in which the real Snakefile runs on config/test."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from warm import warm_command

ROOT = Path(__file__).parents[2]
CONFIG = "config/test/config.yaml"


class Project:
    """A working copy, and snakemake called in it as a user would.

    With `commands`, a folder of programs, jobs look there first.
    """

    def __init__(self, folder: Path, commands: Path | None = None) -> None:
        self.folder = folder
        # the job scripts must find `sim2sky` and `snakemake` of the environment under test
        folders = [commands, Path(sys.executable).parent, os.environ["PATH"]]
        path = os.pathsep.join(str(name) for name in folders if name is not None)
        self.environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}

    def snakemake(self, *words: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run snakemake in the copy; with check=False a failure is returned."""
        run = subprocess.run(
            [Path(sys.executable).parent / "snakemake", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and run.returncode != 0:
            raise AssertionError(f"snakemake {' '.join(words)} failed:\n{run.stdout}{run.stderr}")
        return run

    def planned_rules(self, *words: str) -> set[str]:
        """Return the names of the rules that a dry run would run."""
        run = self.snakemake(*words, "-n")
        text = run.stdout + run.stderr
        if "job " not in text:
            assert "Nothing to be done" in text, text
            return set()
        table = text.split("\njob ", 1)[1].split("\ntotal ", 1)[0]
        return {line.split()[0] for line in table.splitlines()[2:]}


class Untouched(Project):
    """A copy in which nothing runs: the same words plan the same, and are asked once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._plans: dict[tuple[str, ...], set[str]] = {}

    def planned_rules(self, *words: str) -> set[str]:
        if words not in self._plans:
            self._plans[words] = super().planned_rules(*words)
        return set(self._plans[words])


def copy_project(folder: Path) -> Path:
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
    return folder


TUNED = """
experiments:
  tuned:
    source: pristine
    target: noisy
    methods: [source_only, mmd]
    seeds: [0]
    show: [mmd]
    train: {epochs: 1, batch_size: 16}
    tune:
      trials: 2
      space: {learning_rate: [1.0e-3], loss_factor: [0.5], warmup_share: [0.0]}
    evaluate: {n_bootstrap: 200}
"""


@pytest.fixture(scope="session")
def tuned():
    """What adds an experiment with trials to config/test, and returns the options to run it."""

    def add(project: Project) -> tuple[str, ...]:
        (project.folder / "config/test/tuned.yaml").write_text(TUNED)
        return ("--configfile", CONFIG, "config/test/tuned.yaml")

    return add


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Untouched:
    """A copy in which nothing has run."""
    return Untouched(copy_project(tmp_path_factory.mktemp("project")))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Iterator[Project]:
    """A copy in which `snakemake results/figures` has run on the test configuration."""
    folder = copy_project(tmp_path_factory.mktemp("finished"))
    # a socket's path has some hundred bytes at most
    with (
        tempfile.TemporaryDirectory() as short,
        warm_command(Path(short), Project(folder).environment) as commands,
    ):
        project = Project(folder, commands)
        project.snakemake("results/figures", "--configfile", CONFIG)
        yield project
