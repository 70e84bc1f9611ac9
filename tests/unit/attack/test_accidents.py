"""Each accident does what it says, whatever else is in the batch."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from sim2sky.attack.accidents import Scene, befall, sky_noise
from sim2sky.attack.kinds import ACCIDENTS
from sim2sky.attack.settings import AccidentSettings

DEFAULTS = AccidentSettings()


def scene_of(dataset, own=None, target=0.4, **settings):
    n_bands = dataset.images.shape[1]
    return Scene(
        galaxy_id=dataset.galaxy_id,
        view=dataset.view,
        own_noise=sky_noise(dataset) if own is None else np.full(n_bands, own),
        target_noise=np.full(n_bands, target),
        softening=dataset.normalisation.softening,
        stretch=dataset.normalisation.stretch,
        units=dataset.units,
        settings=AccidentSettings(**settings),
        seed=0,
    )


def test_kinds_and_settings_name_the_same_accidents():
    lists = {name for name, value in DEFAULTS if isinstance(value, list)}
    assert lists == set(ACCIDENTS)


@pytest.mark.parametrize("name", ACCIDENTS)
def test_an_image_does_not_depend_on_the_others(target, name):
    strength = getattr(DEFAULTS, name)[-1]
    scene = scene_of(target)
    together = befall(target.images, name, strength, scene)
    assert together.dtype == np.float32
    assert not np.array_equal(together, target.images)
    one = dataclasses.replace(scene, galaxy_id=target.galaxy_id[5:6], view=target.view[5:6])
    np.testing.assert_array_equal(befall(target.images[5:6], name, strength, one)[0], together[5])


@pytest.mark.parametrize("name", ACCIDENTS)
def test_stronger_is_further_away(target, name):
    moved = [
        np.abs(befall(target.images, name, strength, scene_of(target)) - target.images).mean()
        for strength in getattr(DEFAULTS, name)
    ]
    assert (np.diff(moved) > 0).all()


@pytest.mark.parametrize("name", ACCIDENTS)
def test_eight_bit_images_remain_so(target, name):
    images = np.clip(np.rint(20 * target.images + 10), 0, 255).astype("f4")
    eight = dataclasses.replace(target, images=images, units="8bit")
    scene = scene_of(eight, target=8.0)
    result = befall(images, name, getattr(DEFAULTS, name)[-1], scene)
    assert np.array_equal(result, np.rint(result))
    assert result.min() >= 0
    assert result.max() <= 255


def test_cosmic_rays_are_bright_tracks_and_more_of_them_hold_the_fewer(source):
    scene = scene_of(source)
    few, many = (befall(source.images, "cosmic_rays", s, scene) for s in (3, 10))
    hit = few != source.images
    added = (few - source.images)[hit] / 0.4
    assert added.min() > 19.9  # cosmic_ray_sigma begins at 20
    assert (many[hit] >= few[hit]).all()
    # 3 hits in each of 48 planes; mean length of 6 pixels, some of it outside
    tracks = sum(ndimage.label(plane, np.ones((3, 3)))[1] for plane in hit.reshape(-1, 24, 24))
    assert 90 < tracks < 160
    assert 2 < hit.sum() / tracks < 12


def test_dead_pixels_and_columns_read_nothing(source):
    dead = befall(source.images, "dead_pixels", 0.1, scene_of(source)) == 0
    assert dead.mean() == pytest.approx(0.1, abs=0.01)
    fewer = befall(source.images, "dead_pixels", 0.03, scene_of(source)) == 0
    assert (dead | ~fewer).all()
    columns = befall(source.images, "dead_columns", 3, scene_of(source)) == 0
    assert (columns.all(axis=2).sum(axis=2) == 3).all()
    assert (columns.any(axis=2) == columns.all(axis=2)).all()


def test_sky_and_noise_are_in_units_of_the_targets_noise(source):
    scene = scene_of(source, own=0.02)
    lower = befall(source.images, "sky_oversubtraction", 2, scene)
    np.testing.assert_allclose(source.images - lower, 0.8, rtol=1e-5)
    noisier = befall(source.images, "noise_level", 3, scene) - source.images
    assert noisier.std() == pytest.approx(np.sqrt(1.2**2 - 0.02**2), rel=0.02)
    # what is noisier already stays as it is
    same = befall(source.images, "noise_level", 1, scene_of(source, own=0.5))
    np.testing.assert_array_equal(same, source.images)


def test_wrong_psf_blurs_the_light_and_keeps_the_noise(target):
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.4, target.images.shape).astype("f4")
    flat = dataclasses.replace(target, images=noise)
    blurred = befall(noise, "psf_error", 3, scene_of(flat, own=0.4))
    assert blurred.std() == pytest.approx(0.4, rel=0.02)
    point = np.zeros_like(noise)
    point[:, :, 12, 12] = 1
    result = befall(point, "psf_error", 4, scene_of(flat, own=0.0))
    x = np.arange(24) - 12
    variance = (result[0, 0] * x**2).sum() / result[0, 0].sum()
    # the Gaussian's variance; sampled on pixels
    assert np.sqrt(variance) * 2.3548 == pytest.approx(4, rel=0.01)


def test_compression_errs_by_no_more_than_its_step(target):
    scene = scene_of(target)
    for strength in (0.25, 4):
        error = befall(target.images, "rice", strength, scene) - target.images
        assert np.abs(error).max() <= 0.5 * strength * 0.4 * 1.001
        if strength < 1:  # finer than the noise: errors are even over the step
            assert error.std() == pytest.approx(strength * 0.4 / np.sqrt(12), rel=0.05)
    error = befall(target.images, "hcompress", 8, scene) - target.images
    assert 0.1 < error.std() < 8 * 0.4


def test_jpeg_of_good_quality_changes_little(target):
    scene = scene_of(target)
    good, bad = (befall(target.images, "jpeg", s, scene) - target.images for s in (2, 90))
    assert good.std() < 0.1
    assert bad.std() > 3 * good.std()


def test_noise_is_that_of_the_borders(target):
    np.testing.assert_allclose(sky_noise(target), 0.4, rtol=0.25)
    even = dataclasses.replace(target, images=np.zeros_like(target.images))
    assert sky_noise(even).tolist() == [0.5, 0.5]  # the softening
