"""Where a result came from: code, settings and versions, and the run that made it.

What decides a result stands in the file itself, by `stamp`. What may differ from run to
run (host, job, times, memory) does not, so that the same inputs give the same bytes: it
is kept beside the file, under ``.provenance``, together with all the rest, which also
serves results that have no room for a stamp. `sim2sky provenance FILE` prints both.
"""

import hashlib
import json
import os
import platform
import resource
import socket
import subprocess
import time
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from pydantic import BaseModel

from sim2sky import __version__

FOLDER = ".provenance"
STAMP_KEYS = ("stage", "sim2sky_version", "commit", "settings_digest", "settings", "packages")


@cache
def code_commit() -> str:
    """Return the git commit of this source tree, ``+`` appended if it has changes.

    Returns
    -------
    str
        ``"unknown"`` where the package is not in a git checkout.
    """
    here = Path(__file__).parent
    try:
        run = [
            subprocess.run(["git", "-C", here, *words], capture_output=True, text=True, check=True)
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--", "."])
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return run[0].stdout.strip() + ("+" if run[1].stdout.strip() else "")


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that sim2sky needs.

    Returns
    -------
    dict of str
        Name to version; those that are not installed are left out.
    """
    names = [
        "".join(c if c.isalnum() or c in "-_." else " " for c in line).split()[0]
        for line in requires("sim2sky") or []
        if "extra ==" not in line
    ]
    found = {"python": platform.python_version()}
    for name in sorted(names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def settings_digest(settings: BaseModel | dict) -> str:
    """Return a digest of settings that does not depend on the order of keys.

    Parameters
    ----------
    settings : BaseModel or dict
        The settings.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    content = settings.model_dump(mode="json") if isinstance(settings, BaseModel) else settings
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def stamp(stage: str, settings: BaseModel | dict) -> dict[str, str]:
    """Return what every output says of its origin, as strings for HDF5 attributes or JSON.

    Parameters
    ----------
    stage : str
        The stage that writes the output.
    settings : BaseModel or dict
        Its settings.

    Returns
    -------
    dict of str
        Keys ``stage``, ``sim2sky_version``, ``commit``, ``settings`` (JSON),
        ``settings_digest`` and ``packages`` (JSON, their versions).
    """
    content = settings.model_dump(mode="json") if isinstance(settings, BaseModel) else settings
    return {
        "stage": stage,
        "sim2sky_version": __version__,
        "commit": code_commit(),
        "settings": json.dumps(content, sort_keys=True),
        "settings_digest": settings_digest(content),
        "packages": json.dumps(package_versions(), sort_keys=True),
    }


class Run:
    """What this process has read and written so far.

    Parameters
    ----------
    started : float
        Seconds of `time.time`.
    """

    def __init__(self, started: float) -> None:
        self.started = started
        self.outputs: dict[Path, None] = {}  # in the order of writing
        self.settings: dict[str, BaseModel] = {}  # by the name of their model
        self.device = "cpu"

    def write_records(self, command: list[str]) -> None:
        """Write the record of every output that is there, each beside it.

        Parameters
        ----------
        command : list of str
            The command line.
        """
        settings = {name: item.model_dump(mode="json") for name, item in self.settings.items()}
        if len(settings) == 1:
            (settings,) = settings.values()
        record = stamp(command[1] if len(command) > 1 else "", settings)
        for name in ("settings", "packages"):
            record[name] = json.loads(record[name])
        record |= {
            "command": [Path(command[0]).name, *command[1:]],
            "host": socket.gethostname(),
            "device": self.device,
            "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_time_s": round(time.time() - self.started, 2),
            "peak_memory_mb": peak_memory_mb(),
        }
        for path in self.outputs:
            if path.exists():
                beside = record_path(path)
                beside.parent.mkdir(exist_ok=True)
                content = record | {"bytes": path.stat().st_size if path.is_file() else None}
                part = beside.with_name(f"{beside.name}.{os.getpid()}")
                part.write_text(json.dumps(content, indent=1) + "\n")
                part.replace(beside)


RUN = Run(time.time())


def peak_memory_mb() -> float:
    """Return the largest resident memory of this process or of one of its children, in MB."""
    kib = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return round(kib * 1024 / 1e6, 1)


def record_path(output: Path) -> Path:
    """Return where the record of an output is kept.

    Parameters
    ----------
    output : Path
        A file or a directory.

    Returns
    -------
    Path
        A JSON file in a hidden folder beside it.
    """
    output = output.absolute()
    return output.parent / FOLDER / f"{output.name}.json"
