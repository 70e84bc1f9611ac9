"""What this package makes itself: maps, stamps, datasets, models; and surveys and tables."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from sim2sky.build.dataset import SPLITS
from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, read_parquet
from sim2sky.inspect.report import Images, Report, Table

_CATALOGUE = "probability_"
_SHOWN = 40  # columns of a table


def inspect_dataset(file: h5py.File, path: Path) -> Report:
    """Report on a dataset."""
    report = _inspect_images(file, path, "dataset", "images")
    classes = [str(name) for name in file.attrs.get("classes", [])]
    split, label = hdf5_dataset(file, "split")[:], hdf5_dataset(file, "label")[:]
    system = hdf5_dataset(file, "system_id")[:]
    rows = []
    for name, value in SPLITS.items():
        here = split == value
        counts = [f"{(label[here] == number).sum():,}" for number in range(len(classes))]
        unknown = f"{(label[here] < 0).sum():,}"
        rows.append(
            [name, f"{here.sum():,}", f"{len(np.unique(system[here])):,}", *counts, unknown]
        )
    columns = ["split", "images", "systems", *classes, "unlabelled"]
    report.tables.append(Table("splits", columns, rows))
    report.facts["domain"] = str(file.attrs.get("domain", "-"))
    published = file.attrs.get("published_split")
    if published is not None:
        report.facts["published split"] = str(published)
    several = sum(
        len(np.intersect1d(system[split == a], system[split == b])) for a, b in [(0, 1), (0, 2)]
    ) + len(np.intersect1d(system[split == 1], system[split == 2]))
    report.notes.append(
        "No system is in two splits."
        if several == 0
        else f"{several} systems are in two splits: scores on it mean little."
    )
    return report


def inspect_stamps(file: h5py.File, path: Path) -> Report:
    """Report on stamps."""
    report = _inspect_images(file, path, "stamps", "images")
    sigma = np.nanmedian(hdf5_dataset(file, "noise_sigma")[:], axis=0)
    report.facts["background rms"] = ", ".join(f"{value:.3g}" for value in np.atleast_1d(sigma))
    if not bool(file.attrs.get("noise", True)):
        report.notes.append("No noise was added; the rms is that of the survey.")
    return report


def inspect_maps(file: h5py.File, path: Path) -> Report:
    """Report on noise-free maps."""
    report = _inspect_images(file, path, "maps", "maps")
    fov = hdf5_dataset(file, "fov_kpc")[:]
    report.facts["field of view [kpc]"] = f"{np.nanmin(fov):.3g} to {np.nanmax(fov):.3g}"
    report.notes.append("Noise-free; `sim2sky observe` makes stamps of them.")
    return report


def _inspect_images(file: h5py.File, path: Path, kind: str, name: str) -> Report:
    """Report what maps, stamps and datasets have in common."""
    data = hdf5_dataset(file, name)
    if data.ndim != 4:
        raise Sim2SkyError(
            f"'{name}' is no set of images", where=path, got=data.shape, expected="(N, C, H, W)"
        )
    attributes = file.attrs
    scale = float(attributes.get("pixel_scale_arcsec", np.nan))
    bands = [str(band) for band in attributes.get("bands", [])] or None
    classes = [str(item) for item in attributes.get("classes", [])] or None
    units = attributes.get("units")
    images = Images(
        bands=bands,
        n_bands=data.shape[1],
        height=data.shape[2],
        width=data.shape[3],
        pixel_scale_arcsec=scale if np.isfinite(scale) else None,
        units=None if units is None else str(units),
        classes=classes,
    )
    report = Report(str(path), kind, images=images)
    report.facts["images"] = f"{len(data):,} of {data.shape[2]} x {data.shape[3]} pixels"
    report.facts |= image_facts(images)
    if "survey" in attributes:
        report.facts["survey"] = str(attributes["survey"])
    fwhm = np.atleast_1d(attributes.get("psf_fwhm_arcsec", np.nan)).astype(float)
    if np.isfinite(fwhm).all():
        report.facts["PSF FWHM [arcsec]"] = ", ".join(f"{value:.3g}" for value in fwhm)
    if "redshift" in file:
        redshift = file["redshift"][:]
        if np.isfinite(redshift).any():
            low, high = np.nanmin(redshift), np.nanmax(redshift)
            report.facts["redshift"] = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    if "galaxy_id" in file:
        report.facts["galaxies"] = f"{len(np.unique(file['galaxy_id'][:])):,}"
    if "flag" in file and (flagged := int((file["flag"][:] != 0).sum())):
        report.notes.append(f"{flagged:,} of the images have a flag.")
    if "sim2sky_version" in attributes:
        stamp = (str(attributes.get(key, "?")) for key in ("sim2sky_version", "commit"))
        report.facts["made by"] = "sim2sky {}, commit {:.10}".format(*stamp)
    return report


def image_facts(images: Images) -> dict[str, str]:
    """Return bands, pixel scale, units and classes as texts.

    Parameters
    ----------
    images : Images
        What is known.

    Returns
    -------
    dict of str
        For `Report.facts`.
    """
    scale = images.pixel_scale_arcsec
    facts = {
        "bands": ", ".join(images.bands) if images.bands else f"{images.n_bands}, not named",
        "pixel [arcsec]": "not told" if scale is None else f"{scale:.4g}",
        "units": images.units or "not told",
    }
    return facts | ({"classes": ", ".join(images.classes)} if images.classes else {})


def inspect_model(path: Path) -> Report:
    """Report on a model file."""
    from sim2sky.train.model_file import load_model

    model = load_model(path)
    scale = float(model.pixel_scale_arcsec)
    size = model.image_size
    images = Images(
        bands=list(model.bands),
        n_bands=len(model.bands),
        height=size,
        width=size,
        pixel_scale_arcsec=scale if np.isfinite(scale) else None,
        units=model.units,
        classes=list(model.classes),
    )
    report = Report(str(path), "model", images=images)
    n = sum(parameter.numel() for parameter in model.network.parameters())
    report.facts["network"] = f"{model.network_name}, {n:,} parameters"
    report.facts["method"] = f"{model.method}, seed {model.seed}"
    report.facts["takes images of"] = f"{size} x {size} pixels"
    report.facts |= image_facts(images)
    for side, normalisation in model.normalisation.items():
        softening = ", ".join(f"{value:.3g}" for value in normalisation.softening)
        report.facts[f"{side} normalisation"] = f"{normalisation.stretch}, softening {softening}"
    report.facts["commit"] = model.provenance.get("commit", "?")[:10]
    report.notes.append("Does it fit images? `sim2sky inspect MODEL --with IMAGES`.")
    return report


def inspect_survey(path: Path) -> Report:
    """Report on a survey's YAML file."""
    from sim2sky.observe.instrument import psf_fwhm_arcsec
    from sim2sky.observe.settings import SurveySettings
    from sim2sky.settings import read_settings

    survey = read_settings(SurveySettings, str(path))
    bands = list(survey.bands)
    images = Images(bands, len(bands), pixel_scale_arcsec=survey.pixel_scale_arcsec, units="nJy")
    report = Report(str(path), "survey", images=images)
    report.facts["survey"] = survey.name
    report.facts |= image_facts(images)
    rows = [
        [name, band.psf.kind, f"{psf_fwhm_arcsec(band.psf):.3g}", f"{band.zero_point_mag_ab:.3f}",
         f"{band.sky_brightness_mag_arcsec2:.2f}", f"{band.n_exposures * band.exposure_s:g}"]
        for name, band in survey.bands.items()
    ]  # fmt: skip
    columns = ["band", "PSF", "FWHM [arcsec]", "zero point [AB]", "sky [AB/arcsec2]", "time [s]"]
    report.tables.append(Table("bands", columns, rows))
    return report


def inspect_table(path: Path) -> Report:
    """Report on a table: a sample, a catalogue, labels or scores."""
    table = _read_table(path)
    columns = set(table.columns)
    kind = "table"
    if {"galaxy_id", "system_id", "stage", "snapshot"} <= columns:
        kind = "sample of galaxies"
    elif any(name.startswith(_CATALOGUE) for name in columns):
        kind = "predictions" if "predicted" in columns else "catalogue"
    report = Report(str(path), kind)
    report.facts["rows"] = f"{len(table):,}"
    rows = [
        [str(name), str(table[name].dtype), f"{table[name].isna().sum():,}", _values(table[name])]
        for name in table.columns[:_SHOWN]
    ]
    report.tables.append(Table("columns", ["name", "type", "empty", "values"], rows))
    if len(table.columns) > _SHOWN:
        report.notes.append(f"{len(table.columns) - _SHOWN} more columns.")
    if kind == "sample of galaxies":
        report.facts["systems"] = f"{table['system_id'].nunique():,}"
        stages = table["stage"].value_counts()
        report.facts["stages"] = ", ".join(f"{n} {stage}" for stage, n in stages.items())
        if (table["label"] < 0).all():
            report.notes.append("No labels: it can be predicted on, not trained on.")
    return report


def _read_table(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return read_parquet(path)
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path)
        from astropy.table import Table as AstropyTable

        return AstropyTable.read(path, format="ascii.ecsv").to_pandas()
    except (ValueError, OSError) as error:
        raise Sim2SkyError("not a readable table", where=path, got=error) from error


def _values(column: pd.Series) -> str:
    """Return range or commonest values of a column."""
    known = column.dropna()
    if known.empty:
        return ""
    if pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known):
        return f"{known.min():.6g} to {known.max():.6g}"
    counts = known.astype(str).value_counts()
    if len(counts) > 6:
        return f"{len(counts):,} different, {counts.index[0][:24]} ..."
    return ", ".join(f"{value} ({n:,})" for value, n in counts.items())
