from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_files import first_band_files, image_name
from sim2sky.observe.fits_image import BadPixelsError, WrongBandsError, read_fits_image
from sim2sky.observe.flags import StampFlag
from sim2sky.observe.images import area_sums, observe_images, read_image
from sim2sky.observe.settings import FitsSettings, ObserveImagesSettings
from sim2sky.settings import parse_settings

EXAMPLES = Path(__file__).parents[3] / ".." / "shared/data/surveys/fits-examples"
absent = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the FITS examples are not here")


NJY = {"nano_jansky_per_unit": 1.0}


def settings_with(**changes):
    return parse_settings(FitsSettings, {"bands": ["r"]} | changes, "images")


def stamp_settings(**changes):
    content = {"bands": ["r"], "image_pixels": 8} | changes
    return parse_settings(ObserveImagesSettings, content, "images")


def sky_header(scale_arcsec=0.5, side=16):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (30.0, -5.0), ((side + 1) / 2, (side + 1) / 2)
    wcs.wcs.cdelt = -scale_arcsec / 3600, scale_arcsec / 3600
    found = wcs.to_header()
    found["BUNIT"] = "nJy"
    return found


@pytest.mark.parametrize(
    ("keywords", "changes", "njy"),
    [
        ({}, {}, 1.0),
        ({"BUNIT": "nanomaggy"}, {}, 3630.78),
        ({"BUNIT": "", "IMUNIT": "NMAGGIE "}, {}, 3630.78),
        ({"BUNIT": "nmgy"}, {}, 3630.78),
        ({"BUNIT": "uJy"}, {}, 1e3),
        ({"BUNIT": "Jy"}, {}, 1e9),
        ({"BUNIT": "adu"}, {"zero_point_mag_ab": [22.5]}, 3630.78),
        ({"MAGZERO": 27.0}, {"zero_point_keyword": "MAGZERO"}, 57.544),
        ({"BUNIT": "adu"}, {"nano_jansky_per_unit": 7.0}, 7.0),
        # 1 MJy/sr on (0.5 arcsec)^2, in nJy: 1e15 * 0.25 / (206264.8)^2
        ({"BUNIT": "MJy/sr"}, {}, 1e15 * 0.25 / 206264.806**2),
    ],
)
def test_units(tmp_path, keywords, changes, njy):
    header = sky_header()
    header.update(keywords)
    fits.writeto(tmp_path / "a.fits", np.full((16, 16), 2.0), header)
    image = read_fits_image(tmp_path / "a.fits", settings_with(**changes))
    np.testing.assert_allclose(image.pixels, 2 * njy, rtol=1e-4)


@pytest.mark.parametrize(
    ("keywords", "changes", "message"),
    [
        ({"BUNIT": "adu"}, {}, "not in a known unit of flux; got adu; set zero_point_mag_ab"),
        ({"BUNIT": ""}, {}, "not in a known unit of flux; got no BUNIT or IMUNIT in the header"),
        ({"ZP": "dark"}, {"zero_point_keyword": "ZP"}, "a.fits: ZP: .* is no number; got 'dark'"),
        ({"BUNIT": "furlong^"}, {}, "not in a known unit of flux; got furlong"),
        ({}, {"zero_point_keyword": "ZP"}, "the header lacks the zero point; expected ZP"),
        ({}, {"image_hdu": 3}, "a.fits: not a readable FITS file; got"),
        ({}, {"bands": ["g", "r"]}, r"an unexpected shape; got \(1, 16, 16\); expected \(2, y, x"),
        ({}, {"mask_hdu": 1}, r"mask and image differ in size; got \(4, 4\)"),
        ({}, {"weight_hdu": 1}, r"weights and image differ in size; got \(4, 4\)"),
        ({}, {"mask_files": ["*.mask"]}, r"a.mask.fits: not a readable FITS file"),
    ],
)
def test_refusals(tmp_path, keywords, changes, message):
    first = fits.PrimaryHDU(np.ones((16, 16)))
    first.header.update({"BUNIT": "nJy"} | keywords)
    fits.HDUList([first, fits.ImageHDU(np.ones((4, 4), int))]).writeto(tmp_path / "a.fits")
    with pytest.raises(Sim2SkyError, match=message):
        read_fits_image(tmp_path / "a.fits", settings_with(**changes))


def test_settings_that_contradict_each_other():
    with pytest.raises(Sim2SkyError, match="give one of nano_jansky_per_unit, zero_point_mag_ab"):
        settings_with(nano_jansky_per_unit=1.0, zero_point_keyword="ZP")
    with pytest.raises(Sim2SkyError, match="band_files needs one value for each of 1 bands"):
        settings_with(band_files=["*-g", "*-r"])
    with pytest.raises(Sim2SkyError, match="weight_files needs one value, or one for each of 3"):
        settings_with(bands=["g", "r", "i"], weight_files=["*-a", "*-b"])
    for name in ("-g", "*", "*-*", "masks/*-g"):
        with pytest.raises(Sim2SkyError, match="mask_files needs a \\* in each name"):
            settings_with(mask_files=[name])


def test_masks_and_weights_in_extensions(tmp_path):
    mask, weight = np.zeros((16, 16), np.uint8), np.ones((16, 16))
    mask[2, 3], mask[4, 4], weight[5, 6], weight[7, 7] = 2, 1, 0, np.nan
    pixels = np.ones((16, 16))
    pixels[8, 8] = np.inf
    hdus = [
        *(fits.PrimaryHDU(), fits.ImageHDU(pixels, name="SCI")),
        *(fits.ImageHDU(mask, name="DQ"), fits.ImageHDU(weight, name="WHT")),
    ]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    settings = settings_with(**NJY, image_hdu="SCI", mask_hdu="DQ", mask_bits=2, weight_hdu="WHT")
    image = read_fits_image(tmp_path / "a.fits", settings)
    assert np.argwhere(image.bad).tolist() == [[2, 3], [5, 6], [7, 7], [8, 8]]
    assert np.isnan(image.pixels[0][image.bad]).all()


@pytest.mark.parametrize("name", ["a.fits.fz", "a.fits.gz"])
def test_damaged_compressed_files_are_refused(tmp_path, name):
    pixels = np.random.default_rng(0).normal(size=(64, 64)).astype("f4")
    hdu = fits.CompImageHDU(pixels) if name.endswith("fz") else fits.ImageHDU(pixels)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / name)
    whole = bytearray((tmp_path / name).read_bytes())
    whole[-4000:-1000] = bytes(range(250)) * 12
    (tmp_path / name).write_bytes(whole)
    with pytest.raises(Sim2SkyError, match=f"{name}: not a readable FITS file; got"):
        read_fits_image(tmp_path / name, settings_with(**NJY))


def test_holes_are_filled_from_their_surroundings(tmp_path):
    pixels = np.arange(256.0).reshape(16, 16)
    holed = pixels.copy()
    holed[5, 5] = np.nan
    fits.writeto(tmp_path / "a.fits", holed)
    image = read_fits_image(tmp_path / "a.fits", settings_with(**NJY))
    filled = image.filled(0.05, "a")[0]
    assert abs(filled[5, 5] - pixels[5, 5]) <= 16
    np.testing.assert_array_equal(np.delete(filled, 5 * 16 + 5), np.delete(pixels, 5 * 16 + 5))
    with pytest.raises(BadPixelsError, match="too many bad pixels .*; got 0.4%; expected at most"):
        image.filled(0.001, "a")


def test_far_from_the_good_pixels_stands_the_median(tmp_path):
    pixels = np.full((32, 32), 3.0)
    pixels[:, :3] = 100.0
    pixels[10:22, 10:22] = np.nan
    fits.writeto(tmp_path / "a.fits", pixels)
    filled = read_fits_image(tmp_path / "a.fits", settings_with(**NJY)).filled(0.2, "a")[0]
    assert filled[16, 16] == 3.0
    assert np.isfinite(filled).all()


def test_a_stamp_knows_its_place_and_scale(tmp_path):
    fits.writeto(tmp_path / "a.fits", np.ones((16, 16)), sky_header())
    image = read_image(tmp_path / "a.fits", stamp_settings())
    assert (image.ra_deg, image.dec_deg) == pytest.approx((30.0, -5.0))
    assert image.pixel_scale_arcsec == pytest.approx(1.0)
    fits.writeto(tmp_path / "b.fits", np.ones((16, 16)), sky_header(0.6))
    stamps = observe_images(tmp_path, None, stamp_settings(pattern="a*"))
    assert stamps.attributes["pixel_scale_arcsec"] == pytest.approx(1.0)
    np.testing.assert_allclose(stamps.columns["dec_deg"], -5.0)
    both = observe_images(tmp_path, None, stamp_settings())
    assert np.isnan(both.attributes["pixel_scale_arcsec"])


def test_bands_in_files_of_their_own_are_one_stamp(tmp_path):
    for name, value in (("x-g", 1.0), ("x-r", 2.0), ("y-g", 3.0)):
        fits.writeto(tmp_path / f"{name}.fits", np.full((16, 16), value), sky_header())
    settings = stamp_settings(bands=["g", "r"], band_files=["*-g", "*-r"])
    stamps = observe_images(tmp_path, None, settings)
    assert stamps.columns["galaxy_id"].tolist() == ["x", "y"]
    assert stamps.columns["flag"].tolist() == [0, StampFlag.BAD_IMAGE]
    np.testing.assert_allclose(stamps.images[0].mean(axis=(1, 2)), [4.0, 8.0])


def test_weights_and_masks_of_each_band(tmp_path):
    """Names with the band in the middle, compressed companions, and each type of weight."""
    maps = {"inverse_variance": 4.0, "variance": 0.25, "rms": 0.5}
    for band in "gr":
        for kind, value in maps.items():
            weight = np.full((16, 16), value)
            weight[2, 3 if band == "g" else 5] = 0
            fits.writeto(tmp_path / f"{kind}-{band}-f.fits", weight)
        mask = np.zeros((16, 16), np.int16)
        mask[9, 3 if band == "g" else 5] = 1
        hdus = [fits.PrimaryHDU(), fits.CompImageHDU(mask)]
        fits.HDUList(hdus).writeto(tmp_path / f"mask-{band}-f.fits.fz")
        fits.writeto(tmp_path / f"image-{band}-f.fits", np.ones((16, 16)), sky_header())
    for kind in maps:
        settings = settings_with(
            bands=["g", "r"],
            band_files=["image-g-*", "image-r-*"],
            mask_files=["mask-g-*", "mask-r-*"],
            weight_files=[f"{kind}-g-*", f"{kind}-r-*"],
            weight_type=kind,
        )
        (path,) = first_band_files(sorted(tmp_path.iterdir()), settings)
        assert image_name(path, settings) == "f"
        image = read_fits_image(path, settings)
        assert np.argwhere(image.bad).tolist() == [[2, 3], [2, 5], [9, 3], [9, 5]]
        np.testing.assert_allclose(image.weight[:, ~image.bad], 4.0)


def test_companions_are_no_images():
    paths = [Path(name) for name in ("a.fits", "a_wht.fits", "a_mask.fits", "b.fits")]
    settings = settings_with(mask_files=["*_mask"], weight_files=["*_wht"])
    assert [path.name for path in first_band_files(paths, settings)] == ["a.fits", "b.fits"]


def test_area_sums_are_exact():
    """Against a grid so fine that both sizes divide it."""
    pixels = np.random.default_rng(0).random((2, 15, 15))
    fine = np.repeat(np.repeat(pixels, 6, axis=1), 6, axis=2) / 36
    expected = fine.reshape(2, 6, 15, 6, 15).sum(axis=(2, 4))
    np.testing.assert_allclose(area_sums(pixels, 6), expected, rtol=1e-6)
    np.testing.assert_allclose(area_sums(pixels, 40).sum(axis=(1, 2)), pixels.sum(axis=(1, 2)))


@absent
def test_a_real_cutout_of_decals():
    settings = stamp_settings(bands=["g", "r", "z"], zero_point_mag_ab=[22.5] * 3)
    image = read_image(EXAMPLES / "decals_dr5_grz.fits", settings)
    cube = fits.getdata(EXAMPLES / "decals_dr5_grz.fits")
    np.testing.assert_allclose(
        image.pixels.sum(axis=(1, 2)), cube.sum(axis=(1, 2)) * 3630.78, rtol=1e-3
    )
    assert (image.ra_deg, image.dec_deg) == pytest.approx((0.004367, 0.541321), abs=1e-4)
    assert image.pixel_scale_arcsec == pytest.approx(0.262 * 162 / 8, rel=1e-3)
    with pytest.raises(WrongBandsError):
        read_image(EXAMPLES / "decals_dr5_grz.fits", stamp_settings())


@absent
def test_a_real_synthetic_image_in_nanomaggies():
    image = read_image(EXAMPLES / "illustris1_synthetic_sdss_i.fits", stamp_settings(bands=["i"]))
    pixels = fits.getdata(EXAMPLES / "illustris1_synthetic_sdss_i.fits")
    assert image.pixels.sum() == pytest.approx(pixels.sum() * 3630.78, rel=1e-3)
    assert np.isnan(image.ra_deg)
