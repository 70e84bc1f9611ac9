"""The record of the run beside each result, and the command that prints it."""

import json
import logging
import os
import subprocess
import sys

import h5py
import pandas as pd
import pytest
import torch

from sim2sky import cli, origin
from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, write_json, write_parquet
from sim2sky.provenance import (
    Run,
    code_commit,
    package_versions,
    peak_memory_mb,
    record_path,
    settings_digest,
    stamp,
)
from sim2sky.settings import Settings, read_settings


class Depth(Settings):
    depth_mag: float = 25.0


@pytest.fixture
def run(monkeypatch):
    """A process that has begun just now."""
    import sim2sky.files
    import sim2sky.settings

    fresh = Run(0.0)
    monkeypatch.setattr(sim2sky.files, "RUN", fresh)
    monkeypatch.setattr(sim2sky.settings, "RUN", fresh)
    monkeypatch.setattr("time.time", lambda: 12.5)
    return fresh


def test_record_of_a_run(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    read_settings(Depth, '{"depth_mag": 26}')
    write_json({"a": 1}, tmp_path / "a.json")
    run.write_records(["/bin/sim2sky", "observe", "--settings", "{}"])
    record = json.loads(record_path(tmp_path / "a.json").read_text())
    assert record["stage"] == "observe"
    assert record["command"] == ["sim2sky", "observe", "--settings", "{}"]
    assert record["settings"] == {"depth_mag": 26.0}
    assert record["settings_digest"] == settings_digest(Depth(depth_mag=26))
    assert record["commit"] == code_commit()
    assert record["packages"] == package_versions()
    assert record["slurm_job_id"] == "42"
    assert record["device"] == "cpu"
    assert record["wall_time_s"] == 12.5
    assert record["peak_memory_mb"] > 10
    assert record["host"] == os.uname().nodename
    assert record["bytes"] == (tmp_path / "a.json").stat().st_size


def test_settings_of_several_models_are_told_apart(run, tmp_path):
    class Survey(Settings):
        pixel: float = 0.1

    read_settings(Depth, "{}")
    read_settings(Survey, "{}")
    write_json({}, tmp_path / "a.json")
    run.write_records(["sim2sky"])
    record = json.loads(record_path(tmp_path / "a.json").read_text())
    assert record["settings"] == {"Depth": {"depth_mag": 25.0}, "Survey": {"pixel": 0.1}}


def test_directories_have_a_record_and_files_that_are_gone_have_none(run, tmp_path):
    with atomic_path(tmp_path / "simulation") as temporary:
        temporary.mkdir()
    write_json({}, tmp_path / "checkpoint.json")
    (tmp_path / "checkpoint.json").unlink()
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "failed.json"):
        raise RuntimeError
    run.write_records(["sim2sky", "assemble"])
    assert [p.name for p in (tmp_path / ".provenance").iterdir()] == ["simulation.json"]
    assert origin.read_origin(tmp_path / "simulation")["stage"] == "assemble"


def test_versions_are_those_that_are_installed():
    versions = package_versions()
    assert versions["numpy"] == __import__("numpy").__version__
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "pytest" not in versions  # of an extra
    assert json.loads(stamp("build", {})["packages"]) == versions


def test_peak_memory_counts_what_was_freed():
    before = peak_memory_mb()
    block = bytearray(int((before + 100) * 1e6))
    block[::4096] = b"x" * len(block[::4096])
    del block
    assert peak_memory_mb() > before + 90


def stamped(folder, suffix):
    """Write a small file of a kind with a stamp inside."""
    path = folder / f"result{suffix}"
    content = stamp("build", Depth())
    if suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.attrs.update(content)
            file.attrs["n"] = 3
    elif suffix == ".parquet":
        table = pd.DataFrame({"a": [1]})
        table.attrs |= content
        write_parquet(table, path)
    elif suffix == ".json":
        write_json({"about": content | {"method": "mmd"}}, path)
    else:
        torch.save({"provenance": content}, path)
    return path


@pytest.mark.parametrize("suffix", [".h5", ".parquet", ".json", ".pt"])
def test_stamp_is_read_from_the_file(tmp_path, suffix):
    found = origin.read_origin(stamped(tmp_path, suffix))
    assert found == {
        **stamp("build", Depth()),
        "settings": {"depth_mag": 25.0},
        "packages": package_versions(),
    }


def test_record_of_another_file_is_not_believed(run, tmp_path):
    path = tmp_path / "table.csv"
    with atomic_path(path) as temporary:
        temporary.write_text("a\n1\n")
    run.write_records(["sim2sky", "aggregate"])
    assert origin.read_origin(path)["stage"] == "aggregate"
    path.write_text("a\n1\n2\n")
    with pytest.raises(Sim2SkyError, match=r"table.csv: nothing is known of where it came from"):
        origin.read_origin(path)
    with pytest.raises(Sim2SkyError, match="no such file or directory"):
        origin.read_origin(tmp_path / "none")


def command_line(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["sim2sky", *map(str, words)])
    level = logging.getLogger().level
    try:
        with pytest.raises(SystemExit) as end:
            cli.main()
    finally:
        logging.getLogger().setLevel(level)
    return end.value.code


def test_command_prints_lines_or_json(tmp_path, monkeypatch, capsys):
    path = stamped(tmp_path, ".json")
    assert not command_line(monkeypatch, "provenance", path)
    lines = capsys.readouterr().out.splitlines()
    assert "stage            build" in lines
    assert 'settings         {"depth_mag": 25.0}' in lines
    assert not command_line(monkeypatch, "provenance", path, "--json")
    assert json.loads(capsys.readouterr().out)["settings"] == {"depth_mag": 25.0}
    assert command_line(monkeypatch, "provenance", tmp_path / "no") == 1
    assert "no such file or directory" in capsys.readouterr().err


def test_a_real_command_leaves_a_record_with_its_own_time_and_memory(tmp_path):
    (tmp_path / "s.json").write_text("{}")
    scores = tmp_path / "scores.json"
    program = (
        "import sys; from sim2sky import cli\n"
        "app = cli.application('version')\n"
        "cli.application = lambda called: app\n"
        "@app.command()\n"
        "def touch(settings: str, output: str) -> None:\n"
        "    from sim2sky.files import write_json\n"
        "    from sim2sky.train.settings import TrainSettings\n"
        "    from sim2sky.settings import read_settings\n"
        "    read_settings(TrainSettings, settings)\n"
        "    write_json({}, output)\n"
        "cli.main()"
    )
    words = [sys.executable, "-c", program, "touch", '{"epochs": 3}', str(scores)]
    subprocess.run(words, check=True)
    found = origin.read_origin(scores)
    assert found["settings"]["epochs"] == 3
    assert 0 < found["wall_time_s"] < 100
    assert found["command"][1] == "touch"
