import dataclasses

import numpy as np
import pytest

from sim2sky.build.dataset import Dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.explain.extent import (
    apparent_half_light_radius,
    half_light_radii,
    profile_edges,
    radial_shares,
    radius_in_units,
    sky_noise,
)

SIZE = 101


def discs(scales, noise=0.0, size=SIZE):
    """Exponential discs at the centre of images of one band, 3 and more scales inside."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    light = np.exp(-np.hypot(y, x) / np.asarray(scales, dtype=float)[:, None, None])
    random = np.random.default_rng(0)
    return (light + noise * random.normal(size=light.shape))[:, None]


def as_dataset(images, galaxies, pixel_scale=0.1, domain="x"):
    n = len(images)
    return Dataset(
        images=images.astype("f4"),
        label=np.zeros(n, dtype="i1"),
        galaxy_id=np.array([f"g{number}" for number in galaxies]),
        system_id=np.arange(n),
        view=np.zeros(n, dtype="i4"),
        stage=np.full(n, "isolated"),
        redshift=np.full(n, 0.1),
        flag=np.zeros(n, dtype="i4"),
        bands=["r"],
        classes=["a", "b"],
        pixel_scale_arcsec=pixel_scale,
        units="nJy",
        normalisation=Normalisation("linear", np.ones(1), np.zeros(1), np.ones(1)),
        domain=domain,
    )


def test_half_of_an_exponential_disc_lies_within_1_678_scales():
    scales = [3.0, 5.0, 7.0]
    assert apparent_half_light_radius(discs(scales), 3.0) == pytest.approx(
        1.678 * np.array(scales), rel=0.03
    )


def test_level_of_the_sky_and_empty_images():
    images = np.concatenate([discs([4.0]) + 50, np.ones((1, 1, SIZE, SIZE))])
    radius = apparent_half_light_radius(images, 3.0)
    assert radius[0] == pytest.approx(4 * 1.678, rel=0.03)
    assert np.isnan(radius[1])
    assert sky_noise(images[1:], 3.0) == np.inf


def test_twins_are_measured_where_there_is_less_noise_and_pixels_may_differ():
    quiet = as_dataset(discs([4.0, 6.0]), [1, 2], 0.1)
    noisy = as_dataset(discs([4.0, 6.0], 0.2), [1, 2], 0.2)
    rows = np.arange(2)
    for datasets, order in (([quiet, noisy], (0, 1)), ([noisy, quiet], (1, 0))):
        radii = half_light_radii(datasets, [rows, rows], 3.0)
        assert radii[order[0]] == pytest.approx(1.678 * np.array([4, 6]), rel=0.03)
        assert radii[order[1]] == pytest.approx(radii[order[0]] / 2)


def test_strangers_and_unknown_pixels_are_measured_by_themselves():
    quiet, noisy = discs([4.0, 6.0]), discs([4.0, 6.0], 0.2)
    rows = np.arange(2)
    own = apparent_half_light_radius(noisy.astype("f4"), 3.0)
    assert (own < 1.5 * np.array([4, 6])).all()  # noise hides the outskirts
    source = as_dataset(quiet, [1, 2])
    for target in (
        as_dataset(noisy, [3, 4]),
        as_dataset(noisy, [1, 2], np.nan),
        dataclasses.replace(as_dataset(noisy, [1, 2]), view=np.ones(2, dtype="i4")),
    ):
        assert half_light_radii([source, target], [rows, rows], 3.0)[1] == pytest.approx(own)


def test_edges_reach_the_maximum():
    assert profile_edges(6, 0.5) == pytest.approx(np.arange(0, 6.5, 0.5))
    assert profile_edges(1, 4) == pytest.approx([0, 1])


def test_shares_of_a_known_map():
    # r^-1 about the centre: the share within r grows with r, not with its square
    y, x = np.mgrid[:401, :401] - 200.0
    radius = np.maximum(np.hypot(y, x), 0.5)
    weights = np.where(radius < 200, 1 / radius, 0)[None]
    shares = radial_shares(weights, np.array([50.0]), profile_edges(4, 1))
    assert shares == pytest.approx(np.full((1, 4), 0.25), abs=0.005)
    even = radial_shares(np.ones((1, 401, 401)), np.array([50.0]), profile_edges(4, 1))
    ring = np.pi * 50**2 * np.array([1, 3, 5, 7]) / 401**2
    assert even[0] == pytest.approx(ring, rel=0.01)


def test_nothing_has_no_shares_and_no_radius():
    weights = np.stack([np.zeros((9, 9)), np.ones((9, 9))])
    for unit in (np.array([2.0, np.nan]),):
        assert np.isnan(radial_shares(weights, unit, profile_edges(2, 1))).all()
        assert np.isnan(radius_in_units(weights, unit)).all()


def test_radius_counts_pixels_in_units():
    weights = np.zeros((1, 21, 21))
    weights[0, 10, [2, 18]] = 1
    assert radius_in_units(weights, np.array([4.0])) == pytest.approx([2.0])
