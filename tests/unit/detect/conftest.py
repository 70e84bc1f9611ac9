"""A survey frame of galaxies at known places, made by GalSim."""

from dataclasses import dataclass

import galsim
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from sim2sky.detect.settings import DetectSettings
from sim2sky.settings import parse_settings

SCALE_ARCSEC = 0.4
SKY_NJY = 5000.0
NOISE_NJY = 20.0
N_GALAXIES = 500
FIELD_SIDE = 1400


@dataclass(frozen=True)
class Field:
    """What was put into a frame: places (N,2) in pixels, fluxes (N,) in nJy; and the frame.

    No unbiased estimate of a place has a smaller rms distance from it than `least_error` (N,)
    in pixels, not even by one who knows the galaxy but for its place (Cramer and Rao).
    """

    pixels: np.ndarray
    place: np.ndarray
    flux: np.ndarray
    least_error: np.ndarray

    @property
    def magnitude(self) -> np.ndarray:
        return -2.5 * np.log10(self.flux / 3631e9)


def settings_with(**changes) -> DetectSettings:
    content = {"bands": ["r"], "background_box_px": 64} | changes
    return parse_settings(DetectSettings, content, "detect")


def header(side: int) -> fits.Header:
    """Unit, and coordinates of a square frame around (150, 2) degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (150.0, 2.0), ((side + 1) / 2, (side + 1) / 2)
    wcs.wcs.cdelt = -SCALE_ARCSEC / 3600, SCALE_ARCSEC / 3600
    found = wcs.to_header()
    found["BUNIT"] = "nJy"
    return found


def crowd(n: int, side: int, apart: float, random: np.random.Generator) -> np.ndarray:
    """Return random places (n,2), no two of which are closer than a distance."""
    found = np.empty((0, 2))
    while len(found) < n:
        new = random.uniform(20, side - 21, size=2)
        if (np.hypot(*(found - new).T) > apart).all():
            found = np.vstack([found, new])
    return found


def sersic_field(n: int, side: int, seed: int) -> Field:
    """Disks, bulges and what is between, seen through a Moffat PSF, on a sloping noisy sky."""
    random = np.random.default_rng(seed)
    place = crowd(n, side, 14.0, random)
    flux = 3631e9 * 10 ** (-0.4 * random.uniform(18, 23, n))
    radius = random.uniform(0.6, 2.0, n)
    index = random.choice([1.0, 1.5, 2.5, 4.0], n, p=[0.5, 0.2, 0.15, 0.15])
    shear = random.uniform(-0.3, 0.3, (n, 2))
    psf = galsim.Moffat(beta=3.5, fwhm=1.2)
    image = galsim.ImageD(side, side, scale=SCALE_ARCSEC)
    least_error = np.empty(n)
    for number in range(n):
        x, y = place[number] + 1  # GalSim counts from 1
        galaxy = galsim.Sersic(
            index[number],
            half_light_radius=radius[number],
            flux=flux[number],
            trunc=8 * radius[number],
        ).shear(g1=shear[number, 0], g2=shear[number, 1])
        half = int(max(24, 10 * radius[number] / SCALE_ARCSEC))
        box = galsim.BoundsI(int(x) - half, int(x) + half, int(y) - half, int(y) + half)
        box &= image.bounds
        stamp = galsim.ImageD(box, scale=SCALE_ARCSEC)
        galsim.Convolve(galaxy, psf).drawImage(stamp, center=galsim.PositionD(x, y))
        image[box] += stamp
        slopes = np.stack([part.ravel() for part in np.gradient(stamp.array)]) / NOISE_NJY
        least_error[number] = np.sqrt(np.trace(np.linalg.inv(slopes @ slopes.T)))
    slope = 0.3 * np.indices((side, side))[1]
    noise = random.normal(0, NOISE_NJY, (side, side))
    return Field(image.array + SKY_NJY + slope + noise, place, flux, least_error)


@pytest.fixture(scope="session")
def field() -> Field:
    return sersic_field(N_GALAXIES, FIELD_SIDE, seed=1)


@pytest.fixture(scope="session")
def small_field() -> Field:
    return sersic_field(12, 256, seed=2)


@pytest.fixture
def frames(tmp_path, small_field):
    """A folder with one frame in nJy."""
    folder = tmp_path / "frames"
    folder.mkdir()
    fits.writeto(folder / "a.fits", small_field.pixels, header(256))
    return folder
