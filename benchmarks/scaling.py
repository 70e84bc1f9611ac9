"""Jobs, core hours and wall time against the number of stamps.

    python benchmarks/scaling.py plan                    how long Snakemake takes to plan
    python benchmarks/scaling.py costs RESULTS           what a stamp costs, from a finished run
    python benchmarks/scaling.py figure FILE             table and figure of docs/scaling.md

Jobs are those that Snakemake plans for a configuration of that size; core hours are the costs
below times the amount of work.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).parents[1]
SIZES = (10**3, 10**5, 10**7)  # stamps per domain
# (stamps per domain, core hours): the times of all jobs of a quickstart, and of the jobs of
# the experiment `noise` of config/full.yaml with its four methods up to the trainings
MEASURED = ((1280, 0.425), (2634, 0.886))
STAMPS_PER_SYSTEM = 29  # of the quickstart: snapshots, four views, chance projections
EPOCHS = 14
TRAINING_SHARE = 0.6
CORES = 200  # jobs that run at the same time: `jobs` of profiles/slurm
JOB_OVERHEAD_S = 15  # from submission to being noticed as finished, on tests/slurm's cluster

# CPU seconds (per job, per unit of work): what the benchmark files of a quickstart and of the
# experiment `noise` of config/full.yaml give after 3 to 5 s a job for Python and its libraries;
# the larger of both where they differ, since some of their jobs shared the two cores with others.
COSTS = {
    "simulate_systems": (3.0, 8.7),  # a system
    "assemble_simulation": (5.0, 0.25),  # a system
    "project_maps": (3.0, 0.029),  # a stamp
    "observe_stamps": (3.0, 0.017),  # a stamp
    "build_dataset": (4.0, 0.0020),  # a stamp
    "train_model": (5.0, 0.0013),  # an image shown to the network
    "evaluate_model": (4.3, 0.0007),  # a test image
}
OTHER_S = 5.0  # any other job


def configuration(stamps: int) -> dict:
    """Return the quickstart with as many stamps per domain, in jobs that take minutes."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    systems = max(44, round(stamps / STAMPS_PER_SYSTEM))
    shares = {"encounters": 20 / 44, "disks": 16 / 44, "ellipticals": 8 / 44}
    per_batch = 4 if systems == 44 else max(32, math.ceil(systems / 500))
    config["suites"]["quickstart"] = {
        **{kind: round(share * systems) for kind, share in shares.items()},
        "batch_size": per_batch,
    }
    n_shards = 2 if systems == 44 else min(500, max(2, math.ceil(stamps / 4000)))
    config["samples"]["distant"]["project"]["n_shards"] = n_shards
    return config


def plan(config: dict) -> tuple[Counter, float, float]:
    """Return Snakemake's jobs for a configuration, and the wall and CPU seconds of planning."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        words = [
            "results/figures",
            "-n",
            "--configfile",
            str(path),
            "--nolock",
            "--quiet",
            "rules",
        ]
        command = [str(Path(sys.executable).parent / "snakemake"), *words, "--forceall"]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
    if run.returncode != 0:
        sys.exit(run.stdout + run.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = (
        (run.stdout + run.stderr).split("\njob ", 1)[1].split("\ntotal ", 1)[0].splitlines()[2:]
    )
    return Counter({line.split()[0]: int(line.split()[1]) for line in lines}), wall, cpu


def work(stamps: int) -> dict[str, float]:
    """Return the units of work of each rule, over all of its jobs."""
    systems = stamps / STAMPS_PER_SYSTEM
    trainings = 20
    shown = trainings * EPOCHS * TRAINING_SHARE * stamps * 1.75  # 3 of 4 methods see both domains
    return {
        "simulate_systems": systems,
        "assemble_simulation": systems,
        "project_maps": stamps,
        "observe_stamps": 2 * stamps,
        "build_dataset": 2 * stamps,
        "train_model": shown,
        "evaluate_model": trainings * 2 * 0.25 * stamps,
    }


def core_seconds(jobs: Counter, stamps: int) -> dict[str, float]:
    """Return the CPU seconds of each rule."""
    units = work(stamps)
    return {
        rule: count * COSTS[rule][0] + units[rule] * COSTS[rule][1]
        if rule in COSTS
        else count * OTHER_S
        for rule, count in jobs.items()
    }


def wall_seconds(jobs: Counter, seconds: dict[str, float]) -> float:
    """Return the wall time if the stages follow one another, each on all cores it can use."""
    return sum(
        math.ceil(count / CORES) * (seconds[rule] / count + JOB_OVERHEAD_S)
        for rule, count in jobs.items()
        if rule not in ("all", "figures")
    )


def table() -> pd.DataFrame:
    """Return one row for each size."""
    rows = []
    for stamps in SIZES:
        jobs, wall, cpu = plan(configuration(stamps))
        seconds = core_seconds(jobs, stamps)
        rows.append(
            {
                "stamps": stamps,
                "jobs": sum(jobs.values()),
                "core_hours": sum(seconds.values()) / 3600,
                "wall_hours": wall_seconds(jobs, seconds) / 3600,
                "planning_s": wall,
                "planning_cpu_s": cpu,
                **{f"hours_{rule}": value / 3600 for rule, value in seconds.items()},
            }
        )
    return pd.DataFrame(rows)


def read_benchmarks(results: Path) -> pd.DataFrame:
    """Return what Snakemake has measured of each rule of a finished run."""
    rows = []
    for file in sorted((results / "benchmarks").rglob("*.tsv")):
        line = pd.read_csv(file, sep="\t", na_values="-").iloc[0]
        rule = file.relative_to(results / "benchmarks").parts[0]
        rows.append((rule, line["s"], line["cpu_time"], line["max_rss"]))
    frame = pd.DataFrame(rows, columns=["rule", "s", "cpu_s", "memory_mb"])
    return frame.groupby("rule").agg(
        jobs=("s", "size"), s=("s", "sum"), cpu_s=("cpu_s", "sum"), memory_mb=("memory_mb", "max")
    )


def draw(rows: pd.DataFrame, output: Path) -> None:
    """Draw jobs, core hours and wall time against the number of stamps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    panels = figure.subplots(1, 3)
    names = ("jobs", "core_hours", "wall_hours")
    titles = ("jobs (planned)", "core hours", f"wall hours, {CORES} cores")
    for axes, name, title in zip(panels, names, titles, strict=True):
        axes.loglog(rows["stamps"], rows[name], "o-", color="#4477aa", label="model")
        axes.set(title=title, xlabel="stamps per domain")
    panels[1].loglog(*zip(*MEASURED, strict=True), "s", color="#cc3311", label="measured")
    panels[1].legend(frameon=False)
    figure.savefig(output, dpi=150)


def main() -> None:
    """Run one of the three commands."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plan")
    commands.add_parser("costs").add_argument("results", type=Path)
    commands.add_parser("figure").add_argument("output", type=Path)
    chosen = parser.parse_args()
    if chosen.command == "plan":
        for stamps in SIZES:
            jobs, wall, cpu = plan(configuration(stamps))
            print(stamps, sum(jobs.values()), f"{wall:.1f} s, CPU {cpu:.1f} s", json.dumps(jobs))
        full = yaml.safe_load((ROOT / "config/full.yaml").read_text())
        jobs, wall, cpu = plan(full)
        print("full", sum(jobs.values()), f"{wall:.1f} s, CPU {cpu:.1f} s", json.dumps(jobs))
    elif chosen.command == "costs":
        print(read_benchmarks(chosen.results).round(1).to_string())
    else:
        rows = table()
        print(rows.T.to_string(float_format="%.3g"))
        draw(rows, chosen.output)


if __name__ == "__main__":
    main()
