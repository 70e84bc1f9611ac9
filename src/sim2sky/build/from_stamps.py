"""From stamps to a dataset: rows, split, normalisation."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.build.audit import Part
from sim2sky.build.classes import labels_by_rules, sample_rows, split_strata
from sim2sky.build.dataset import SPLITS, Dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.build.settings import UNUSABLE_NAMES, BuildSettings
from sim2sky.build.split import split_by_system
from sim2sky.errors import Sim2SkyError
from sim2sky.observe.stamps import Stamps, read_stamps

log = logging.getLogger("sim2sky")

DATASET_COLUMNS = ("label", "galaxy_id", "system_id", "view", "stage", "redshift", "flag")


def build_dataset(
    paths: Sequence[str | Path],
    settings: BuildSettings,
    domain: str,
    sample: str | Path | None = None,
) -> tuple[Part, pd.DataFrame, dict]:
    """Join stamps files to one dataset.

    The result does not depend on how the stamps were cut into files. The split
    is made before rows are sorted into classes and dropped, so that domains of
    one sample with other classes, or that drop other rows, still share it.

    Parameters
    ----------
    paths : sequence of str or Path
        Stamps files of one domain.
    settings : BuildSettings
        Classes, split, normalisation and which rows to keep.
    domain : str
        Name of the domain.
    sample : str or Path, optional
        Table of the galaxies behind the stamps. With it the class rules apply and
        the split is stratified by morphology too.

    Returns
    -------
    Part
        The dataset and its split.
    pandas.DataFrame
        (N,K) nuisance features.
    dict
        Attributes psf_fwhm_arcsec, survey, noise, noise_sigma (median by band) and split_seed.

    Raises
    ------
    Sim2SkyError
        If the stamps do not belong together, a label has no class, a row
        appears twice, class rules have no sample, or no row is left.
    """
    shards = [read_stamps(path, images=False) for path in paths]
    _check_alike(shards, paths)
    columns = {
        name: np.concatenate([shard.columns[name] for shard in shards])
        for name in shards[0].columns
    }
    nuisance = pd.concat([shard.nuisance for shard in shards], ignore_index=True)
    if len(columns["label"]) == 0:
        raise Sim2SkyError("the stamps hold no rows", where=paths[0])
    _check_unique(columns, paths[0])
    stratum = columns["label"]
    if sample is not None:
        rows = sample_rows(sample, columns["galaxy_id"])
        stratum = split_strata(rows, columns["system_id"], len(settings.fractions))
    split = split_by_system(columns["system_id"], stratum, settings.fractions, settings.seed)
    if settings.class_rules:
        if sample is None:
            raise Sim2SkyError(
                "class rules need the sample that the stamps were made from",
                where=paths[0],
                fix="give --sample; real images have their rules in their labels settings",
            )
        columns["label"] = labels_by_rules(rows, settings.class_rules, settings.classes)
    _check_labels(columns["label"], settings.classes, paths[0])
    order = np.lexsort((columns["view"], columns["galaxy_id"]))
    order = order[_kept(columns, settings)[order]]
    if len(order) == 0:
        raise Sim2SkyError(
            "no row is left",
            where=paths[0],
            got=f"{len(split)} rows, {int((columns['label'] < 0).sum())} without a label, "
            f"flagged: {_reasons(columns['flag'], settings.drop_flags) or 'none'}",
            fix="mend what the flags name, or change drop_unlabelled or drop_flags of build",
        )
    columns = {name: values[order] for name, values in columns.items()}
    split = split[order]
    images = _read_images(paths, order)
    attributes = shards[0].attributes
    dataset = Dataset(
        images=images,
        normalisation=_normalisation(images, columns["noise_sigma"], split, attributes, settings),
        bands=attributes["bands"],
        classes=settings.classes,
        pixel_scale_arcsec=float(attributes["pixel_scale_arcsec"]),
        units=str(attributes["units"]),
        domain=domain,
        **{name: columns[name] for name in DATASET_COLUMNS},
    )
    extra = {
        "psf_fwhm_arcsec": attributes["psf_fwhm_arcsec"],
        "survey": attributes["survey"],
        "noise": bool(attributes["noise"]),
        "noise_sigma": np.median(columns["noise_sigma"], axis=0),
        "split_seed": settings.seed,
    }
    return Part(dataset, split), nuisance.iloc[order].reset_index(drop=True), extra


def _kept(columns: dict[str, np.ndarray], settings: BuildSettings) -> np.ndarray:
    """Return a mask of the rows to keep, and say how many go."""
    flagged = columns["flag"] & settings.drop_flags > 0
    unlabelled = columns["label"] < 0 if settings.drop_unlabelled else np.zeros_like(flagged)
    keep = ~(flagged | unlabelled)
    reasons = _reasons(columns["flag"], settings.drop_flags)
    log.info(
        "%d rows kept; dropped: %d flagged%s, %d of the others unlabelled",
        keep.sum(),
        flagged.sum(),
        f" ({reasons})" if reasons else "",
        (unlabelled & ~flagged).sum(),
    )
    return keep


def _reasons(flag: np.ndarray, mask: int) -> str:
    """Return what flags within a mask say, and of how many rows."""
    bits = (1 << number for number in range(mask.bit_length()) if mask >> number & 1)
    counts = {bit: int((flag & bit > 0).sum()) for bit in bits}
    return ", ".join(
        f"{n} with {UNUSABLE_NAMES.get(bit, f'flag {bit}')}" for bit, n in counts.items() if n
    )


def _read_images(paths: Sequence[str | Path], order: np.ndarray) -> np.ndarray:
    """Return the images of the kept rows, reading one file at a time."""
    result = None
    start = 0
    for path in paths:
        images = read_stamps(path).images
        if result is None:
            result = np.empty((len(order), *images.shape[1:]), dtype=np.float32)
        if images.shape[1:] != result.shape[1:]:
            raise Sim2SkyError(
                "stamps have another shape than those of the first file",
                where=path,
                got=images.shape[1:],
                expected=result.shape[1:],
            )
        here = (order >= start) & (order < start + len(images))
        result[here] = images[order[here] - start]
        start += len(images)
    return result


def _check_alike(shards: list[Stamps], paths: Sequence[str | Path]) -> None:
    """Refuse stamps that were not made by one recipe."""
    for shard, path in zip(shards, paths, strict=True):
        for name, expected in shards[0].attributes.items():
            got = shard.attributes[name]
            if str(got) != str(expected):  # as text, since NaN is a legal value
                raise Sim2SkyError(
                    f"stamps with another {name} than those of {paths[0]}",
                    where=path,
                    got=got,
                    expected=expected,
                    fix="build a dataset from the stamps of one domain",
                )


def _check_labels(label: np.ndarray, classes: list[str], where: str | Path) -> None:
    """Refuse labels without a class."""
    highest = int(label.max())
    if highest >= len(classes):
        raise Sim2SkyError(
            "a label has no class",
            where=where,
            got=highest,
            expected=f"below {len(classes)} ({', '.join(classes)})",
            fix="name all classes in the build settings",
        )


def _check_unique(columns: dict[str, np.ndarray], where: str | Path) -> None:
    """Refuse rows that appear twice."""
    keys = pd.DataFrame({name: columns[name] for name in ("galaxy_id", "view")})
    twice = keys[keys.duplicated()]
    if len(twice):
        row = twice.iloc[0]
        raise Sim2SkyError(
            "the same galaxy and view appears twice in the stamps",
            where=where,
            got=f"{row.galaxy_id} view {row['view']}",
            fix="give each stamps file once",
        )


def _normalisation(
    images: np.ndarray,
    noise_sigma: np.ndarray,
    split: np.ndarray,
    attributes: dict,
    settings: BuildSettings,
) -> Normalisation:
    """Return the normalisation from the training rows."""
    # an image with NaN is left to the audit, which names it
    train = (split == SPLITS["train"]) & np.isfinite(images).all(axis=(1, 2, 3))
    if not train.any():
        raise Sim2SkyError("no training rows are left", fix="give the sample more systems")
    if attributes["units"] == "8bit":  # stretched already
        return Normalisation.fit(images[train], "linear", np.ones(images.shape[1]))
    softening = settings.softening_sigma * np.median(noise_sigma[train], axis=0)
    return Normalisation.fit(images[train], "asinh", softening)
