import numpy as np
import pytest

from sim2sky.simulate.eddington import (
    Spheroid,
    disk_enclosed,
    distribution_function,
    radial_grid,
    sample_graded,
    sample_phase_space,
    sample_radii,
    softened_potential,
    stratified,
)
from sim2sky.simulate.gravity import G


def test_unsoftened_potential_is_hernquists():
    grid = np.geomspace(1e-4, 1e6, 4000)
    enclosed = 3.0 * (grid / (grid + 2.0)) ** 2
    at = np.array([0.05, 0.5, 2.0, 30.0])
    expected = -G * 3.0 / (at + 2.0)  # Hernquist (1990), eq. 5
    np.testing.assert_allclose(softened_potential(at, grid, enclosed, 0.0), expected, rtol=2e-3)


def test_softened_potential_of_a_shell_is_the_mean_of_its_bodies():
    count = np.arange(50_000) + 0.5
    z, azimuth = 1 - 2 * count / 50_000, np.pi * (1 + np.sqrt(5)) * count  # Fibonacci's sphere
    flat = np.sqrt(1 - z**2)
    shell = 2.0 * np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), z], axis=1)
    at = np.array([0.3, 1.9, 5.0])
    grid, enclosed = np.array([1.999, 2.001]), np.array([0.0, 1.0])
    kernel = [np.mean(1 / np.sqrt(((shell - [r, 0, 0]) ** 2).sum(axis=1) + 0.5**2)) for r in at]
    found = softened_potential(at, grid, enclosed, 0.5)
    np.testing.assert_allclose(found, -G * np.array(kernel), rtol=1e-4)


def test_distribution_function_is_hernquists():
    # Hernquist (1990), eq. 17 with M = a = 1 and G = 1
    grid = np.geomspace(1e-3, 1e4, 3000)
    density = 1 / (2 * np.pi * grid * (1 + grid) ** 3)
    energy, value = distribution_function(grid, density, -1 / (1 + grid))
    at = np.array([0.1, 0.3, 0.5, 0.8])
    q = np.sqrt(at)
    bracket = 3 * np.arcsin(q) + q * np.sqrt(1 - q**2) * (1 - 2 * q**2) * (8 * q**4 - 8 * q**2 - 3)
    expected = bracket / (8 * np.sqrt(2) * np.pi**3 * (1 - q**2) ** 2.5)
    np.testing.assert_allclose(np.interp(at, energy, value), expected, rtol=0.02)


def test_samples_follow_the_mass_profile():
    halo = Spheroid(50.0, 20.0)
    grid = radial_grid(0.01, 600.0)
    rng = np.random.default_rng(2)
    enclosed = halo.enclosed(grid)
    assert enclosed[-1] == pytest.approx(50.0, rel=1e-6)
    radius = sample_radii(halo, grid, 5000, rng)
    graded, mass = sample_graded(halo, grid, 5000, rng)
    assert mass.sum() == pytest.approx(50.0)
    for level in (0.1, 0.5, 0.9):
        at = np.interp(level * enclosed[-1], enclosed, grid)
        assert np.mean(radius < at) == pytest.approx(level, abs=0.005)
        assert mass[graded < at].sum() / 50.0 == pytest.approx(level, abs=0.01)
    # that is what the grading is for: more, lighter bodies inside
    assert np.mean(graded < 10.0) > 2 * np.mean(radius < 10.0)


def test_hernquist_profile_inside_the_cut():
    sphere = Spheroid(1.0, 1.0)
    ratio = sphere.enclosed(np.array([0.1])) / sphere.enclosed(np.array([1.0]))
    assert ratio[0] == pytest.approx((0.1 / 1.1) ** 2 / 0.25, rel=0.01)


def test_velocities_obey_the_jeans_equation():
    sphere = Spheroid(5.0, 1.5)
    grid = radial_grid(0.01, 60.0)
    potential = softened_potential(grid, grid, sphere.enclosed(grid), 0.0)
    rng = np.random.default_rng(4)
    radius = sample_radii(sphere, grid, 40_000, rng)
    position, velocity = sample_phase_space(sphere, grid, potential, radius, rng)
    np.testing.assert_allclose(np.linalg.norm(position, axis=1), radius)
    density, pull = sphere.shape(grid), np.gradient(potential, grid)
    for at in (0.7, 3.0):
        beyond = grid > at
        jeans = np.trapezoid((density * pull)[beyond], grid[beyond])
        shell = np.abs(np.log(radius / at)) < 0.1
        found = (velocity[shell] ** 2).mean()
        assert found == pytest.approx(jeans / np.interp(at, grid, density), rel=0.06)
    assert np.abs(velocity.mean(axis=0)).max() < 0.02 * velocity.std()


def test_disk_mass_within_spheres():
    radius = np.array([0.0, 1.678, 100.0]) * 2.5
    np.testing.assert_allclose(disk_enclosed(4.0, 2.5, radius), [0.0, 2.0, 4.0], atol=2e-3)


def test_stratified_deviates_fill_each_interval_once():
    values = stratified(50, np.random.default_rng(0))
    assert sorted((values * 50).astype(int)) == list(range(50))
