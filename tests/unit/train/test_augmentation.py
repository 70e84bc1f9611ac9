import numpy as np
import pytest
import scipy.ndimage
import torch

from sim2sky.errors import Sim2SkyError
from sim2sky.settings import parse_settings
from sim2sky.train.augmentation import Augmentation, blurred, moved
from sim2sky.train.settings import AugmentationSettings

NOTHING = {
    "noise_sigma": (1e-9, 1e-9),
    "blur_sigma_px": 0.0,
    "contrast": 1.0,
    "brightness": 0.0,
    "shift_px": 0.0,
    "rotation_deg": 0.0,
    "zoom": 1.0,
}


def noise(n: int = 4, size: int = 15, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 2, size, size, generator=torch.Generator().manual_seed(seed))


def augmented(images: torch.Tensor, number: int = 0, seed: int = 0, **changes) -> torch.Tensor:
    settings = AugmentationSettings(**{**NOTHING, **changes})
    return Augmentation(settings, "source", seed)(images, number)


def test_nothing_changes_nothing():
    torch.testing.assert_close(augmented(noise()), noise(), rtol=1e-5, atol=1e-5)


def test_a_batch_depends_on_its_number_the_domain_and_the_seed():
    settings = AugmentationSettings()
    first = Augmentation(settings, "source", 0)(noise(), 3)
    assert torch.equal(first, Augmentation(settings, "source", 0)(noise(), 3))
    for other in (
        Augmentation(settings, "source", 0)(noise(), 4),
        Augmentation(settings, "source", 1)(noise(), 3),
        Augmentation(settings, "target", 0)(noise(), 3),
    ):
        assert not torch.allclose(first, other, atol=0.1)
    assert first.is_contiguous(memory_format=torch.channels_last)


def test_does_not_touch_the_generator_of_the_training():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    Augmentation(AugmentationSettings(), "source", 0)(noise(), 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_noise_is_even_in_its_logarithm():
    flat = torch.zeros(600, 1, 20, 20)
    sigma = augmented(flat, noise_sigma=(0.01, 1.0)).std((1, 2, 3))
    assert 0.009 < sigma.min() < 0.011
    assert 0.9 < sigma.max() < 1.1
    quartiles = np.quantile(np.log10(sigma.numpy()), [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, [-1.5, -1.0, -0.5], atol=0.12)


def test_contrast_and_brightness_of_each_image():
    images = noise(200)
    change = augmented(images, contrast=1.5, brightness=0.3)
    slope = change.std((2, 3)) / images.std((2, 3))
    torch.testing.assert_close(slope[:, 0], slope[:, 1])  # one contrast for all bands
    assert 1 / 1.5 <= slope.min() < 0.7
    assert 1.4 < slope.max() <= 1.5
    mean = images.mean((1, 2, 3), keepdim=True)
    left = change - mean - slope[:, :, None, None] * (images - mean)
    torch.testing.assert_close(left, left[:, :, :1, :1].expand_as(left), rtol=0, atol=1e-4)
    assert left.abs().max() <= 0.3001
    assert left.std() == pytest.approx(0.3 / 3**0.5, rel=0.1)
    assert not torch.allclose(left[:, 0], left[:, 1], atol=0.01)  # each band has its brightness


@pytest.mark.parametrize("sigma", [0.6, 1.5])
def test_blur_equals_scipy_away_from_the_edge(sigma):
    images = noise(size=31)
    expected = scipy.ndimage.gaussian_filter(
        images.double().numpy(), (0, 0, sigma, sigma), truncate=6
    )
    actual = blurred(images, torch.full((4,), sigma)).numpy()
    inner = slice(10, -10)
    np.testing.assert_allclose(actual[..., inner, inner], expected[..., inner, inner], atol=1e-5)


def test_blur_of_each_image_and_of_none():
    images = noise(3)
    result = blurred(images, torch.tensor([0.0, 1.0, 2.0]))
    assert torch.equal(result[0], images[0])
    assert images.std() > result[1].std() > result[2].std()
    flat = torch.full((1, 1, 9, 9), 2.5)
    torch.testing.assert_close(blurred(flat, torch.tensor([1.5])), flat)


def test_shift_by_whole_pixels():
    images = noise(2)
    shift = torch.tensor([[3.0, -2.0], [0.0, 1.0]])
    result = moved(images, shift, torch.zeros(2), torch.ones(2))
    first, second = images[0, :, 2:, :-3], images[1, :, :-1]
    torch.testing.assert_close(result[0, :, :-2, 3:], first, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(result[1, :, 1:], second, rtol=1e-4, atol=1e-4)


def test_quarter_turn():
    images = noise(1)
    result = moved(images, torch.zeros(1, 2), torch.tensor([np.pi / 2]).float(), torch.ones(1))
    expected = torch.rot90(images, -1, (2, 3))  # from x towards y, y being the row
    torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-3)


def test_zoom_makes_a_blob_wider():
    x = torch.arange(41.0) - 20
    blob = torch.exp(-(x[:, None] ** 2 + x**2) / (2 * 3.0**2))[None, None]
    for zoom in (0.8, 1.3):
        result = moved(blob, torch.zeros(1, 2), torch.zeros(1), torch.tensor([zoom]))[0, 0]
        width = ((result * x**2).sum() / result.sum()).sqrt().item()
        assert width == pytest.approx(3.0 * zoom, rel=0.03)


def test_turned_and_shifted_within_the_limits():
    """A point source stays within the shift, however the image is turned about it."""
    image = torch.zeros(1, 1, 21, 21)
    image[..., 10, 10] = 1.0
    images = image.expand(300, 1, 21, 21)
    result = augmented(images, shift_px=2.0, rotation_deg=180.0, zoom=1.2)[:, 0]
    place = torch.arange(21.0) - 10
    total = result.sum((1, 2))
    x = (result.sum(1) @ place) / total
    y = (result.sum(2) @ place) / total
    assert x.abs().max() <= 2.3
    assert y.abs().max() <= 2.3
    assert x.std() == pytest.approx(2 / 3**0.5, rel=0.15)
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.15


def test_what_comes_in_from_outside_is_like_the_image():
    images = noise(30, size=25) + 5
    result = augmented(images, shift_px=4.0, rotation_deg=45.0, zoom=1.2)
    assert result.min() > 0  # no black corners


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"noise_sigma": [0.0, 1.0]}, "smallest noise must be above 0"),
        ({"noise_sigma": [0.5, 0.1]}, "not above the largest"),
        ({"zoom": 0.5}, "'zoom'.*greater than or equal to 1"),
        ({"noise": 1}, "unknown key 'noise'"),
    ],
)
def test_refusals(content, message):
    with pytest.raises(Sim2SkyError, match=message):
        parse_settings(AugmentationSettings, content, "config.yaml")


@pytest.mark.parametrize("degrees", [0.0, 90.0])
def test_stretch_lengthens_along_its_direction(degrees):
    x = torch.arange(61.0) - 30
    blob = torch.exp(-(x[:, None] ** 2 + x**2) / (2 * 4.0**2))[None, None]
    result = moved(
        blob,
        torch.zeros(1, 2),
        torch.zeros(1),
        torch.ones(1),
        stretch=torch.tensor([1.5]),
        direction=torch.deg2rad(torch.tensor([degrees])),
    )[0, 0]
    widths = [((result * y**2).sum() / result.sum()).sqrt().item() for y in (x, x[:, None])]
    along, across = widths if degrees == 0 else widths[::-1]
    assert along == pytest.approx(4.0 * 1.5, rel=0.03)
    assert across == pytest.approx(4.0 / 1.5, rel=0.03)


def test_colours_change_by_one_factor_for_each_band_above_the_darkest_pixel():
    images = noise(100)
    change = augmented(images, colour=1.3)
    light = [x - x.amin((2, 3), keepdim=True) for x in (images, change)]
    factor = light[1].sum((2, 3)) / light[0].sum((2, 3))
    torch.testing.assert_close(light[1], factor[:, :, None, None] * light[0], rtol=1e-3, atol=1e-3)
    assert (factor[:, 0] / factor[:, 1]).log().abs().max() > 0.2
    assert factor.log().abs().max() <= np.log(1.3) * 1.001
