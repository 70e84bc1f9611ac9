from pathlib import Path

import galsim
import numpy as np
import pytest
from astropy.io import fits

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.instrument import Band, psf_fwhm_arcsec, psf_profile
from sim2sky.observe.mock import convolved
from sim2sky.observe.settings import PsfSettings
from sim2sky.settings import parse_settings

DATA = Path(__file__).parents[3] / ".." / "shared/data/psf"
HSC, HST = DATA / "hsc", DATA / "hst-acs-cosmos"
absent = pytest.mark.skipif(not DATA.is_dir(), reason="the measured PSFs are not here")


def settings_with(**changes):
    return parse_settings(PsfSettings, changes, "psf")


def write_gaussian(path, sigma_px=3.0, side=61, offset=(0.0, 0.0), **header):
    y, x = np.indices((side, side)) - (side - 1) / 2
    pixels = np.exp(-0.5 * ((x - offset[0]) ** 2 + (y - offset[1]) ** 2) / sigma_px**2)
    fits.writeto(path, 7 * pixels, fits.Header(header))
    return path


def write_psfex(path, sigma_px=3.0, side=41, sampling=0.5, slope=0.0):
    """A .psf file of first degree: the first plane is the PSF, the others how it varies."""
    y, x = np.indices((side, side)) - (side - 1) / 2
    plane = np.exp(-0.5 * (x**2 + y**2) / sigma_px**2)
    planes = np.stack([plane / plane.sum(), slope * plane / plane.sum(), 0 * plane])
    column = fits.Column("PSF_MASK", f"{planes.size}E", dim=str((side, side, 3)), array=[planes])
    hdu = fits.BinTableHDU.from_columns([column])
    hdu.header.update(
        {
            **{"EXTNAME": "PSF_DATA", "POLNAXIS": 2, "POLNGRP": 1, "POLDEG1": 1},
            **{"POLGRP1": 1, "POLNAME1": "X_IMAGE", "POLZERO1": 500.0, "POLSCAL1": 1000.0},
            **{"POLGRP2": 1, "POLNAME2": "Y_IMAGE", "POLZERO2": 500.0, "POLSCAL2": 1000.0},
            **{"PSF_FWHM": 2.0, "PSF_SAMP": sampling, "PSFNAXIS": 3},
            **{"PSFAXIS1": side, "PSFAXIS2": side, "PSFAXIS3": 3},
        }
    )
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


def second_moment(image):
    """Variance along x of an image, in pixels squared."""
    x = np.arange(image.shape[1])
    weight = image.sum(axis=0) / image.sum()
    return weight @ x**2 - (weight @ x) ** 2


def test_image_of_a_gaussian(tmp_path):
    path = write_gaussian(tmp_path / "psf.fits", offset=(0.4, -0.3))
    settings = settings_with(kind="image", path=path, pixel_scale_arcsec=0.1)
    psf = psf_profile(settings)
    assert psf.flux == pytest.approx(1)
    assert np.hypot(psf.centroid.x, psf.centroid.y) < 1e-3  # arcsec
    expected = galsim.Gaussian(sigma=0.3)
    drawn, wanted = (
        p.drawImage(nx=32, ny=32, scale=0.1, method="no_pixel").array for p in (psf, expected)
    )
    np.testing.assert_allclose(drawn, wanted, atol=3e-3 * wanted.max())
    assert psf_fwhm_arcsec(settings) == pytest.approx(0.3 * 2.3548, rel=0.02)


def test_psfex(tmp_path):
    path = write_psfex(tmp_path / "model.psf", sigma_px=3.0, sampling=0.5)
    settings = settings_with(kind="psfex", path=path, pixel_scale_arcsec=0.2)
    # pixels of the model are half of the image's
    assert psf_fwhm_arcsec(settings) == pytest.approx(3 * 0.5 * 0.2 * 2.3548, rel=0.02)
    assert psf_profile(settings).flux == pytest.approx(1)


@pytest.mark.parametrize(("held", "added"), [(None, 0.0), (0.0, 1 / 12)])
def test_a_pixel_is_not_convolved_twice(tmp_path, survey, held, added):
    """A star's second moment is that of the PSF, plus a pixel's if the PSF does not hold it."""
    path = write_gaussian(tmp_path / "psf.fits", sigma_px=2.0)
    settings = settings_with(
        kind="image", path=path, pixel_scale_arcsec=0.2, held_pixel_arcsec=held
    )
    changed = survey("lsst_y10").bands["lsst_r"].model_copy(update={"psf": settings})
    point = np.zeros((205, 205))
    point[102, 102] = 1.0
    image = convolved(point, 8.2, Band("lsst_r", changed, 0.2), 41)
    assert image.sum() == pytest.approx(1, rel=1e-3)
    assert second_moment(image) == pytest.approx(4 + added, rel=0.01)


def unfinished(path):
    path.write_bytes(b"SIMPLE")


def flat(path):
    fits.writeto(path, np.ones((20, 20)))


def holed(path):
    fits.writeto(path, np.full((20, 20), np.nan))


def cube(path):
    fits.writeto(path, np.ones((5, 20, 20)))


@pytest.mark.parametrize(
    ("write", "kind", "message"),
    [
        (lambda path: None, "image", "file of the PSF not found"),
        (unfinished, "image", "not a readable FITS file"),
        (flat, "image", "has a sky or is cut off; got a border of 100.0% of the peak"),
        (holed, "image", "holds NaN or no light"),
        (cube, "image", r"has two axes; got \(5, 20, 20\); choose one with `plane`"),
        (unfinished, "psfex", "not a readable file of PSFEx"),
        (flat, "psfex", "not a readable file of PSFEx"),
    ],
)
def test_refusals(tmp_path, write, kind, message):
    write(tmp_path / "psf")
    settings = settings_with(kind=kind, path=tmp_path / "psf", pixel_scale_arcsec=0.2)
    with pytest.raises(Sim2SkyError, match=message):
        psf_profile(settings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"kind": "image", "pixel_scale_arcsec": 0.2}, "path is needed by an image or psfex"),
        ({"kind": "image", "path": "a"}, "needs pixel_scale_arcsec"),
        ({"kind": "psfex", "path": "a", "fwhm_arcsec": 1}, "an image or psfex has its own"),
        ({"kind": "gaussian"}, "fwhm_arcsec is needed by a profile"),
    ],
)
def test_settings_explain_themselves(content, message):
    with pytest.raises(Sim2SkyError, match=message):
        settings_with(**content)


@absent
@pytest.mark.parametrize("name", ["real_galaxy_PSF_images", "real_galaxy_PSF_images_extension"])
def test_hst_psfs_of_cosmos(name):
    """ACS in F814W: 0.03 arcsec pixels, a width of a tenth of an arcsecond."""
    for hdu in (0, 50, 99):
        settings = settings_with(
            kind="image", path=HST / f"{name}.fits", hdu=hdu, pixel_scale_arcsec=0.03
        )
        assert 0.07 < psf_fwhm_arcsec(settings) < 0.13


@absent
def test_hsc_psfs():
    """Five bands of 0.168 arcsec pixels."""
    path = HSC / "PSF_HSC.fits"
    for plane in range(5):
        settings = settings_with(kind="image", path=path, plane=plane, pixel_scale_arcsec=0.168)
        assert 0.4 < psf_fwhm_arcsec(settings) < 1.2
    with pytest.raises(Sim2SkyError, match=r"two axes; got \(5, 31, 31\); choose one with `plane"):
        psf_profile(settings_with(kind="image", path=path, pixel_scale_arcsec=0.168))
    settings = settings_with(kind="image", path=HSC / "PSF_HST.fits", pixel_scale_arcsec=0.03)
    assert 0.07 < psf_fwhm_arcsec(settings) < 0.2


@absent
@pytest.mark.parametrize(
    ("path", "message"),
    [
        (HSC / "Cut_HSC.fits", "two axes"),
        (HST / "real_galaxy_catalog_23.5_example.fits", "not a readable FITS file; got no image"),
        (HSC / "hsc_cosmos.npz", "not a readable FITS file"),
    ],
)
def test_other_files_are_refused_in_one_sentence(path, message):
    with pytest.raises(Sim2SkyError, match=message):
        psf_profile(settings_with(kind="image", path=path, pixel_scale_arcsec=0.168))
