import json

import numpy as np
import pytest

from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError


@pytest.fixture
def images():
    return np.random.default_rng(0).gamma(1.0, 50.0, (20, 2, 8, 8)).astype("f4")


def test_training_images_become_standard(images):
    result = Normalisation.fit(images, "asinh", [1.0, 5.0]).apply(images)
    assert result.dtype == np.float32
    assert result.mean(axis=(0, 2, 3)) == pytest.approx(0, abs=1e-5)
    assert result.std(axis=(0, 2, 3)) == pytest.approx(1, rel=1e-5)


def test_values_are_the_formula(images):
    before = images.copy()
    softening, mean, std = np.array([2.0, 3.0]), np.array([0.5, 1.0]), np.array([2.0, 4.0])
    result = Normalisation("asinh", softening, mean, std).apply(images)
    wide = [value[:, None, None] for value in (softening, mean, std)]
    assert result == pytest.approx((np.arcsinh(images / wide[0]) - wide[1]) / wide[2], abs=1e-5)
    linear = Normalisation("linear", softening, mean, std).apply(images)
    assert linear == pytest.approx((images / wide[0] - wide[1]) / wide[2], abs=1e-4)
    assert np.array_equal(images, before)


def test_dict_survives_json(images):
    one = Normalisation.fit(images, "asinh", [1.0, 5.0])
    two = Normalisation.from_dict(json.loads(json.dumps(one.to_dict())))
    assert np.array_equal(one.apply(images), two.apply(images))


def test_errors(images):
    with pytest.raises(Sim2SkyError, match="unknown stretch; got log; expected asinh or linear"):
        Normalisation("log", [1], [0], [1])
    with pytest.raises(Sim2SkyError, match="no training images"):
        Normalisation.fit(images[:0], "asinh", [1.0, 1.0])
    with pytest.raises(Sim2SkyError, match="std of a band is not positive"):
        Normalisation.fit(np.ones_like(images), "asinh", [1.0, 1.0])
    with pytest.raises(Sim2SkyError, match="softening of a band is not positive"):
        Normalisation("asinh", [0.0], [0], [1])
    with pytest.raises(Sim2SkyError, match=r"expected \(N, 2, H, W\)"):
        Normalisation.fit(images, "asinh", [1.0, 1.0]).apply(images[:, :1])
    images[3, 1, 2, 2] = np.nan
    with pytest.raises(Sim2SkyError, match="NaN or infinity"):
        Normalisation.fit(images, "asinh", [1.0, 1.0])
