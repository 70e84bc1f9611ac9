import numpy as np
import pytest

from sim2sky.simulate.direct import direct_gravity, potential_energy
from sim2sky.simulate.galaxies import draw_model, realise
from sim2sky.simulate.gravity import G, gravity
from sim2sky.simulate.multipole import (
    LANES,
    ORDER,
    TERMS,
    add_body,
    add_far_pairs,
    add_field_at_bodies,
    add_moved_field,
)


@pytest.fixture(scope="module")
def bodies():
    rng = np.random.default_rng(3)
    return realise(draw_model("disk", 1.0, rng), 4000, 2000, 0.5, rng)


@pytest.fixture(scope="module")
def exact(bodies):
    return direct_gravity(bodies.position, bodies.mass, 0.5)


def force_errors(bodies, exact, theta):
    force, _ = gravity(bodies.position, bodies.mass, 0.5, theta)
    return np.linalg.norm(force - exact[0], axis=1) / np.linalg.norm(exact[0], axis=1)


def test_direct_sum_is_newtons_law():
    rng = np.random.default_rng(1)
    x, m = rng.normal(size=(40, 3)), rng.uniform(1, 2, 40)
    offset = x[None] - x[:, None]
    square = (offset**2).sum(axis=-1) + 0.3**2
    expected = G * (m[:, None] * offset / square[..., None] ** 1.5).sum(axis=1)
    np.fill_diagonal(square, np.inf)
    force, potential = direct_gravity(x, m, 0.3)
    np.testing.assert_allclose(force, expected, rtol=1e-10, atol=1e-6)
    np.testing.assert_allclose(potential, -G * (m / np.sqrt(square)).sum(axis=1), rtol=1e-12)


def test_multipole_forces_are_right_to_half_a_percent(bodies, exact):
    assert np.median(force_errors(bodies, exact, 0.85)) < 0.005
    assert np.quantile(force_errors(bodies, exact, 0.85), 0.99) < 0.1


def test_forces_converge_as_cells_open(bodies, exact):
    coarse, fine = (np.median(force_errors(bodies, exact, theta)) for theta in (0.8, 0.4))
    assert fine < coarse / 6  # at least (1/2)**ORDER, less what is summed body by body


def test_potential_matches_the_direct_sum(bodies, exact):
    _, potential = gravity(bodies.position, bodies.mass, 0.5)
    assert np.median(np.abs(potential / exact[1] - 1)) < 5e-4


def test_mutual_forces_conserve_momentum(bodies):
    force, _ = gravity(bodies.position, bodies.mass, 0.5)
    pull = bodies.mass[:, None] * force
    assert np.linalg.norm(pull.sum(axis=0)) < 1e-7 * np.linalg.norm(pull, axis=1).sum()


def test_same_input_gives_same_bits(bodies):
    first, second = (gravity(bodies.position, bodies.mass, 0.5) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_forces_do_not_depend_on_the_order_of_bodies(bodies):
    order = np.random.default_rng(0).permutation(len(bodies))
    force, _ = gravity(bodies.position, bodies.mass, 0.5)
    shuffled, _ = gravity(bodies.position[order], bodies.mass[order], 0.5)
    np.testing.assert_allclose(shuffled, force[order], rtol=1e-4, atol=1e-3)


def test_energy_of_all_pairs(bodies, exact):
    """A body's potential counts each of its pairs; far from the origin too."""
    expected = 0.5 * (bodies.mass * exact[1]).sum()
    for shift in (0.0, 1e5):
        energy = potential_energy(bodies.position + shift, bodies.mass, 0.5)
        assert energy == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_few_and_coincident_bodies(count):
    x = np.zeros((count, 3))
    x[1:, 0] = 3.0  # all but one in the same place
    m = np.ones(count)
    force, potential = gravity(x, m, 0.1)
    expected, depth = direct_gravity(x, m, 0.1)
    np.testing.assert_allclose(force, expected, rtol=1e-6, atol=1e-4 * G)
    np.testing.assert_allclose(potential, depth, rtol=1e-5, atol=1e-4 * G)


def test_far_expansion_converges_with_distance_at_its_order():
    rng = np.random.default_rng(5)
    source = rng.normal(0, 0.3, (12, 3))
    source -= source.mean(axis=0)
    errors = []
    for distance in (3.0, 6.0):
        centre = np.array([[0.6, 0.64, 0.48], [0.0, 0.0, 0.0]]) * distance
        moments, field, work = np.zeros((2, TERMS)), np.zeros((2, TERMS)), np.empty(TERMS)
        add_body(moments[0], 1.0, 0.0, 0.0, 0.0, work)
        for body in source:
            add_body(moments[1], 1.0, *body, work)
        add_far_pairs(np.array([[0, 1]], np.int32), centre, 0.01, moments, field)
        at = centre[0] + rng.normal(0, 0.15, (LANES + 3, 3))  # more than are done at once
        force, psi = np.zeros(at.shape), np.zeros(len(at))
        add_field_at_bodies(
            *np.ascontiguousarray(at.T), 0, len(at), centre[0], field[0], force, psi,
            np.empty((TERMS + 4, LANES)),
        )  # fmt: skip
        # the same as the expansion about each of the places
        moved = np.zeros((len(at), TERMS))
        for row, place in zip(moved, at - centre[0], strict=True):
            add_moved_field(field[0], *place, row, work)
        np.testing.assert_allclose(psi, moved[:, 0], rtol=1e-13)
        np.testing.assert_allclose(force, moved[:, 1:4], rtol=1e-12)
        offset = source - at[:, None]
        square = (offset**2).sum(axis=-1) + 0.01
        pull = (offset / square[..., None] ** 1.5).sum(axis=1)
        miss = np.linalg.norm(force - pull, axis=1) / np.linalg.norm(pull, axis=1)
        errors.append(miss.max())
    assert errors[1] < errors[0] / 2 ** (ORDER - 1)
    assert errors[1] < 1e-3
