from pathlib import Path

import galsim
import numpy as np
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.instrument import Band, flux_njy, psf_profile, survey_bands
from sim2sky.observe.mock import with_noise
from sim2sky.observe.settings import BandSettings, PsfSettings, SurveySettings
from sim2sky.settings import parse_settings

SURVEYS = ["hst_wfc3_acs", "lsst_y1", "lsst_y10", "sdss"]
COSMOS = Path(__file__).parents[3] / ".." / "shared/data/psf/hst-acs-cosmos"


def test_every_survey_file_is_valid_and_named_after_itself(survey):
    for name in SURVEYS:
        assert survey(name).name == name


@pytest.mark.parametrize("name", SURVEYS)
def test_background_reproduces_the_published_depth(name, survey):
    """The rms measured in drawn noise gives the published depth to 5 % in flux."""
    for band in survey_bands(survey(name), None, None):
        rng = np.random.default_rng(3)
        drawn = with_noise(np.zeros((400, 400)), band, rng, poisson=True)
        assert abs(drawn.mean()) < 4 * band.noise_sigma_njy / 400
        assert drawn.std() == pytest.approx(band.noise_sigma_njy, rel=0.01)
        error = band.depth_5sigma_mag_ab() - band.settings.depth_5sigma_mag_ab
        assert 10 ** (0.4 * abs(error)) < 1.05, (band.name, error)


@pytest.mark.parametrize(("name", "effective"), [("lsst_r", 0.83), ("lsst_g", 0.87)])
def test_depth_agrees_with_the_published_formula(name, effective, survey):
    """SMTN-002: SNR = C / sqrt(C + (B + read^2) n_eff), n_eff = 2.266 (FWHM_eff/pixel)^2."""
    (band,) = survey_bands(survey("lsst_y10"), [name], None)
    n_eff = 2.266 * (effective / 0.2) ** 2
    noise = (band.background_electrons + band.read_noise_electrons**2) * n_eff
    electrons = flux_njy(band.depth_5sigma_mag_ab()) * band.electrons_per_njy
    assert electrons / np.sqrt(electrons + noise) == pytest.approx(5, rel=0.05)


def band_with(**changes):
    values = {
        "zero_point_mag_ab": 25.0,
        "psf": {"kind": "gaussian", "fwhm_arcsec": 1.0},
        "sky_brightness_mag_arcsec2": 21.0,
        "exposure_s": 50.0,
        "n_exposures": 4,
        "read_noise_electrons": 6.0,
        "dark_electrons_s": 0.1,
        "detector_pixel_arcsec": 0.25,
        "depth_5sigma_mag_ab": 25.0,
    } | changes
    return Band("x", BandSettings(**values, references=dict.fromkeys(values, "test")), 0.5)


def test_counts_by_hand():
    band = band_with()
    # 40 e/s/arcsec^2 of sky over 0.25 arcsec^2 and 200 s, and four detector pixels of dark
    assert band.background_electrons == pytest.approx(10**1.6 * 0.25 * 200 + 4 * 0.1 * 200)
    # four reads of four detector pixels
    assert band.read_noise_electrons == pytest.approx(6 * np.sqrt(16))
    assert band.electrons_per_njy * flux_njy(25.0) == pytest.approx(200)


def test_gaussian_depth_is_the_closed_form():
    band = band_with()
    n_eff = 2.266 * (1.0 / 0.5) ** 2
    noise = n_eff * (band.background_electrons + 36 * 16)
    electrons = (25 + np.sqrt(625 + 100 * noise)) / 2
    expected = 25.0 - 2.5 * np.log10(electrons / 200)
    assert band.depth_5sigma_mag_ab() == pytest.approx(expected, abs=1e-3)


def test_aperture_depth_counts_only_the_light_inside():
    band = band_with(depth_aperture_arcsec=1.0)
    fraction = 0.5  # a Gaussian's light within its half maximum
    noise = np.pi * 0.25 / 0.25 * (band.background_electrons + 36 * 16)
    electrons = (25 + np.sqrt(625 + 100 * noise)) / 2 / fraction
    expected = 25.0 - 2.5 * np.log10(electrons / 200)
    assert band.depth_5sigma_mag_ab() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("kind", ["gaussian", "moffat", "kolmogorov", "airy"])
def test_psf_has_its_width_and_unit_flux(kind):
    psf = psf_profile(
        PsfSettings(kind=kind, fwhm_arcsec=0.3, beta=2.5 if kind == "moffat" else None)
    )
    assert psf.flux == pytest.approx(1)
    assert psf.calculateFWHM() == pytest.approx(0.3, rel=0.01)


@pytest.mark.skipif(not COSMOS.is_dir(), reason="the real COSMOS PSFs are not here")
def test_f814w_agrees_with_real_cosmos_images(survey):
    from astropy.io import fits

    (band,) = survey_bands(survey("hst_wfc3_acs"), ["F814W"], 0.05)
    fractions = []
    with fits.open(COSMOS / "real_galaxy_PSF_images.fits") as hdus:
        for hdu in hdus:
            y, x = np.indices(hdu.data.shape)
            peak = np.unravel_index(hdu.data.argmax(), hdu.data.shape)
            inside = np.hypot(y - peak[0], x - peak[1]) * 0.03 < 0.15
            fractions.append(hdu.data[inside].sum() / hdu.data.sum())
    drawn = galsim.Convolve(band.psf, galsim.Pixel(0.05)).drawImage(
        nx=201, ny=201, scale=0.01, method="no_pixel"
    )
    y, x = np.indices((201, 201)) - 100
    mine = drawn.array[np.hypot(y, x) * 0.01 < 0.15].sum()
    assert mine == pytest.approx(np.mean(fractions), rel=0.05)

    with fits.open(COSMOS / "acs_I_unrot_sci_20_cf.fits") as hdus:
        covariance = hdus[0].data  # of 0.03 arcsec pixels in counts per second
    centre = len(covariance) // 2
    window = slice(centre - 5, centre + 6)  # the drizzle's correlation, not large-scale sky
    per_arcsec = np.sqrt(covariance[window, window].sum()) / 0.03 * flux_njy(25.94)
    assert band.noise_sigma_njy / 0.05 == pytest.approx(per_arcsec, rel=0.10)


def test_unknown_band_names_the_known_ones(survey):
    with pytest.raises(Sim2SkyError, match=r"no band F999.*F814W, F160W"):
        survey_bands(survey("hst_wfc3_acs"), ["F999"], None)


def test_a_value_without_a_reference_is_refused(survey):
    content = survey("sdss").model_dump(exclude_unset=True)
    del content["bands"]["sdss_r"]["references"]["read_noise_electrons"]
    with pytest.raises(Sim2SkyError, match="no reference for read_noise_electrons"):
        parse_settings(SurveySettings, content, "sdss.yaml")


def test_beta_without_moffat_is_refused():
    with pytest.raises(Sim2SkyError, match="beta is needed by a moffat PSF"):
        parse_settings(PsfSettings, {"kind": "gaussian", "fwhm_arcsec": 1, "beta": 3}, "psf")
