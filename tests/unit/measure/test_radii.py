import numpy as np
import pytest

from sim2sky.measure.radii import half_light_radius, pixel_radii


def test_radii_are_counted_from_the_middle():
    np.testing.assert_allclose(pixel_radii(3, 3)[0], [np.sqrt(2), 1, np.sqrt(2)])
    assert pixel_radii(2, 4)[0, 0] == pytest.approx(np.hypot(0.5, 1.5))


def test_half_of_a_gaussian_lies_within_sqrt_2_ln_2_sigma():
    sigma = np.array([5.0, 10.0])
    light = np.exp(-0.5 * (pixel_radii(101, 101) / sigma[:, None, None]) ** 2)
    expected = np.sqrt(2 * np.log(2)) * sigma
    np.testing.assert_allclose(half_light_radius(light), expected, rtol=0.03)
    # what is below the sky counts as nothing
    ring = pixel_radii(101, 101) > 45
    np.testing.assert_allclose(half_light_radius(light - 5 * ring), expected, rtol=0.03)
    assert np.isnan(half_light_radius(np.zeros((1, 8, 8)))).all()
