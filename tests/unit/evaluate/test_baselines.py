from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sim2sky.evaluate.baselines import asymmetry, asymmetry_summary
from sim2sky.evaluate.footprint import central_segment, significant_light
from sim2sky.evaluate.metrics import auc
from sim2sky.evaluate.settings import EvaluateSettings

GZ2 = Path(__file__).parents[3] / ".." / "shared/data/surveys/sdss-gz2-1000"


def galaxy(y=0.0, x=0.0, size=41, scale=2.0):
    grid = np.mgrid[:size, :size] - (size - 1) / 2
    return np.exp(-(((grid[0] - y) ** 2 + (grid[1] - x) ** 2) / (2 * scale**2)))


def test_symmetric_galaxy_has_none_even_off_centre():
    images = np.stack([galaxy(), galaxy(1, -0.5), galaxy(-1.5, 2)])
    assert asymmetry(images) == pytest.approx([0, 0, 0], abs=2e-3)


def test_compact_companion_counts_twice_its_flux_share():
    # the companion and its mirror image both differ: A = 2 x 0.25 / 1.25
    image = galaxy(scale=3.0, size=61) + 0.25 * galaxy(9, 0, scale=1.5, size=61) * 4
    assert asymmetry(image[None]) == pytest.approx([2 * 0.25 / 1.25], rel=0.03)


def test_noise_is_corrected_for():
    random = np.random.default_rng(0)
    clean = 1.0 * galaxy(scale=4.0)
    noisy = clean + random.normal(scale=0.03, size=(100, *clean.shape))
    # without the sky term the noise alone would give about 0.1
    assert abs(asymmetry(noisy).mean()) < 0.02


def test_empty_image_has_no_asymmetry():
    assert np.isnan(asymmetry(np.zeros((1, 20, 20)))).all()


def test_light_and_segment_find_the_central_galaxy_alone():
    random = np.random.default_rng(0)
    image = galaxy() + galaxy(14, 14) + random.normal(scale=0.01, size=(41, 41))
    light = significant_light(image[None], 5.0)
    segment = central_segment(light)
    assert light[0, 20, 20]
    assert light[0, 34, 34]
    assert segment[0, 20, 20]
    assert not segment[0, 34, 34]
    assert not light[0, 5, 20]


def test_nothing_at_the_centre_means_the_whole_image():
    light = np.zeros((1, 21, 21), dtype=bool)
    light[0, 2, 2] = True
    assert central_segment(light).all()


def test_summary_sees_the_companions(dataset):
    summary = asymmetry_summary(
        dataset("x", 0.02, n=80), ["non-merger", "merger"], EvaluateSettings(n_bootstrap=200)
    )
    assert summary["value"] > 0.95
    assert summary["low"] <= summary["value"] <= summary["high"]


def test_summary_of_one_class_says_why_it_is_empty(dataset):
    data = dataset("x", 0.02, n=10, label=np.ones(10))
    summary = asymmetry_summary(data, data.classes, EvaluateSettings(n_bootstrap=100))
    assert summary == {
        "value": None,
        "low": None,
        "high": None,
        "reason": "10 rows of 'merger' among 10 labelled",
    }


@pytest.mark.skipif(not GZ2.is_dir(), reason="real SDSS images are not beside the repository")
def test_real_mergers_are_asymmetric():
    table = pd.read_csv(GZ2 / "labels.csv")
    vote = table["t08_odd_feature_a24_merger_weighted_fraction"] > 0.5
    merger = vote & (table["t06_odd_a14_yes_debiased"] > 0.42)
    other = ~vote & (table["derived_label"] != "merger")
    chosen = pd.concat([table[merger][:75], table[other][::8]])
    images = []
    for name in chosen["asset_id"]:
        with Image.open(GZ2 / "images" / f"{name}.jpg") as file:
            pixels = np.asarray(file, dtype="f4").sum(axis=2)
        images.append(pixels.reshape(112, 2, 112, 2).mean(axis=(1, 3)))
    images = np.stack(images)
    images -= np.median(images[:, :8], axis=(1, 2))[:, None, None]
    area = auc(asymmetry(images), merger[chosen.index].to_numpy(), np.ones((len(images), 1)))
    # 0.925 was measured elsewhere on the whole set
    assert 0.87 < area[0] < 0.98
