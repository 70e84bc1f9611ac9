"""All frames of a folder: their objects, stamps and patches of sky."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from sim2sky.detect.cutting import cut_stamp, sky_patches, wanted
from sim2sky.detect.frame import Frame, detect_objects
from sim2sky.detect.photometry import depth_mag_ab, measure_objects
from sim2sky.detect.settings import DetectSettings
from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_files import FITS, first_band_files, fits_suffix, image_name
from sim2sky.observe.fits_image import read_fits_image
from sim2sky.observe.images import common_scale, stem_id
from sim2sky.observe.sky import SkyPatches
from sim2sky.observe.stamps import Stamps
from sim2sky.seeding import generator

log = logging.getLogger("sim2sky")


def detect_frames(
    folder: Path, settings: DetectSettings
) -> tuple[Stamps, pd.DataFrame, SkyPatches]:
    """Detect the galaxies of a folder of frames.

    Parameters
    ----------
    folder : Path
        FITS frames, one or several files each.
    settings : DetectSettings
        How.

    Returns
    -------
    Stamps
        One row for each object that is wanted.
    pandas.DataFrame
        All objects, see `sim2sky.detect.photometry.measure_objects`, with frame,
        galaxy_id and stamp (whether it became one). ``attrs["frames"]`` is JSON:
        for each frame the number of objects and the depth by band.
    SkyPatches
        As many as the settings ask for, if the frames have the room.

    Raises
    ------
    Sim2SkyError
        If there is no frame, none is usable or there is no object.
    """
    paths = sorted(p for p in folder.glob(settings.pattern) if p.is_file() and fits_suffix(p))
    paths = first_band_files(paths, settings) if folder.is_dir() else []
    if not paths:
        raise Sim2SkyError(
            "no frames", where=folder / settings.pattern, expected=f"files named {', '.join(FITS)}"
        )
    per_frame = -(-settings.sky_patches // len(paths))
    stamps, objects, patches, scales, summary, left_out = [], [], [], [], {}, []
    for path in paths:
        name = image_name(path, settings)
        try:
            image = read_fits_image(path, settings)
            frame = detect_objects(image, settings, path)
        except Sim2SkyError as error:
            log.warning("%s; the frame is left out", error)
            left_out.append(error)
            continue
        table = measure_objects(frame, image, settings)
        depth = dict(zip(settings.bands, depth_mag_ab(frame, table), strict=True))
        summary[name] = {"n_objects": len(table), "depth_mag_ab": depth}
        log.info("%s: %d objects, depth %s", path, len(table), _text(depth))
        random = generator("detect", "sky", name, seed=settings.seed)
        patches.append(sky_patches(frame, per_frame, settings, random))
        scales.append(image.pixel_scale_arcsec)
        if len(table) == 0:
            continue
        table = _named(table, name, settings)
        objects.append(table)
        stamps.append(_stamps_of(frame, table, settings))
    if len(left_out) == len(paths):
        raise Sim2SkyError(
            f"none of {len(paths)} frames can be used", where=folder, got=left_out[0]
        ) from left_out[0]
    if not objects:
        raise Sim2SkyError(
            "no object was found",
            where=folder,
            got=f"{len(summary)} usable frames of {len(paths)}",
            fix="lower n_sigma or min_pixels, or look at the frames",
        )
    everything = pd.concat(objects, ignore_index=True)
    everything.attrs = {"frames": json.dumps(summary)}
    scale = common_scale(np.array(scales))
    joined = _joined(everything[everything["stamp"]], stamps, scale, settings)
    pixels = np.concatenate(patches)[: settings.sky_patches]
    if len(pixels) == 0 and settings.sky_patches > 0:
        raise Sim2SkyError(
            "no patch of sky is clear in its middle",
            where=folder,
            fix="make sky_patch_px or sky_clear_px smaller",
        )
    log.info("%d stamps, %d patches of sky", len(joined), len(pixels))
    return joined, everything, SkyPatches(pixels, settings.bands, scale)


def _named(table: pd.DataFrame, name: str, settings: DetectSettings) -> pd.DataFrame:
    """Return the objects with their identifiers, and which become stamps."""
    names = [f"{name}-{label:05d}" for label in table["label"]]
    return table.assign(frame=name, galaxy_id=names, stamp=wanted(table, settings))


def _stamps_of(
    frame: Frame, table: pd.DataFrame, settings: DetectSettings
) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Return pixels, noise and flag of each stamp of a frame."""
    rows = table[table["stamp"]]
    return [cut_stamp(frame, place, settings) for _, place in rows.iterrows()]


def _joined(
    rows: pd.DataFrame, stamps: list[list], scale: float, settings: DetectSettings
) -> Stamps:
    """Return the stamps of all frames as one table."""
    cuts = [cut for of_frame in stamps for cut in of_frame]
    if not cuts:
        raise Sim2SkyError(
            "no object is wanted", fix="widen magnitude_range or lower min_radius_px"
        )
    # parts of one region show each other: they must not be parted by the split
    systems = [
        stem_id(f"{frame} {parent}")
        for frame, parent in zip(rows["frame"], rows["parent"], strict=True)
    ]
    n_bands, unknown = len(settings.bands), np.full(len(rows), np.nan)
    columns = {
        "galaxy_id": rows["galaxy_id"].to_numpy(dtype=str),
        "stage": np.full(len(rows), "unknown"),
        "system_id": np.array(systems, dtype=np.int64),
        "view": np.zeros(len(rows), dtype=np.int32),
        "label": np.full(len(rows), -1, dtype=np.int8),
        "redshift": unknown,
        "flag": rows["flag"].to_numpy() | np.array([cut[2] for cut in cuts], dtype=np.int32),
        "noise_sigma": np.array([cut[1] for cut in cuts]),
        "scale_arcsec_per_kpc": unknown,
        "ra_deg": rows["ra_deg"].to_numpy(),
        "dec_deg": rows["dec_deg"].to_numpy(),
    }
    attributes = {
        "bands": settings.bands,
        # resized stamps differ in scale
        "pixel_scale_arcsec": scale if settings.field_radii is None else np.nan,
        "units": "nJy",
        "psf_fwhm_arcsec": settings.psf_fwhm_arcsec or [np.nan] * n_bands,
        "survey": settings.survey,
        "noise": True,
    }
    return Stamps(columns, attributes, images=np.stack([cut[0] for cut in cuts]))


def _text(depth: dict[str, float]) -> str:
    return ", ".join(f"{band} {value:.2f} mag" for band, value in depth.items())
