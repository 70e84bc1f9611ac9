"""The shapes of all galaxies of a domain."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from sim2sky.build.dataset import SPLITS, Dataset, read_dataset, read_splits
from sim2sky.errors import Sim2SkyError
from sim2sky.files import open_hdf5
from sim2sky.measure.asymmetry import asymmetry
from sim2sky.measure.columns import (
    FLAG_BAD,
    FLAG_BAD_SERSIC,
    FLAG_NO_GALAXY,
    FLAG_NOT_MEASURED,
    FLAG_SUSPECT,
    NUISANCE,
    QUANTITIES,
    SERSIC,
)
from sim2sky.measure.nonparametric import nonparametric
from sim2sky.measure.segmentation import central_number, components, segments
from sim2sky.measure.settings import MeasureSettings
from sim2sky.measure.sky import border_sky
from sim2sky.seeding import generator


@dataclass(frozen=True)
class SkyNoise:
    """What is known of the sky of a domain's images.

    Parameters
    ----------
    present : bool
        Whether the images show it.
    sigma : float
        Rms that the survey's sky has in the sum of the bands.
    """

    present: bool
    sigma: float


def read_sky_noise(path: str | Path) -> SkyNoise:
    """Return what a dataset file says of the noise of its images.

    Parameters
    ----------
    path : str or Path
        A dataset file.

    Returns
    -------
    SkyNoise
        The bands' noise is taken to be independent.

    Raises
    ------
    Sim2SkyError
        If the file says nothing.
    """
    with open_hdf5(path) as file:
        if "noise_sigma" not in file.attrs or "noise" not in file.attrs:
            raise Sim2SkyError(
                "attribute noise or noise_sigma is missing",
                where=path,
                fix="make the file anew with `sim2sky build`",
            )
        sigma = np.asarray(file.attrs["noise_sigma"], dtype=float)
        return SkyNoise(bool(file.attrs["noise"]), float(np.sqrt((sigma**2).sum())))


def read_nuisance(path: str | Path) -> pd.DataFrame:
    """Return the numbers of each row that should not tell the class.

    Parameters
    ----------
    path : str or Path
        A dataset file.

    Returns
    -------
    pandas.DataFrame
        Columns ``nuisance_<name>``; none where nothing is known.
    """
    with open_hdf5(path) as file:
        if "nuisance" not in file:
            return pd.DataFrame()
        names = [f"{NUISANCE}{name}" for name in file["nuisance"].attrs["names"]]
        return pd.DataFrame(file["nuisance"][:], columns=names)


def morphology_table(path: str | Path, settings: MeasureSettings, n_jobs: int = 1) -> pd.DataFrame:
    """Return the shape of every galaxy of a dataset.

    Parameters
    ----------
    path : str or Path
        A dataset file.
    settings : MeasureSettings
        How to measure.
    n_jobs : int
        Processes that share the rows; the result does not depend on it.

    Returns
    -------
    pandas.DataFrame
        One row per dataset row, in its order: galaxy_id, view, system_id, split,
        label, stage; flag (the bits above, 0 good); sky_sigma, segment_area_px,
        n_components, second_component_ratio, second_component_separation_px and
        asymmetry; the quantities of `sim2sky.measure.nonparametric` with
        statmorph_flag and sersic_flag (-1 not measured); ``nuisance_<name>`` where
        known. What could not be measured is NaN. ``attrs["classes"]`` names the
        labels.
    """
    dataset, split = read_dataset(path, None, labels=True), read_splits(path)
    noise = read_sky_noise(path)
    chosen = rows_for_statmorph(dataset.system_id, split, settings)
    images = dataset.images.sum(axis=1, dtype=np.float64)
    measured = Parallel(n_jobs=n_jobs)(
        delayed(shape_of)(image, noise, settings, statmorph=bool(asked))
        for image, asked in zip(images, chosen, strict=True)
    )
    shapes = pd.DataFrame(measured)
    table = pd.concat([_identity(dataset, split), shapes, read_nuisance(path)], axis=1)
    table.attrs = {"classes": list(dataset.classes), "domain": dataset.domain}
    return table


def rows_for_statmorph(
    system_id: np.ndarray, split: np.ndarray, settings: MeasureSettings
) -> np.ndarray:
    """Return which rows statmorph measures: all test rows, and training rows up to a number.

    Parameters
    ----------
    system_id : numpy.ndarray
        (N,) int64.
    split : numpy.ndarray
        (N,) values of `SPLITS`.
    settings : MeasureSettings
        ``statmorph_training_rows``.

    Returns
    -------
    numpy.ndarray
        (N,) bool; training rows of whole systems in random order, until there are as
        many as wanted.
    """
    wanted = settings.statmorph_training_rows
    if wanted is None:
        return np.ones(len(split), dtype=bool)
    train = split == SPLITS["train"]
    systems, of_row, count = np.unique(system_id[train], return_inverse=True, return_counts=True)
    order = generator("measure", "training rows").permutation(len(systems))
    before = np.empty(len(systems), dtype=np.int64)
    before[order] = np.cumsum(count[order]) - count[order]
    result = split == SPLITS["test"]
    result[train] = before[of_row] < wanted
    return result


def shape_of(
    image: np.ndarray, noise: SkyNoise, settings: MeasureSettings, *, statmorph: bool
) -> dict[str, float]:
    """Return the shape of the galaxy at the centre of an image.

    Parameters
    ----------
    image : numpy.ndarray
        (H,W), the sum of all bands.
    noise : SkyNoise
        Where the image shows none, its sigma is the threshold's, so that the same
        surface brightness counts with and without noise; else that of the image's own
        border, which also holds where the images of a survey differ.
    settings : MeasureSettings
        How to measure.
    statmorph : bool
        Whether to measure what takes long too.

    Returns
    -------
    dict of float
        See `morphology_table`.
    """
    level, sigma = border_sky(image)
    if not noise.present or sigma == 0:
        sigma = noise.sigma
    image = image - level
    regions = segments(image, sigma, settings)
    number = central_number(regions)
    result = {"flag": 0, "sky_sigma": sigma, **_EMPTY}
    if number == 0:
        return result | {"flag": FLAG_NO_GALAXY}
    segment = regions == number
    parts = components(image, segment, settings)
    result |= {
        "segment_area_px": int(segment.sum()),
        "n_components": parts.count,
        "second_component_ratio": parts.second_ratio,
        "second_component_separation_px": parts.separation_px,
        "asymmetry": asymmetry(image, segment),
    }
    if not statmorph:
        return result | {"flag": FLAG_NOT_MEASURED}
    result |= nonparametric(image, regions, number, sigma, settings)
    return result | {"flag": _flag(result["statmorph_flag"], result["sersic_flag"])}


_EMPTY = {
    "segment_area_px": 0,
    "n_components": 0,
    "second_component_ratio": np.nan,
    "second_component_separation_px": np.nan,
    "asymmetry": np.nan,
    **dict.fromkeys(QUANTITIES | SERSIC, np.nan),
    "statmorph_flag": -1,
    "sersic_flag": -1,
}


def _flag(statmorph: int, sersic: int) -> int:
    """Return the bits of a measured row."""
    quality = (0, FLAG_SUSPECT, FLAG_BAD)[min(statmorph, 2)]
    return quality | (FLAG_BAD_SERSIC if sersic > 1 else 0)


def _identity(dataset: Dataset, split: np.ndarray) -> pd.DataFrame:
    """Return the columns that say which galaxy a row is."""
    return pd.DataFrame(
        {
            **{name: getattr(dataset, name) for name in ("galaxy_id", "view", "system_id")},
            "split": split,
            **{name: getattr(dataset, name) for name in ("label", "stage")},
        }
    )
