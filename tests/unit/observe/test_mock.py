import galsim
import h5py
import numpy as np
import pytest
from photutils.aperture import CircularAperture, aperture_photometry

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.flags import StampFlag
from sim2sky.observe.framing import COSMOLOGY
from sim2sky.observe.instrument import flux_njy, survey_bands
from sim2sky.observe.mock import convolved, observe_maps, with_noise
from sim2sky.observe.settings import ObserveSettings
from sim2sky.settings import parse_settings

CLEAN = ObserveSettings(bands=["F814W", "F160W"], noise=False)
NOISY = CLEAN.model_copy(update={"noise": True})


@pytest.fixture(scope="module")
def hst(survey):
    return survey("hst_wfc3_acs")


@pytest.mark.parametrize("map_pixels", [75, 100, 150])
@pytest.mark.parametrize("name", ["F814W", "F160W"])
def test_convolution_is_the_analytic_one(map_pixels, name, hst, gaussian_map):
    """Pixel and PSF act once: compare with GalSim drawing the Gaussian itself."""
    (band,) = survey_bands(hst, [name], None)
    extent = 75 * band.pixel_scale_arcsec
    sigma = 0.12
    galaxy = gaussian_map(map_pixels, sigma / extent * map_pixels, 1000.0)
    image = convolved(galaxy, extent, band, 75)
    profile = galsim.Convolve(galsim.Gaussian(sigma=sigma, flux=1000.0), band.psf)
    expected = profile.drawImage(nx=75, ny=75, scale=band.pixel_scale_arcsec, dtype=float).array
    assert np.abs(image - expected).max() < 0.003 * expected.max()


@pytest.mark.parametrize("name", ["F814W", "F160W", "F356W"])
def test_flux_is_conserved(name, hst, gaussian_map):
    (band,) = survey_bands(hst, [name], None)
    galaxy = gaussian_map(120, 6.0, 500.0)
    image = convolved(galaxy, 75 * 0.06, band, 101)
    assert image.sum() == pytest.approx(500.0, rel=1e-3)


@pytest.mark.parametrize("name", ["sdss", "lsst_y10"])
def test_aperture_magnitudes_are_those_of_the_map(name, survey, gaussian_map):
    band = survey_bands(survey(name), None, None)[1]
    pixels, flux = 150, flux_njy(18.0)
    extent = 75 * band.pixel_scale_arcsec
    offset = (6.0, -4.0)
    image = convolved(gaussian_map(pixels, 5.0, flux, offset), extent, band, 75)
    # photutils counts pixel centres from zero; the map's centre is at 37
    aperture = CircularAperture((37 + offset[0] / 2, 37 + offset[1] / 2), r=25)
    measured = aperture_photometry(image, aperture)["aperture_sum"][0]
    assert -2.5 * np.log10(measured / flux) == pytest.approx(0, abs=0.02)


def test_source_photons_add_their_noise(hst):
    (band,) = survey_bands(hst, ["F814W"], None)
    bright = 2000.0  # nJy per pixel: far more electrons than the sky
    image = np.full((300, 300), bright)
    noisy = with_noise(image, band, np.random.default_rng(0), poisson=True)
    electrons = bright * band.electrons_per_njy
    variance = electrons + (band.noise_sigma_njy * band.electrons_per_njy) ** 2
    assert noisy.std() * band.electrons_per_njy == pytest.approx(np.sqrt(variance), rel=0.01)
    assert noisy.mean() == pytest.approx(bright, rel=1e-3)
    flat = with_noise(image, band, np.random.default_rng(0), poisson=False)
    assert flat.std() == pytest.approx(band.noise_sigma_njy, rel=0.01)


def test_noisy_and_clean_twins_differ_by_noise_alone(make_maps, hst):
    maps = make_maps()
    clean = observe_maps(maps, hst, CLEAN)
    noisy = observe_maps(maps, hst, NOISY)
    residual = (noisy.images - clean.images) / noisy.columns["noise_sigma"][:, :, None, None]
    border = residual[..., :8, :]
    assert border.std() == pytest.approx(1, rel=0.05)
    assert np.array_equal(clean.columns["noise_sigma"], noisy.columns["noise_sigma"])
    assert clean.images.dtype == np.float32


def test_noise_depends_on_galaxy_view_band_and_survey_only(make_maps, hst):
    maps = make_maps(n=4)
    all_rows = observe_maps(maps, hst, NOISY)
    one_band = observe_maps(maps, hst, NOISY.model_copy(update={"bands": ["F160W"]}))
    assert np.array_equal(one_band.images[:, 0], all_rows.images[:, 1])
    with h5py.File(maps, "r+") as file:  # another order of rows, as in another shard
        for name in file:
            file[name][...] = file[name][:][::-1]
    assert np.array_equal(observe_maps(maps, hst, NOISY).images, all_rows.images[::-1])
    other = observe_maps(maps, hst, NOISY.model_copy(update={"seed": 1}))
    assert not np.array_equal(other.images, all_rows.images[::-1])
    views = all_rows.images - observe_maps(make_maps(n=4), hst, CLEAN).images
    corner = views[:2, 0, :20, :20].reshape(2, -1)
    assert abs(np.corrcoef(corner)[0, 1]) < 0.2


def test_up_stays_up(make_maps, hst):
    maps = make_maps(n=2)
    with h5py.File(maps, "r+") as file:
        spot = np.zeros((60, 60))
        spot[45, 10] = 100.0  # above and left of the centre
        file["maps"][0, 0] = spot
    image = observe_maps(maps, hst, CLEAN).images[0, 0]
    y, x = np.unravel_index(image.argmax(), image.shape)
    assert (y, x) == (round(45.5 / 60 * 75 - 0.5), round(10.5 / 60 * 75 - 0.5))


def test_relative_framing_fills_the_stamp(make_maps, hst):
    stamps = observe_maps(make_maps(), hst, CLEAN)
    assert stamps.columns["scale_arcsec_per_kpc"] == pytest.approx(75 * 0.06 / 36.0)


def test_physical_framing_follows_the_cosmology(make_maps, hst, gaussian_map):
    settings = CLEAN.model_copy(update={"framing": "physical"})
    maps = make_maps(n=2)
    with h5py.File(maps, "r+") as file:
        for band in range(2):
            file["maps"][0, band] = gaussian_map(60, 3.0, 100.0)
    stamps = observe_maps(maps, hst, settings)
    scale = COSMOLOGY.arcsec_per_kpc_proper(2.0).value
    assert stamps.columns["scale_arcsec_per_kpc"] == pytest.approx(scale)
    # second moment: the galaxy's 3 map pixels of 36/60 kpc, the PSF and the pixel in quadrature
    image = stamps.images[0, 1]
    settings = hst.bands["F160W"]
    psf = galsim.Convolve(
        galsim.Gaussian(sigma=3 * 36 / 60 * scale), survey_bands(hst, ["F160W"], None)[0].psf
    ).drawImage(nx=75, ny=75, scale=0.06)
    assert settings.psf.kind == "moffat"
    assert image / image.sum() == pytest.approx(psf.array / psf.array.sum(), abs=2e-5)


def test_magnitude_prior_keeps_colours_and_is_shared_by_surveys(make_maps, hst):
    prior = {"magnitude_range": (20.0, 21.0)}
    maps = make_maps(n=4)
    plain = observe_maps(maps, hst, CLEAN).images.sum(axis=(2, 3))
    drawn = observe_maps(maps, hst, CLEAN.model_copy(update=prior)).images.sum(axis=(2, 3))
    magnitudes = -2.5 * np.log10(drawn[:, 0] / 3631e9)
    assert (magnitudes > 19.99).all()
    assert (magnitudes < 21.01).all()
    assert magnitudes.std() > 0.05
    assert drawn[:, 0] / drawn[:, 1] == pytest.approx(plain[:, 0] / plain[:, 1], rel=1e-4)
    renamed = hst.model_copy(update={"name": "other"})
    again = observe_maps(maps, renamed, CLEAN.model_copy(update=prior)).images.sum(axis=(2, 3))
    assert again == pytest.approx(drawn)


def test_resampled_survey_scales_its_noise_with_the_pixel(make_maps, hst):
    fine = observe_maps(make_maps(), hst, CLEAN)
    coarse = observe_maps(make_maps(), hst, CLEAN.model_copy(update={"pixel_scale_arcsec": 0.12}))
    assert coarse.attributes["pixel_scale_arcsec"] == 0.12
    assert coarse.columns["noise_sigma"] == pytest.approx(2 * fine.columns["noise_sigma"])


def test_nuisance_features_pass_through(make_maps, hst):
    nuisance = observe_maps(make_maps(), hst, CLEAN).nuisance
    assert nuisance["fov_in_sizes"].to_numpy() == pytest.approx(4.5)
    assert nuisance["n_particles"].to_numpy() == pytest.approx(5000)
    assert {"view", "redshift", "centre_offset_px"} <= set(nuisance.columns)


def test_bad_maps_are_flagged_and_empty(make_maps, hst):
    maps = make_maps(n=4)
    with h5py.File(maps, "r+") as file:
        file["maps"][1, 0, 3, 3] = np.nan
        file["maps"][2, 1] = 0.0
        file["flag"][1] = 4
    stamps = observe_maps(maps, hst, NOISY)
    assert stamps.columns["flag"].tolist() == [0, StampFlag.BAD_MAP | 4, StampFlag.EMPTY_MAP, 0]
    assert not stamps.images[1:3].any()
    assert np.isfinite(stamps.images).all()


def test_all_bad_maps_are_an_error(make_maps, hst):
    maps = make_maps(n=2)
    with h5py.File(maps, "r+") as file:
        file["maps"][...] = np.nan
    with pytest.raises(Sim2SkyError, match="every map is bad"):
        observe_maps(maps, hst, CLEAN)


def test_no_rows_are_an_error(make_maps, hst):
    with pytest.raises(Sim2SkyError, match="no maps; use fewer shards"):
        observe_maps(make_maps(n=0), hst, CLEAN)


def test_a_band_that_the_maps_lack_is_an_error(make_maps, hst):
    with pytest.raises(Sim2SkyError, match=r"maps hold no band F160W; got F814W"):
        observe_maps(make_maps(bands=("F814W",)), hst, CLEAN)


def test_a_missing_column_is_named(make_maps, hst):
    with pytest.raises(Sim2SkyError, match="'fov_kpc' is missing"):
        observe_maps(make_maps(skip=("fov_kpc",)), hst, CLEAN)


def test_physical_framing_refuses_redshift_zero(make_maps, hst):
    maps = make_maps(n=2)
    with h5py.File(maps, "r+") as file:
        file["redshift"][...] = 0.0
    with pytest.raises(Sim2SkyError, match="positive redshift"):
        observe_maps(maps, hst, CLEAN.model_copy(update={"framing": "physical"}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"rgb": {}, "bands": ["a"]}, "rgb needs three bands"),
        ({"magnitude_range": [21, 20]}, r"\[bright, faint\]"),
        ({"bandz": []}, "unknown key 'bandz'; known keys: bands"),
    ],
)
def test_settings_explain_themselves(content, message):
    with pytest.raises(Sim2SkyError, match=message):
        parse_settings(ObserveSettings, content, "observe")
