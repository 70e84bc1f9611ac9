"""Commands that a preloaded process does are as if they ran by themselves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim2sky import preload

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="starts nothing but on Linux")

# a head that starts the process, says where it is, and stays until its input ends
HEAD = """
import os, sys
from sim2sky import preload
preload.start()
print(os.environ[preload.ADDRESS], flush=True)
sys.stdin.read()
"""
SIM2SKY = Path(sys.executable).with_name("sim2sky")


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.fixture(scope="module")
def plain():
    """The environment without any preloaded process."""
    kept = {key: value for key, value in os.environ.items() if key != preload.ADDRESS}
    return kept | {preload.THREADS[0]: "1"}  # as Snakemake says to jobs of one thread


@pytest.fixture(scope="module")
def head(plain):
    """A head whose process is ready, and the environment of its jobs."""
    words = [sys.executable, "-c", HEAD]
    with subprocess.Popen(
        words, env=plain, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        address = process.stdout.readline().strip()
        path = Path(address.rpartition(":")[2])
        assert wait_for(path.exists, seconds=120)
        yield process, plain | {preload.ADDRESS: address}
        process.stdin.close()
    assert not path.parent.exists()


def run(environment, folder, *words):
    return subprocess.run(
        [SIM2SKY, *words], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def test_output_status_and_messages_are_the_same(head, plain, tmp_path):
    (tmp_path / "broken.h5").write_bytes(b"no")
    for words in (
        ["version"],
        ["inspect", "broken.h5"],  # a relative path, and a refusal
        ["evaluate", "--no-such-option"],
        [],
    ):
        alone, preloaded = (run(env, tmp_path, *words) for env in (plain, head[1]))
        assert preloaded.returncode == alone.returncode
        assert preloaded.stdout == alone.stdout
        assert preloaded.stderr == alone.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_who_ends_a_command_ends_its_work(head, tmp_path, number):
    """A command that is told to end hands that on; one that is killed can't, and is missed."""
    (server,) = children(head[0].pid)
    suite = '{"encounters": 1, "disks": 0, "ellipticals": 0}'  # half a minute's work
    words = ["simulate", "--settings", suite, "--batch", "0", "--output", "runs.h5"]
    with subprocess.Popen(
        [SIM2SKY, *words], env=head[1], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as command:
        assert wait_for(lambda: children(server))
        assert not children(command.pid)
        command.send_signal(number)
        _, told = command.communicate()
    assert wait_for(lambda: not children(server))
    assert command.returncode == (1 if number == signal.SIGTERM else -number)
    if number == signal.SIGTERM:
        assert told == "sim2sky: error: the process of this command was killed\n"
    assert not (tmp_path / "runs.h5").exists()


def test_where_there_is_none_a_command_runs_by_itself(plain, tmp_path):
    for address in ("no", f"{sys.prefix}:{tmp_path}/socket", f"/elsewhere:{tmp_path}/socket"):
        assert run(plain | {preload.ADDRESS: address}, tmp_path, "version").stdout.strip()


@pytest.mark.parametrize("threads", ["2", None])
def test_a_command_with_more_threads_runs_by_itself(head, monkeypatch, threads):
    monkeypatch.setenv(preload.ADDRESS, head[1][preload.ADDRESS])
    monkeypatch.delenv(preload.THREADS[0], raising=False)
    if threads is not None:
        monkeypatch.setenv(preload.THREADS[0], threads)
    assert preload.ask(["version"]) is None


def test_a_killed_head_takes_its_process_with_it(plain):
    with subprocess.Popen(
        [sys.executable, "-c", HEAD], env=plain, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        (server,) = children(process.pid)
        process.send_signal(signal.SIGKILL)
    # it notices when it has imported everything
    assert wait_for(lambda: not Path(f"/proc/{server}").exists(), seconds=120)
