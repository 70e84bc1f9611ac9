"""From the published files to a dataset with a split of one's choice."""

import logging
from pathlib import Path

import numpy as np

from sim2sky.build.audit import Part
from sim2sky.build.dataset import SPLITS, Dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.build.split import split_by_system
from sim2sky.errors import Sim2SkyError
from sim2sky.published.groups import (
    background_rms,
    camera_groups,
    copy_groups,
    copy_layout,
    rows_are_paired,
    total_flux,
)
from sim2sky.published.leaks import flux_probe, split_leaks, twins_across
from sim2sky.published.releases import Side, has_side, read_side
from sim2sky.published.settings import CLASSES, SIDES, PublishedSettings
from sim2sky.seeding import generator

log = logging.getLogger("sim2sky")

REDSHIFT = {"deepmerge": 2.0, "deepmerge2_simsim": 2.0}
_FAINT = 1e-3  # softening of an image without noise, in units of its peak
_UNPAIRED_IDS = 10**9  # apart from the other side's


def make_dataset(
    folder: Path, settings: PublishedSettings, domain: str
) -> tuple[Part, dict, dict]:
    """Return one dataset of a release, split, with a report on its leaks.

    Galaxies are numbered alike in the two datasets of a release where their rows are pairs
    (checked on the pixels), so that the fair split is one and the same for both.

    Parameters
    ----------
    folder : Path
        The published files.
    settings : PublishedSettings
        Which dataset, which split.
    domain : str
        Name of the domain.

    Returns
    -------
    Part
        The dataset and its split.
    dict
        The report: groups, and the leaks of either split side by side.
    dict
        Attributes psf_fwhm_arcsec, survey, noise, noise_sigma, split_seed, published_split.

    Raises
    ------
    Sim2SkyError
        If the files are not there or don't fit the settings.
    """
    side = read_side(settings.release, settings.side, folder, len(settings.bands))
    classes = settings.classes or CLASSES[settings.release]
    if int(side.label.max()) >= len(classes) or int(side.label.min()) < 0:
        raise Sim2SkyError(
            "a label has no class",
            where=side.files[-1],
            got=f"{side.label.min()} to {side.label.max()}",
            expected=f"0 to {len(classes) - 1} ({', '.join(classes)})",
            fix="name all 'classes' in the order of the labels",
        )
    other = _other_side(settings, folder)
    paired = other is not None and rows_are_paired(side.images, other.images)
    # the one without noise tells the galaxies of both
    first = SIDES[settings.release][0]
    clean = other if paired and settings.side != first else side
    copies = copy_groups(clean.images)
    galaxy, cameras = camera_groups(
        clean.images, copies, clean.label, settings.camera_tolerance, settings.cameras
    )
    splits = {
        "as_published": side.split if side.split is not None else row_split(side, settings),
        "fair": split_by_system(galaxy, side.label, settings.fractions, settings.seed),
    }
    if side.split is not None:  # with the release's own proportions
        shares = np.bincount(side.split, minlength=3) / len(side)
        splits["fair"] = split_by_system(galaxy, side.label, tuple(shares), settings.seed)
    flux = total_flux(side.images)
    report = {
        "release": settings.release,
        "side": settings.side,
        "files": [path.name for path in side.files],
        "rows": len(side),
        "labels": {name: int((side.label == i).sum()) for i, name in enumerate(classes)},
        "images_without_their_copies": int(copies.max()) + 1,
        "galaxies": int(galaxy.max()) + 1,
        "copies": copy_layout(clean.images, clean.label),
        "views": cameras,
        "rows_paired_with_the_other_side": paired if other is not None else None,
        "own_split": side.split is not None,
        "splits": {
            name: {
                "rows": {part: int((split == value).sum()) for part, value in SPLITS.items()},
                "leaks": split_leaks(split, copies, galaxy, side.label, classes),
                "auc_of_total_fluxes": flux_probe(flux, side.label, split, settings.seed),
            }
            for name, split in splits.items()
        },
    }
    if paired:
        theirs = other.split if other.split is not None else row_split(other, settings, first=True)
        report["splits"]["as_published"]["test_rows_in_the_training_of_the_other_side"] = (
            twins_across(theirs, splits["as_published"], galaxy)
        )
    split = splits[settings.split]
    _log(report)
    noise_sigma = background_rms(side.images)
    dataset = Dataset(
        images=side.images,
        label=side.label,
        galaxy_id=_names(len(side), settings, paired),
        system_id=galaxy if paired or settings.side == first else galaxy + _UNPAIRED_IDS,
        view=np.zeros(len(side), dtype=np.int32),
        stage=np.full(len(side), "unknown"),
        redshift=np.full(len(side), REDSHIFT.get(settings.release, np.nan)),
        flag=np.zeros(len(side), dtype=np.int32),
        bands=settings.bands,
        classes=classes,
        pixel_scale_arcsec=settings.pixel_scale_arcsec or np.nan,
        units="published",
        normalisation=_normalisation(side.images, noise_sigma, split, settings),
        domain=domain,
    )
    attributes = {
        "psf_fwhm_arcsec": [np.nan] * len(settings.bands),
        "survey": settings.release,
        "noise": bool(np.median(noise_sigma) > 0),
        "noise_sigma": np.median(noise_sigma, axis=0),
        "split_seed": settings.seed,
        "published_split": settings.split,
    }
    return Part(dataset, split), report, attributes


def row_split(side: Side, settings: PublishedSettings, *, first: bool = False) -> np.ndarray:
    """Return rows drawn at random for training, validation and test, as the papers did.

    Parameters
    ----------
    side : Side
        A dataset without a split of its own.
    settings : PublishedSettings
        Fractions and seed.
    first : bool
        For the release's other dataset, which was drawn on its own.

    Returns
    -------
    numpy.ndarray
        (N,) values of `SPLITS`.
    """
    name = settings.side
    if first:
        name = next(other for other in SIDES[settings.release] if other != name)
    order = generator("published", "rows", name, seed=settings.seed).permutation(len(side))
    edges = np.round(np.cumsum(settings.fractions)[:-1] * len(side)).astype(int)
    split = np.empty(len(side), dtype=np.uint8)
    for value, rows in enumerate(np.split(order, edges)):
        split[rows] = value
    return split


def _other_side(settings: PublishedSettings, folder: Path) -> Side | None:
    """Return the release's other dataset if its files are there."""
    name = next(side for side in SIDES[settings.release] if side != settings.side)
    if not has_side(settings.release, name, folder):
        log.warning("the %s files are not here: rows can't be paired with theirs", name)
        return None
    try:
        return read_side(settings.release, name, folder, len(settings.bands))
    except Sim2SkyError as error:
        log.warning("not paired with the %s images: %s", name, error)
        return None


def _names(n: int, settings: PublishedSettings, paired: bool) -> np.ndarray:
    """Return a name for each row, the same for the two images of one pair."""
    prefix = settings.release if paired else f"{settings.release}-{settings.side}"
    return np.array([f"{prefix}-{row:06d}" for row in range(n)])


def _normalisation(
    images: np.ndarray, noise_sigma: np.ndarray, split: np.ndarray, settings: PublishedSettings
) -> Normalisation:
    """Return the normalisation from the training rows."""
    train = split == SPLITS["train"]
    if not train.any():
        raise Sim2SkyError("no training rows", where=settings.release, fix="change the fractions")
    softening = settings.softening_sigma * np.median(noise_sigma[train], axis=0)
    peak = np.median(images[train].max(axis=(2, 3)), axis=0)
    return Normalisation.fit(images[train], "asinh", np.maximum(softening, _FAINT * peak))


def _log(report: dict) -> None:
    """Say what was found, one line for each split."""
    log.info(
        "%s %s: %d rows are %d images and %d galaxies",
        report["release"],
        report["side"],
        report["rows"],
        report["images_without_their_copies"],
        report["galaxies"],
    )
    for name, found in report["splits"].items():
        leak, auc = found["leaks"]["all"], found["auc_of_total_fluxes"]
        log.info(
            "split %s: of %d test rows %.1f %% have a copy and %.1f %% their galaxy in training; "
            "total fluxes alone score AUC %s",
            name,
            leak["test_rows"],
            100 * (leak["copy_in_training"] or 0),
            100 * (leak["galaxy_in_training"] or 0),
            "-" if auc is None else f"{auc:.3f}",
        )
