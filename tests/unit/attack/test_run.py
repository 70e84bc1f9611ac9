"""The commands, from models and datasets to tables and figures."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from sim2sky.attack.church import church_windows, twins, write_church_windows
from sim2sky.attack.command import attack, compare_attacks
from sim2sky.attack.run import attack_model, attack_pixel, look_at
from sim2sky.attack.settings import AttackSettings
from sim2sky.errors import Sim2SkyError
from sim2sky.plot.attack import attack_figure, read_comparison
from sim2sky.plot.church_window import read_windows
from sim2sky.plot.command import plot_attack, plot_church_window

SETTINGS = {
    "one_pixel": {"n_galaxies": 6, "population": 40, "iterations": 3},
    "accidents": {
        "n_galaxies": 16, "cosmic_rays": [3, 30], "dead_pixels": [0.1], "dead_columns": [2],
        "rice": [4], "hcompress": [8], "jpeg": [], "psf_error": [2], "sky_oversubtraction": [1],
        "noise_level": [3],
    },
    "church_galaxies": 3,
    "church_points": 7,
    "n_bootstrap": 100,
}  # fmt: skip
PARSED = AttackSettings(**SETTINGS)


@pytest.fixture(scope="module")
def done(files):
    """Both models attacked and compared."""
    for path in files.models.values():
        attack(
            path, files.source, files.target, path.with_name("attacks.parquet"),
            path.with_name("church.h5"), json.dumps(SETTINGS),
        )  # fmt: skip
    files.table = files.folder / "attack.parquet"
    tables = [path.with_name("attacks.parquet") for path in files.models.values()]
    compare_attacks(tables, files.table, json.dumps(SETTINGS))
    files.windows = [path.with_name("church.h5") for path in files.models.values()]
    return files


@pytest.fixture(scope="module")
def sides(model, source, target):
    return {"source": look_at(model, source, "source"), "target": look_at(model, target, "target")}


def test_attacks_table_says_what_the_model_says(done, model, source):
    table = pd.read_parquet(done.models["source_only"].with_name("attacks.parquet"))
    here = table[(table["domain"] == "source") & (table["attack"] == "none")]
    assert len(here) == 16
    assert np.bincount(here["label"]).tolist() == [8, 8]
    predicted = model.predict(source.images, "source")[0].argmax(axis=1)
    row = np.array([source.galaxy_id.tolist().index(name) for name in here["galaxy_id"]])
    np.testing.assert_array_equal(here["before"], predicted[row])
    assert (here["moved"] == 0).all()
    assert (here["boundary"] > 0).all()
    assert set(table["attack"]) == {
        "none", "one_pixel", "cosmic_rays", "dead_pixels", "dead_columns", "rice", "hcompress",
        "psf_error", "sky_oversubtraction", "noise_level",
    }  # fmt: skip
    pixel = table[table["attack"] == "one_pixel"]
    assert (pixel["before"] == pixel["label"]).all()
    assert ((pixel["margin"] < 0) == (pixel["after"] != pixel["before"])).all()
    assert (pixel["moved"] > 0).all()
    assert set(pixel["domain"]) == {"source", "target"}
    assert (pixel.groupby("domain").size() <= 6).all()
    assert table.attrs["stage"] == "attack"


def test_a_pixel_does_not_depend_on_which_other_images_are_attacked(model, sides):
    side = sides["source"]
    one = attack_pixel(model, side, 4, PARSED)
    reversed_rows = np.arange(len(side.dataset))[::-1]
    data = side.dataset
    names = ("images", "label", "galaxy_id", "system_id", "view", "stage", "redshift", "flag")
    turned = dataclasses.replace(
        data, **{name: getattr(data, name)[reversed_rows] for name in names}
    )
    again = attack_pixel(model, look_at(model, turned, "source"), len(data) - 5, PARSED)
    assert (one.row, one.column, one.margin) == (again.row, again.column, again.margin)


def test_only_the_asked_domain_is_attacked(model, sides):
    settings = AttackSettings(
        **SETTINGS | {"one_pixel": SETTINGS["one_pixel"] | {"domains": ["target"]}}
    )
    table = attack_model(model, sides, settings)
    assert set(table["domain"][table["attack"] == "one_pixel"]) == {"target"}


def test_no_distance_to_the_boundary_of_another_class(make_model, source, target):
    """Averaged over turns, an image may have another class than as it is."""
    model = make_model(d4_average=True)
    side = look_at(model, source, "source")
    other = side.predicted.copy()
    other[:6] = 1 - other[:6]  # as if the average said so
    sides = {"source": dataclasses.replace(side, predicted=other)}
    sides["target"] = look_at(model, target, "target")
    none = PARSED.model_copy(
        update={"one_pixel": PARSED.one_pixel.model_copy(update={"domains": []})}
    )
    table = attack_model(model, sides, none)
    here = table[(table["domain"] == "source") & (table["attack"] == "none")]
    single = model.network_for("source").classifier(torch.from_numpy(side.latent)).argmax(1)
    own = dict(zip(source.galaxy_id, single.numpy(), strict=True))
    agrees = here["before"] == here["galaxy_id"].map(own)
    assert 0 < agrees.sum() < len(here)
    assert here["boundary"].notna().equals(agrees)


def test_images_without_known_classes_cannot_be_attacked(model, target):
    unknown = dataclasses.replace(target, label=np.full(len(target), -1, dtype="i1"))
    with pytest.raises(Sim2SkyError, match="no test image has a known class.*attack to null"):
        look_at(model, unknown, "target")


def test_corners_of_a_church_window_are_the_images(make_model, source, target):
    for d4_average in (False, True):
        model = make_model(d4_average=d4_average)
        sides = [look_at(model, source, "source"), look_at(model, target, "target")]
        windows = church_windows(model, *sides, PARSED)
        pairs = twins(*sides, 3, 0)
        for number, (row, twin) in enumerate(pairs):
            assert source.galaxy_id[row] == target.galaxy_id[twin]
            window = windows["window"][number]
            # of 7 points from -1 to 2, number 2 is 0 and number 4 is 1
            assert window[2, 2] == sides[0].predicted[row]
            noisy = model.predict(target.images[twin : twin + 1], "target")[0].argmax()
            assert window[2, 4] == noisy
            pixel = attack_pixel(model, sides[0], row, PARSED)
            assert window[4, 2] == pixel.predicted
            assert windows["attacked"][number] == (pixel.predicted != sides[0].predicted[row])


def test_strangers_have_no_church_window(model, source, target, tmp_path):
    other = dataclasses.replace(target, galaxy_id=np.char.add(target.galaxy_id, "x"))
    sides = [look_at(model, source, "source"), look_at(model, other, "target")]
    windows = church_windows(model, *sides, PARSED)
    assert windows["window"].shape == (0, 7, 7)
    write_church_windows(tmp_path / "church.h5", windows, model, sides[0], {})
    with pytest.raises(Sim2SkyError, match="no image of the same galaxy"):
        read_windows(tmp_path / "church.h5")


def test_long_table_has_the_columns_of_the_house(done):
    table = pd.read_parquet(done.table)
    expected = {
        "method", "network", "seed", "domain", "quantity", "value", "low", "high", "n_images",
        "n_systems", "attack", "strength", "class", "reference",
    }  # fmt: skip
    assert set(table) == expected
    inside = table["value"].between(table["low"] - 1e-9, table["high"] + 1e-9)
    assert inside[table["low"].notna()].mean() > 0.95
    assert len(pd.read_csv(done.table.with_suffix(".csv"))) == len(table)


def test_same_input_same_bytes(done):
    before = done.table.read_bytes()
    tables = [path.with_name("attacks.parquet") for path in done.models.values()]
    compare_attacks(tables, done.table, json.dumps(SETTINGS))
    assert done.table.read_bytes() == before


def test_figure_shows_the_numbers(done):
    table = read_comparison(done.table)
    figure = attack_figure(table)
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_visible()}
    assert "JPEG" not in panels
    lines = panels["cosmic rays"].get_lines()
    assert len(lines) == 4
    rows = table[
        (table["attack"] == "cosmic_rays")
        & (table["quantity"] == "success_rate")
        & (table["method"] == "source_only")
        & (table["domain"] == "source")
    ].sort_values("strength")
    assert lines[0].get_xdata().tolist() == [3, 30]
    np.testing.assert_array_equal(lines[0].get_ydata(), rows["value"])
    for axes in panels.values():
        assert axes.get_xlabel()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["source only", "MMD", "source images", "target images"]


def test_commands_draw(done, tmp_path):
    plot_attack(done.table, tmp_path / "attack.png", '{"dpi": 80}')
    plot_church_window(done.windows, tmp_path / "church_window.png", '{"dpi": 80}')
    for name in ("attack", "church_window"):
        with Image.open(tmp_path / f"{name}.png") as image:
            pixels = np.asarray(image.convert("RGB"))
        assert min(pixels.shape[:2]) > 200
        edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
        assert all((edge > 250).all() for edge in edges)  # nothing is cut off
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(Sim2SkyError, match="too many methods side by side"):
        plot_church_window(
            [done.windows[0]] * 1 + _copies(done.windows[0], tmp_path, 4), tmp_path / "many.png"
        )


def _copies(path, folder, n):
    """The same file as that of other methods."""
    result = []
    for number in range(n):
        copy = folder / f"models/method_{number}/deepmerge/0/church.h5"
        copy.parent.mkdir(parents=True)
        copy.write_bytes(path.read_bytes())
        result.append(copy)
    return result
