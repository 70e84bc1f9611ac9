"""From images and models to a table of probabilities."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from sim2sky.calibrate.calibration import FILE_NAME, Calibration, model_digest
from sim2sky.calibrate.ensemble import (
    distance_limits,
    pooled_distances,
    pooled_rows,
    read_calibrations,
)
from sim2sky.calibrate.scaling import Scaling, fit_scaling
from sim2sky.errors import Sim2SkyError
from sim2sky.files import write_json, write_parquet
from sim2sky.predict.block import UNFIT, Block, ImageFlag
from sim2sky.predict.images import Images, open_images, read_coordinates
from sim2sky.predict.settings import PredictSettings
from sim2sky.predict.tables import check_suffix, write_table
from sim2sky.train.model_file import Model, load_model

log = logging.getLogger("sim2sky")

DOMAINS = ("source", "target")


@dataclass(frozen=True)
class Ensemble:
    """Models of one experiment with what their own images say of them.

    Parameters
    ----------
    models : list of Model
        One or more.
    calibrations : list of Calibration
        One for each, or none.
    scaling : Scaling or None
        Of the mean of their probabilities; None without calibrations.
    """

    models: list[Model]
    calibrations: list[Calibration]
    scaling: Scaling | None

    def identity(self) -> dict:
        """Return what tells this ensemble from another."""
        calibrations = hashlib.sha256()
        for each in self.calibrations:
            for values in (each.rows["probability"], *each.points.values()):
                calibrations.update(np.ascontiguousarray(values).tobytes())
        return {
            "models": [model_digest(model) for model in self.models],
            "calibrations": calibrations.hexdigest(),
        }


def predict_catalogue(
    model_paths: list[Path],
    images_path: Path,
    output: Path,
    settings: PredictSettings = PredictSettings(),  # noqa: B008 frozen
    *,
    calibration_paths: list[Path] | None = None,
    coordinates: Path | None = None,
    domain: Literal["source", "target"] = "target",
    device: str = "cpu",
) -> None:
    """Classify images and write a catalogue.

    Each block of rows is kept beside the output until the catalogue is whole,
    so that a run which was interrupted goes on where it was.

    Parameters
    ----------
    model_paths : list of Path
        Model files; several make an ensemble.
    images_path : Path
        Folder of images, stamps or a dataset.
    output : Path
        ``.parquet``, ``.fits``, ``.ecsv`` or ``.csv``.
    settings : PredictSettings
        How images are read and when there is no class.
    calibration_paths : list of Path, optional
        One for each model; None takes those beside the models, if all have one.
    coordinates : Path, optional
        Table of places on the sky, in place of those in the images' headers.
    domain : {"source", "target"}
        Which of the model's two normalisations fits the images.
    device : str
        Where to compute.

    Raises
    ------
    Sim2SkyError
        If a model, a calibration, the images or the output's suffix is of no
        use, or not one image could be classified.
    """
    check_suffix(output)
    ensemble = load_ensemble(model_paths, calibration_paths, device)
    images = open_images(images_path, ensemble.models[0], settings.images)
    places = None if coordinates is None else read_coordinates(coordinates)
    key = {
        **ensemble.identity(),
        "images": images.identity(),
        "settings": settings.model_dump(mode="json"),
        "domain": domain,
    }
    folder = _parts_folder(output, key)
    limits = distance_limits(ensemble.calibrations, settings.distance_quantile)
    parts = []
    for number, start in enumerate(range(0, len(images), settings.block_size)):
        parts.append(folder / f"{number:06d}.parquet")
        if not parts[-1].exists():
            block = images.read(start, start + settings.block_size)
            table = catalogue_block(ensemble, block, settings, limits, domain)
            write_parquet(table, parts[-1])
    _log_counts(parts, images_path, images, ensemble)
    write_table((_with_places(pd.read_parquet(part), places) for part in parts), output)
    shutil.rmtree(folder)


def load_ensemble(
    paths: list[Path], calibration_paths: list[Path] | None = None, device: str = "cpu"
) -> Ensemble:
    """Read models that take the same images and know the same classes.

    Parameters
    ----------
    paths : list of Path
        Model files.
    calibration_paths : list of Path, optional
        One for each; None takes those beside the models, if all have one.
    device : str
        Where the networks go.

    Returns
    -------
    Ensemble
        In the order of `paths`.

    Raises
    ------
    Sim2SkyError
        If a file is unreadable, a model differs from the first, or a
        calibration is that of another model.
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
    if calibration_paths is None:
        beside = [path.with_name(FILE_NAME) for path in paths]
        if not all(path.is_file() for path in beside):
            log.info(
                "no %s beside the models: neither calibrated probabilities nor distances to the "
                "training images; make it with `sim2sky calibrate`",
                FILE_NAME,
            )
            return Ensemble(models, [], None)
        calibration_paths = beside
    if len(calibration_paths) != len(paths):
        raise Sim2SkyError(
            "each model needs its calibration",
            got=f"{len(calibration_paths)} calibrations",
            expected=f"{len(paths)}",
        )
    calibrations = read_calibrations(calibration_paths)
    for path, model, calibration in zip(calibration_paths, models, calibrations, strict=True):
        if calibration.model_digest != model_digest(model):
            raise Sim2SkyError(
                "this is the calibration of another model",
                where=path,
                fix="give calibrations in the order of the models, or make it anew",
            )
    rows = pooled_rows(calibrations)
    return Ensemble(models, calibrations, fit_scaling(rows["probability"], rows["label"]))


def catalogue_block(
    ensemble: Ensemble,
    block: Block,
    settings: PredictSettings,
    limits: dict[str, float],
    domain: Literal["source", "target"] = "target",
) -> pd.DataFrame:
    """Return the rows of the catalogue for some images.

    Parameters
    ----------
    ensemble : Ensemble
        What classifies.
    block : Block
        N images.
    settings : PredictSettings
        When there is no class.
    limits : dict of float
        Domain to the distance from which on an image is far.
    domain : {"source", "target"}
        Which normalisation applies.

    Returns
    -------
    pandas.DataFrame
        N rows: galaxy_id, view, system_id, ra_deg, dec_deg, probability_<class>
        (the mean of the models), spread_<class> (their standard deviation, if
        there are several); with calibrations calibrated_<class>,
        distance_<domain> and anomaly (distance in units of the limit, in the
        domain where that is least); predicted (name of a class, or empty: the
        flag says why) and flag (bits of `ImageFlag`).
    """
    models, classes = ensemble.models, ensemble.models[0].classes
    good = block.flag & UNFIT.value == 0
    n_rows = len(block.flag)
    probabilities = np.full((len(models), n_rows, len(classes)), np.nan)
    latents = []
    for number, model in enumerate(models):
        probabilities[number, good], latent = model.predict(block.images[good], domain)
        latents.append(latent)
    best = probabilities.mean(axis=0)
    table = pd.DataFrame(block.columns)
    _add(table, "probability", classes, best)
    if len(models) > 1:
        spread = probabilities.std(axis=0, ddof=1)
        _add(table, "spread", classes, spread)
    flag = block.flag.copy()
    if ensemble.scaling is not None:
        best = ensemble.scaling.apply(best)
        _add(table, "calibrated", classes, best)
        anomaly = np.full(n_rows, np.inf)
        for name, distance in pooled_distances(ensemble.calibrations, latents).items():
            table[f"distance_{name}"] = _spread_out(distance, good)
            anomaly = np.minimum(anomaly, table[f"distance_{name}"] / limits[name])
        table["anomaly"] = anomaly
        flag[anomaly > 1] |= ImageFlag.FAR
    unsure = good & (np.nan_to_num(best).max(axis=1) < settings.min_probability)
    if len(models) > 1 and settings.max_spread is not None:
        unsure |= good & (np.nan_to_num(spread).max(axis=1) > settings.max_spread)
    flag[unsure] |= ImageFlag.UNSURE
    silent = ~good | (flag & (ImageFlag.FAR | ImageFlag.UNSURE) > 0)
    chosen = np.where(silent, len(classes), np.nan_to_num(best).argmax(axis=1))
    table["predicted"] = np.array([*classes, ""])[chosen]
    table["flag"] = flag
    return table


def _add(table: pd.DataFrame, prefix: str, classes: list[str], values: np.ndarray) -> None:
    """Add a column for each class."""
    for column, name in enumerate(classes):
        table[f"{prefix}_{name}"] = values[:, column]


def _spread_out(values: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Return values of the good rows at their places, NaN elsewhere."""
    result = np.full(len(good), np.nan)
    result[good] = values
    return result


def _with_places(table: pd.DataFrame, places: pd.DataFrame | None) -> pd.DataFrame:
    """Return a table with coordinates from another one, where that has them."""
    if places is not None:
        found = places.reindex(table["galaxy_id"])
        for name in ("ra_deg", "dec_deg"):
            table[name] = np.where(found[name].isna(), table[name], found[name])
    return table


def _parts_folder(output: Path, key: dict) -> Path:
    """Return the folder of finished blocks, emptied if they are those of another run."""
    folder = output.with_name(f".{output.name}.parts")
    key = json.loads(json.dumps(key))
    file = folder / "key.json"
    if file.is_file() and json.loads(file.read_text()) == key:
        done = len(list(folder.glob("[0-9]*.parquet")))
        log.info("%s: going on after %d finished blocks", output, done)
        return folder
    if folder.exists():
        log.info("%s: finished blocks of another run are of no use here", output)
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    write_json(key, file)
    return folder


def _log_counts(parts: list[Path], path: Path, images: Images, ensemble: Ensemble) -> None:
    """Say how many images have a class and which flags there are; refuse if none fits."""
    counts = dict.fromkeys(ImageFlag, 0)
    n_fit = n_classified = 0
    for flag, predicted in _columns(parts, ["flag", "predicted"]):
        n_fit += int((flag & UNFIT.value == 0).sum())
        n_classified += int((predicted != "").sum())
        for bit in ImageFlag:
            counts[bit] += int((flag & bit.value > 0).sum())
    found = {bit.name.lower(): count for bit, count in counts.items() if count}
    log.info("%d images, %d classified; flags: %s", len(images), n_classified, found or "none")
    if n_fit == 0:
        model = ensemble.models[0]
        if parts:
            shutil.rmtree(parts[0].parent)
        raise Sim2SkyError(
            "no image could be classified",
            where=path,
            got=f"{len(images)} images, flags {found}",
            expected=f"{model.image_size} x {model.image_size} px in {', '.join(model.bands)}, "
            f"{'pictures' if model.units == '8bit' else 'FITS images in nJy'}",
            fix="say in the settings (`images`) how they come to the model's format",
        )


def _columns(parts: list[Path], names: list[str]) -> Iterator[list[np.ndarray]]:
    """Yield columns of each part."""
    for part in parts:
        table = pd.read_parquet(part, columns=names)
        yield [table[name].to_numpy() for name in names]
