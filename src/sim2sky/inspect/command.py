"""The `inspect` command."""

from pathlib import Path
from typing import Annotated

import typer


def inspect(
    path: Annotated[
        Path, typer.Argument(help="simulation, dataset, stamps, maps, model, images or table")
    ],
    with_: Annotated[
        Path | None, typer.Option("--with", help="another one: do they fit together?")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="plain JSON instead of a screen")] = False,
) -> None:
    """Say what a file or folder holds, whether it is whole, and what it is good for.

    It knows simulation directories, snapshots, cutouts and trees, datasets, stamps and
    maps, models, surveys, FITS images, pictures, folders of them, the published
    datasets' files and tables. With --with it says whether the two fit, such as a
    model and images in bands, size, pixel scale and units; status 2 if they don't.
    """
    from dataclasses import asdict
    from json import dumps

    from rich.console import Console

    from sim2sky.inspect.fit import compare, verdict
    from sim2sky.inspect.recognise import inspect_path
    from sim2sky.inspect.screen import show

    reports = [inspect_path(path)] + ([inspect_path(with_)] if with_ is not None else [])
    checks = compare(*reports) if with_ is not None else None
    if json:
        content: dict = reports[0].as_dict()
        if checks is not None:
            content |= {
                "with": reports[1].as_dict(),
                "together": [asdict(check) for check in checks],
                "verdict": verdict(checks),
            }
        typer.echo(dumps(content, indent=2))
    else:
        show(reports, checks, Console(highlight=False, soft_wrap=False))
    if checks is not None and any(check.verdict == "differs" for check in checks):
        raise typer.Exit(2)
