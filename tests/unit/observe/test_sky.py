import numpy as np
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.instrument import survey_bands
from sim2sky.observe.mock import observe_maps
from sim2sky.observe.settings import ObserveSettings
from sim2sky.observe.sky import SkyPatches, read_sky, write_sky

BANDS = ["F814W", "F160W"]


@pytest.fixture
def hst(survey):
    return survey("hst_wfc3_acs")


@pytest.fixture
def sky(hst):
    """Correlated noise, rms 3 and 6, with a star in the corner of each patch."""
    random = np.random.default_rng(0)
    white = random.normal(size=(6, 2, 90, 90))
    pixels = (white + np.roll(white, 1, axis=3)) / np.sqrt(2) * np.array([3, 6])[:, None, None]
    pixels[:, :, 10, 10] = 1000.0
    return SkyPatches(pixels.astype("f4"), BANDS, hst.pixel_scale_arcsec)


def observed(path, hst, sky, **changes):
    return observe_maps(path, hst, ObserveSettings(bands=BANDS, image_pixels=60, **changes), sky)


def test_mocks_lie_on_the_surveys_own_sky(make_maps, hst, sky):
    path = make_maps()
    stamps = observed(path, hst, sky, poisson=False)
    clean = observed(path, hst, None, noise=False)
    background = stamps.images - clean.images
    assert background[:, 0].std() == pytest.approx(3, rel=0.05)
    assert background[:, 1].std() == pytest.approx(6, rel=0.05)
    np.testing.assert_allclose(stamps.columns["noise_sigma"][0], [3, 6], rtol=0.05)
    # neighbouring pixels go together, along x or, turned, along y
    across = [
        np.mean(image[:, 1:] * image[:, :-1]) / image.var()
        for stamp in background
        for image in (stamp[0], stamp[0].T)
    ]
    assert max(across) == pytest.approx(0.5, abs=0.06)
    # every stamp is a part of one of the patches
    for stamp in background:
        middle = sky.pixels[:, :, 15:75, 15:75]
        turned = [
            np.rot90(p, k, axes=(1, 2))[:, ::step]
            for p in middle
            for k in range(4)
            for step in (1, -1)
        ]
        assert min(np.abs(stamp - each).max() for each in turned) < 1e-3


def test_the_galaxys_own_photons_add_noise(make_maps, hst, sky):
    path = make_maps()
    still, noisy = (observed(path, hst, sky, poisson=poisson) for poisson in (False, True))
    (band, _) = survey_bands(hst, BANDS, None)
    clean = observed(path, hst, None, noise=False).images[:, 0].astype(float)
    difference = (noisy.images - still.images)[:, 0]
    bright = clean > 0.5 * clean.max()
    expected = np.sqrt(clean[bright] / band.electrons_per_njy)
    assert (difference[bright] / expected).std() == pytest.approx(1, abs=0.15)


def test_a_stamp_does_not_depend_on_the_others(make_maps, hst, sky):
    whole = observed(make_maps(), hst, sky)
    part = observed(make_maps(n=2, name="part.h5"), hst, sky)
    np.testing.assert_array_equal(whole.images[:2], part.images)


def test_the_file_keeps_patches(sky, tmp_path):
    write_sky(sky, tmp_path / "sky.h5", {"stage": "detect"})
    back = read_sky(tmp_path / "sky.h5")
    np.testing.assert_array_equal(back.pixels, sky.pixels)
    assert (back.bands, back.pixel_scale_arcsec) == (BANDS, sky.pixel_scale_arcsec)


def test_bands_are_found_by_name(hst, sky):
    turned = sky.for_bands(survey_bands(hst, BANDS[::-1], None), "sky")
    np.testing.assert_array_equal(turned.pixels, sky.pixels[:, ::-1])


def test_refusals(make_maps, hst, sky):
    path = make_maps()
    with pytest.raises(Sim2SkyError, match="patches of sky are noise; got False"):
        observed(path, hst, sky, noise=False)
    with pytest.raises(Sim2SkyError, match="sky: the patches of sky lack band F160W; got F814W"):
        observed(path, hst, SkyPatches(sky.pixels[:, :1], ["F814W"], sky.pixel_scale_arcsec))
    with pytest.raises(Sim2SkyError, match="patches of sky and mocks have other pixels; got 0.2"):
        observed(path, hst, SkyPatches(sky.pixels, BANDS, 0.2))
    small = SkyPatches(sky.pixels[..., :40, :40], BANDS, sky.pixel_scale_arcsec)
    with pytest.raises(Sim2SkyError, match="smaller than the field of a mock; got 40 pixels"):
        observed(path, hst, small)
