"""The local evaluation against whole passes, the search against scipy one by one."""

import numpy as np
import pytest
import torch

from sim2sky.attack.local import FullEvaluator, LocalEvaluator, evaluator_of
from sim2sky.attack.one_pixel import find_pixel, margins, value_bounds
from sim2sky.attack.settings import OnePixelSettings
from sim2sky.train.networks.symmetry import D4Averaged

from .conftest import random_network


@pytest.mark.parametrize(
    ("n_bands", "n_classes", "size"), [(2, 2, 75), (3, 3, 30), (1, 2, 8), (2, 3, 13), (1, 2, 24)]
)
def test_local_logits_are_those_of_a_whole_pass(n_bands, n_classes, size):
    network = random_network(n_bands, n_classes, size)
    random = np.random.default_rng(size)
    image = random.normal(size=(n_bands, size, size)).astype("f4")
    # every edge and corner, then places anywhere
    edge = [0, 1, size // 2, size - 2, size - 1]
    row, column = (x.ravel() for x in np.meshgrid(edge, edge))
    row = np.concatenate([row, random.integers(0, size, 100)])
    column = np.concatenate([column, random.integers(0, size, 100)])
    value = random.normal(0, 5, (len(row), n_bands))
    evaluators = [LocalEvaluator(network), FullEvaluator(network)]
    for one in evaluators:
        one.set_image(image)
    local, full = (one.logits(row, column, value) for one in evaluators)
    assert np.abs(full - full[0]).max() > 1e-3  # the pixel matters
    np.testing.assert_allclose(local, full, rtol=1e-5, atol=2e-6)
    # and the image itself is what it was
    kept = evaluators[0].logits(row, column, image[:, row, column].T)
    whole = network(torch.from_numpy(image)[None])[1].detach().numpy()
    np.testing.assert_allclose(kept, np.repeat(whole, len(row), axis=0), rtol=1e-5, atol=2e-6)


def test_structure_decides_the_evaluator():
    assert isinstance(evaluator_of(random_network()), LocalEvaluator)
    assert isinstance(evaluator_of(random_network(name="compact")), FullEvaluator)
    assert isinstance(evaluator_of(D4Averaged(random_network())), FullEvaluator)
    assert isinstance(evaluator_of(random_network(), "cuda"), FullEvaluator)


@pytest.mark.parametrize("evaluator", [LocalEvaluator, FullEvaluator])
def test_a_generation_at_once_finds_what_scipy_finds_one_by_one(model, source, evaluator):
    settings = OnePixelSettings(population=30, iterations=6)
    images = source.normalisation.apply(source.images)
    bounds = value_bounds(images)
    for row in range(3):
        found = [
            find_pixel(
                evaluator(model.network), images[row], int(source.label[row]), bounds, settings,
                np.random.default_rng(row), vectorized=vectorized,
            )
            for vectorized in (True, False)
        ]  # fmt: skip
        assert (found[0].row, found[0].column) == (found[1].row, found[1].column)
        np.testing.assert_array_equal(found[0].value, found[1].value)
        assert found[0].evaluations == found[1].evaluations
        assert found[0].margin == pytest.approx(found[1].margin, abs=1e-5)


class OnePlace:
    """Changes its mind where one pixel is bright enough."""

    def set_image(self, image):
        self.image = image

    def logits(self, row, column, value):
        bright = np.where((row == 5) & (column == 7), value[:, 0], 0)
        near = np.exp(-((row - 5) ** 2 + (column - 7) ** 2) / 20)
        return np.stack([np.ones(len(row)), bright / 4 + 0.3 * near], axis=1).astype("f4")


def test_the_one_place_is_found_and_the_search_ends_there():
    image = np.zeros((1, 12, 12), dtype="f4")
    bounds = np.array([[0.0, 8.0]])
    settings = OnePixelSettings(population=60, iterations=100)
    found = find_pixel(OnePlace(), image, 0, bounds, settings, np.random.default_rng(0))
    assert (found.row, found.column, found.predicted) == (5, 7, 1)
    assert found.margin < 0
    assert found.evaluations < 60 * 101
    changed = found.apply(image)
    assert changed[0, 5, 7] == found.value[0] <= 8
    assert np.count_nonzero(changed) == 1
    assert not image.any()


def test_no_pixel_leaves_the_range_of_the_dataset(model, source):
    images = source.normalisation.apply(source.images)
    bounds = value_bounds(images)
    assert bounds.shape == (2, 2)
    assert bounds[1, 1] == images[:, 1].max()
    settings = OnePixelSettings(population=20, iterations=3)
    for row in range(4):
        found = find_pixel(
            LocalEvaluator(model.network), images[row], int(source.label[row]), bounds, settings,
            np.random.default_rng(row),
        )  # fmt: skip
        assert (found.value >= bounds[:, 0]).all()
        assert (found.value <= bounds[:, 1]).all()
        assert 0 <= found.row < 24
        assert 0 <= found.column < 24


def test_band_without_any_light_can_be_attacked(model, source):
    images = source.normalisation.apply(source.images)
    images[:, 1] = 0
    settings = OnePixelSettings(population=10, iterations=1)
    found = find_pixel(
        LocalEvaluator(model.network), images[0], 0, value_bounds(images), settings,
        np.random.default_rng(0),
    )  # fmt: skip
    assert found.value[1] == pytest.approx(0, abs=1e-5)


def test_margin_is_the_lead_over_the_runner_up():
    logits = np.array([[1.0, 3.0, 2.5], [4.0, 0.0, 1.0]])
    assert margins(logits, 1).tolist() == [0.5, -4.0]
    assert margins(logits, np.array([0, 0])).tolist() == [-2.0, 3.0]
