import dataclasses

import numpy as np
import pytest

from sim2sky.project.field import equal_draw, make_field, take_picture
from sim2sky.project.flags import MapFlag
from sim2sky.project.framing import View, draw_view
from sim2sky.project.settings import ProjectSettings
from sim2sky.project.stellar_table import StellarTable

from .conftest import COSMOLOGY, cloud

TABLE = StellarTable.read().select(["F814W", "F160W"])
STRAIGHT = View(np.eye(3), np.eye(3), 4.0, np.zeros(2), 1.5, 0.0, on_light=True)


def field_of(*galaxies, redshift=2.0, **settings):
    return make_field(
        list(galaxies), "068-000001", redshift, COSMOLOGY, TABLE, ProjectSettings(**settings)
    )


def table_flux(*galaxies, redshift=2.0):
    return sum(
        TABLE.flux_njy(g.initial_mass, g.age_gyr, g.metallicity, redshift, COSMOLOGY).sum(axis=0)
        for g in galaxies
    )


@pytest.mark.parametrize("n_particles", [None, 1500])
def test_map_holds_the_flux_of_the_table(n_particles):
    galaxy = cloud(4000, 2.0, seed=1)
    settings = ProjectSettings(framing="physical", fov_kpc=60, n_particles=n_particles)
    picture = take_picture(field_of(galaxy, n_particles=n_particles), STRAIGHT, settings)
    assert picture.map_njy.shape == (2, 150, 150)
    assert picture.map_njy.dtype == np.float32
    total = picture.map_njy.sum(axis=(1, 2), dtype=float)
    assert total == pytest.approx(table_flux(galaxy), rel=1e-4)
    assert picture.flag == 0


def test_surface_brightness_of_a_gaussian_cloud():
    sigma, pixels, fov = 5.0, 100, 40.0
    galaxy = cloud(60000, sigma, seed=2)
    settings = ProjectSettings(
        framing="physical", fov_kpc=fov, map_pixels=pixels, n_particles=None
    )
    image = take_picture(field_of(galaxy, n_particles=None), STRAIGHT, settings).map_njy[1]
    middle = (np.arange(pixels) - (pixels - 1) / 2) * fov / pixels
    radius = np.hypot(*np.meshgrid(middle, middle))
    expected = table_flux(galaxy)[1] * (fov / pixels) ** 2 / (2 * np.pi * sigma**2)
    for low, high in ((0, 2.5), (2.5, 5), (5, 7.5), (7.5, 10)):
        ring = (radius >= low) & (radius < high)
        profile = expected * np.exp(-(radius[ring] ** 2) / 2 / sigma**2)
        assert image[ring].mean() == pytest.approx(profile.mean(), rel=0.04)


def test_a_star_lands_where_its_view_puts_it():
    """Columns run along the view's x axis, rows along its y axis, depth does not show."""
    view = draw_view("068-000003", 0, ProjectSettings())
    galaxy = cloud(1, 0.0, seed=0)
    settings = ProjectSettings(framing="physical", fov_kpc=75, map_pixels=75)
    still = dataclasses.replace(view, jitter_px=np.zeros(2), on_light=False)
    for along, (row, column) in {0: (37, 47), 1: (47, 37), 2: (37, 37)}.items():
        moved = dataclasses.replace(galaxy, position_kpc=10 * view.rotation[along][None])
        image = take_picture(field_of(moved), still, settings).map_njy[0]
        assert np.unravel_index(image.argmax(), image.shape) == (row, column)
    shifted = dataclasses.replace(view, jitter_px=np.array([3.0, -2.0]))
    image = take_picture(field_of(galaxy), shifted, settings).map_njy[0]
    assert np.unravel_index(image.argmax(), image.shape) == (35, 40)


def test_field_of_view_is_the_drawn_multiple_of_the_size():
    galaxy = cloud(20000, 3.0, seed=4)
    picture = take_picture(field_of(galaxy), STRAIGHT, ProjectSettings())
    assert picture.size_kpc == pytest.approx(3 * np.sqrt(2 * np.log(10)), rel=0.02)
    assert picture.fov_kpc == pytest.approx(4 * picture.size_kpc)


def test_same_galaxy_twice_as_large_gives_the_same_picture():
    small = cloud(3000, 2.0, seed=5)
    large = dataclasses.replace(small, position_kpc=2 * small.position_kpc)
    views = [take_picture(field_of(g), STRAIGHT, ProjectSettings()) for g in (small, large)]
    assert views[1].size_kpc == pytest.approx(2 * views[0].size_kpc)
    assert views[1].map_njy == pytest.approx(views[0].map_njy, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "wanted"), [([900], [500]), ([900, 600], [300, 200]), ([997, 2], [499, 1])]
)
def test_draw_takes_the_same_fraction_of_each_galaxy(counts, wanted):
    rows = equal_draw(counts, 500, np.random.default_rng(0))
    assert [len(part) for part in rows] == wanted
    for part, count in zip(rows, counts, strict=True):
        assert len(np.unique(part)) == len(part)
        assert part.max() < count


def test_number_of_stars_is_the_same_for_one_galaxy_and_two():
    one, two = cloud(900, 2.0, seed=6), cloud(600, 2.0, seed=7)
    single, double = field_of(one, n_particles=500), field_of(one, two, n_particles=500)
    assert len(single) == len(double) == 500
    assert double.is_companion.sum() == 200
    assert single.flag == double.flag == 0
    companion = double.flux_njy[double.is_companion].sum(axis=0)
    assert companion == pytest.approx(table_flux(two))
    assert double.flux_njy.sum(axis=0) == pytest.approx(table_flux(one, two))


def test_kernels_fit_the_stars_that_are_drawn():
    """An eighth of the stars is twice as far apart."""
    galaxy = cloud(8000, 3.0, seed=8)
    full, drawn = field_of(galaxy, n_particles=None), field_of(galaxy, n_particles=1000)
    ratio = np.median(drawn.smoothing_kpc) / np.median(full.smoothing_kpc)
    assert ratio == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(("angle", "sign"), [(0.0, (1, 0)), (np.pi / 2, (0, 1))])
def test_companion_lies_at_its_offset(angle, sign):
    primary, companion = cloud(2000, 1.0, seed=9), cloud(2000, 0.1, seed=10)
    settings = ProjectSettings(framing="physical", fov_kpc=30, map_pixels=150)
    view = dataclasses.replace(STRAIGHT, offset_sizes=4.0, offset_angle=angle, on_light=False)
    picture = take_picture(field_of(primary, companion), view, settings)
    image = picture.map_njy[0]
    row, column = np.unravel_index(image.argmax(), image.shape)
    found = (np.array([column, row]) - 74.5) * 30 / 150
    size = np.sqrt(2 * np.log(10))  # R90 of the primary, sigma = 1 kpc
    assert found == pytest.approx(4 * size * np.array(sign), abs=0.35)
    # half of the light is in the companion: the picture's own R90 reaches it
    assert picture.companion_sizes == pytest.approx(4 * size / picture.size_kpc, rel=0.05)
    assert picture.companion_sizes == pytest.approx(1, abs=0.1)


def test_a_neighbour_is_as_far_as_it_looks():
    field = dataclasses.replace(
        field_of(cloud(2000, 1.0, seed=9)), neighbour_kpc=np.array([3.0, 4.0, 12.0])
    )
    picture = take_picture(field, STRAIGHT, ProjectSettings())
    assert picture.companion_sizes * picture.size_kpc == pytest.approx(5)
    end_on = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    turned = take_picture(field, dataclasses.replace(STRAIGHT, rotation=end_on), ProjectSettings())
    assert turned.companion_sizes * turned.size_kpc == pytest.approx(np.hypot(12, 4))


def test_a_lonely_galaxy_has_no_companion():
    picture = take_picture(field_of(cloud(500, 1.0, seed=9)), STRAIGHT, ProjectSettings())
    assert np.isnan(picture.companion_sizes)


def test_companion_is_seen_along_its_own_direction():
    """A needle along z: end-on in the primary's view, along x in the companion's."""
    random = np.random.default_rng(11)
    needle = cloud(500, 0.0, seed=0)
    position = np.zeros((500, 3))
    position[:, 2] = random.uniform(-5, 5, 500)
    needle = dataclasses.replace(needle, position_kpc=position)
    turned = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    view = dataclasses.replace(
        STRAIGHT, companion_rotation=turned, offset_sizes=0.0, on_light=False
    )
    settings = ProjectSettings(framing="physical", fov_kpc=20, map_pixels=40)
    field = field_of(cloud(500, 0.0, seed=0), needle)
    image = take_picture(field, view, settings).map_njy[0]
    columns, rows = image.sum(axis=0) > 0, image.sum(axis=1) > 0
    assert columns.sum() >= 20
    assert rows.sum() <= 4


def test_bad_stars_are_left_out_and_flagged():
    galaxy = cloud(400, 2.0, seed=12)
    position, age = galaxy.position_kpc.copy(), galaxy.age_gyr.copy()
    position[3, 1], age[7] = np.nan, np.inf
    bad = dataclasses.replace(galaxy, position_kpc=position, age_gyr=age)
    field = field_of(bad, n_particles=None)
    assert len(field) == 398
    assert field.flag == MapFlag.NON_FINITE
    assert np.isfinite(take_picture(field, STRAIGHT, ProjectSettings()).map_njy).all()


def test_few_stars_are_all_used_and_flagged():
    field = field_of(cloud(400, 2.0, seed=13), n_particles=500)
    assert len(field) == 400
    assert field.flag == MapFlag.FEW_STARS


def test_light_beyond_the_edge_is_flagged():
    field = field_of(cloud(5000, 3.0, seed=14))
    wide, narrow = (
        take_picture(field, STRAIGHT, ProjectSettings(framing="physical", fov_kpc=fov))
        for fov in (30, 10)
    )
    assert wide.flag == 0
    assert narrow.flag == MapFlag.LIGHT_CUT
    assert narrow.map_njy.sum() < 0.95 * wide.map_njy.sum()


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_frame_is_a_zero_map(count):
    field = field_of(cloud(count, 0.0, seed=0))
    picture = take_picture(field, STRAIGHT, ProjectSettings())
    assert picture.flag == MapFlag.FEW_STARS | MapFlag.EMPTY
    assert picture.map_njy.shape == (2, 150, 150)
    assert not picture.map_njy.any()
    assert np.isnan(picture.size_kpc)
