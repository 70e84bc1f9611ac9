import logging

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from astropy.io import fits
from astropy.table import Table
from PIL import Image

from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.predict.block import ImageFlag
from sim2sky.predict.catalogue import predict_catalogue
from sim2sky.predict.folder import read_pixels
from sim2sky.predict.images import open_images
from sim2sky.predict.settings import PredictSettings
from sim2sky.provenance import stamp
from sim2sky.train.model_file import Model, load_model, save_model
from sim2sky.train.networks import build_network

SIZE = 16


def make_model(path, seed: int = 0, units: str = "8bit", classes=("non-merger", "merger")):
    """Write a model with random weights: what it predicts does not matter here."""
    torch.manual_seed(seed)
    bands = ["sdss_i", "sdss_r", "sdss_g"]
    normalisation = {
        domain: Normalisation("linear", np.ones(3), np.full(3, mean), np.full(3, 50.0))
        for domain, mean in (("source", 20.0), ("target", 60.0))
    }
    model = Model(
        network=build_network("deepmerge", 3, len(classes), SIZE),
        network_name="deepmerge",
        classes=list(classes),
        bands=bands,
        image_size=SIZE,
        pixel_scale_arcsec=0.4,
        units=units,
        normalisation=normalisation,
        method="mmd",
        seed=seed,
        provenance=stamp("train", {}),
    )
    save_model(model, path)
    return path


@pytest.fixture
def model_path(tmp_path):
    return make_model(tmp_path / "model.pt")


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (6, 3, SIZE, SIZE)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, pixels):
    """Good pictures; the first row of a picture is the top of the sky."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, image in enumerate(pixels):
        Image.fromarray(image[:, ::-1].transpose(1, 2, 0)).save(folder / f"g{number}.png")
    return folder


def write_stamps(path, images, bands=("sdss_i", "sdss_r", "sdss_g"), units="8bit", scale=0.4):
    with h5py.File(path, "w") as file:
        file["images"] = images.astype("f4")
        names = [f"099-{number:06d}" for number in range(len(images))]
        file.create_dataset("galaxy_id", data=names, dtype=h5py.string_dtype())
        file["view"] = np.arange(len(images), dtype="i4") % 2
        file["flag"] = np.zeros(len(images), dtype="i4")
        file.attrs.update(bands=list(bands), units=units, pixel_scale_arcsec=scale)
    return path


def test_pictures_are_classified_as_the_model_would(model_path, folder, pixels, tmp_path):
    predict_catalogue(
        [model_path], folder, tmp_path / "c.parquet", settings=PredictSettings(block_size=4)
    )
    table = pd.read_parquet(tmp_path / "c.parquet")
    model = load_model(model_path)
    expected = model.predict(pixels.astype(np.float32), "target")[0]
    assert list(table) == [
        *("galaxy_id", "view", "system_id", "ra_deg", "dec_deg"),
        *("probability_non-merger", "probability_merger", "predicted", "flag"),
    ]
    assert table["galaxy_id"].tolist() == [f"g{number}" for number in range(6)]
    np.testing.assert_allclose(table["probability_merger"], expected[:, 1], rtol=1e-5)
    names = np.array(model.classes)[expected.argmax(1)]
    assert table["predicted"].tolist() == names.tolist()
    assert (table["flag"] == 0).all()


def test_blocks_change_nothing_and_stay_small(model_path, folder, tmp_path):
    images = open_images(folder, load_model(model_path))
    assert [len(images.read(start, start + 4).images) for start in (0, 4)] == [4, 2]
    tables = []
    for block_size in (1, 5, 100):
        output = tmp_path / f"{block_size}.parquet"
        predict_catalogue(
            [model_path], folder, output, settings=PredictSettings(block_size=block_size)
        )
        tables.append(pd.read_parquet(output))
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], rtol=1e-5)


def test_the_domain_chooses_the_normalisation(model_path, folder, pixels, tmp_path):
    for domain in ("source", "target"):
        predict_catalogue([model_path], folder, tmp_path / f"{domain}.parquet", domain=domain)
        expected = load_model(model_path).predict(pixels.astype(np.float32), domain)[0]
        table = pd.read_parquet(tmp_path / f"{domain}.parquet")
        np.testing.assert_allclose(table["probability_merger"], expected[:, 1], rtol=1e-5)


def test_bad_pictures_are_flagged(model_path, folder, pixels, tmp_path, caplog):
    rgb = pixels[0].transpose(1, 2, 0)
    (folder / "a_truncated.png").write_bytes((folder / "g0.png").read_bytes()[:60])
    (folder / "b_text.jpg").write_text("no picture")
    Image.fromarray(rgb[:, :, 0]).save(folder / "c_grey.png")
    Image.fromarray(rgb[:12]).save(folder / "d_small.png")
    Image.fromarray(np.zeros_like(rgb)).save(folder / "e_black.png")
    Image.fromarray(rgb[:, :, 0].astype(np.uint16)).save(folder / "f_deep.png")
    predict_catalogue([model_path], folder, tmp_path / "c.parquet")
    table = pd.read_parquet(tmp_path / "c.parquet").set_index("galaxy_id")
    assert table["flag"].to_dict() == {
        "a_truncated": ImageFlag.UNREADABLE,
        "b_text": ImageFlag.UNREADABLE,
        "c_grey": ImageFlag.WRONG_BANDS,
        "d_small": ImageFlag.WRONG_SIZE,
        "e_black": ImageFlag.EMPTY,
        "f_deep": ImageFlag.UNREADABLE,
        **{f"g{number}": 0 for number in range(6)},
    }
    bad = table["flag"] > 0
    assert table.loc[bad, ["probability_non-merger", "probability_merger"]].isna().all(axis=None)
    assert (table.loc[bad, "predicted"] == "").all()
    assert table.loc[~bad, "probability_merger"].notna().all()
    assert "b_text.jpg: not a readable picture" in caplog.text
    assert "more than 8 bits per channel" in caplog.text


def test_fits_images_are_flagged_too(folder, pixels, tmp_path):
    model_path = make_model(tmp_path / "njy.pt", units="nJy")
    sky = tmp_path / "fits"
    sky.mkdir()
    image = pixels[0].astype(np.float32)
    fits.writeto(sky / "good.fits", image)
    fits.writeto(sky / "packed.fits.gz", image)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image)]).writeto(sky / "second_hdu.fits")
    fits.writeto(sky / "flat.fits", image[0])
    holed = image.copy()
    holed[1, 2, 3] = np.nan
    fits.writeto(sky / "holed.fits", holed)
    fits.writeto(sky / "line.fits", image[0, 0])
    fits.HDUList([fits.PrimaryHDU()]).writeto(sky / "void.fits")
    whole = (sky / "good.fits").read_bytes()
    (sky / "torn.fits").write_bytes(whole[:1000])
    (sky / "torn_late.fits").write_bytes(whole[:4000])
    predict_catalogue([model_path], sky, tmp_path / "c.parquet")
    table = pd.read_parquet(tmp_path / "c.parquet").set_index("galaxy_id")
    assert table["flag"].to_dict() == {
        "flat": ImageFlag.WRONG_BANDS,
        "good": 0,
        "holed": ImageFlag.NOT_FINITE,
        "line": ImageFlag.UNREADABLE,
        "packed": 0,
        "second_hdu": 0,
        "torn": ImageFlag.UNREADABLE,
        "torn_late": ImageFlag.UNREADABLE,
        "void": ImageFlag.UNREADABLE,
    }
    good = table["probability_merger"][["good", "packed", "second_hdu"]]
    expected = load_model(model_path).predict(image[None])[0][0, 1]
    np.testing.assert_allclose(good, expected, rtol=1e-5)


def test_pictures_and_fits_images_point_the_same_way(folder, pixels, tmp_path):
    fits.writeto(tmp_path / "g0.fits", pixels[0].astype(np.float32))
    np.testing.assert_array_equal(read_pixels(tmp_path / "g0.fits")[0], pixels[0])
    np.testing.assert_array_equal(read_pixels(folder / "g0.png")[0], pixels[0])


def test_fits_header_is_compared(tmp_path, pixels, caplog):
    model_path = make_model(tmp_path / "njy.pt", units="nJy")
    sky = tmp_path / "fits"
    sky.mkdir()
    header = fits.Header(
        {
            **{"BUNIT": "adu", "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"},
            **{"CDELT1": -1.1 / 3600, "CDELT2": 1.1 / 3600, "CRPIX1": 8.0, "CRPIX2": 8.0},
        }
    )
    fits.writeto(sky / "g.fits", pixels[0].astype(np.float32), header)
    predict_catalogue([model_path], sky, tmp_path / "c.parquet")
    assert "BUNIT is adu, the model was trained on nJy" in caplog.text
    assert "pixels of 1.1 arcsec, the model was trained on 0.4 arcsec" in caplog.text


def test_stamps(model_path, pixels, tmp_path):
    images = pixels.astype(np.float32)
    images[2, 1, 0, 0] = np.nan
    images[3, 2] = 7.0
    path = write_stamps(tmp_path / "s.h5", images)
    with h5py.File(path, "r+") as file:
        file["flag"][4] = 1 << 9
    predict_catalogue(
        [model_path], path, tmp_path / "c.parquet", settings=PredictSettings(block_size=4)
    )
    table = pd.read_parquet(tmp_path / "c.parquet")
    assert table["galaxy_id"].tolist() == [f"099-{number:06d}" for number in range(6)]
    assert table["view"].tolist() == [0, 1, 0, 1, 0, 1]
    assert table["flag"].tolist() == [0, 0, 8, 16, 32, 0]
    # a flag of an earlier stage is passed on but does not take the probabilities away
    assert table["probability_merger"].isna().tolist() == [False, False, True, True, False, False]


def test_bands_are_found_by_name(model_path, pixels, tmp_path):
    turned = write_stamps(
        tmp_path / "gri.h5", pixels[:, [2, 0, 1]], bands=("sdss_g", "sdss_i", "sdss_r")
    )
    predict_catalogue([model_path], turned, tmp_path / "c.csv")
    expected = load_model(model_path).predict(pixels.astype(np.float32))[0]
    np.testing.assert_allclose(
        pd.read_csv(tmp_path / "c.csv")["probability_merger"], expected[:, 1], rtol=1e-5
    )


def test_another_pixel_scale_is_said(model_path, pixels, tmp_path, caplog):
    path = write_stamps(tmp_path / "s.h5", pixels, scale=0.2)
    predict_catalogue([model_path], path, tmp_path / "c.parquet")
    assert "pixels of 0.2 arcsec, the model was trained on 0.4 arcsec" in caplog.text
    caplog.clear()
    path = write_stamps(tmp_path / "varying.h5", pixels, scale=np.nan)
    predict_catalogue([model_path], path, tmp_path / "c.parquet")
    assert "arcsec" not in caplog.text


def test_ensemble_is_the_mean_and_its_spread(folder, pixels, tmp_path):
    paths = [make_model(tmp_path / f"{seed}.pt", seed) for seed in range(3)]
    predict_catalogue(paths, folder, tmp_path / "c.parquet")
    each = np.stack([load_model(path).predict(pixels.astype(np.float32))[0] for path in paths])
    table = pd.read_parquet(tmp_path / "c.parquet")
    for column, name in enumerate(("non-merger", "merger")):
        mean, spread = each[..., column].mean(0), each[..., column].std(0, ddof=1)
        np.testing.assert_allclose(table[f"probability_{name}"], mean, rtol=1e-5)
        np.testing.assert_allclose(table[f"spread_{name}"], spread, rtol=1e-3)


def test_models_of_an_ensemble_must_agree(model_path, folder, tmp_path):
    other = make_model(tmp_path / "other.pt", classes=("disk", "elliptical", "merger"))
    with pytest.raises(Sim2SkyError, match=r"other.pt: models of an ensemble differ in their cl"):
        predict_catalogue([model_path, other], folder, tmp_path / "c.parquet")


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".csv"])
def test_other_tables(model_path, folder, tmp_path, suffix):
    Image.new("RGB", (SIZE, SIZE)).save(folder / "black.png")
    output = tmp_path / f"c{suffix}"
    predict_catalogue([model_path], folder, output, settings=PredictSettings(block_size=4))
    predict_catalogue(
        [model_path], folder, tmp_path / "c.parquet", settings=PredictSettings(block_size=4)
    )
    expected = pd.read_parquet(tmp_path / "c.parquet")
    if suffix == ".csv":
        actual = pd.read_csv(output, keep_default_na=True)
    else:
        actual = Table.read(output).to_pandas()
    assert list(actual) == list(expected)
    assert actual["flag"].tolist() == expected["flag"].tolist()
    np.testing.assert_allclose(
        actual["probability_merger"].astype(float), expected["probability_merger"], rtol=1e-5
    )


def test_numbers_of_flags_are_logged(model_path, folder, tmp_path, caplog):
    Image.new("RGB", (SIZE, SIZE)).save(folder / "black.png")
    with caplog.at_level(logging.INFO, logger="sim2sky"):
        predict_catalogue([model_path], folder, tmp_path / "c.parquet")
    assert "7 images, 6 classified; flags: {'empty': 1}" in caplog.text


def empty_folder(tmp_path, pixels):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def small_pictures(tmp_path, pixels):
    folder = tmp_path / "small"
    folder.mkdir()
    Image.fromarray(pixels[0].transpose(1, 2, 0)[:8]).save(folder / "s.png")
    return folder


def fits_folder(tmp_path, pixels):
    folder = tmp_path / "fits"
    folder.mkdir()
    fits.writeto(folder / "f.fits", pixels[0])
    return folder


def without_units(tmp_path, pixels):
    path = write_stamps(tmp_path / "s.h5", pixels)
    with h5py.File(path, "r+") as file:
        del file.attrs["units"]
    return path


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (empty_folder, r"empty: no images; expected files named .png"),
        (small_pictures, r"no image could be classified; got 1 images, flags {'wrong_size': 1}"),
        (fits_folder, r"1 images, flags {'wrong_kind': 1}; expected 16 x 16 px in .*, pictures"),
        (without_units, "attribute units is missing"),
        (lambda path, _: path / "nothing", "nothing: images not found"),
        (lambda path, _: path / "model.pt", "no folder of images and no HDF5 file"),
        (
            lambda path, pixels: write_stamps(path / "s.h5", pixels, units="nJy"),
            "other units than the model's; got nJy; expected 8bit",
        ),
        (
            lambda path, pixels: write_stamps(path / "s.h5", pixels, bands="gri"),
            "lack bands of the model; got g, r, i; expected sdss_i, sdss_r, sdss_g",
        ),
        (
            lambda path, pixels: write_stamps(path / "s.h5", pixels[..., :8, :8]),
            r"another size than the model's; got \(6, 3, 8, 8\)",
        ),
    ],
)
def test_refusals(model_path, pixels, tmp_path, images, message):
    with pytest.raises(Sim2SkyError, match=message):
        predict_catalogue([model_path], images(tmp_path, pixels), tmp_path / "c.parquet")
    assert not (tmp_path / "c.parquet").exists()


def test_unknown_table(model_path, folder, tmp_path):
    with pytest.raises(Sim2SkyError, match="unknown kind of table; got .xlsx; expected .parquet"):
        predict_catalogue([model_path], folder, tmp_path / "c.xlsx")


def test_command(model_path, folder, tmp_path):
    from sim2sky.predict.command import predict

    predict(model=[model_path], images=folder, output=tmp_path / "c.parquet", device="cpu")
    assert len(pd.read_parquet(tmp_path / "c.parquet")) == 6
    with pytest.raises(Sim2SkyError, match="--domain: unknown domain; got sky; expected source"):
        predict([model_path], folder, tmp_path / "c.parquet", domain="sky", device="cpu")
