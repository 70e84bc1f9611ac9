import numpy as np
import pytest
from photutils.centroids import centroid_com
from PIL import Image
from scipy.integrate import quad

from sim2sky.errors import Sim2SkyError
from sim2sky.observe import stars
from sim2sky.observe.instrument import flux_njy
from sim2sky.observe.mock import observe_maps
from sim2sky.observe.scene import (
    Frame,
    _paint_galaxy,
    _sersic_integral,
    add_surroundings,
    coloured,
)
from sim2sky.observe.settings import ObserveSettings, RgbSettings, SceneSettings
from sim2sky.observe.thumbnail import compressed, resized
from sim2sky.settings import parse_settings

GRI = ["sdss_i", "sdss_r", "sdss_g"]
WAVELENGTH = np.array([0.7625, 0.6231, 0.477])
FRAME = Frame(extent_arcsec=45.0, arcsec_per_kpc=1.0, size_arcsec=7.0)
NOTHING = SceneSettings(
    stars_per_arcmin2=0, galaxies_per_arcmin2=0, superposed_stars=0, satellites=0, neighbours=0
)


def surroundings(seed=0, **settings):
    galaxy = np.zeros((3, 90, 90))
    galaxy[:, 45, 45] = 1e6
    scene = NOTHING.model_copy(update=settings)
    return add_surroundings(galaxy, FRAME, WAVELENGTH, scene, np.random.default_rng(seed)) - galaxy


def test_an_empty_scene_leaves_the_galaxy_alone():
    assert not surroundings().any()


def test_a_power_law_is_one_in_every_band():
    flux = coloured(np.array([2.0, 3.0]), WAVELENGTH, np.array([0.0, 2.0]))
    assert flux[0] == pytest.approx([2, 2, 2])
    assert flux[1] == pytest.approx(3 * (WAVELENGTH / 0.6231) ** 2)


def test_a_galaxy_keeps_its_flux_and_place():
    image = np.zeros((1, 101, 101))
    _paint_galaxy(image, 48.3, 53.1, 6.0, np.array([4.0]), np.array([0.0, 0.4, 0.3]))
    assert image.sum() == pytest.approx(4.0)
    assert centroid_com(image[0]) == pytest.approx([48.3, 53.1], abs=0.02)


def test_a_galaxy_cut_by_the_edge_keeps_its_surface_brightness():
    whole, cut = np.zeros((1, 121, 121)), np.zeros((1, 60, 121))
    shape = np.array([0.0, 1.0, 0.0])  # round and exponential
    _paint_galaxy(whole, 60.0, 60.0, 6.0, np.array([4.0]), shape)
    _paint_galaxy(cut, 60.0, 60.0, 6.0, np.array([4.0]), shape)
    assert cut[0] == pytest.approx(whole[0, :60], rel=0.05, abs=1e-9)


@pytest.mark.parametrize("index", [1.0, 2.5])
def test_the_whole_light_of_a_profile_is_its_integral(index):
    b = 2 * index - 1 / 3
    integral = quad(lambda u: np.exp(-b * u ** (1 / index)) * u, 0, np.inf)[0]
    assert index * _sersic_integral(b, index) == pytest.approx(integral, rel=1e-6)


def test_stars_come_at_their_density(monkeypatch):
    monkeypatch.setattr(stars, "_PLAIN_MAG", 0.0)  # no halos, which fill the image
    counts = [
        np.count_nonzero(surroundings(seed, stars_per_arcmin2=4, density_scatter_dex=0)[1]) / 4
        for seed in range(200)
    ]
    area = (45 / 60) ** 2
    assert np.mean(counts) == pytest.approx(4 * area, rel=0.12)


def test_satellites_are_faint_and_near():
    radius = np.hypot(*(np.indices((90, 90)) - 45)) / 90 * 45
    for seed in range(20):
        light = surroundings(seed, satellites=1.0, galaxy_slope=(0.0, 0.0))[1]
        if light.any():
            assert light.sum() < 6 * 0.08e6  # a few of at most 8 % each
            assert (light * (radius < 3 * 7.0)).sum() > 0.8 * light.sum()


def test_neighbours_keep_their_distance():
    for seed in range(20):
        light = surroundings(seed, neighbours=1.0)[1]
        if light.any():
            row, column = np.unravel_index(light.argmax(), light.shape)
            assert np.hypot(row - 45, column - 45) / 2 > 1.9 * 7.0


@pytest.fixture
def scene_settings():
    def make(rgb=None, noise=False, **scene):
        scene = NOTHING.model_copy(update=scene)
        return ObserveSettings(bands=GRI, scene=scene, noise=noise, rgb=rgb)

    return make


def test_the_drawn_surface_brightness_is_the_stamps(survey, make_maps, scene_settings):
    maps = make_maps(bands=("sdss_g", "sdss_r", "sdss_i"), pixels=90)
    settings = scene_settings(
        size_arcsec=(6.0, 6.0), surface_brightness=(21.5, 0.0), psf_scatter=0.0
    )
    stamps = observe_maps(maps, survey("sdss"), settings)
    expected = flux_njy(21.5) * np.pi * 6.0**2 / 0.9
    assert stamps.images[:, 1].sum(axis=(1, 2)) == pytest.approx(expected, rel=0.01)
    assert stamps.columns["scale_arcsec_per_kpc"] == pytest.approx(6.0 / 8.0)


def test_the_same_scene_in_every_survey_and_shard(survey, make_maps, scene_settings):
    settings = scene_settings(neighbours=2.0, stars_per_arcmin2=5.0)
    bands = ("sdss_g", "sdss_r", "sdss_i")
    whole = observe_maps(make_maps(n=4, bands=bands), survey("sdss"), settings)
    part = observe_maps(
        make_maps(n=4, bands=bands, name="part.h5", skip=(0, 1)), survey("sdss"), settings
    )
    for row, name in enumerate(part.columns["galaxy_id"]):
        same = (whole.columns["galaxy_id"] == name) & (
            whole.columns["view"] == part.columns["view"][row]
        )
        assert np.array_equal(whole.images[same][0], part.images[row])


def test_a_survey_without_wavelengths_cannot_have_colours(make_maps, survey, scene_settings):
    blind = survey("sdss").model_copy(deep=True)
    blind.bands["sdss_r"] = blind.bands["sdss_r"].model_copy(update={"wavelength_um": None})
    maps = make_maps(bands=("sdss_g", "sdss_r", "sdss_i"))
    with pytest.raises(Sim2SkyError, match=r"no wavelength_um of sdss_r"):
        observe_maps(maps, blind, scene_settings())


def test_resizing_keeps_brightness_and_pillow_agrees():
    image = np.random.default_rng(0).random((2, 40, 40))
    small = resized(image, 20, Image.Resampling.BOX)
    assert small == pytest.approx(image.reshape(2, 20, 2, 20, 2).mean(axis=(2, 4)), rel=1e-5)


def test_compression_changes_little_at_high_quality_and_more_at_low():
    rgb = np.tile(np.linspace(0, 255, 64), (3, 64, 1))
    change = [np.abs(compressed(rgb, quality) - rgb).mean() for quality in (95, 20)]
    assert 0 < change[0] < change[1] < 10


def test_a_thumbnail_is_whole_numbers_averaged(survey, make_maps, scene_settings):
    settings = scene_settings(rgb=RgbSettings(), noise=True, thumbnail_pixels=150, jpeg_quality=90)
    stamps = observe_maps(
        make_maps(bands=("sdss_g", "sdss_r", "sdss_i")), survey("sdss"), settings
    )
    assert stamps.images.shape[1:] == (3, 75, 75)
    assert stamps.images.min() >= 0
    assert stamps.images.max() <= 255
    assert np.allclose(stamps.images * 4, np.round(stamps.images * 4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"framing": "physical"}, "needs framing relative"),
        ({"magnitude_range": [15, 17]}, "no magnitude_range"),
        ({"scene": {"jpeg_quality": 90}, "rgb": None}, "jpeg_quality needs rgb"),
    ],
)
def test_settings_that_contradict_a_scene_are_refused(change, message):
    values = {"bands": GRI, "rgb": {}, "scene": {}} | change
    with pytest.raises(Sim2SkyError, match=message):
        parse_settings(ObserveSettings, values, "test")
