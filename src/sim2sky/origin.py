"""The command `sim2sky provenance`: what a result says of where it came from."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.errors import Sim2SkyError
from sim2sky.provenance import STAMP_KEYS, record_path


def provenance(
    file: Annotated[Path, typer.Argument(help="A result: a file or a simulation directory.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print where a result came from.

    Code, settings and versions stand in most files; host, device, job, time and
    memory of the run that made it are kept beside it, under `.provenance`, and are
    gone if the file was moved without that.
    """
    found = read_origin(file)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    width = max(map(len, found))
    for key, value in found.items():
        typer.echo(f"{key:{width}}  {value if isinstance(value, str) else json.dumps(value)}")


def read_origin(path: Path) -> dict:
    """Return what a result and the record beside it say of its origin.

    Parameters
    ----------
    path : Path
        A file or a directory.

    Returns
    -------
    dict
        The stamp in the file has the last word.

    Raises
    ------
    Sim2SkyError
        If the path does not exist, or nothing is known of it.
    """
    if not path.exists():
        raise Sim2SkyError("no such file or directory", where=path)
    inside = {key: value for key, value in _stamp_inside(path).items() if key in STAMP_KEYS}
    for key in ("settings", "packages"):
        if key in inside:
            inside[key] = json.loads(inside[key])
    beside = _record_beside(path)
    if not inside and not beside:
        raise Sim2SkyError(
            "nothing is known of where it came from",
            where=path,
            expected=f"a stamp in the file or {record_path(path)}",
            fix="was it made by a sim2sky command, and moved?",
        )
    return beside | inside


def _record_beside(path: Path) -> dict:
    """Return the record of the run that made a result, nothing if it is of another file."""
    beside = record_path(path)
    if not beside.is_file():
        return {}
    record = json.loads(beside.read_text())
    size = record.pop("bytes")
    return record if size is None or size == path.stat().st_size else {}


def _stamp_inside(path: Path) -> dict:
    """Return what stands in the file itself."""
    if path.is_dir():
        return {}
    if path.suffix in (".h5", ".hdf5"):
        from sim2sky.files import open_hdf5

        with open_hdf5(path) as file:
            return {key: value for key, value in file.attrs.items() if isinstance(value, str)}
    if path.suffix == ".parquet":
        from sim2sky.files import read_parquet

        return read_parquet(path).attrs
    if path.suffix == ".json":
        from sim2sky.files import read_json

        content = read_json(path)
        return content.get("about", content)
    if path.suffix == ".pt":
        from sim2sky.train.model_file import read_torch_file

        return read_torch_file(path).get("provenance", {})
    return {}
