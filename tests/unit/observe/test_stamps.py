import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.visualization import make_lupton_rgb
from PIL import Image

from sim2sky.errors import Sim2SkyError
from sim2sky.observe import command
from sim2sky.observe.images import read_image
from sim2sky.observe.instrument import survey_bands
from sim2sky.observe.mock import observe_maps, with_noise
from sim2sky.observe.settings import ObserveImagesSettings, ObserveSettings, RgbSettings
from sim2sky.observe.stamps import read_stamps, write_stamps
from sim2sky.observe.stretch import rgb_composite, rgb_noise_sigma

SURVEYS = Path(__file__).parents[3] / "config" / "surveys"
RGB = RgbSettings(
    minimum_njy_arcsec2=(-50.0, -50.0, -50.0),
    stretch_njy_arcsec2=2000.0,
    q=5.0,
    scales=(1.0, 1.0, 1.0),
)
GZ2 = Path(__file__).parents[3] / ".." / "shared/data/surveys/sdss-gz2-1000/images"


def test_stamps_come_back_as_written(make_maps, survey, tmp_path):
    stamps = observe_maps(make_maps(), survey("hst_wfc3_acs"), ObserveSettings(bands=["F160W"]))
    write_stamps(tmp_path / "s.h5", stamps, {"stage": "observe"})
    back = read_stamps(tmp_path / "s.h5")
    assert np.array_equal(back.images, stamps.images)
    for name, values in stamps.columns.items():
        assert np.array_equal(back.columns[name], values.astype(back.columns[name].dtype)), name
    assert back.attributes["bands"] == ["F160W"]
    assert back.nuisance.equals(stamps.nuisance.astype(float))
    assert read_stamps(tmp_path / "s.h5", images=False).images is None


def test_broken_stamps_are_explained(make_maps, survey, tmp_path):
    path = tmp_path / "s.h5"
    write_stamps(
        path,
        observe_maps(make_maps(), survey("hst_wfc3_acs"), ObserveSettings(bands=["F160W"])),
        {},
    )
    with h5py.File(path, "r+") as file:
        del file["view"]
        file["view"] = np.zeros(2)
    with pytest.raises(Sim2SkyError, match="columns have different lengths"):
        read_stamps(path)
    with h5py.File(path, "r+") as file:
        del file["noise_sigma"]
    with pytest.raises(Sim2SkyError, match="'noise_sigma' is missing"):
        read_stamps(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["units"]
    with pytest.raises(Sim2SkyError, match="attribute units is missing"):
        read_stamps(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(Sim2SkyError, match="truncated"):
        read_stamps(path)


def test_composite_is_astropys():
    images = np.random.default_rng(0).normal(100, 300, (3, 20, 20))
    expected = make_lupton_rgb(*(images / 0.25 + 50.0), minimum=0, stretch=2000.0, Q=5.0)
    composite = rgb_composite(images, 0.5, RGB)
    for channel in range(3):
        assert np.array_equal(composite[channel], expected[..., channel])
    assert set(np.unique(composite % 1)) == {0}


def test_composite_depends_on_surface_brightness():
    images = np.full((3, 8, 8), 300.0)
    assert np.array_equal(rgb_composite(images, 0.5, RGB), rgb_composite(images * 4, 1.0, RGB))
    redder = RGB.model_copy(update={"scales": (2.0, 1.0, 1.0)})
    red, green, _ = rgb_composite(images, 0.5, redder)[:, 0, 0]
    assert red > green


def test_rgb_noise_is_that_of_blank_sky():
    sigma = np.array([20.0, 10.0, 5.0])
    sky = np.random.default_rng(5).normal(size=(3, 200, 200)) * sigma[:, None, None]
    measured = rgb_composite(sky, 0.5, RGB).std(axis=(1, 2))
    assert rgb_noise_sigma(sigma, 0.5, RGB) == pytest.approx(measured, rel=0.05)


@pytest.mark.skipif(not GZ2.is_dir(), reason="the Galaxy Zoo 2 thumbnails are not here")
def test_default_composite_has_the_sky_of_sdss_thumbnails(survey):
    """Field of 8.48 R90 (Willett et al. 2013, Sec. 2.2) of 9 arcsec on 75 pixels."""
    scale = 8.48 * 9 / 75
    bands = survey_bands(survey("sdss"), ["sdss_i", "sdss_r", "sdss_g"], scale)
    rng = np.random.default_rng(0)
    blank = np.stack([with_noise(np.zeros((150, 150)), band, rng, poisson=True) for band in bands])
    mock = rgb_composite(blank, scale, RgbSettings())
    settings = ObserveImagesSettings(bands=["i", "r", "g"])
    paths = sorted(GZ2.glob("*.jpg"))[::10]
    corners = np.stack([read_image(path, settings).pixels[:, :8, :8] for path in paths])
    corners = corners.reshape(len(paths), 3, -1)
    for channel in range(3):
        low, middle = np.median(np.percentile(corners[:, channel], [16, 50], axis=1), axis=1)
        assert mock[channel].mean() == pytest.approx(middle, abs=0.6)
        assert mock[channel].std() == pytest.approx(middle - low, abs=0.7)


def test_command_observes_in_colour(make_maps, tmp_path):
    maps = make_maps(bands=("sdss_g", "sdss_r", "sdss_i"))
    settings = {
        "bands": ["sdss_i", "sdss_r", "sdss_g"],
        "rgb": RGB.model_dump(mode="json"),
        "image_pixels": 32,
    }
    output = tmp_path / "stamps" / "000.h5"
    command.observe(json.dumps(settings), SURVEYS / "sdss.yaml", maps, output)
    stamps = read_stamps(output)
    assert stamps.attributes["units"] == "8bit"
    assert stamps.attributes["bands"] == ["sdss_i", "sdss_r", "sdss_g"]
    assert stamps.images.shape == (4, 3, 32, 32)
    assert stamps.images.min() >= 0
    assert stamps.images.max() <= 255
    with h5py.File(output) as file:
        content = json.loads(file.attrs["settings"])
    assert content["survey"]["name"] == "sdss"
    assert content["observe"]["image_pixels"] == 32


def test_command_reads_images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (20, 20), (1, 2, 3)).save(folder / "a.png")
    output = tmp_path / "000.h5"
    settings = json.dumps({"bands": ["i", "r", "g"], "image_pixels": 10})
    command.observe_images(settings, folder, output)
    stamps = read_stamps(output)
    assert stamps.columns["galaxy_id"].tolist() == ["a"]
    assert stamps.nuisance.empty
    assert stamps.images[0, :, 0, 0].tolist() == [1, 2, 3]
