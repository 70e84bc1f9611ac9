import numpy as np
import pandas as pd
import pytest

from sim2sky.build.dataset import read_dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.ladder.galaxies import (
    choose_galaxies,
    holds_light,
    read_galaxies,
)
from sim2sky.ladder.plan import PLAIN_SCENE as PLAIN
from sim2sky.ladder.render import depths, galaxy_properties, observe_rung, selected
from sim2sky.ladder.survey import depth_per_arcsec2, rung_bands, scaled_psf, with_exposure
from sim2sky.measure.radii import pixel_radii
from sim2sky.observe.flux import NJY_AT_MAG_ZERO
from sim2sky.observe.instrument import psf_fwhm_arcsec
from sim2sky.observe.mock import observe_maps
from sim2sky.observe.settings import ObserveSettings, PsfSettings, SceneSettings

CLEAN = ObserveSettings(bands=["F814W", "F160W"], noise=False, image_pixels=32)
NOISY = CLEAN.model_copy(update={"noise": True})


@pytest.fixture(scope="module")
def hst(survey):
    return survey("hst_wfc3_acs")


@pytest.fixture(scope="module")
def galaxies(sample, hst, rung):
    dataset = read_dataset(sample.datasets["clean"], "test", labels=True)
    return read_galaxies(
        choose_galaxies(dataset, 8, seed=0), [sample.maps], rung_bands(hst, rung())
    )


@pytest.mark.parametrize(("domain", "observe"), [("clean", CLEAN), ("noisy", NOISY)])
def test_a_rung_that_adds_nothing_gives_the_domains_own_stamps(
    domain, observe, sample, galaxies, hst, rung
):
    images = observe_rung(galaxies, rung(observe), hst)
    stamps = sample.stamps[domain]
    keys = list(zip(stamps.columns["galaxy_id"], stamps.columns["view"], strict=True))
    columns = galaxies.columns
    rows = [keys.index(key) for key in zip(columns["galaxy_id"], columns["view"], strict=True)]
    np.testing.assert_array_equal(images, stamps.images[rows])


def test_a_scene_too_is_the_domains_own(sample, galaxies, hst, rung):
    """Stars, neighbours, seeing and sky residuals are those of the same draws."""
    bands = {
        name: band.model_copy(update={"wavelength_um": wavelength})
        for (name, band), wavelength in zip(hst.bands.items(), (0.8, 1.5, 3.6), strict=True)
    }
    coloured = hst.model_copy(update={"bands": bands})
    scene = SceneSettings(
        size_arcsec=(0.3, 0.6), surface_brightness=(24, 0.5), stars_per_arcmin2=2000.0,
        superposed_stars=2.0, neighbours=2.0, sky_residual_sigma=0.5, thumbnail_pixels=40,
    )  # fmt: skip
    observe = NOISY.model_copy(update={"scene": scene})
    images = observe_rung(galaxies, rung(observe), coloured)
    stamps = observe_maps(sample.maps, coloured, observe)
    keys = list(zip(stamps.columns["galaxy_id"], stamps.columns["view"], strict=True))
    columns = galaxies.columns
    rows = [keys.index(key) for key in zip(columns["galaxy_id"], columns["view"], strict=True)]
    np.testing.assert_array_equal(images, stamps.images[rows])
    # without its surroundings a galaxy has the brightness of the same draw
    _, table = galaxy_properties(galaxies, rung(observe), coloured)
    bare = observe.model_copy(update={"noise": False, "scene": scene.model_copy(update=PLAIN)})
    flux = observe_rung(galaxies, rung(bare), coloured)[:, 1].sum(axis=(1, 2))
    expected = -2.5 * np.log10(flux / NJY_AT_MAG_ZERO)
    np.testing.assert_allclose(table["magnitude"], expected, atol=1e-4)
    assert table["half_light_arcsec"].between(0.05, 0.6).all()


def test_galaxies_are_balanced_and_spread_over_systems(galaxies):
    assert np.bincount(galaxies.columns["label"]).tolist() == [4, 4]
    assert len(np.unique(galaxies.columns["system_id"])) == 8


def test_without_psf_and_pixel_a_stamp_is_the_map(galaxies, hst, rung):
    """Maps of twice the stamp's pixels: a stamp's pixel lies between four of the map's."""
    image = observe_rung(galaxies, rung(psf_factor=0.0, pixel=False), hst)[0, 0]
    light = galaxies.maps[0, 0].astype(float)
    corners = [light[a::2, b::2] for a in (0, 1) for b in (0, 1)]
    # far from the cusp, where interpolation between pixels has nothing to guess
    smooth = pixel_radii(32, 32) > 5
    assert np.abs(image - np.sum(corners, axis=0))[smooth].max() < 0.02 * image[smooth].max()
    with_pixel = observe_rung(galaxies, rung(psf_factor=0.0), hst)[0, 0]
    with_psf = observe_rung(galaxies, rung(), hst)[0, 0]
    assert image.max() > with_pixel.max() > with_psf.max()
    assert with_pixel.sum() == pytest.approx(light.sum(), rel=0.01)


@pytest.mark.parametrize("factor", [1 / 64, 1 / 4, 0.3, 3, 64])
@pytest.mark.parametrize("name", ["hst_wfc3_acs", "lsst_y10", "sdss"])
def test_exposure_time_is_multiplied_exactly(factor, name, survey):
    for band in survey(name).bands.values():
        changed = with_exposure(band, factor)
        total = band.exposure_s * band.n_exposures
        assert changed.exposure_s * changed.n_exposures == pytest.approx(factor * total)
        assert changed.n_exposures == max(1, round(factor * band.n_exposures))


def test_noise_falls_with_the_root_of_the_exposure(hst, rung):
    """Exactly so by whole exposures: sky, dark and read noise all add up."""
    bands = {f: rung_bands(hst, rung(NOISY, exposure_factor=f)) for f in (1, 4, 16)}
    sigma = {f: np.array([band.noise_sigma_njy for band in bands[f]]) for f in bands}
    np.testing.assert_allclose(sigma[4], sigma[1] / 2)
    np.testing.assert_allclose(sigma[16], sigma[1] / 4)
    # less than one exposure is a shorter one, with a whole read noise
    short = rung_bands(hst, rung(NOISY, exposure_factor=1 / 64))[0]
    assert short.noise_sigma_njy > 8 * sigma[1][0]


def test_noise_in_the_stamps_is_that_of_the_exposure(galaxies, hst, rung):
    clean = observe_rung(galaxies, rung(), hst)
    for factor in (0.25, 4):
        shown = rung(NOISY, exposure_factor=factor)
        residual = observe_rung(galaxies, shown, hst) - clean
        border = residual[..., :4, :]
        for band, expected in enumerate(rung_bands(hst, shown)):
            assert border[:, band].std() == pytest.approx(expected.noise_sigma_njy, rel=0.1)


def test_depths_follow_from_the_noise(hst, rung):
    band = rung_bands(hst, rung(NOISY))[1]
    pixels = 1 / band.pixel_scale_arcsec**2  # in a square arcsecond
    flux = 5 * band.noise_sigma_njy * np.sqrt(pixels)
    assert depth_per_arcsec2(band) == pytest.approx(-2.5 * np.log10(flux / NJY_AT_MAG_ZERO))
    here, deeper = (depths(hst, rung(NOISY, exposure_factor=f)) for f in (1, 16))
    assert here["depth_band"] == "F160W"
    gain = deeper["depth_mag_arcsec2"] - here["depth_mag_arcsec2"]
    assert gain == pytest.approx(2.5 * np.log10(4))
    assert here["depth_mag_ab"] == band.depth_5sigma_mag_ab()
    assert np.isnan(depths(hst, rung(CLEAN))["depth_mag_ab"])


def test_psf_widths_are_multiplied(tmp_path):
    moffat = PsfSettings(kind="moffat", fwhm_arcsec=0.1, beta=2.0)
    assert psf_fwhm_arcsec(scaled_psf(moffat, 3, 0.06)) == pytest.approx(0.3)
    assert scaled_psf(moffat, 1, 0.06) is moffat
    assert scaled_psf(moffat, 0, 0.06).fwhm_arcsec == pytest.approx(6e-5)
    measured = PsfSettings(kind="image", path=tmp_path / "psf.fits", pixel_scale_arcsec=0.2)
    assert scaled_psf(measured, 1.5, 0.06).pixel_scale_arcsec == pytest.approx(0.3)


def test_the_pixels_that_hold_the_light():
    """A Gaussian's brightest 90 % lie within sqrt(-2 ln 0.1) sigma."""
    radius = pixel_radii(201, 201) / 100.5
    inside = holds_light(np.exp(-0.5 * (radius / 0.15) ** 2)[None], 0.9)[0]
    expected = radius <= 0.15 * np.sqrt(-2 * np.log(0.1))
    assert (inside != expected).mean() < 0.002
    flat = np.array([[[4.0, 3.0], [2.0, 1.0]]])
    assert holds_light(flat, 0.7).tolist() == [[[True, True], [False, False]]]
    assert holds_light(flat, 0.71).tolist() == [[[True, True], [True, False]]]


def test_properties_are_those_of_the_map(galaxies, hst, rung):
    light, table = galaxy_properties(galaxies, rung(NOISY), hst)
    assert light.shape == (8, 32, 32)
    flux = galaxies.maps[:, 1].sum(axis=(1, 2))
    expected = -2.5 * np.log10(flux / NJY_AT_MAG_ZERO)
    np.testing.assert_allclose(table["magnitude"], expected, atol=0.06)  # the PSF spreads some
    np.testing.assert_allclose(table["half_light_arcsec"], table["r50"] * 16 * 0.06)
    area = 2 * np.pi * table["half_light_arcsec"] ** 2
    np.testing.assert_allclose(
        table["surface_brightness"], table["magnitude"] + 2.5 * np.log10(area)
    )


def test_selections(rung):
    table = pd.DataFrame({"magnitude": [16.0, 17.0, 18.0, 19.0], "surface_brightness": 22.0})
    table = table.assign(half_light_arcsec=1.0, redshift=0.1)
    assert selected(table, rung()).all()
    kept = selected(table, rung(select="magnitude < 18 and half_light_arcsec > 0.5"))
    assert kept.tolist() == [True, True, False, False]
    with pytest.raises(Sim2SkyError, match="the selection is no query of the galaxies"):
        selected(table, rung(select="mag < 18"))
    with pytest.raises(Sim2SkyError, match="keeps too few galaxies"):
        selected(table, rung(select="magnitude < 16.5"))


def test_what_is_missing_is_named(sample, galaxies, hst, rung):
    columns = {name: values.copy() for name, values in galaxies.columns.items()}
    columns["view"] = columns["view"] + 5
    with pytest.raises(Sim2SkyError, match="the maps lack 8 of 8 test galaxies"):
        read_galaxies(columns, [sample.maps], rung_bands(hst, rung()))
    with pytest.raises(Sim2SkyError, match="a rung wants patches of sky"):
        observe_rung(galaxies, rung(NOISY, sky=True), hst)
    scene = CLEAN.model_copy(update={"scene": SceneSettings(size_arcsec=(1, 2))})
    with pytest.raises(Sim2SkyError, match="has no wavelength_um of F814W, F160W"):
        observe_rung(galaxies, rung(scene), hst)
