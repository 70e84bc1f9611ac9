"""Every real file of PSFs and cutouts is read, or refused with one sentence."""

from pathlib import Path

import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_image import read_fits_image
from sim2sky.observe.settings import FitsSettings

DATA = Path(__file__).parents[3] / ".." / "shared/data"
NO_IMAGE = "not a readable FITS file; got no image"
# bands and size of what is read, else the reason of the refusal
EXPECTED = {
    "psf/hsc/Cut_HSC.fits": (5, 50, 50),
    "psf/hsc/Cut_HSC1.fits": (5, 50, 50),
    "psf/hsc/Cut_HST.fits": (1, 250, 250),
    "psf/hsc/Cut_HST1.fits": (1, 250, 250),
    "psf/hsc/PSF_HSC.fits": (5, 31, 31),
    "psf/hsc/PSF_HST.fits": (1, 179, 179),
    "psf/hsc/hsc_cosmos.npz": "not a readable FITS file",
    "psf/hsc/hsc_cosmos_35.npz": "not a readable FITS file",
    "psf/hst-acs-cosmos/acs_I_unrot_sci_20_cf.fits": (1, 81, 81),
    "psf/hst-acs-cosmos/real_galaxy_PSF_images.fits": (1, 37, 37),
    "psf/hst-acs-cosmos/real_galaxy_PSF_images_extension.fits": (1, 65, 51),
    "psf/hst-acs-cosmos/real_galaxy_images_extension.fits": (1, 54, 54),
    "psf/hst-acs-cosmos/real_galaxy_catalog_23.5_example.fits": NO_IMAGE,
    "psf/hst-acs-cosmos/real_galaxy_catalog_23.5_example_fits.fits": NO_IMAGE,
    "psf/hst-acs-cosmos/real_galaxy_catalog_23.5_example_selection.fits": NO_IMAGE,
    "psf/hst-acs-cosmos/real_galaxy_catalog_26_extension_example.fits": NO_IMAGE,
    "psf/hst-acs-cosmos/real_galaxy_catalog_26_extension_example_fits.fits": NO_IMAGE,
    "surveys/fits-examples/decals_dr5_grz.fits": (3, 162, 162),
    "surveys/fits-examples/illustris1_synthetic_sdss_i.fits": (1, 424, 424),
}


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
def test_all_files_are_known():
    folders = (DATA / "psf", DATA / "surveys/fits-examples")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    known = {DATA / name for name in EXPECTED}
    assert {path for path in files if path.name != "LICENSE"} <= known


@pytest.mark.parametrize("name", EXPECTED)
def test_read_or_refused(name):
    path, expected = DATA / name, EXPECTED[name]
    if not path.is_file():
        pytest.skip(f"{name} is not here")
    bands = [f"band{k}" for k in range(expected[0])] if isinstance(expected, tuple) else ["r"]
    if isinstance(expected, str):
        with pytest.raises(Sim2SkyError, match=expected):
            read_fits_image(path, FitsSettings(bands=bands, nano_jansky_per_unit=1.0))
    else:
        image = read_fits_image(path, FitsSettings(bands=bands, nano_jansky_per_unit=1.0))
        assert image.pixels.shape == expected
        assert not image.bad.all()
