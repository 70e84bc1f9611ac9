"""The whole workflow on config/test as Slurm jobs, against the same on this machine."""

import hashlib
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

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


def hdf5_content(path: Path) -> dict:
    content = {}

    def visit(name, item):
        content[name] = {k: np.asarray(v).tolist() for k, v in item.attrs.items()}
        if isinstance(item, h5py.Dataset):
            is_text = h5py.check_string_dtype(item.dtype)
            content[name]["values"] = item.asstr()[()].tolist() if is_text else item[()].tobytes()

    with h5py.File(path) as file:
        visit("/", file)
        file.visititems(visit)
    return content


READERS = {
    ".h5": hdf5_content,
    ".hdf5": hdf5_content,
    ".parquet": lambda path: pd.read_parquet(path).to_csv(),
    ".json": lambda path: json.loads(path.read_text()),
    # how long an epoch took is not a result
    ".csv": lambda path: pd.read_csv(path).drop(columns="seconds", errors="ignore").to_csv(),
    ".png": lambda path: np.asarray(Image.open(path)).tobytes(),
}


def checksums(results: Path) -> dict[str, str]:
    """Return a digest of the content of each result: the numbers, tables and pixels."""
    return {
        str(path.relative_to(results)): hashlib.sha256(
            repr(READERS[path.suffix](path)).encode()
        ).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.suffix in READERS and path.relative_to(results).parts[0] not in {"logs"}
    }


def test_results_are_the_same_as_on_this_machine(project, local, on_slurm):
    here = checksums(local)
    there = checksums(project.folder / "results")
    assert here.keys() == there.keys()
    assert {suffix for suffix in READERS if any(name.endswith(suffix) for name in here)} == {
        ".h5", ".hdf5", ".parquet", ".json", ".csv", ".png"
    }  # fmt: skip
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
