"""Mock observations: a noise-free map through PSF, pixel and noise of a survey."""

import logging
from collections.abc import Callable
from pathlib import Path

import galsim
import h5py
import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset, open_hdf5
from sim2sky.observe.flags import StampFlag
from sim2sky.observe.flux import flux_njy
from sim2sky.observe.framing import map_frame
from sim2sky.observe.instrument import Band, psf_fwhm_arcsec, survey_bands
from sim2sky.observe.scene import Frame, add_surroundings, coloured
from sim2sky.observe.settings import ObserveSettings, SceneSettings, SurveySettings
from sim2sky.observe.sky import SkyPatches
from sim2sky.observe.stamps import TEXT_COLUMNS, Stamps
from sim2sky.observe.stretch import rgb_composite, rgb_noise_sigma
from sim2sky.observe.thumbnail import thumbnail
from sim2sky.seeding import generator

log = logging.getLogger("sim2sky")


def observe_maps(
    path: str | Path,
    survey: SurveySettings,
    settings: ObserveSettings,
    sky: SkyPatches | None = None,
) -> Stamps:
    """Observe every row of a maps file.

    Parameters
    ----------
    path : str or Path
        Maps file: noise-free maps in nJy per map pixel.
    survey : SurveySettings
        The instrument.
    settings : ObserveSettings
        How to observe.
    sky : SkyPatches, optional
        The survey's own sky, in place of drawn noise.

    Returns
    -------
    Stamps
        One row per row of the maps. A row whose map is not finite or holds no
        light is flagged and its images are zero.

    Raises
    ------
    Sim2SkyError
        If the file is not usable, a band is unknown or every row is bad.
    """
    bands = survey_bands(survey, settings.bands, settings.pixel_scale_arcsec)
    grey = [band.name for band in bands if band.settings.wavelength_um is None]
    if settings.scene is not None and grey:
        raise Sim2SkyError(
            f"survey '{survey.name}' has no wavelength_um of {', '.join(grey)}",
            fix="add it to the survey's file: the colours of stars and neighbours need it",
        )
    if sky is not None:
        if not settings.noise:
            raise Sim2SkyError("patches of sky are noise", where="noise", got=False, expected=True)
        sky = sky.for_bands(bands, "sky")
    with open_hdf5(path) as file:
        maps, channels = maps_of_bands(file, bands)
        columns, nuisance = _columns_of(file)
        if len(maps) == 0:
            raise Sim2SkyError("no maps", where=path, fix="use fewer shards than galaxies")
        fov_kpc = hdf5_dataset(file, "fov_kpc")[:]
        size_kpc = hdf5_dataset(file, "size_kpc")[:]
        side = settings.image_pixels
        images = np.zeros((len(maps), len(bands), side, side), dtype=np.float32)
        columns["scale_arcsec_per_kpc"] = np.full(len(maps), np.nan)
        for row in range(len(maps)):
            where = f"{path}: row {row} ({columns['galaxy_id'][row]})"
            galaxy = maps[row][channels].astype(np.float64)
            problem = _problem_of(galaxy)
            if problem:
                columns["flag"][row] |= problem
                log.warning("%s: bad map (flag %d), its stamp stays empty", where, problem)
                continue
            key = (columns["galaxy_id"][row], columns["view"][row])
            redshift = columns["redshift"][row]
            field_kpc = (fov_kpc[row], size_kpc[row])
            frame = map_frame(field_kpc, redshift, bands[0], settings, where, key)
            columns["scale_arcsec_per_kpc"][row] = frame.arcsec_per_kpc
            images[row] = observe_map(galaxy, frame, bands, settings, (*key, survey.name), sky)
    if (columns["flag"] & (StampFlag.BAD_MAP | StampFlag.EMPTY_MAP)).all():
        raise Sim2SkyError("every map is bad (not finite, or without light)", where=path)
    sigma = _noise_sigma(bands, settings, sky)
    columns["noise_sigma"] = np.tile(sigma, (len(images), 1))
    attributes = {
        "bands": [band.name for band in bands],
        "pixel_scale_arcsec": bands[0].pixel_scale_arcsec,
        "units": "nJy" if settings.rgb is None else "8bit",
        "psf_fwhm_arcsec": [psf_fwhm_arcsec(band.settings.psf) for band in bands],
        "survey": survey.name,
        "noise": settings.noise,
    }
    return Stamps(columns, attributes, nuisance, images)


def observe_map(
    galaxy: np.ndarray,
    frame: Frame,
    bands: list[Band],
    settings: ObserveSettings,
    key: tuple[str | int, ...],
    sky: SkyPatches | None = None,
    convolve: Callable[..., np.ndarray] | None = None,
) -> np.ndarray:
    """Observe one galaxy from one side.

    Parameters
    ----------
    galaxy : numpy.ndarray
        (C,M,M) map in nJy per map pixel, y up.
    frame : Frame
        Scale of the map.
    bands : list of Band
        C bands.
    settings : ObserveSettings
        How to observe.
    key : tuple
        galaxy_id, view and survey; seeds the noise.
    sky : SkyPatches, optional
        The survey's own sky in these bands, in place of drawn noise.
    convolve : callable, optional
        In place of `convolved`, such as one that remembers what it did.

    Returns
    -------
    numpy.ndarray
        (C,H,W) float32 in nJy per pixel, sky subtracted, or 8-bit values.
    """
    if settings.magnitude_range is not None:
        # Without the survey in its key: twins in two domains stay equally bright.
        draw = generator("observe magnitude", *key[:2], seed=settings.seed)
        magnitude = draw.uniform(*settings.magnitude_range)
        galaxy = galaxy * (flux_njy(magnitude) / galaxy[0].sum())
    side, seeing = settings.image_pixels, 1.0
    if settings.scene is not None:
        draw = generator("observe scene", *key[:2], seed=settings.seed)
        galaxy = _in_its_surroundings(galaxy, frame, bands, settings.scene, draw)
        seeing = np.exp(draw.normal(0.0, settings.scene.psf_scatter))
        side = max(8, round(frame.extent_arcsec / bands[0].pixel_scale_arcsec))
    images = np.stack(
        [
            (convolve or convolved)(galaxy[channel], frame.extent_arcsec, band, side, seeing)
            for channel, band in enumerate(bands)
        ]
    )
    if settings.noise:
        for image, band in zip(images, bands, strict=True):
            rng = generator("observe noise", *key, band.name, seed=settings.seed)
            if sky is None:
                image[:] = with_noise(image, band, rng, poisson=settings.poisson)
            elif settings.poisson:
                image[:] = with_photon_noise(image, band, rng)
    if sky is not None:
        images += sky.draw(side, generator("observe sky", *key, seed=settings.seed))
    if settings.scene is not None:
        images += _sky_residual(images.shape, bands, settings.scene, draw)
        return thumbnail(images, bands[0].pixel_scale_arcsec, settings)
    if settings.rgb is not None:
        return rgb_composite(images, bands[0].pixel_scale_arcsec, settings.rgb)
    return images.astype(np.float32)


def convolved(
    galaxy: np.ndarray,
    extent_arcsec: float,
    band: Band,
    image_pixels: int,
    seeing: float = 1.0,
) -> np.ndarray:
    """Return a map seen through the PSF and the stamp's pixel, without noise.

    The map's values are integrals over its own small pixels already, so
    convolving it with the stamp's whole pixel would blur twice. The rest is a
    box of side ``sqrt(stamp pixel^2 - map pixel^2)``: the second moments of
    boxes add, and equal pixels leave nothing to convolve. The same holds for
    the pixel with which a measured PSF was seen.

    Parameters
    ----------
    galaxy : numpy.ndarray
        (M,M) in nJy per map pixel.
    extent_arcsec : float
        Side of the map.
    band : Band
        PSF and pixel.
    image_pixels : int
        Side of the stamp, centred on the map's centre.
    seeing : float
        Factor on the PSF's width.

    Returns
    -------
    numpy.ndarray
        (H,W) float64 in nJy per pixel.
    """
    map_pixel = extent_arcsec / len(galaxy)
    # Padding by 2 is as exact here as GalSim's 4 (to 2e-5 of the flux) and four times faster.
    light = galsim.InterpolatedImage(
        galsim.Image(galaxy, scale=map_pixel), normalization="flux", pad_factor=2.0
    )
    parts = [light, band.psf if seeing == 1.0 else band.psf.dilate(seeing)]
    rest = band.pixel_scale_arcsec**2 - map_pixel**2 - band.psf_pixel_arcsec**2
    if rest > 1e-6 * map_pixel**2:
        parts.append(galsim.Pixel(np.sqrt(rest)))
    return (
        galsim.Convolve(parts)
        .drawImage(
            nx=image_pixels,
            ny=image_pixels,
            scale=band.pixel_scale_arcsec,
            method="no_pixel",
            dtype=np.float64,
        )
        .array
    )


def with_noise(
    image: np.ndarray, band: Band, rng: np.random.Generator, *, poisson: bool
) -> np.ndarray:
    """Return a sky-subtracted image with the noise of its exposure.

    Parameters
    ----------
    image : numpy.ndarray
        (H,W) in nJy per pixel.
    band : Band
        Exposure, sky and read noise.
    rng : numpy.random.Generator
        Source of the noise.
    poisson : bool
        Let the galaxy's photons fluctuate too; without, the noise is Gaussian
        and the same everywhere.

    Returns
    -------
    numpy.ndarray
        (H,W) in nJy per pixel.
    """
    if not poisson:
        return image + rng.normal(0.0, band.noise_sigma_njy, image.shape)
    background = band.background_electrons
    # Interpolation may ring below zero by less than the background.
    expected = np.maximum(image * band.electrons_per_njy + background, 0.0)
    electrons = rng.poisson(expected) + rng.normal(0.0, band.read_noise_electrons, image.shape)
    return (electrons - background) / band.electrons_per_njy


def with_photon_noise(image: np.ndarray, band: Band, rng: np.random.Generator) -> np.ndarray:
    """Return an image with the noise of its own photons alone.

    Parameters
    ----------
    image : numpy.ndarray
        (H,W) in nJy per pixel.
    band : Band
        Exposure and zero point.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    numpy.ndarray
        (H,W) in nJy per pixel; the same where the image is not positive.
    """
    expected = np.maximum(image * band.electrons_per_njy, 0.0)
    return image + (rng.poisson(expected) - expected) / band.electrons_per_njy


def maps_of_bands(file: h5py.File, bands: list[Band]) -> tuple[h5py.Dataset, list[int]]:
    """Return the maps of a file and the channels of the wanted bands.

    Parameters
    ----------
    file : h5py.File
        Maps file.
    bands : list of Band
        C bands.

    Returns
    -------
    maps : h5py.Dataset
        (N,B,M,M) in nJy per map pixel.
    channels : list of int
        C indices of the second axis.

    Raises
    ------
    Sim2SkyError
        If a band is missing or the maps have another shape.
    """
    maps = hdf5_dataset(file, "maps")
    present = [str(name) for name in file.attrs.get("bands", [])]
    missing = [band.name for band in bands if band.name not in present]
    if missing:
        raise Sim2SkyError(
            f"the maps hold no band {', '.join(missing)}",
            where=file.filename,
            got=", ".join(present) or "no bands",
            fix="add it to the bands of the sample's maps, or take it out of the domain's",
        )
    if maps.ndim != 4 or maps.shape[1] != len(present) or maps.shape[2] != maps.shape[3]:
        raise Sim2SkyError(
            "maps have an unexpected shape",
            where=f"{file.filename}:/maps",
            got=maps.shape,
            expected=f"(N, {len(present)}, M, M)",
        )
    return maps, [present.index(band.name) for band in bands]


def _columns_of(file: h5py.File) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Return the columns that pass through, and the nuisance features."""
    columns = {name: hdf5_dataset(file, name).asstr()[:].astype(str) for name in TEXT_COLUMNS}
    for name in ("system_id", "view", "label", "redshift", "flag"):
        columns[name] = hdf5_dataset(file, name)[:]
    offset = hdf5_dataset(file, "centre_offset_px")[:]
    nuisance = pd.DataFrame(
        {
            "n_particles": hdf5_dataset(file, "n_particles")[:],
            "fov_in_sizes": hdf5_dataset(file, "fov_kpc")[:] / hdf5_dataset(file, "size_kpc")[:],
            "centre_offset_x_px": offset[:, 0],
            "centre_offset_y_px": offset[:, 1],
            "centre_offset_px": np.hypot(offset[:, 0], offset[:, 1]),
            "redshift": columns["redshift"],
            "view": columns["view"],
        }
    )
    return columns, nuisance


def _in_its_surroundings(
    galaxy: np.ndarray,
    frame: Frame,
    bands: list[Band],
    scene: SceneSettings,
    draw: np.random.Generator,
) -> np.ndarray:
    """Return a map of the drawn brightness and colour, with other objects around it."""
    wavelength = np.array([band.settings.wavelength_um for band in bands], dtype=float)
    middle = int(np.argsort(wavelength)[len(wavelength) // 2])
    brightness = draw.normal(*scene.surface_brightness)  # of the 90 % of the light inside R90
    flux = flux_njy(brightness) * np.pi * frame.size_arcsec**2 / 0.9
    tilt = coloured(1.0, wavelength, draw.uniform(*scene.colour_slope))
    galaxy = galaxy * (flux / galaxy[middle].sum()) * tilt[:, None, None]
    return add_surroundings(galaxy, frame, wavelength, scene, draw)


def _sky_residual(
    shape: tuple[int, ...], bands: list[Band], scene: SceneSettings, draw: np.random.Generator
) -> np.ndarray:
    """Return a tilted plane per band in nJy per pixel: what sky subtraction left."""
    # a bright star's halo is rare and strong: a scale of its own for each image
    scale = scene.sky_residual_sigma * np.exp(draw.normal(0.0, 0.7))
    level = draw.normal(size=(len(bands), 3, 1, 1)) * scale
    slopes = np.linspace(-0.5, 0.5, shape[-1])
    plane = level[:, 0] + level[:, 1] * slopes[:, None] + level[:, 2] * slopes
    # noise of a square arcsecond, spread over it, is one of a pixel times the pixel's side
    unit = [band.noise_sigma_njy * band.pixel_scale_arcsec for band in bands]
    return plane * np.array(unit)[:, None, None]


def _problem_of(galaxy: np.ndarray) -> int:
    """Return the flag of a map that cannot be observed, else 0."""
    if not np.isfinite(galaxy).all():
        return StampFlag.BAD_MAP
    return 0 if (galaxy.sum(axis=(1, 2)) > 0).all() else StampFlag.EMPTY_MAP


def _noise_sigma(
    bands: list[Band], settings: ObserveSettings, sky: SkyPatches | None
) -> np.ndarray:
    """Return the background rms per band in the units of the stamps."""
    sigma = np.array([band.noise_sigma_njy for band in bands])
    if sky is not None:
        sigma = sky.noise_sigma_njy
    if settings.rgb is None:
        return sigma
    return rgb_noise_sigma(sigma, bands[0].pixel_scale_arcsec, settings.rgb)
