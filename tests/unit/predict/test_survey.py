"""A survey's folder as it comes: mixed, damaged, in other units; and a run that is cut off."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from PIL import Image

from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.predict import catalogue
from sim2sky.predict.block import ImageFlag
from sim2sky.predict.catalogue import predict_catalogue
from sim2sky.predict.settings import PredictSettings
from sim2sky.provenance import stamp
from sim2sky.settings import parse_settings
from sim2sky.train.model_file import Model, load_model, save_model
from sim2sky.train.networks import build_network

SIZE = 16
BANDS = ["g", "r", "z"]
IMAGES = {"bands": BANDS, "image_pixels": SIZE, "zero_point_mag_ab": [22.5, 22.5, 22.5]}


@pytest.fixture
def model_path(tmp_path):
    normalisation = Normalisation("linear", np.ones(3), np.zeros(3), np.full(3, 4e3))
    model = Model(
        network=build_network("deepmerge", 3, 2, SIZE),
        network_name="deepmerge",
        classes=["non-merger", "merger"],
        bands=BANDS,
        image_size=SIZE,
        pixel_scale_arcsec=1.0,
        units="nJy",
        normalisation={"source": normalisation, "target": normalisation},
        method="mmd",
        seed=0,
        provenance=stamp("train", {}),
    )
    save_model(model, tmp_path / "model.pt")
    return tmp_path / "model.pt"


def sky_image(seed, side=32, bands=3):
    return np.random.default_rng(seed).normal(1, 1, (bands, side, side)).astype("f4")


def header(ra=150.0, dec=2.0, side=32):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (ra, dec), ((side + 1) / 2, (side + 1) / 2)
    wcs.wcs.cdelt = -0.5 / 3600, 0.5 / 3600
    return wcs.to_header()


@pytest.fixture
def survey(tmp_path):
    """Real-looking and mock cutouts in nanomaggies, among all that goes wrong."""
    folder = tmp_path / "survey"
    folder.mkdir()
    fits.writeto(folder / "real.fits", sky_image(0), header())
    fits.writeto(folder / "mock.fits", sky_image(1))
    fits.writeto(folder / "packed.fits.gz", sky_image(2), header(dec=-7))
    holed = sky_image(3)
    holed[1, 4, 4] = np.nan
    fits.writeto(folder / "holed.fits", holed)
    (folder / "corrupt.fits").write_bytes((folder / "real.fits").read_bytes()[:4000])
    (folder / "no_bytes.fits").write_bytes(b"")
    fits.writeto(folder / "all_nan.fits", np.full((3, 32, 32), np.nan, "f4"))
    fits.writeto(folder / "all_zero.fits", np.zeros((3, 32, 32), "f4"))
    fits.writeto(folder / "two_bands.fits", sky_image(4, bands=2))
    fits.writeto(folder / "one_pixel.fits", sky_image(5, side=1))
    fits.writeto(folder / "other_unit.fits", sky_image(6), fits.Header({"BUNIT": "adu"}))
    fits.HDUList([fits.PrimaryHDU()]).writeto(folder / "no_image.fits")
    Image.fromarray(np.full((32, 32, 3), 9, np.uint8)).save(folder / "picture.jpg")
    Image.fromarray(np.full((32, 32, 3), 9, np.uint8)).save(folder / "mock.png")
    (folder / "notes.txt").write_text("not an image")
    return folder


def settings_with(**changes):
    content = {"images": IMAGES} | changes
    return parse_settings(PredictSettings, content, "predict")


EXPECTED = {
    "all_nan": ImageFlag.NOT_FINITE,
    "all_zero": ImageFlag.EMPTY,
    "corrupt": ImageFlag.UNREADABLE,
    "holed": 0,
    "mock.fits": 0,
    "mock.png": ImageFlag.WRONG_KIND,
    "no_bytes": ImageFlag.UNREADABLE,
    "no_image": ImageFlag.UNREADABLE,
    "one_pixel": ImageFlag.EMPTY,
    "other_unit": 0,  # the settings say what a unit is
    "packed": 0,
    "picture": ImageFlag.WRONG_KIND,
    "real": 0,
    "two_bands": ImageFlag.WRONG_BANDS,
}


@pytest.mark.parametrize("suffix", ["parquet", "fits", "ecsv", "csv"])
def test_every_image_has_a_row_with_its_flag(model_path, survey, tmp_path, suffix):
    output = tmp_path / f"c.{suffix}"
    predict_catalogue([model_path], survey, output, settings_with(block_size=4))
    if suffix == "parquet":
        table = pd.read_parquet(output)
    elif suffix == "csv":
        table = pd.read_csv(output, keep_default_na=True)
    else:
        table = Table.read(output).to_pandas()
    table["galaxy_id"] = [
        name.decode() if isinstance(name, bytes) else name for name in table["galaxy_id"]
    ]
    table = table.set_index("galaxy_id")
    assert table["flag"].to_dict() == EXPECTED
    good = table["flag"] == 0
    assert table["probability_merger"].notna().equals(good)


def test_units_bands_and_size_are_brought_to_the_models(model_path, survey, tmp_path):
    turned = IMAGES | {"bands": ["z", "r", "g"]}
    predict_catalogue([model_path], survey, tmp_path / "c.parquet", settings_with(images=turned))
    table = pd.read_parquet(tmp_path / "c.parquet").set_index("galaxy_id")
    pixels = sky_image(0)[::-1].reshape(3, 16, 2, 16, 2).sum(axis=(2, 4)) * 3630.78
    expected = load_model(model_path).predict(pixels[None])[0][0, 1]
    assert table.loc["real", "probability_merger"] == pytest.approx(expected, rel=1e-4)


def test_coordinates_come_from_the_header_or_a_table(model_path, survey, tmp_path):
    output = tmp_path / "c.parquet"
    predict_catalogue([model_path], survey, output, settings_with())
    table = pd.read_parquet(output).set_index("galaxy_id")
    assert tuple(table.loc["real", ["ra_deg", "dec_deg"]]) == pytest.approx((150, 2))
    assert table.loc["packed", "dec_deg"] == pytest.approx(-7)
    assert np.isnan(table.loc["holed", "ra_deg"])
    places = pd.DataFrame(
        {"galaxy_id": ["holed", "real"], "ra_deg": [1.0, np.nan], "dec_deg": 3.0}
    )
    places.to_csv(tmp_path / "places.csv", index=False)
    predict_catalogue(
        [model_path], survey, output, settings_with(), coordinates=tmp_path / "places.csv"
    )
    table = pd.read_parquet(output).set_index("galaxy_id")
    assert tuple(table.loc["holed", ["ra_deg", "dec_deg"]]) == (1, 3)
    assert table.loc["real", "ra_deg"] == pytest.approx(150)  # where the table has none


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"galaxy_id": ["a", "a"], "ra_deg": 1.0, "dec_deg": 1.0},
            "identifier is repeated; got a",
        ),
        ({"galaxy_id": ["a"], "ra_deg": 1.0}, "column dec_deg is missing; got galaxy_id, ra_deg"),
    ],
)
def test_a_bad_table_of_places(model_path, survey, tmp_path, table, message):
    pd.DataFrame(table).to_csv(tmp_path / "places.csv", index=False)
    with pytest.raises(Sim2SkyError, match=message):
        predict_catalogue(
            [model_path],
            survey,
            tmp_path / "c.parquet",
            settings_with(),
            coordinates=tmp_path / "places.csv",
        )


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ({"bands": ["g", "r"], "zero_point_mag_ab": None}, "images.bands: images lack bands of"),
        ({"image_pixels": 32}, "images.image_pixels: images have another size .*; got 32"),
        ({"pattern": "x*"}, "no images; expected files named"),
    ],
)
def test_settings_must_lead_to_the_model(model_path, survey, tmp_path, images, message):
    with pytest.raises(Sim2SkyError, match=message):
        predict_catalogue(
            [model_path], survey, tmp_path / "c.parquet", settings_with(images=IMAGES | images)
        )


def test_unlikely_classes_are_kept_silent_about(model_path, survey, tmp_path):
    predict_catalogue(
        [model_path], survey, tmp_path / "c.parquet", settings_with(min_probability=0.999)
    )
    table = pd.read_parquet(tmp_path / "c.parquet")
    unsure = table["flag"] == ImageFlag.UNSURE.value
    assert unsure.sum() == 5
    assert (table.loc[unsure, "predicted"] == "").all()
    assert table.loc[unsure, "probability_merger"].notna().all()


@pytest.fixture
def cut_off(model_path, survey, tmp_path, monkeypatch):
    """A run that ends in its third block of four images."""
    whole = catalogue.catalogue_block
    done = []

    def breaking(*arguments):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(1)
        return whole(*arguments)

    monkeypatch.setattr(catalogue, "catalogue_block", breaking)
    with pytest.raises(KeyboardInterrupt):
        predict_catalogue(
            [model_path], survey, tmp_path / "c.parquet", settings_with(block_size=4)
        )
    calls = []

    def counting(*arguments):
        calls.append(1)
        return whole(*arguments)

    monkeypatch.setattr(catalogue, "catalogue_block", counting)
    return calls


def test_a_run_goes_on_where_it_was(cut_off, model_path, survey, tmp_path, caplog):
    output = tmp_path / "c.parquet"
    assert not output.exists()
    with caplog.at_level(logging.INFO, logger="sim2sky"):
        predict_catalogue([model_path], survey, output, settings_with(block_size=4))
    assert "going on after 2 finished blocks" in caplog.text
    assert len(cut_off) == 2  # of the four
    assert not list(tmp_path.glob(".c.parquet*"))
    predict_catalogue([model_path], survey, tmp_path / "d.parquet", settings_with(block_size=4))
    pd.testing.assert_frame_equal(pd.read_parquet(output), pd.read_parquet(tmp_path / "d.parquet"))


def test_other_images_or_settings_begin_anew(cut_off, model_path, survey, tmp_path, caplog):
    fits.writeto(survey / "new.fits", sky_image(9))
    with caplog.at_level(logging.INFO, logger="sim2sky"):
        predict_catalogue(
            [model_path], survey, tmp_path / "c.parquet", settings_with(block_size=4)
        )
    assert "finished blocks of another run are of no use here" in caplog.text
    assert len(cut_off) == 4
    assert len(pd.read_parquet(tmp_path / "c.parquet")) == 15


def test_command(model_path, survey, tmp_path):
    from sim2sky.predict.command import predict

    settings = json.dumps({"images": IMAGES, "max_spread": 0.2})
    predict([model_path], survey, tmp_path / "c.ecsv", settings, device="cpu")
    assert len(Table.read(tmp_path / "c.ecsv")) == len(EXPECTED)
