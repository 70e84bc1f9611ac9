import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.physical_models import BlackBody
from photutils.centroids import centroid_com

from sim2sky.observe.stars import _PLAIN_MAG, paint_point, paint_star, stellar_flux

WAVELENGTH = np.array([0.7625, 0.6231, 0.477])


def test_colours_are_a_black_bodys():
    flux = stellar_flux(np.array([2.0, 3.0]), WAVELENGTH, np.array([3500.0, 7000.0]))
    for row, temperature, middle in ((0, 3500, 2.0), (1, 7000, 3.0)):
        planck = BlackBody(temperature * u.K)(WAVELENGTH * u.um).value
        assert flux[row] == pytest.approx(middle * planck / planck[1], rel=1e-4)


def test_the_sun_lies_on_the_stellar_locus():
    """g-r = 0.44, r-i = 0.11 (sdss.org/dr16/algorithms/ugrizVegaSun), lines included."""
    i, r, g = stellar_flux(np.ones(1), WAVELENGTH, np.array([5772.0]))[0]
    assert 2.5 * np.log10(r / g) == pytest.approx(0.44, abs=0.05)
    assert 2.5 * np.log10(i / r) == pytest.approx(0.11, abs=0.05)


def test_a_point_keeps_its_flux_and_place():
    image = np.zeros((2, 21, 21))
    paint_point(image, 7.25, 12.6, np.array([1.0, 5.0]))
    assert image.sum(axis=(1, 2)) == pytest.approx([1, 5])
    assert centroid_com(image[0]) == pytest.approx([7.25, 12.6])


def test_a_bright_star_keeps_its_flux():
    image = np.zeros((2, 801, 801))
    paint_star(image, (400.0, 400.0), np.array([1e9, 2e9]), 0.25, 0.4)
    # the wings of an infinite field end at its edge: r^-1 of the halo, and those of the spikes
    assert image[0].sum() == pytest.approx(1e9, rel=0.004)
    assert image[1] == pytest.approx(2 * image[0])
    assert centroid_com(image[0]) == pytest.approx([400, 400], abs=0.01)


def test_spikes_point_where_they_are_told():
    image = np.zeros((1, 201, 201))
    paint_star(image, (100.0, 100.0), np.array([1e9]), 0.4, np.radians(30))
    rows, columns = np.indices((201, 201)) - 100
    ring = np.abs(np.hypot(rows, columns) - 60) < 1
    angle = np.degrees(np.arctan2(rows, columns))[ring]
    brightest = angle[np.argsort(-image[0][ring])][:8]
    assert np.abs((brightest - 30 + 45) % 90 - 45).max() < 2


def test_a_star_outside_lights_the_edge_that_it_is_near():
    image = np.zeros((1, 100, 100))
    paint_star(image, (-10.0, 50.0), np.array([1e9]), 0.4, 0.1)
    assert image[0, :, 0].sum() > 10 * image[0, :, 99].sum() > 0


def test_a_faint_star_is_a_point():
    image = np.zeros((1, 30, 30))
    paint_star(image, (10.0, 12.0), np.array([3631e9 * 10 ** (-0.4 * (_PLAIN_MAG + 0.1))]), 0.4, 0)
    assert np.count_nonzero(image) == 1
