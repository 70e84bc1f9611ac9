from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from PIL import Image

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.flags import StampFlag
from sim2sky.observe.images import observe_images, read_image, stem_id
from sim2sky.observe.settings import ObserveImagesSettings
from sim2sky.settings import parse_settings

DATA = Path(__file__).parents[3] / ".." / "shared/data/surveys"
GZ2 = DATA / "sdss-gz2-1000"
MERGER = "t08_odd_feature_a24_merger_weighted_fraction"
ODD = "t06_odd_a14_yes_debiased"


def as_rules(queries):
    return [{"name": name, "query": query} for name, query in queries.items()]


GZ2_RULES = {
    "id_column": "asset_id",
    "classes": as_rules(
        {
            "non-merger": f"derived_label != 'merger' and not ({MERGER} > 0.5 and {ODD} > 0.2)",
            "merger": f"{MERGER} > 0.5 and {ODD} > 0.42",
        }
    ),
}


def settings_with(**changes):
    content = {"bands": ["i", "r", "g"], "image_pixels": 8, "nano_jansky_per_unit": 1.0} | changes
    return parse_settings(ObserveImagesSettings, content, "images")


@pytest.fixture
def folder(tmp_path):
    """Three 16x16 pictures whose channels are 10, 20, 30 with a white spot above left."""
    path = tmp_path / "images"
    path.mkdir()
    for number in range(3):
        pixels = np.full((16, 16, 3), [10, 20, 30], dtype=np.uint8)
        pixels[2, 4:6] = 250  # the third row from the top
        Image.fromarray(pixels).save(path / f"{number}.png")
    return path


def write_labels(tmp_path, **columns):
    path = tmp_path / "labels.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_channels_orientation_and_area_average(folder):
    stamps = observe_images(folder, None, settings_with())
    assert stamps.images.shape == (3, 3, 8, 8)
    image = stamps.images[0]
    assert image[:, 0, 0].tolist() == [10, 20, 30]  # a transpose, not a reshape
    # y up: row 6 of 8 from below; half of each 2x2 block is the spot
    assert np.argwhere(image[0] > 10).tolist() == [[6, 2]]
    assert image[0, 6, 2] == (250 + 10) / 2
    assert stamps.attributes["units"] == "8bit"
    assert stamps.columns["label"].tolist() == [-1, -1, -1]


def test_crop_keeps_the_centre(folder):
    image = read_image(folder / "0.png", settings_with(crop_fraction=0.5)).pixels
    whole = read_image(folder / "0.png", settings_with(image_pixels=16)).pixels
    assert np.array_equal(image, whole[:, 4:12, 4:12])


def test_each_image_is_its_own_system(folder):
    columns = observe_images(folder, None, settings_with()).columns
    assert len(set(columns["system_id"])) == 3
    assert (columns["system_id"] >= 0).all()
    assert columns["galaxy_id"].tolist() == ["0", "1", "2"]
    assert stem_id("a") == stem_id("a") != stem_id("b")


def test_fits_cube_conserves_flux_and_y(tmp_path):
    cube = np.zeros((2, 20, 20), dtype=">f4")
    cube[0, 15, 4], cube[1] = 100.0, 2.0
    fits.writeto(tmp_path / "a.fits", cube)
    settings = settings_with(bands=["g", "r"], image_pixels=10, nano_jansky_per_unit=3.0)
    stamps = observe_images(tmp_path, None, settings)
    image = stamps.images[0]
    assert image.sum(axis=(1, 2)) == pytest.approx([300.0, 2400.0])
    assert np.unravel_index(image[0].argmax(), image[0].shape) == (7, 2)
    assert stamps.attributes["units"] == "nJy"
    assert stamps.columns["noise_sigma"].tolist() == [[0.0, 0.0]]


def test_border_gives_the_noise(tmp_path):
    pixels = np.random.default_rng(0).normal(5.0, 2.0, (100, 100))
    fits.writeto(tmp_path / "a.fits", pixels)
    stamps = observe_images(tmp_path, None, settings_with(bands=["r"], image_pixels=100))
    assert stamps.columns["noise_sigma"][0, 0] == pytest.approx(2.0, rel=0.05)


def test_rules_make_labels_and_leave_the_rest_unlabelled(folder, tmp_path):
    table = write_labels(tmp_path, name=["0", "1", "9"], votes=[0.9, 0.1, 0.9])
    rules = {"id_column": "name", "classes": as_rules({"no": "votes < 0.5", "yes": "votes > 0.5"})}
    stamps = observe_images(folder, table, settings_with(labels=rules))
    assert stamps.columns["label"].tolist() == [1, 0, -1]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"a": "votes > 0", "b": "votes > 0.5"}, "a row is both 'a' and 'b'; got 0"),
        ({"a": "vote > 0"}, r"labels.classes.a: the query fails.*vote"),
        ({"a": "votes + 1"}, "does not select rows"),
        ({"a": "votes > 5"}, "no image has a label"),
    ],
)
def test_bad_rules_are_explained(classes, message, folder, tmp_path):
    table = write_labels(tmp_path, name=["0", "1"], votes=[0.9, 0.1])
    rules = {"id_column": "name", "classes": as_rules(classes)}
    with pytest.raises(Sim2SkyError, match=message):
        observe_images(folder, table, settings_with(labels=rules))


def test_a_table_needs_its_column_and_unique_names(folder, tmp_path):
    table = write_labels(tmp_path, name=["0", "0"], votes=[0.9, 0.1])
    rules = {"id_column": "name", "classes": as_rules({"a": "votes > 0"})}
    with pytest.raises(Sim2SkyError, match="an identifier is repeated; got 0"):
        observe_images(folder, table, settings_with(labels=rules))
    with pytest.raises(Sim2SkyError, match="column 'id' is missing; got name, votes"):
        observe_images(folder, table, settings_with(labels=rules | {"id_column": "id"}))
    with pytest.raises(Sim2SkyError, match="give both --labels and `labels`"):
        observe_images(folder, table, settings_with())
    with pytest.raises(Sim2SkyError, match=r"nothing.csv: file not found"):
        observe_images(folder, tmp_path / "nothing.csv", settings_with(labels=rules))


def test_a_corrupt_image_is_flagged(folder, caplog):
    data = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(data[: len(data) // 2])
    stamps = observe_images(folder, None, settings_with())
    assert stamps.columns["flag"].tolist() == [0, StampFlag.BAD_IMAGE, 0]
    assert not stamps.images[1].any()
    assert "1.png: not a readable picture" in caplog.text


def test_sixteen_bits_are_refused_and_not_cut_off_at_255(tmp_path):
    pixels = np.full((8, 8), 5000, dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    with pytest.raises(Sim2SkyError, match="deep.png: not a readable picture; got more than 8 b"):
        read_image(tmp_path / "deep.png", settings_with())


def test_nan_in_fits_is_flagged(tmp_path):
    for name, value in (("a", np.nan), ("b", 1.0)):
        fits.writeto(tmp_path / f"{name}.fits", np.full((10, 10), value))
    stamps = observe_images(tmp_path, None, settings_with(bands=["r"]))
    assert stamps.columns["flag"].tolist() == [StampFlag.BAD_IMAGE, 0]


def test_unusable_folders_are_errors(folder, tmp_path):
    with pytest.raises(Sim2SkyError, match="folder of images not found"):
        observe_images(tmp_path / "nowhere", None, settings_with())
    with pytest.raises(Sim2SkyError, match="no images; expected files named .png"):
        observe_images(folder, None, settings_with(pattern="x*"))
    with pytest.raises(Sim2SkyError, match="no image is readable; got 3 bad files"):
        observe_images(folder, None, settings_with(bands=["a", "b"]))
    fits.writeto(folder / "a.fits", np.ones((10, 10)))
    with pytest.raises(Sim2SkyError, match="pictures and FITS images are mixed"):
        observe_images(folder, None, settings_with())
    Image.new("RGB", (9, 9)).save(folder / "0.jpg")
    with pytest.raises(Sim2SkyError, match="two images share a name; got 0"):
        observe_images(folder, None, settings_with(pattern="0*"))


def test_settings_need_a_value_for_every_band():
    with pytest.raises(Sim2SkyError, match="psf_fwhm_arcsec needs one value for each of 3"):
        settings_with(psf_fwhm_arcsec=[1.0])


@pytest.mark.skipif(not GZ2.is_dir(), reason="the Galaxy Zoo 2 thumbnails are not here")
def test_galaxy_zoo_2_gives_the_known_counts():
    settings = settings_with(image_pixels=75, labels=GZ2_RULES)
    stamps = observe_images(GZ2 / "images", GZ2 / "labels.csv", settings)
    assert [(stamps.columns["label"] == label).sum() for label in (-1, 0, 1)] == [113, 735, 152]
    assert not stamps.columns["flag"].any()
    centre, corner = stamps.images[:, :, 32:43, 32:43], stamps.images[:, :, :8, :8]
    assert (centre.mean(axis=(1, 2, 3)) > corner.mean(axis=(1, 2, 3)) + 20).mean() > 0.95


@pytest.mark.skipif(not DATA.is_dir(), reason="the example FITS cutouts are not here")
def test_a_real_fits_cutout_is_read():
    (path,) = (
        path for path in (DATA / "fits-examples").rglob("*.fits*") if fits.getdata(path).ndim == 3
    )
    image = read_image(path, settings_with(bands=["g", "r", "z"], image_pixels=81)).pixels
    cube = fits.getdata(path)
    assert image.sum(axis=(1, 2)) == pytest.approx(cube.sum(axis=(1, 2)), rel=1e-4)
