"""Command `explore`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sim2sky.explore.settings import ExploreSettings
from sim2sky.settings import read_settings

log = logging.getLogger("sim2sky")


def explore(
    model: Annotated[Path, typer.Option(help="Model file of `sim2sky train`")],
    source: Annotated[Path, typer.Option(help="Dataset of the source domain")],
    target: Annotated[Path, typer.Option(help="Dataset of the target domain")],
    latents: Annotated[Path, typer.Option(help="File of `sim2sky embed` of the same model")],
    output: Annotated[Path, typer.Option(help="Output folder of points.js and pictures")],
    settings: Annotated[str, typer.Option(help="JSON text or file")] = "{}",
) -> None:
    """Prepare the points of the page's latent map, with their stamps and Grad-CAM maps.

    The rows are those of the latents. Equal pictures have equal names, so that the
    page holds the stamps of several models once.
    """
    from sim2sky.explore.points import as_script, model_points
    from sim2sky.explore.sheets import gradcam_tiles, stamp_tiles, write_sheets
    from sim2sky.files import atomic_path
    from sim2sky.train.model_file import load_model

    parsed = read_settings(ExploreSettings, settings)
    loaded = load_model(model)
    datasets = [loaded.read_rows(path, "test") for path in (source, target)]
    points, rows = model_points(loaded, *datasets, latents)
    with atomic_path(output) as folder:
        folder.mkdir()
        points["stamps"] = write_sheets(
            stamp_tiles(datasets, rows, parsed), folder, "stamps", parsed
        )
        maps = gradcam_tiles(loaded, datasets, rows, parsed)
        points["evidence"] = maps[..., 3].any(axis=(1, 2)).astype(int).tolist()
        points["gradcam"] = write_sheets(maps, folder, "gradcam", parsed)
        (folder / "points.js").write_text(as_script(points))
        size = sum(path.stat().st_size for path in folder.iterdir())
    log.info("explore %s: %d points, %.2f MB", loaded.method, points["n"], size / 1e6)
