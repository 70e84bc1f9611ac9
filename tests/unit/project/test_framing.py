import numpy as np
import pytest
from scipy.stats import kstest

from sim2sky.errors import Sim2SkyError
from sim2sky.project.framing import draw_view, light_frame, light_radius
from sim2sky.project.settings import ProjectSettings
from sim2sky.settings import parse_settings

SETTINGS = ProjectSettings()
VIEWS = [draw_view("068-000001", number, SETTINGS) for number in range(2000)]


def test_axes_are_right_handed_and_the_third_points_to_the_observer():
    for view in VIEWS[:20]:
        assert view.rotation @ view.rotation.T == pytest.approx(np.eye(3), abs=1e-12)
        assert np.cross(view.rotation[0], view.rotation[1]) == pytest.approx(view.rotation[2])


@pytest.mark.parametrize("name", ["rotation", "companion_rotation"])
def test_directions_are_isotropic_and_so_is_the_roll(name):
    axes = np.array([getattr(view, name) for view in VIEWS])
    for row in axes.transpose(1, 0, 2):
        for component in row.T:  # each component of an isotropic unit vector is uniform
            assert kstest(component, "uniform", args=(-1, 2)).pvalue > 1e-3
    assert np.abs(np.mean([rotation.ravel() for rotation in axes], axis=0)).max() < 0.06


def test_framing_is_drawn_from_its_ranges():
    drawn = {
        "fov_sizes": (3, 5),
        "offset_sizes": (0.4, 1.8),
        "offset_angle": (0, 2 * np.pi),
    }
    for name, (low, high) in drawn.items():
        values = [getattr(view, name) for view in VIEWS]
        assert kstest(values, "uniform", args=(low, high - low)).pvalue > 1e-3
    jitter = np.array([view.jitter_px for view in VIEWS])
    assert kstest(jitter.ravel(), "uniform", args=(-3, 6)).pvalue > 1e-3


def test_a_view_depends_on_galaxy_number_and_seed_only():
    view = draw_view("068-000001", 7, SETTINGS)
    other_settings = ProjectSettings(n_views=9, n_shards=4, n_particles=None, bands=["sdss_g"])
    again = draw_view("068-000001", 7, other_settings)
    assert np.array_equal(view.rotation, again.rotation)
    assert (view.fov_sizes, view.offset_angle) == (again.fov_sizes, again.offset_angle)
    for other in (
        draw_view("068-000001", 8, SETTINGS),
        draw_view("068-000002", 7, SETTINGS),
        draw_view("068-000001", 7, ProjectSettings(seed=1)),
    ):
        assert not np.isclose(view.rotation, other.rotation).any()


def test_size_of_a_gaussian_cloud():
    """90 % of a Gaussian's light lies within sigma sqrt(2 ln 10)."""
    xy = np.random.default_rng(1).normal([4.0, -2.0], 3.0, size=(40000, 2))
    light = np.ones(len(xy))
    expected = 3 * np.sqrt(2 * np.log(10))
    assert light_radius(xy, light, np.array([4.0, -2.0])) == pytest.approx(expected, rel=0.01)
    centre, size = light_frame(xy, light)
    assert centre == pytest.approx([4, -2], abs=0.05)
    assert size == pytest.approx(expected, rel=0.01)


def test_centre_follows_the_light_and_not_a_distant_fragment():
    random = np.random.default_rng(2)
    xy = np.concatenate([random.normal(0, 1, (5000, 2)), random.normal((30, 0), 1, (300, 2))])
    light = np.ones(len(xy))
    assert light_frame(xy, light)[0] == pytest.approx([0, 0], abs=0.1)
    light[5000:] = 3 * 5000 / 300  # now the fragment is three times brighter
    assert light_frame(xy, light)[0][0] > 20


def test_settings_say_what_is_wrong():
    with pytest.raises(Sim2SkyError, match=r"fov_sizes_min \(9.0\) is above fov_sizes_max \(5.0"):
        parse_settings(ProjectSettings, {"fov_sizes_min": 9}, "test")
    with pytest.raises(Sim2SkyError, match=r"bands are named twice: F814W, F814W"):
        parse_settings(ProjectSettings, {"bands": ["F814W", "F814W"]}, "test")
    with pytest.raises(Sim2SkyError, match="unknown key 'band'; known keys: bands, n_views"):
        parse_settings(ProjectSettings, {"band": "F814W"}, "test")


def test_either_centre_is_a_coin():
    settings = ProjectSettings(centre="either")
    on_light = [draw_view("099-000001", view, settings).on_light for view in range(200)]
    assert 70 < sum(on_light) < 130
    assert all(draw_view("a", view, ProjectSettings()).on_light for view in range(5))
    fixed = ProjectSettings(centre="subhalo")
    assert not any(draw_view("a", view, fixed).on_light for view in range(5))
