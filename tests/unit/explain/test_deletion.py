import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sim2sky.build.normalisation import Normalisation
from sim2sky.explain.deletion import (
    curve_areas,
    deletion_curves,
    empty_sky,
    map_size,
    random_maps,
)
from sim2sky.explain.gradcam import gradcam_maps
from sim2sky.train.model_file import Model
from sim2sky.train.networks import build_network

SIZE = 32
KEYS = [("g1", 0), ("g2", 0), ("g2", 1)]


class Evidence(nn.Module):
    """Counts the light inside a mask, whatever lies outside: the evidence is known."""

    latent_size = 1

    def __init__(self, mask):
        super().__init__()
        self.gradcam_layer = nn.Conv2d(1, 1, 1, bias=False)
        self.gradcam_layer.weight.data.fill_(1)
        self.gradcam_layer.register_forward_hook(lambda _layer, _inputs, output: output * mask)
        self.mask = mask

    def forward(self, images):
        latent = self.gradcam_layer(images).sum(dim=(2, 3)) / self.mask.sum()
        return latent, torch.cat([-6 * latent + 3, 6 * latent - 3], dim=1)


def disc(y0, x0, radius=5):
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    return (np.hypot(y - y0, x - x0) < radius).astype("f4")


@pytest.fixture(scope="module")
def scene():
    """Three images with a disc at the centre, which counts, and one beside it, which does not."""
    images = np.stack([disc(0, 0) + disc(*place, 4) for place in ((8, 8), (-8, 8), (8, -8))])[
        :, None
    ]
    plain = Normalisation("linear", np.ones(1), np.zeros(1), np.ones(1))
    model = Model(
        network=Evidence(torch.from_numpy(disc(0, 0))),
        network_name="deepmerge",
        classes=["non-merger", "merger"],
        bands=["r"],
        image_size=SIZE,
        pixel_scale_arcsec=0.1,
        units="nJy",
        normalisation={"source": plain, "target": plain},
        method="mmd",
        seed=0,
        provenance={"stage": "train", "settings": "{}"},
    )
    maps = gradcam_maps(model.network, model.prepare(images), 1)
    return SimpleNamespace(model=model, images=images, maps=maps)


def curves_of(scene, maps=None, **changes):
    options = {"steps": 12, "seed": 0} | changes
    maps = scene.maps if maps is None else maps
    ones = np.ones(len(maps), dtype=int)
    return deletion_curves(
        scene.model, scene.images[: len(maps)], "target", maps, ones, KEYS[: len(maps)], **options
    )


def test_map_shows_the_known_evidence_and_its_pixels_matter_most(scene):
    assert scene.maps == pytest.approx(np.repeat(disc(0, 0)[None], 3, axis=0))
    curves = curves_of(scene)
    assert curves.shape == (3, 3, 13)
    full, none = 1 / (1 + np.exp(-6)), 1 / (1 + np.exp(6))
    assert curves[:, :, 0] == pytest.approx(full)
    assert curves[:, :, -1] == pytest.approx(none)
    # the disc is smaller than one of the twelve shares: it goes with the first or the last
    assert disc(0, 0).mean() < 1 / 12
    assert curves[:, 0, 1:] == pytest.approx(none)
    assert curves[:, 2, :12] == pytest.approx(full)
    areas = curve_areas(curves)
    assert (areas["deletion_gain"] > 0.1).all()
    assert (areas["insertion_gain"] > 0.1).all()
    assert areas["deletion_auc"] == pytest.approx(
        areas["random_auc"] - areas["deletion_gain"], abs=1e-6
    )


def test_wrong_map_gains_nothing(scene):
    wrong = np.repeat(disc(8, 8, 4)[None], 3, axis=0)
    areas = curve_areas(curves_of(scene, wrong))
    assert (areas["deletion_gain"] < 0).all()


def test_even_map_is_the_random_order_itself(scene):
    curves = curves_of(scene, np.ones_like(scene.maps))
    # lexsort puts small random numbers first in both
    assert np.array_equal(curves[:, 0], curves[:, 1])


def test_insertion_is_deletion_of_the_lowest_read_backwards(scene):
    # put the highest pixels into the empty sky by hand
    order = np.argsort(-scene.maps[0], axis=None, kind="stable")
    sky = empty_sky(scene.images[:1], KEYS[:1], 0)
    lowest_first = curves_of(scene, scene.maps[:1])[0, 2]
    n = SIZE * SIZE
    for step in (1, 3, 9):
        shown = sky.copy().reshape(-1)
        kept = order[: n - round(step * n / 12)]
        shown[kept] = scene.images[0].reshape(-1)[kept]
        probability, _ = scene.model.predict(shown.reshape(1, 1, SIZE, SIZE))
        assert probability[0, 1] == pytest.approx(lowest_first[step])


def test_curves_do_not_depend_on_company_and_may_be_empty(scene):
    both, one = curves_of(scene), curves_of(scene, scene.maps[:1])
    assert one[0] == pytest.approx(both[0])
    assert curves_of(scene, scene.maps[:0]).shape == (0, 3, 13)


def test_areas_by_hand():
    curves = np.array([[[1, 0, 0], [1, 0.5, 0], [1, 1, 0]]])
    areas = {name: values[0] for name, values in curve_areas(curves).items()}
    assert areas == {
        "deletion_auc": 0.25,
        "insertion_auc": 0.75,
        "random_auc": 0.5,
        "deletion_gain": 0.25,
        "insertion_gain": 0.25,
    }


def test_empty_sky_has_the_level_and_noise_of_the_border():
    random = np.random.default_rng(3)
    images = 7 + 2 * random.normal(size=(2, 2, 60, 60))
    images[:, :, 20:40, 20:40] += 500
    images[:, 1] *= 10
    sky = empty_sky(images, KEYS[:2], 0)
    for band, factor in enumerate((1, 10)):
        assert sky[:, band].mean() == pytest.approx(7 * factor, abs=0.3 * factor)
        assert sky[:, band].std() == pytest.approx(2 * factor, rel=0.1)
    # a galaxy's faint wings are no noise
    y, x = np.mgrid[:60, :60] - 29.5
    smooth = np.exp(-np.hypot(y, x) / 20)[None, None]
    assert empty_sky(smooth, KEYS[:1], 0).std() < 0.02 * smooth[0, 0, 0].std()


def test_sky_and_order_belong_to_the_image():
    images = np.random.default_rng(0).normal(size=(3, 1, 20, 20))
    sky = empty_sky(images, KEYS, 0)
    assert np.array_equal(sky[[2, 0]], empty_sky(images[[2, 0]], [KEYS[2], KEYS[0]], 0))
    maps = random_maps(KEYS, (4, 4), (20, 20), 0)
    assert np.array_equal(maps[[1]], random_maps(KEYS[1:2], (4, 4), (20, 20), 0))
    assert not np.array_equal(maps[1], maps[2])
    assert not np.array_equal(maps, random_maps(KEYS, (4, 4), (20, 20), 1))


def test_map_size_is_that_of_the_layer():
    network = build_network("deepmerge", n_bands=2, n_classes=2, image_size=SIZE).eval()
    assert map_size(network, torch.zeros(3, 2, SIZE, SIZE)) == (8, 8)
    assert not network.gradcam_layer._forward_hooks


def test_symmetric_predictions_are_followed_where_the_model_has_them(scene):
    averaged = dataclasses.replace(scene.model, d4_average=True)
    curves = deletion_curves(
        averaged, scene.images, "source", scene.maps, np.ones(3, dtype=int), KEYS, steps=4, seed=0
    )
    expected, _ = averaged.predict(scene.images, "source")
    assert curves[:, 0, 0] == pytest.approx(expected[:, 1])
