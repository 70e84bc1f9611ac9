import numpy as np
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.simulate.galaxies import DISK, Bodies
from sim2sky.simulate.gravity import G
from sim2sky.simulate.integrate import coalescence_time, integrate
from sim2sky.simulate.orbits import interaction_energy, launch, random_rotation

MASSES = (3.0, 1.0)


def point_mass(distance):
    return -G * MASSES[0] * MASSES[1] / distance


def two_bodies(position, velocity):
    share = np.array([[-MASSES[1]], [MASSES[0]]]) / sum(MASSES)
    return Bodies(
        share * position,
        share * velocity,
        np.array(MASSES),
        np.full(2, DISK, np.int8),
        np.array([0, 1], np.int8),
        np.zeros(2),
    )


def test_two_bodies_follow_keplers_ellipse():
    position, velocity = launch(point_mass, MASSES, 20.0, 5.0, 0.5)
    mu = G * sum(MASSES)
    # binding = 1/2 is a semi-major axis of the start's distance: E = -G M m / (2 a)
    axis, pericentre = 20.0, 5.0
    eccentricity = 1 - pericentre / axis
    assert np.linalg.norm(np.cross(position, velocity)) == pytest.approx(
        np.sqrt(mu * axis * (1 - eccentricity**2))
    )
    period = 2 * np.pi * np.sqrt(axis**3 / mu)
    track = integrate(
        two_bodies(position, velocity),
        softening_kpc=1e-3,
        duration_gyr=period,
        interval_gyr=period / 40,
        timestep_gyr=period / 8000,
        theta=0.5,
        max_energy_drift=1e-5,
    )
    apart = track.position[:, 1] - track.position[:, 0]
    distance = np.linalg.norm(apart, axis=1)
    np.testing.assert_allclose(apart[-1], apart[0], atol=0.05)  # closed after one period
    assert distance.max() == pytest.approx(axis * (1 + eccentricity), rel=5e-3)
    assert track.core_separation_kpc.min() == pytest.approx(pericentre, rel=0.02)
    assert track.momentum_drift < 1e-6


def test_parabola_has_no_energy():
    position, velocity = launch(point_mass, MASSES, 50.0, 5.0, 0.0)
    reduced = MASSES[0] * MASSES[1] / sum(MASSES)
    assert 0.5 * reduced * (velocity**2).sum() + point_mass(50.0) == pytest.approx(
        0.0, abs=1e-9 * -point_mass(50.0)
    )
    assert velocity[0] < 0 < velocity[1]
    assert position[0] == 50.0


def test_orbit_that_cannot_be_is_refused():
    with pytest.raises(Sim2SkyError, match="no orbit leads from the start to the pericentre"):
        launch(point_mass, MASSES, 20.0, 19.0, 0.6)


def test_interaction_energy_of_compact_galaxies_is_newtons():
    bodies = two_bodies(np.array([0.1, 0.0, 0.0]), np.zeros(3))
    radius = np.geomspace(0.01, 100.0, 500)
    energy = interaction_energy(bodies, radius, -G * 2.0 / radius)
    for distance in (10.0, 300.0):  # inside the table and beyond it
        assert energy(distance) == pytest.approx(-G * 2.0 * 4.0 / distance, rel=1e-3)


def test_rotations_are_proper_and_isotropic():
    rng = np.random.default_rng(0)
    turns = np.array([random_rotation(rng) for _ in range(3000)])
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.eye(3)[None] + 0 * turns,
                               atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(np.linalg.det(turns), 1.0)
    assert np.abs(turns.mean(axis=0)).max() < 0.05
    # the image of z has a uniform z component
    np.testing.assert_allclose(np.quantile(turns[:, 2, 2], [0.25, 0.75]), [-0.5, 0.5], atol=0.06)


def test_coalescence_is_the_last_approach():
    time = np.arange(0.0, 2.0, 0.01)
    separation = np.where(time < 1.0, 20.0, 0.5)
    separation[(time > 0.3) & (time < 0.38)] = 0.5  # a passage
    assert coalescence_time(time, separation, 1.5) == pytest.approx(1.0, abs=0.011)
    separation[150] = 9.0  # a noisy centre
    assert coalescence_time(time, separation, 1.5) == pytest.approx(1.0, abs=0.011)
    assert np.isnan(coalescence_time(time, separation + 5.0, 1.5))
    assert np.isnan(coalescence_time(time, np.full(200, np.nan), 1.5))
