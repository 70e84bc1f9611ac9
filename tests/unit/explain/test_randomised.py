import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from sim2sky.build.normalisation import Normalisation
from sim2sky.explain.gradcam import gradcam_maps
from sim2sky.explain.randomised import random_weights_correlation, rank_correlation
from sim2sky.seeding import generator
from sim2sky.train.initial import untrained
from sim2sky.train.model_file import Model
from sim2sky.train.networks import build_network


def make_model(seed=0):
    torch.manual_seed(seed)
    plain = Normalisation("linear", np.ones(1), np.zeros(1), np.ones(1))
    return Model(
        network=build_network("deepmerge", n_bands=1, n_classes=2, image_size=24).eval(),
        network_name="deepmerge",
        classes=["non-merger", "merger"],
        bands=["r"],
        image_size=24,
        pixel_scale_arcsec=0.1,
        units="nJy",
        normalisation={"source": plain, "target": plain},
        method="mmd",
        seed=seed,
        provenance={"stage": "train", "settings": "{}"},
    )


def test_rank_correlation_is_scipys():
    random = np.random.default_rng(0)
    first = random.normal(size=(4, 6, 7)).clip(0)  # ties, as in real maps
    second = first + random.normal(size=(4, 6, 7))
    expected = [
        spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(first, second, strict=True)
    ]
    assert rank_correlation(first, second) == pytest.approx(expected)
    assert rank_correlation(first, np.exp(first)) == pytest.approx(1)
    assert np.isnan(rank_correlation(first, np.ones_like(first))).all()


def test_maps_of_the_random_network_itself_correlate_perfectly():
    model = make_model()
    images = np.random.default_rng(1).normal(size=(5, 1, 24, 24)).astype("f4")
    (seed,) = generator("explain", "random_weights", seed=3).integers(2**31, size=1).tolist()
    drawn = untrained(model, seed)
    maps = {name: gradcam_maps(drawn.network, drawn.prepare(images), k) for k, name in
            enumerate(model.classes)}  # fmt: skip
    found = random_weights_correlation(model, images, "target", maps, n_draws=1, seed=3)
    assert found.shape == (5, 2)
    assert np.isfinite(found).any()
    assert found[np.isfinite(found)] == pytest.approx(1)


def test_draws_are_averaged_and_a_blank_map_has_no_correlation():
    model = make_model()
    images = np.random.default_rng(1).normal(size=(6, 1, 24, 24)).astype("f4")
    maps = {"merger": gradcam_maps(model.network, model.prepare(images), 1)}
    maps["merger"][2] = 0
    options = {"n_draws": 4, "seed": 0}
    found = random_weights_correlation(model, images, "target", maps, **options)
    assert np.isnan(found[2, 0])
    assert np.array_equal(
        found, random_weights_correlation(model, images, "target", maps, **options), equal_nan=True
    )
    seeds = generator("explain", "random_weights", seed=0).integers(2**31, size=4).tolist()
    by_hand = [
        rank_correlation(
            maps["merger"],
            gradcam_maps(untrained(model, seed).network, model.prepare(images), 1),
        )[0]
        for seed in seeds
    ]
    assert found[0, 0] == pytest.approx(np.nanmean(by_hand))
