"""Segments, components and sky against what the images were made of."""

import numpy as np
import pytest

from sim2sky.measure.footprint import significant_light
from sim2sky.measure.segmentation import central_number, components, segments
from sim2sky.measure.settings import MeasureSettings
from sim2sky.measure.sky import border_sky

SETTINGS = MeasureSettings()


def test_border_tells_level_and_scatter_whatever_is_inside(galaxy):
    random = np.random.default_rng(0)
    image = 100 * galaxy() + random.normal(7, 0.5, size=(61, 61))
    level, sigma = border_sky(image)
    assert level == pytest.approx(7, abs=0.06)
    assert sigma == pytest.approx(0.5, rel=0.08)
    image[:6, :6] = 1e4  # a star in a corner
    assert border_sky(image) == pytest.approx((level, sigma), abs=0.05)


def test_segment_ends_at_the_isophote(galaxy):
    # a Gaussian of scale s falls to a tenth of its centre at radius s sqrt(2 ln 10)
    regions = segments(galaxy(scale=7), 0.02, SETTINGS)
    assert (regions == central_number(regions)).sum() == pytest.approx(
        np.pi * 49 * 2 * np.log(10), rel=0.03
    )


def test_neighbour_beside_the_galaxy_is_another_region(galaxy):
    regions = segments(galaxy() + galaxy(20, 20), 0.02, SETTINGS)
    assert len(np.unique(regions)) == 3
    segment = regions == central_number(regions)
    assert segment[30, 30]
    assert not segment[50, 50]


def test_pair_centred_between_its_nuclei_is_found(galaxy):
    regions = segments(galaxy(0, -7.5, 1.5) + galaxy(0, 7.5, 1.5), 0.02, SETTINGS)
    assert regions[30, 30] == 0
    assert central_number(regions) > 0


def test_nothing_near_the_centre_is_no_galaxy(galaxy):
    assert central_number(segments(galaxy(20, 20), 0.02, SETTINGS)) == 0
    empty = segments(np.zeros((61, 61)), 0.02, SETTINGS)
    assert not empty.any()
    assert central_number(empty) == 0


@pytest.mark.parametrize("ratio", [0.5, 0.9])
def test_components_of_a_pair(galaxy, ratio):
    image = galaxy(0, -5, 2.0) + ratio * galaxy(0, 5, 2.0)
    regions = segments(image, 0.001, SETTINGS)
    found = components(image, regions == central_number(regions), SETTINGS)
    assert found.count == 2
    assert found.second_ratio == pytest.approx(ratio, rel=0.03)
    assert found.separation_px == pytest.approx(10, abs=0.3)


def test_single_galaxy_has_no_second_component(galaxy):
    image = galaxy()
    found = components(image, image > 0.05, SETTINGS)
    assert (found.count, found.second_ratio) == (1, 0.0)
    assert np.isnan(found.separation_px)


def test_segment_with_negative_pixels_is_deblended(galaxy):
    image = galaxy(0, -5, 2.0) + 0.5 * galaxy(0, 5, 2.0)
    image[30, 30] = -0.1
    found = components(image, np.abs(image) > 0.005, SETTINGS)
    assert found.count == 2
    assert found.second_ratio == pytest.approx(0.5, rel=0.1)


def test_significant_light_is_above_each_images_own_sky(galaxy):
    random = np.random.default_rng(0)
    faint = galaxy() + galaxy(20, 20) + random.normal(scale=0.01, size=(61, 61))
    light = significant_light(np.stack([faint, 1000 + 50 * faint]), 5.0)
    assert light[:, 30, 30].all()
    assert light[:, 50, 50].all()
    assert not light[:, 10, 30].any()
    np.testing.assert_array_equal(light[0], light[1])
