from pathlib import Path

import numpy as np
import pytest

from sim2sky.build.duplicates import dihedral, duplicate_pairs, fine_structure

GZ2 = Path(__file__).parents[3] / ".." / "shared/data/surveys/sdss-gz2-1000/images"


def test_dihedral_is_the_group_of_the_square():
    image = np.arange(9).reshape(3, 3)
    turned = dihedral(image)
    assert len({variant.tobytes() for variant in turned}) == 8
    assert all(np.array_equal(np.sort(variant, axis=None), np.arange(9)) for variant in turned)


@pytest.mark.parametrize("side", [24, 25, 75])
def test_every_flip_and_turn_is_found(side, make_blobs):
    first = make_blobs(12, side=side, seed=1)
    second = make_blobs(10, side=side, seed=2)
    for row, turned in enumerate(dihedral(first[:8])):
        second[row + 1] = turned[row] * 1.01
    pairs = duplicate_pairs(fine_structure(first), fine_structure(second), 0.98)
    assert pairs == [(row, row + 1) for row in range(8)]


def test_near_copies_are_found(make_blobs):
    first = make_blobs(5, seed=1)
    rounded = np.round(np.rot90(first, axes=(2, 3)), 1)
    assert duplicate_pairs(fine_structure(first), fine_structure(rounded), 0.98) == [
        (row, row) for row in range(5)
    ]


def test_smooth_galaxies_of_one_shape_are_not_copies():
    """The same profile, other grain: alike to the eye, correlation of the images 0.99."""
    rng = np.random.default_rng(0)
    y, x = np.indices((25, 25)) - 12
    smooth = 1000 * np.exp(-np.hypot(x, 2 * y + x) / 3)  # inclined: not the same when turned
    first, second = (smooth + rng.normal(size=(6, 2, 25, 25)) * 3 for _ in range(2))
    assert np.corrcoef(first[0].ravel(), second[0].ravel())[0, 1] > 0.995
    assert duplicate_pairs(fine_structure(first), fine_structure(second), 0.98) == []


def test_images_without_structure_match_nothing():
    flat = np.zeros((3, 1, 16, 16), dtype="f4")
    round_ones = flat + np.hypot(*np.indices((16, 16)) - 7.5).astype("f4")
    for images in (flat, round_ones):
        assert duplicate_pairs(fine_structure(images), fine_structure(images), 0.98) == []


@pytest.mark.skipif(not GZ2.is_dir(), reason="the Galaxy Zoo 2 thumbnails are not here")
def test_real_galaxies_are_told_apart():
    from PIL import Image

    paths = sorted(GZ2.glob("*.jpg"))[:200]
    images = np.stack(
        [np.asarray(Image.open(path).resize((75, 75), Image.Resampling.BOX)) for path in paths]
    ).transpose(0, 3, 1, 2)
    fine = fine_structure(images)
    assert duplicate_pairs(fine[:100], fine[100:], 0.98) == []
    turned = fine_structure(np.rot90(images[:100], axes=(2, 3)))
    assert len(duplicate_pairs(fine[:100], turned, 0.98)) == 100
