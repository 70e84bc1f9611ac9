"""A copy of the project in which the real Snakefile runs on config/test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = "config/test/config.yaml"


class Project:
    """A working copy, and snakemake called in it as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def snakemake(self, *words: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run snakemake in the copy; with check=False a failure is returned."""
        # the job scripts must find `sim2sky` and `snakemake` of the environment under test
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        run = subprocess.run(
            [Path(sys.executable).parent / "snakemake", *words],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
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
def finished(tmp_path_factory) -> Project:
    """A copy in which `snakemake results/figures` has run on the test configuration."""
    project = Project(copy_project(tmp_path_factory.mktemp("finished")))
    project.snakemake("results/figures", "--configfile", CONFIG)
    return project
