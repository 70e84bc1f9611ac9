import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sim2sky.project.smoothing import EXACT_SUM_PX, SMALLEST_KERNEL_PX, deposit, smoothing_lengths


def one_star(x, y, h, pixels=64):
    flux = np.array([[1.0, 3.0]])
    return deposit(np.array([x]), np.array([y]), np.array([h]), flux, pixels)


def moments(image):
    rows, columns = np.indices(image.shape)
    x, y = (image * columns).sum() / image.sum(), (image * rows).sum() / image.sum()
    return x, y, (image * (columns - x) ** 2).sum() / image.sum()


@pytest.mark.parametrize("h", [0.0, 0.3, 1.29, 1.31, 2.0, 3.7, 7.99, 8.01, 20.0])
@pytest.mark.parametrize(("x", "y"), [(31.0, 30.0), (31.5, 30.25), (30.123, 33.871)])
def test_every_kernel_holds_its_flux_and_its_place(h, x, y):
    image = one_star(x, y, h)
    exact = h < EXACT_SUM_PX
    assert image[..., 0].sum() == pytest.approx(1, abs=1e-12 if exact else 3e-5)
    assert image[..., 1] == pytest.approx(3 * image[..., 0], rel=1e-12)
    found_x, found_y, _ = moments(image[..., 0])
    assert (found_x, found_y) == pytest.approx((x, y), abs=0.05 if h < 2 else 0.02)


@pytest.mark.parametrize("h", [4.0, 12.0, 25.0])
def test_variance_of_the_kernel(h):
    """Of (1 - r^2)^3 in the plane: <x^2> = h^2 / 10."""
    assert moments(one_star(31.3, 31.8, h)[..., 0])[2] == pytest.approx(h**2 / 10, rel=0.01)


def test_kernel_is_the_projection_of_a_sphere():
    """(1 - r^2)^(5/2) integrated along z is proportional to (1 - R^2)^3."""
    z, step = np.linspace(-1, 1, 20001, retstep=True)
    radius = np.array([0.0, 0.3, 0.6, 0.9])
    column = np.maximum(1 - radius[:, None] ** 2 - z**2, 0) ** 2.5
    projected = column.sum(axis=1) * step
    image = one_star(32.0, 32.0, 20.0)[32, :, 0]
    found = image[32 + np.round(20 * radius).astype(int)]
    assert found / found[0] == pytest.approx(projected / projected[0], rel=1e-6)


def test_small_kernels_pass_over_to_a_cloud_of_the_same_width():
    """Averaged over places in a pixel, since a sampled kernel of this size is lumpy."""
    places = np.linspace(30, 31, 21)[:-1]
    variance = [
        np.mean([moments(one_star(x, x, h)[..., 0])[2] for x in places])
        for h in (SMALLEST_KERNEL_PX - 1e-6, SMALLEST_KERNEL_PX + 1e-6)
    ]
    assert variance[0] == pytest.approx(1 / 6, rel=0.01)
    assert variance[1] == pytest.approx(variance[0], rel=0.15)


@pytest.mark.parametrize("h", [0.5, 6.0, 15.0])
def test_what_lies_outside_is_lost_and_not_moved(h):
    assert one_star(-0.5, 31.0, h)[..., 0].sum() == pytest.approx(0.5, abs=3e-5)
    inside = one_star(10.0, 10.0, h, pixels=64)
    cut = one_star(10.0, 10.0, h, pixels=12)
    assert cut == pytest.approx(inside[:12, :12], abs=1e-15)
    for x, y in ((-h - 2, 5), (70 + h, 5), (5, -h - 2), (5, 70 + h)):
        assert one_star(x, y, h).sum() == 0


def test_rows_run_up_and_columns_right():
    image = one_star(50.0, 7.0, 0.1)
    assert np.unravel_index(image[..., 0].argmax(), (64, 64)) == (7, 50)


def test_smoothing_length_is_the_distance_of_the_kth_neighbour():
    position = np.random.default_rng(0).normal(size=(300, 3))
    distances = np.sort(cdist(position, position), axis=1)
    assert smoothing_lengths(position, 16) == pytest.approx(distances[:, 16])
    assert smoothing_lengths(position[:5], 16) == pytest.approx(
        np.sort(cdist(position[:5], position[:5]))[:, 4]
    )
    assert smoothing_lengths(position[:1], 16).tolist() == [0.0]
    assert smoothing_lengths(position[:0], 16).shape == (0,)
