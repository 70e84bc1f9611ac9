"""The whole workflow on config/test as Slurm jobs, against the same on this machine."""

import shutil

import pytest
from checksums import READERS, checksums

pytestmark = pytest.mark.slurm

# every rule, with no more trainings than it takes to adapt and to compare
CALL = (
    "results/figures",
    *("--configfile", "config/test/config.yaml"),
    *("--config", "experiments={noise: {methods: [source_only, mmd], seeds: [0]}}"),
)
SLURM = ("--profile", "slurm")


@pytest.fixture(scope="module")
def local(project):
    """Return the results of this machine alone, put aside."""
    run = project.snakemake(*CALL, "--cores", "2")
    assert run.returncode == 0, run.output
    shutil.rmtree(project.folder / ".snakemake")
    return (project.folder / "results").rename(project.folder / "results_local")


@pytest.fixture(scope="module")
def on_slurm(project, local):
    """Return the call that made the same in the same place as Slurm jobs."""
    run = project.snakemake(*CALL, *SLURM)
    assert run.returncode == 0, run.output
    return run


def test_results_are_the_same_as_on_this_machine(project, local, on_slurm):
    here = checksums(local)
    there = checksums(project.folder / "results")
    assert here.keys() == there.keys()
    assert {suffix for suffix in READERS if any(name.endswith(suffix) for name in here)} == set(
        READERS
    )
    assert [name for name in here if here[name] != there[name]] == []


def test_each_job_ran_once_and_only_training_on_a_gpu(on_slurm):
    jobs = on_slurm.jobs()
    assert {job.state for job in jobs} == {"COMPLETED"}
    training = [job for job in jobs if job.rule == "train_model"]
    assert {(job.partition, job.gpus) for job in training} == {("gpu", "gres:gpu:1")}
    others = {(job.partition, job.gpus) for job in jobs if job.rule != "train_model"}
    assert others == {("cpu", "N/A")}


def test_last_step_ran_on_the_head(project, on_slurm):
    assert "figures" not in {job.rule for job in on_slurm.jobs()}
    assert (project.folder / "results/figures/index.html").exists()


def test_second_call_submits_nothing(project, on_slurm):
    run = project.snakemake(*CALL, *SLURM)
    assert "Nothing to be done" in run.output
    assert run.jobs() == []
