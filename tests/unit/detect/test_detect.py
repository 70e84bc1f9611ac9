"""Flags, bands, weights, stamps, patches and refusals, on a small frame."""

import json

import galsim
import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from sim2sky.detect.command import detect
from sim2sky.detect.frame import detect_objects
from sim2sky.detect.photometry import measure_objects
from sim2sky.detect.run import detect_frames
from sim2sky.errors import Sim2SkyError
from sim2sky.observe.fits_image import FitsImage, read_fits_image
from sim2sky.observe.flags import StampFlag
from sim2sky.observe.sky import read_sky
from sim2sky.observe.stamps import read_stamps

from .conftest import NOISE_NJY, SCALE_ARCSEC, header, settings_with

SIDE = 200


def frame_of(places, flux=2e5, sigma=2.0, side=SIDE):
    """Return a frame of equal round galaxies."""
    random = np.random.default_rng(0)
    image = galsim.ImageD(side, side, scale=1.0)
    for x, y in places:
        profile = galsim.Gaussian(sigma=sigma, flux=flux)
        image += profile.drawImage(
            image.copy(), center=galsim.PositionD(x + 1, y + 1), method="no_pixel"
        )
    return image.array + random.normal(0, NOISE_NJY, (side, side))


def image_of(pixels, bad=None, weight=None):
    bad = np.zeros(pixels.shape[-2:], bool) if bad is None else bad
    pixels = np.atleast_3d(pixels.T).T
    return FitsImage(np.where(bad, np.nan, pixels), bad, weight, None, np.ones(len(pixels)))


def objects_of(image, **changes):
    settings = settings_with(**changes)
    frame = detect_objects(image, settings, "frame")
    return measure_objects(frame, image, settings), frame


def flag_at(table, x, y):
    nearest = np.hypot(table["x"] - x, table["y"] - y).argmin()
    assert np.hypot(table["x"] - x, table["y"] - y).min() < 1.5
    return table["flag"].iloc[nearest]


def test_flags():
    places = [(50, 50), (120, 50), (131, 50), (3, 120), (60, 150), (150, 150)]
    pixels = frame_of(places)
    bad = np.zeros(pixels.shape, bool)
    bad[150, 63] = True
    pixels[150, 150] = 60000.0
    table, _ = objects_of(image_of(pixels, bad), saturation=[50000.0])
    assert flag_at(table, 50, 50) == 0
    assert flag_at(table, 120, 50) == flag_at(table, 131, 50) == StampFlag.BLENDED
    assert flag_at(table, 3, 120) == StampFlag.EDGE
    assert flag_at(table, 60, 150) == StampFlag.MASKED
    assert flag_at(table, 150, 150) == StampFlag.SATURATED


def test_flux_and_radius_of_a_gaussian():
    """Half of a Gaussian's light is within 1.1774 sigma (photutils: of the Kron flux)."""
    places = [(x, y) for x in range(30, 180, 35) for y in range(30, 180, 35)]
    table, _ = objects_of(image_of(frame_of(places, sigma=3.0)))
    found = table[table["snr"] > 50]
    assert len(found) == len(places)
    assert found["flux_r"].median() == pytest.approx(2e5, rel=0.01)
    assert found["radius_50_px"].median() == pytest.approx(3 * 1.1774, rel=0.03)
    assert found["magnitude"].median() == pytest.approx(-2.5 * np.log10(2e5 / 3631e9), abs=0.01)
    assert found["ellipticity"].max() < 0.05


def test_bands_are_measured_in_one_aperture():
    pixels = frame_of([(60, 60), (140, 140)])
    both = np.stack([pixels, 3 * pixels])
    table, _ = objects_of(image_of(both), bands=["g", "r"])
    ratio = table["flux_r"] / table["flux_g"]
    np.testing.assert_allclose(ratio[table["snr"] > 50], 3, rtol=1e-6)


def test_weights_are_the_noise():
    """A quarter of the weight is twice the noise: what stands out elsewhere does not there."""
    random = np.random.default_rng(3)
    scale = np.where(np.arange(SIDE) < SIDE // 2, 1.0, 5.0)
    pixels = random.normal(size=(SIDE, SIDE)) * scale * NOISE_NJY
    weight = np.broadcast_to(1 / scale**2, (1, SIDE, SIDE))
    found, _ = objects_of(image_of(pixels, weight=weight))
    ignored, _ = objects_of(image_of(pixels), background_box_px=200)
    assert (found.get("x", pd.Series(dtype=float)) > SIDE / 2).sum() < 10
    assert (ignored["x"] > SIDE / 2).sum() > 30


def test_an_empty_frame_has_no_objects():
    table, _ = objects_of(image_of(frame_of([], side=64)), n_sigma=6)
    assert len(table) == 0


def test_a_frame_without_noise_is_refused():
    with pytest.raises(Sim2SkyError, match="frame: the frame has no noise"):
        objects_of(image_of(np.ones((64, 64))))


def test_stamps_objects_and_sky(frames, small_field, tmp_path):
    settings = {"bands": ["r"], "image_pixels": 32, "sky_patches": 5, "sky_patch_px": 40}
    detect(
        json.dumps(settings | {"survey": "mine", "psf_fwhm_arcsec": [1.2]}),
        frames,
        tmp_path / "stamps.h5",
        tmp_path / "objects.parquet",
        tmp_path / "sky.h5",
    )
    stamps = read_stamps(tmp_path / "stamps.h5")
    objects = pd.read_parquet(tmp_path / "objects.parquet")
    chosen = objects[objects["stamp"]]
    assert stamps.columns["galaxy_id"].tolist() == chosen["galaxy_id"].tolist()
    assert (chosen["snr"] >= 5).all()
    assert (objects.loc[~objects["stamp"], "snr"] < 5).all()
    assert len(chosen) >= 11
    assert stamps.attributes["pixel_scale_arcsec"] == pytest.approx(SCALE_ARCSEC)
    assert stamps.attributes["units"] == "nJy"
    np.testing.assert_allclose(stamps.columns["noise_sigma"], NOISE_NJY, rtol=0.25)
    np.testing.assert_array_equal(stamps.columns["ra_deg"], chosen["ra_deg"])
    assert np.hypot(stamps.columns["ra_deg"] - 150, stamps.columns["dec_deg"] - 2).max() < 0.02
    brightest = np.argmax(chosen["flux_r"])
    row = chosen.iloc[brightest]
    left, low = (round(row[axis] - 15.5) for axis in "xy")
    if 0 <= left <= 224 and 0 <= low <= 224:
        cut = small_field.pixels[low : low + 32, left : left + 32]
        difference = cut - stamps.images[brightest, 0]
        assert difference.std() < 5  # a level and a slope were taken away, nothing else
    sky = read_sky(tmp_path / "sky.h5")
    assert sky.pixels.shape == (5, 1, 40, 40)
    assert sky.bands == ["r"]
    assert sky.noise_sigma_njy == pytest.approx([NOISE_NJY], rel=0.25)
    assert np.abs(np.median(sky.pixels[:, :, 14:26, 14:26])) < NOISE_NJY / 2
    depth = json.loads(objects.attrs["frames"])["a"]["depth_mag_ab"]["r"]
    assert 22 < depth < 23.5


def test_fields_in_radii_conserve_flux(tmp_path):
    fits.writeto(tmp_path / "a.fits", frame_of([(100, 100)], sigma=4.0), header(SIDE))
    settings = settings_with(image_pixels=24, field_radii=6.0, magnitude_range=(17, 20))
    stamps, _, _ = detect_frames(tmp_path, settings)
    assert len(stamps) == 1
    assert stamps.images.sum() == pytest.approx(2e5, rel=0.02)
    # the noise of a larger pixel is that of as many small ones
    field = round(6 * 4 * np.sqrt(2 * np.log(10)))
    assert stamps.columns["noise_sigma"][0, 0] == pytest.approx(NOISE_NJY * field / 24, rel=0.1)
    assert np.isnan(stamps.attributes["pixel_scale_arcsec"])


def test_parts_of_one_region_are_one_system(tmp_path):
    places = [(50, 50), (120, 50), (131, 50)]
    fits.writeto(tmp_path / "a.fits", frame_of(places), header(SIDE))
    stamps, objects, _ = detect_frames(tmp_path, settings_with(image_pixels=16, min_snr=30))
    system = dict(zip(objects[objects["stamp"]]["x"].round(), stamps.columns["system_id"]))  # noqa: B905
    assert system[120] == system[131] != system[50]


def test_a_stamp_that_leaves_the_frame_is_flagged_and_empty(tmp_path):
    fits.writeto(tmp_path / "a.fits", frame_of([(10, 100), (100, 100)]), header(SIDE))
    stamps, _, _ = detect_frames(tmp_path, settings_with(image_pixels=64, min_snr=30))
    outside = stamps.columns["flag"] & StampFlag.BAD_IMAGE > 0
    assert outside.tolist().count(True) == 1
    assert not stamps.images[outside].any()
    assert stamps.images[~outside].any()


def test_bands_in_files_of_their_own_masks_and_weights(tmp_path):
    pixels = frame_of([(60, 60), (140, 140)])
    for name, factor in (("f-g", 1.0), ("f-r", 2.0)):
        fits.writeto(tmp_path / f"{name}.fits", pixels * factor, header(SIDE))
    mask = np.zeros((SIDE, SIDE), dtype=np.int16)
    mask[60, 61], mask[140, 140] = 4, 1  # bit 1 is harmless here
    weight = np.ones((SIDE, SIDE))
    weight[10, 10] = 0
    fits.writeto(tmp_path / "f.mask.fits", mask)
    fits.writeto(tmp_path / "f.wht.fits", weight)
    settings = settings_with(
        bands=["g", "r"],
        band_files=["*-g", "*-r"],
        mask_files=["*.mask"],
        mask_bits=4,
        weight_files=["*.wht"],
        zero_point_mag_ab=[23.9, 22.5],
        image_pixels=16,
        min_snr=30,
    )
    image = read_fits_image(tmp_path / "f-g.fits", settings)
    assert np.argwhere(image.bad).tolist() == [[10, 10], [60, 61]]
    np.testing.assert_allclose(image.njy_per_unit, [1e3, 3630.78], rtol=1e-4)
    stamps, objects, _ = detect_frames(tmp_path, settings)
    assert objects["frame"].unique().tolist() == ["f"]
    chosen = objects[objects["stamp"]]
    assert sorted(chosen["flag"]) == [0, StampFlag.MASKED]
    np.testing.assert_allclose(chosen["flux_r"] / chosen["flux_g"], 2 * 3.63078, rtol=1e-3)
    assert np.isfinite(stamps.images).all()


def test_a_broken_frame_is_left_out(frames, caplog):
    (frames / "b.fits").write_bytes((frames / "a.fits").read_bytes()[:5000])
    fits.writeto(frames / "c.fits", np.full((64, 64), np.nan), header(64))
    _, objects, _ = detect_frames(frames, settings_with(image_pixels=16))
    assert objects["frame"].unique().tolist() == ["a"]
    assert "b.fits: not a readable FITS file" in caplog.text
    assert "c.fits: the frame has no good pixel" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pattern": "x*"}, r"x\*: no frames; expected files named .fits"),
        ({"bands": ["g", "r"]}, "none of 1 frames can be used; got .*a.fits: a FITS image has an"),
        ({"n_sigma": 1e9}, "no object was found; got 1 usable frames of 1; lower n_sigma"),
        ({"magnitude_range": (1, 2)}, "no object is wanted; widen magnitude_range"),
        ({"sky_patches": 1, "sky_patch_px": 300}, "no patch of sky is clear in its middle"),
    ],
)
def test_refusals(frames, changes, message):
    with pytest.raises(Sim2SkyError, match=message):
        detect_frames(frames, settings_with(**changes))


def test_no_folder(tmp_path):
    with pytest.raises(Sim2SkyError, match="no frames"):
        detect_frames(tmp_path / "nothing", settings_with())


def test_patches_need_a_file(frames, tmp_path):
    with pytest.raises(Sim2SkyError, match="--sky: patches of sky need a file; got sky_patches 3"):
        detect(
            '{"bands": ["r"], "sky_patches": 3}', frames, tmp_path / "s.h5", tmp_path / "o.parquet"
        )


def test_patches_are_the_same_each_time(frames):
    settings = settings_with(image_pixels=16, sky_patches=4, sky_patch_px=32)
    first, second = (detect_frames(frames, settings)[2].pixels for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_file_without_patches(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["patches"] = np.empty((0, 1, 8, 8))
    with pytest.raises(Sim2SkyError, match="no patches of sky; make them with `sim2sky detect"):
        read_sky(tmp_path / "s.h5")
