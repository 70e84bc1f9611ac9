import numpy as np
import pytest

from sim2sky.measure.asymmetry import asymmetry

EVERYWHERE = np.ones((61, 61), dtype=bool)


@pytest.mark.parametrize("centre", [(0, 0), (1, -0.5), (-1.5, 2)])
def test_symmetric_galaxy_has_none_even_off_centre(galaxy, centre):
    assert asymmetry(galaxy(*centre), EVERYWHERE) == pytest.approx(0, abs=2e-3)


def test_companion_counts_twice_its_flux_share(galaxy):
    # the companion and its mirror image both differ: A = 2 x 0.25 / 1.25
    image = galaxy() + galaxy(12, 0, scale=1.5)
    assert asymmetry(image, EVERYWHERE) == pytest.approx(2 * 0.25 / 1.25, rel=0.02)


def test_what_is_beside_the_segment_does_not_count(galaxy):
    pair = galaxy() + galaxy(0, 24)
    assert asymmetry(pair, galaxy() > 0.01) == pytest.approx(0, abs=1e-3)
    assert asymmetry(pair, EVERYWHERE) > 0.5


def test_segment_is_compared_with_its_own_half_turn(galaxy):
    # the aperture holds the mirror image of a one-sided segment too, where there is no light
    image = galaxy() + galaxy(12, 0, scale=1.5)
    assert asymmetry(image, image > 0.01) == pytest.approx(2 * 0.25 / 1.25, rel=0.03)


def test_noise_is_corrected_for(galaxy):
    random = np.random.default_rng(0)
    noisy = galaxy(scale=6.0) + random.normal(scale=0.03, size=(60, 61, 61))
    segment = galaxy(scale=6.0) > 0.15
    values = np.array([asymmetry(image, segment) for image in noisy])
    # without the sky term it would be 2 sigma / sqrt(pi) over the mean brightness, 0.08
    assert abs(values.mean()) < 0.02


def test_no_light_no_asymmetry():
    assert np.isnan(asymmetry(np.zeros((20, 20)), np.ones((20, 20), dtype=bool)))
