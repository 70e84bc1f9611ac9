"""From images and models to a table of probabilities."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path
from sim2sky.predict.images import Block, ImageFlag, image_blocks
from sim2sky.train.model_file import Model, load_model

log = logging.getLogger("sim2sky")

SUFFIXES = (".parquet", ".fits", ".ecsv", ".csv")


def predict_catalogue(
    model_paths: list[Path],
    images_path: Path,
    output: Path,
    *,
    domain: Literal["source", "target"] = "target",
    device: str = "cpu",
    block_size: int = 512,
) -> None:
    """Classify images and write a catalogue.

    Parameters
    ----------
    model_paths : list of Path
        Model files; several make an ensemble.
    images_path : Path
        Folder of images, stamps or a dataset.
    output : Path
        ``.parquet`` (written block by block), ``.fits``, ``.ecsv`` or ``.csv``.
    domain : {"source", "target"}
        Which of the model's two normalisations fits the images.
    device : str
        Where to compute.
    block_size : int
        Images in memory at a time.

    Raises
    ------
    Sim2SkyError
        If a model, the images or the output's suffix is of no use, or not one
        image could be classified.
    """
    if output.suffix not in SUFFIXES:
        raise Sim2SkyError(
            "unknown kind of table", where=output, got=output.suffix, expected=", ".join(SUFFIXES)
        )
    models = load_ensemble(model_paths, device)
    counts = dict.fromkeys(ImageFlag, 0)
    n_rows = n_classified = 0

    def counted(blocks: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        nonlocal n_rows, n_classified
        for block in blocks:
            n_rows += len(block)
            n_classified += int((block["predicted"] != "").sum())
            for bit in ImageFlag:
                counts[bit] += int((block["flag"].to_numpy() & bit.value > 0).sum())
            yield block
        found = {bit.name.lower(): count for bit, count in counts.items() if count}
        log.info("%d images, %d classified; flags: %s", n_rows, n_classified, found or "none")
        if n_classified == 0:
            raise Sim2SkyError(
                "no image could be classified",
                where=images_path,
                got=f"{n_rows} images, flags {found}",
                expected=f"{models[0].image_size} x {models[0].image_size} px in "
                f"{', '.join(models[0].bands)}",
                fix="bring the images to the model's format with `sim2sky observe-images`",
            )

    blocks = image_blocks(images_path, models[0], block_size)
    write_table(counted(catalogue_block(models, block, domain) for block in blocks), output)


def load_ensemble(paths: list[Path], device: str = "cpu") -> list[Model]:
    """Read models that take the same images and know the same classes.

    Parameters
    ----------
    paths : list of Path
        Model files.
    device : str
        Where the networks go.

    Returns
    -------
    list of Model
        In the order of `paths`.

    Raises
    ------
    Sim2SkyError
        If one is unreadable or differs from the first.
    """
    models = [load_model(path, device) for path in paths]
    for path, model in zip(paths[1:], models[1:], strict=True):
        for name in ("classes", "bands", "image_size", "units"):
            if getattr(model, name) != getattr(models[0], name):
                raise Sim2SkyError(
                    f"models of an ensemble differ in their {name}",
                    where=path,
                    got=getattr(model, name),
                    expected=f"{getattr(models[0], name)} as in {paths[0]}",
                )
    return models


def catalogue_block(
    models: list[Model], block: Block, domain: Literal["source", "target"] = "target"
) -> pd.DataFrame:
    """Return the rows of the catalogue for some images.

    Parameters
    ----------
    models : list of Model
        One or an ensemble.
    block : Block
        N images.
    domain : {"source", "target"}
        Which normalisation applies.

    Returns
    -------
    pandas.DataFrame
        N rows: galaxy_id, view, probability_<class> (NaN where the flag says
        why; the mean over an ensemble), spread_<class> (standard deviation
        over an ensemble, only if there is one), predicted (name of a class or
        empty), flag (bits of `ImageFlag`).
    """
    classes = models[0].classes
    good = block.flag & ~ImageFlag.FLAGGED_INPUT.value == 0
    probabilities = np.full((len(models), len(block.flag), len(classes)), np.nan)
    for number, model in enumerate(models):
        probabilities[number, good] = model.predict(block.images[good], domain)[0]
    mean = probabilities.mean(axis=0)
    table = pd.DataFrame({"galaxy_id": block.galaxy_id, "view": block.view})
    for column, name in enumerate(classes):
        table[f"probability_{name}"] = mean[:, column]
    if len(models) > 1:
        spread = probabilities.std(axis=0, ddof=1)
        for column, name in enumerate(classes):
            table[f"spread_{name}"] = spread[:, column]
    best = np.where(good, np.nan_to_num(mean).argmax(axis=1), len(classes))
    table["predicted"] = np.array([*classes, ""])[best]
    table["flag"] = block.flag
    return table


def write_table(blocks: Iterable[pd.DataFrame], output: Path) -> None:
    """Write a table that comes in pieces, atomically.

    Parameters
    ----------
    blocks : iterable of pandas.DataFrame
        Pieces with the same columns.
    output : Path
        The suffix decides the format; only Parquet is written piece by piece.
    """
    with atomic_path(output) as temporary:
        if output.suffix == ".parquet":
            writer = None
            try:
                for block in blocks:
                    piece = pyarrow.Table.from_pandas(block, preserve_index=False)
                    writer = writer or pyarrow.parquet.ParquetWriter(temporary, piece.schema)
                    writer.write_table(piece)
            finally:
                if writer is not None:
                    writer.close()
        elif output.suffix == ".csv":
            pd.concat(blocks).to_csv(temporary, index=False)
        else:
            from astropy.table import Table

            table = Table.from_pandas(pd.concat(blocks))
            table.write(temporary, format="fits" if output.suffix == ".fits" else "ascii.ecsv")
