"""The fast morphology gives what statmorph itself gives."""

import warnings

import numpy as np
import pytest
from skimage.transform import rotate
from statmorph import SourceMorphology

from sim2sky.measure.columns import QUANTITIES, SERSIC
from sim2sky.measure.nonparametric import half_turn, half_turn_nearest, nonparametric
from sim2sky.measure.segmentation import central_number, segments
from sim2sky.measure.settings import MeasureSettings

SETTINGS = MeasureSettings(sersic_iterations=500)
SIGMA = 0.02


@pytest.fixture(scope="module")
def disturbed(galaxy):
    """A galaxy with a companion in its segment and a neighbour that has to be masked."""
    random = np.random.default_rng(1)
    image = galaxy(scale=4) + 0.7 * galaxy(7, 3, scale=2) + 0.5 * galaxy(-20, 15, scale=2)
    image = image + random.normal(scale=SIGMA, size=image.shape)
    regions = segments(image, SIGMA, SETTINGS)
    return image, regions, central_number(regions)


@pytest.fixture(scope="module")
def measured(disturbed):
    return nonparametric(*disturbed, SIGMA, SETTINGS)


@pytest.fixture(scope="module")
def reference(disturbed):
    image, regions, number = disturbed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights = np.full(image.shape, SIGMA)
        return SourceMorphology(
            image, regions, number, weightmap=weights, skybox_size=SETTINGS.skybox_pixels
        )


@pytest.mark.parametrize("name", sorted({*QUANTITIES} - {"multimode"}))
def test_agrees_with_statmorph(measured, reference, name):
    # the minimiser of the asymmetry stops where its steps are small
    assert measured[name] == pytest.approx(reference[QUANTITIES[name]], rel=1e-3)


def test_multimode_is_close_to_statmorphs(measured, reference):
    assert measured["multimode"] == pytest.approx(reference.multimode, abs=0.03)
    assert measured["multimode"] > 0.05


@pytest.mark.parametrize("name", sorted(SERSIC))
def test_sersic_fit_agrees_with_statmorph(measured, reference, name):
    assert measured[name] == pytest.approx(reference[SERSIC[name]], rel=0.02)


def test_flags_are_statmorphs(measured, reference):
    assert measured["statmorph_flag"] == reference.flag == 0
    assert measured["sersic_flag"] == reference.flag_sersic == 0


@pytest.mark.parametrize("centre", [(30.0, 30.0), (28.3, 31.7), (25.5, 40.0)])
def test_half_turn_is_a_rotation(disturbed, centre):
    image, regions, _ = disturbed
    expected = rotate(image, 180.0, center=centre, order=1)
    np.testing.assert_allclose(half_turn(image, centre), expected, atol=1e-10)
    mask = regions > 0
    expected = rotate(mask.astype(float), 180.0, center=centre, order=0) > 0.5
    np.testing.assert_array_equal(half_turn_nearest(mask, centre), expected)


def test_exponential_and_gaussian_have_their_sersic_index():
    y, x = np.mgrid[:81, :81] - 40.0
    radius = np.hypot(y, x)
    for index, light in ((1.0, np.exp(-radius / 4)), (0.5, np.exp(-(radius**2) / (2 * 5**2)))):
        regions = segments(light, 0.002, SETTINGS)
        shape = nonparametric(light, regions, central_number(regions), 0.002, SETTINGS)
        assert shape["sersic_n"] == pytest.approx(index, rel=0.05)
        assert shape["asymmetry_circle"] == pytest.approx(0, abs=0.01)


def test_image_without_noise_is_not_flagged_for_its_wings():
    y, x = np.mgrid[:81, :81] - 40.0
    light = np.exp(-np.hypot(y, x) / 5)
    regions = segments(light, 0.01, SETTINGS)
    assert nonparametric(light, regions, central_number(regions), 0.01, SETTINGS)[
        "statmorph_flag"
    ] in (0, 1)


def test_fit_can_be_left_out(disturbed):
    shape = nonparametric(*disturbed, SIGMA, MeasureSettings(sersic_iterations=0))
    assert np.isnan(shape["sersic_n"])
    assert shape["sersic_flag"] == -1
    assert np.isfinite(shape["gini"])


def test_galaxy_that_cannot_be_measured_is_flagged():
    regions = np.zeros((61, 61), dtype=int)
    regions[29:32, 29:32] = 1
    negative = nonparametric(np.full((61, 61), -1.0), regions, 1, SIGMA, SETTINGS)
    broken = nonparametric(np.full((61, 61), np.nan), regions, 1, SIGMA, SETTINGS)
    for shape in (negative, broken):
        assert shape["statmorph_flag"] == 4
        assert all(np.isnan(shape[name]) for name in (*QUANTITIES, *SERSIC))
