import numpy as np
import pytest

from sim2sky.reliability.strange import KINDS, make_strange


@pytest.fixture
def images():
    """Galaxies of two bands on a noisy sky of level 5."""
    y, x = np.mgrid[:32, :32] - 15.5
    galaxy = 100 * np.exp(-np.hypot(y, 1.5 * x) / 2)
    noise = np.random.default_rng(0).normal(size=(6, 2, 32, 32))
    return (5 + noise + galaxy * np.array([1, 2])[:, None, None]).astype("f4")


def strange(images, kind, rows=slice(None), units="nJy", seed=0):
    galaxy = np.array([f"g{i}" for i in range(len(images))])[rows]
    return make_strange(
        images[rows], kind, galaxy, np.zeros(len(galaxy), int), units=units, seed=seed
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_depends_on_the_galaxy_alone(images, kind):
    whole = strange(images, kind)
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    assert np.abs(whole - images).max() > 1
    assert np.array_equal(whole[2:4], strange(images, kind, slice(2, 4)))
    if kind in {"bright_star", "cosmic_ray", "doubled", "noise_only"}:
        assert not np.array_equal(whole, strange(images, kind, seed=1))


def test_a_star_outshines_the_galaxy_in_every_band(images):
    added = strange(images, "bright_star") - images
    peak = images.max(axis=(2, 3)) - 5
    assert added.max(axis=(2, 3)) == pytest.approx(30 * peak, rel=0.25)  # between pixels


def test_a_cosmic_ray_crosses_few_pixels_of_one_band(images):
    hit = np.abs(strange(images, "cosmic_ray") - images) > 1
    assert (hit.any(axis=(2, 3)).sum(axis=1) == 1).all()
    count = hit.sum(axis=(1, 2, 3))
    assert (count >= 4).all()
    assert (count <= 32).all()


def test_the_twin_doubles_the_light(images):
    light = (images - 5).sum(axis=(1, 2, 3))
    doubled = (strange(images, "doubled") - 5).sum(axis=(1, 2, 3))
    assert doubled == pytest.approx(2 * light, rel=0.05)


def test_nothing_but_sky_is_left(images):
    empty = strange(images, "empty")
    assert np.ptp(empty, axis=(2, 3)).max() == 0
    assert empty == pytest.approx(5, abs=0.5)
    noise = strange(images, "noise_only")
    assert noise.std(axis=(2, 3)) == pytest.approx(1, abs=0.25)
    assert noise.max() < 12


def test_light_becomes_dark(images):
    level = strange(images, "empty")
    assert strange(images, "negative") - level == pytest.approx(level - images, abs=1e-3)


def test_eight_bits_stay_eight_bits(images):
    for kind in ("bright_star", "negative"):
        found = strange(images, kind, units="8bit")
        assert found.min() >= 0
        assert found.max() <= 255
