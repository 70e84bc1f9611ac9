"""The quantities of every image of a domain, and of a reference table."""

from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from sim2sky.build.dataset import SPLITS, Dataset, read_dataset, read_splits
from sim2sky.errors import Sim2SkyError
from sim2sky.files import open_hdf5, read_parquet
from sim2sky.measure.columns import FLAG_BAD, FLAG_NO_GALAXY, FLAG_NOT_MEASURED
from sim2sky.measure.segmentation import central_number, segments
from sim2sky.measure.settings import MeasureSettings
from sim2sky.measure.sky import border_sky
from sim2sky.realism.quantities import SHAPES, quantities_of
from sim2sky.realism.settings import RealismSettings

IDENTITY = ["galaxy_id", "view", "system_id"]
NOT_ASKED = "not_asked"  # column: nobody measured this row's shape
INVALID = -99.0  # statmorph's mark of what cannot be measured
MIN_SN_PER_PIXEL = 2.5  # below it shapes are unreliable (Lotz et al. 2004, AJ 128, 163)


def domain_values(
    dataset: str | Path,
    shapes: str | Path,
    settings: RealismSettings,
    classes: list[str] | None = None,
) -> pd.DataFrame:
    """Return what is compared, of every image of a domain.

    Parameters
    ----------
    dataset : str or Path
        A dataset file; its labels are read only if ``classes`` are given.
    shapes : str or Path
        Table of `sim2sky measure` of the same dataset; of its columns only those that
        are needed are read.
    settings : RealismSettings
        ``split`` and ``n_sigma``.
    classes : list of str, optional
        Classes to which the rows are confined.

    Returns
    -------
    pandas.DataFrame
        One row per image of the split: galaxy_id, view, system_id, not_asked and the
        quantities, NaN where one could not be measured or is flagged as bad.
        ``attrs`` has domain, bands and units.

    Raises
    ------
    Sim2SkyError
        If a file is unreadable, the shapes are those of other images or a class is
        unknown or empty.
    """
    split = None if settings.split == "all" else settings.split
    data = read_dataset(dataset, split, labels=classes is not None)
    measured = _shapes_of(data, dataset, shapes, split)
    chosen = np.arange(len(data)) if classes is None else _rows_of_classes(data, classes, dataset)
    measured = measured.iloc[chosen].reset_index(drop=True)
    bad = measured["flag"] & (FLAG_BAD | FLAG_NO_GALAXY) > 0
    table = measured[IDENTITY].copy()
    table[NOT_ASKED] = (measured["flag"] & FLAG_NOT_MEASURED > 0).to_numpy()
    for name, column in SHAPES.items():
        table[name] = measured[column].where(~bad).to_numpy(dtype=float)
    names = [quantity.name for quantity in quantities_of(data.bands, data.units)]
    pixels = [
        _pixel_values(image.astype(np.float64), sigma, data, settings)
        for image, sigma in zip(data.images[chosen], measured["sky_sigma"], strict=True)
    ]
    table = pd.concat([table, pd.DataFrame(pixels, index=table.index)], axis=1)
    table = table[[*IDENTITY, NOT_ASKED, *names]]
    table.attrs = {"domain": data.domain, "bands": list(data.bands), "units": data.units}
    return table


def reference_values(path: str | Path) -> pd.DataFrame:
    """Return the shapes in a table that others have measured with statmorph.

    Parameters
    ----------
    path : str or Path
        HDF5 with one array per quantity, parquet or CSV with one column each, by
        statmorph's names (gini, m20, concentration, asymmetry), or a table of
        `sim2sky measure`. Rows with a flag (bad ones in a table of `sim2sky measure`)
        or with ``sn_per_pixel`` below 2.5 are not used; either column may be missing.

    Returns
    -------
    pandas.DataFrame
        The quantities that the table has, NaN in rows that are not used; system_id
        and not_asked.

    Raises
    ------
    Sim2SkyError
        If the table is unreadable or has none of the quantities.
    """
    path = Path(path)
    wanted = [*SHAPES, *SHAPES.values(), "flag", "sn_per_pixel"]
    table = _read_reference(path, list(dict.fromkeys(wanted)))
    own = "asymmetry_circle" in table  # as `sim2sky measure` writes it
    if own:
        table["asymmetry"] = table.pop("asymmetry_circle")
    found = [name for name in SHAPES if name in table]
    if not found:
        raise Sim2SkyError(
            "the reference has none of the quantities that can be compared",
            where=path,
            expected=", ".join(SHAPES),
        )
    flag = table["flag"] if "flag" in table else pd.Series(0, index=table.index)
    missing = (flag & FLAG_NOT_MEASURED > 0) if own else pd.Series(False, index=table.index)
    bad = (flag & (FLAG_BAD | FLAG_NO_GALAXY) > 0) if own else flag != 0
    if "sn_per_pixel" in table:
        bad |= table["sn_per_pixel"] < MIN_SN_PER_PIXEL
    result = table[found].astype(float)
    result = result.mask((result == INVALID) | ~np.isfinite(result)).mask(bad)
    result[NOT_ASKED] = missing
    result["system_id"] = np.arange(len(result))
    return result


def _read_reference(path: Path, wanted: list[str]) -> pd.DataFrame:
    """Return those of some columns that a table has."""
    if not path.is_file():
        raise Sim2SkyError("file not found", where=path)
    if path.suffix in (".h5", ".hdf5"):
        with open_hdf5(path) as file:
            columns = {
                name: file[name][:]
                for name in wanted
                if isinstance(file.get(name), h5py.Dataset) and file[name].ndim == 1
            }
        if len({len(values) for values in columns.values()}) > 1:
            raise Sim2SkyError("arrays of different lengths", where=path, got=", ".join(columns))
        return pd.DataFrame(columns)
    if path.suffix == ".parquet":
        table = read_parquet(path)
        return table[[name for name in wanted if name in table]]
    if path.suffix == ".csv":
        try:
            return pd.read_csv(path, usecols=lambda name: name in wanted)
        except (ValueError, UnicodeDecodeError) as error:
            raise Sim2SkyError("not a readable CSV table", where=path, got=error) from error
    raise Sim2SkyError(
        "unknown kind of table", where=path, expected="a name that ends in .hdf5, .parquet or .csv"
    )


def _rows_of_classes(data: Dataset, classes: list[str], path: str | Path) -> np.ndarray:
    """Return the numbers of the rows that belong to some classes."""
    for name in classes:
        if name not in data.classes:
            raise Sim2SkyError(
                "source_classes: unknown class",
                where=path,
                got=name,
                expected=", ".join(data.classes),
            )
    rows = np.flatnonzero(np.isin(data.label, [data.classes.index(name) for name in classes]))
    if len(rows) == 0:
        raise Sim2SkyError(
            "source_classes: the split holds none of them", where=path, got=", ".join(classes)
        )
    return rows


def _shapes_of(
    data: Dataset, dataset: str | Path, shapes: str | Path, split: str | None
) -> pd.DataFrame:
    """Return the measured shapes of a split, checked to be those of the dataset."""
    needed = [*IDENTITY, "flag", "sky_sigma", *SHAPES.values()]
    table = read_parquet(shapes, needed, only=True)
    splits = read_splits(dataset)
    same = len(table) == len(splits)
    if same:
        rows = np.ones(len(splits), dtype=bool) if split is None else splits == SPLITS[split]
        table = table[rows].reset_index(drop=True)
        same = all((table[name].to_numpy() == getattr(data, name)).all() for name in IDENTITY)
    if not same:
        raise Sim2SkyError(
            "the shapes are not those of the dataset's images",
            where=shapes,
            expected=f"one row per image of {dataset}",
            fix="measure the dataset again with `sim2sky measure`",
        )
    return table


def _pixel_values(
    image: np.ndarray, sigma: float, data: Dataset, settings: RealismSettings
) -> dict[str, float]:
    """Return size, colours and sky noise of one image.

    The galaxy is the segment of the summed bands in which `sim2sky measure` finds it.
    Its half-light radius is that of a circle with the area of its brightest pixels that
    hold half of its light; a colour is -2.5 log10 of the ratio of the fluxes in it.
    """
    levels, noises = np.array([border_sky(band) for band in image]).T
    values = {f"sky_noise_{band}": noise for band, noise in zip(data.bands, noises, strict=True)}
    image = image - levels[:, None, None]
    total = image.sum(axis=0)
    regions = segments(
        total - border_sky(total)[0], sigma, MeasureSettings(n_sigma=settings.n_sigma)
    )
    number = central_number(regions)
    if number == 0 or not np.isfinite(total).all():
        return values
    segment = regions == number
    flux = dict(zip(data.bands, image[:, segment].sum(axis=1), strict=True))
    values["half_light_px"] = half_light_radius(total[segment])
    bands = data.bands[::-1] if data.units == "8bit" else data.bands
    for blue, red in pairwise(bands):
        if flux[blue] > 0 and flux[red] > 0:
            values[f"colour_{blue}_{red}"] = -2.5 * np.log10(flux[blue] / flux[red])
    return values


def half_light_radius(pixels: np.ndarray) -> float:
    """Return the radius of a circle as large as the brightest pixels with half of the light.

    Parameters
    ----------
    pixels : numpy.ndarray
        (P,) sky-subtracted brightness of a galaxy's pixels.

    Returns
    -------
    float
        In pixels; NaN where the total is not positive.
    """
    light = np.cumsum(np.sort(pixels)[::-1])
    if not light[-1] > 0:
        return np.nan
    # the brightest pixel that goes beyond the half counts by its part
    area = np.interp(0.5 * light[-1], [0.0, *light], np.arange(len(light) + 1))
    return float(np.sqrt(area / np.pi))
