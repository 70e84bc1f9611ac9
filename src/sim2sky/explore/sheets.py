"""Many small pictures in few files, as a page can show them one by one."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from PIL import Image

from sim2sky.build.dataset import Dataset
from sim2sky.explain.gradcam import gradcam_maps
from sim2sky.explore.settings import ExploreSettings
from sim2sky.plot.gradcam import CMAP
from sim2sky.plot.images import colour_image, display_scale

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model

COLUMNS = 16
ROWS = 8  # so that a phone loads 100 kB, not a megabyte, for the first stamp
OPACITY = 0.8  # of the strongest evidence; none is clear


def stamp_tiles(
    datasets: Sequence[Dataset], rows: Sequence[np.ndarray], settings: ExploreSettings
) -> np.ndarray:
    """Return stamps in the colours of the house's mosaics, north up as there.

    Parameters
    ----------
    datasets : sequence of Dataset
        Source and target, with images of one size.
    rows : sequence of numpy.ndarray
        Which rows of each.
    settings : ExploreSettings
        ``stamp_pixels``.

    Returns
    -------
    numpy.ndarray
        (N,S,S,3) uint8, the source's first.
    """
    tiles = []
    for dataset, chosen in zip(datasets, rows, strict=True):
        if len(chosen) == 0:
            continue
        images = dataset.images[chosen]
        side = min(settings.stamp_pixels, images.shape[-1])
        scale, peak = display_scale(images, dataset.normalisation.softening)
        for image in images:
            colours = colour_image(image, scale, peak, dataset.units)[::-1]
            picture = Image.fromarray(np.round(255 * colours).astype(np.uint8))
            tiles.append(np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS)))
    return np.stack(tiles)


def gradcam_tiles(
    model: "Model",
    datasets: Sequence[Dataset],
    rows: Sequence[np.ndarray],
    settings: ExploreSettings,
) -> np.ndarray:
    """Return Grad-CAM maps of the last class as coloured layers to lay over the stamps.

    Parameters
    ----------
    model : Model
        The classifier.
    datasets : sequence of Dataset
        Source and target.
    rows : sequence of numpy.ndarray
        Which rows of each.
    settings : ExploreSettings
        ``gradcam_pixels``.

    Returns
    -------
    numpy.ndarray
        (N,S,S,4) uint8; clear where nothing speaks for the class.
    """
    side, tiles = settings.gradcam_pixels, []
    for domain, dataset, chosen in zip(("source", "target"), datasets, rows, strict=True):
        prepared = model.prepare(dataset.images[chosen], domain)
        maps = gradcam_maps(model.network_for(domain), prepared, len(model.classes) - 1)
        for evidence in maps[:, ::-1]:
            picture = Image.fromarray(np.ascontiguousarray(evidence))
            small = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
            colours = colormaps[CMAP](np.clip(small, 0, 1))
            colours[..., 3] = OPACITY * np.clip(small, 0, 1)
            tiles.append(np.round(255 * colours).astype(np.uint8))
    return np.stack(tiles)


def write_sheets(
    tiles: np.ndarray, folder: Path, stem: str, settings: ExploreSettings
) -> dict[str, object]:
    """Write pictures side by side into sheets that are named after what they hold.

    Parameters
    ----------
    tiles : numpy.ndarray
        (N,S,S,3) or, with opacity, (N,S,S,4) uint8.
    folder : Path
        Where to.
    stem : str
        First part of the names.
    settings : ExploreSettings
        ``quality``.

    Returns
    -------
    dict
        ``side`` of a picture in pixels, ``columns`` and ``rows`` of a sheet, and
        ``files``, the sheets; picture i is on sheet i // (columns * rows), and on it
        they go from left to right, then down.
    """
    side, files = tiles.shape[1], []
    for start in range(0, len(tiles), COLUMNS * ROWS):
        part = tiles[start : start + COLUMNS * ROWS]
        n_rows = -(-len(part) // COLUMNS)
        grid = np.zeros((n_rows * COLUMNS, *part.shape[1:]), dtype=np.uint8)
        grid[: len(part)] = part
        grid = grid.reshape(n_rows, COLUMNS, side, side, -1).swapaxes(1, 2)
        sheet = Image.fromarray(grid.reshape(n_rows * side, COLUMNS * side, -1))
        temporary = folder / f"{stem}.webp"
        sheet.save(temporary, quality=settings.quality, method=4)
        digest = hashlib.sha256(temporary.read_bytes()).hexdigest()[:16]
        temporary.rename(folder / f"{stem}_{digest}.webp")
        files.append(f"{stem}_{digest}.webp")
    return {"side": side, "columns": COLUMNS, "rows": ROWS, "files": files}
