"""Where a result came from: code, settings and versions."""

import hashlib
import json
import subprocess
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from sim2sky import __version__


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
        Keys ``stage``, ``sim2sky_version``, ``commit``, ``settings`` (JSON) and
        ``settings_digest``.
    """
    content = settings.model_dump(mode="json") if isinstance(settings, BaseModel) else settings
    return {
        "stage": stage,
        "sim2sky_version": __version__,
        "commit": code_commit(),
        "settings": json.dumps(content, sort_keys=True),
        "settings_digest": settings_digest(content),
    }
