"""The commands, from two domains to the table and the figure."""

import json
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sim2sky.errors import Sim2SkyError
from sim2sky.plot.command import plot_realism
from sim2sky.plot.realism import COLOURS, bin_edges, read_comparison, realism_figure, signed
from sim2sky.realism.command import realism

TNG100 = Path(__file__).parents[3] / ".." / "shared/data/reference/tng100-morphology/snapnum_099"
SETTINGS = {"split": "all", "n_bootstrap": 50}


@pytest.fixture
def compared(pair, tmp_path):
    """A function that compares the two domains; returns the paths of both tables."""

    def run(**settings):
        output, values = tmp_path / "out/realism.parquet", tmp_path / "out/realism_values.parquet"
        (source, source_shapes), (target, target_shapes) = pair.source, pair.target
        text = json.dumps(SETTINGS | settings)
        realism(source, target, source_shapes, target_shapes, output, values, text)
        return output, values

    return run


def test_the_largest_mismatch_is_named_everywhere(compared, pair, hide_labels, caplog):
    hide_labels(*pair.source)
    hide_labels(*pair.target)
    with caplog.at_level(logging.INFO, "sim2sky"):
        output, values = compared()
    table = pd.read_parquet(output)
    # 3.6 against 3.0 pixels, 0.6 against 0.5 in colour and 2 against 1 in noise: all disjoint
    disjoint = table["quantity"][table["ks_distance"] == 1]
    assert {"sky_noise_sdss_g", "sky_noise_sdss_r", "half_light_px"} <= set(disjoint)
    row = table.set_index("quantity").loc["sky_noise_sdss_r"]
    assert [row["median_source"], row["median_target"]] == pytest.approx([2, 1], rel=0.05)
    content = json.loads(output.with_suffix(".json").read_text())
    assert content["verdict"] in caplog.text
    assert re.match(r"largest mismatch: half-light radius, KS distance 1\.00", content["verdict"])
    assert (content["source"], content["target"], content["reference"]) == (
        "mocks",
        "images",
        None,
    )
    assert content["stage"] == "realism"
    assert content["quantities"][0]["quantity"] == table["quantity"][0]
    assert content["quantities"][0]["median_reference"] is None
    assert pd.read_csv(output.with_suffix(".csv"))["quantity"].tolist() == list(table["quantity"])
    every = pd.read_parquet(values)
    assert every["side"].tolist() == ["source"] * 24 + ["target"] * 24
    assert not {"label", "stage"} & set(every)


def test_labels_of_the_target_stay_unread_when_those_of_the_source_are_asked_for(
    compared, pair, hide_labels
):
    hide_labels(*pair.target)
    output, _ = compared(source_classes=["non-merger"])
    row = pd.read_parquet(output).set_index("quantity").loc["half_light_px"]
    assert [row["n_source"], row["n_target"]] == [12, 24]


def test_same_input_same_bytes(compared):
    first = [path.read_bytes() for path in compared()]
    assert [path.read_bytes() for path in compared()] == first


def test_figure_says_what_the_table_says(compared, tmp_path):
    reference = tmp_path / "morphs.csv"
    pd.DataFrame({"gini": np.linspace(0.3, 0.7, 50)}).to_csv(reference, index=False)
    comparison = read_comparison(*compared(reference=str(reference)))
    figure = realism_figure(comparison)
    title = figure.get_suptitle()
    assert title.lower() == comparison.verdict.lower()
    assert title.startswith("Largest mismatch: half-light radius")
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert len(panels) == len(comparison.table) == 8
    for axes, (_, row) in zip(panels, comparison.table.iterrows(), strict=True):
        assert axes.get_xlabel().startswith(row["label"])
        assert f"KS {row['ks_distance']:.2f} (" in axes.get_title()
        marks = {line.get_color(): line.get_xdata()[0] for line in axes.get_lines()}
        assert marks[COLOURS["source"]] == pytest.approx(row["median_source"])
        assert marks[COLOURS["target"]] == pytest.approx(row["median_target"])
        assert (COLOURS["reference"] in marks) == (row["quantity"] == "gini")
        grey = axes.title.get_color() == "#888888"
        assert grey == (row["ks_distance"] <= row["ks_chance"])
        for patch in axes.patches:  # each histogram has area one
            edges, density = patch.get_data().edges, patch.get_data().values
            assert (density * np.diff(edges)).sum() == pytest.approx(1)
    assert panels[0].spines["left"].get_linewidth() > panels[1].spines["left"].get_linewidth()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["mocks (source)", "images (target)", "morphs.csv (reference)"]


def test_command_writes_both_files(compared, tmp_path):
    output = tmp_path / "realism.png"
    plot_realism(*compared(), output, '{"dpi": 100}')
    with Image.open(output) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] > 600
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    assert all((edge > 250).all() for edge in edges)  # nothing is cut off
    assert output.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_bad_tables_are_named(compared, tmp_path):
    table, values = compared()
    with pytest.raises(Sim2SkyError, match=r"absent.parquet: file not found"):
        read_comparison(tmp_path / "absent.parquet", values)
    with pytest.raises(Sim2SkyError, match="column quantity, label.* is missing"):
        read_comparison(values, values)
    content = pd.read_parquet(table)
    content.attrs = {}
    content.to_parquet(tmp_path / "bare.parquet")
    with pytest.raises(Sim2SkyError, match="does not say what it compares; run `sim2sky realism`"):
        read_comparison(tmp_path / "bare.parquet", values)
    old = tmp_path / "old.parquet"
    values.rename(old)
    table, _ = compared(n_bootstrap=60)
    with pytest.raises(Sim2SkyError, match="the values are those of another comparison"):
        read_comparison(table, old)


def test_bins_and_signs():
    one = np.linspace(0, 1, 101)
    edges = bin_edges([one, one + 1])
    assert edges[[0, -1]] == pytest.approx([0.005, 1.995])
    assert len(edges) == 21  # twice the root of the smallest sample
    assert bin_edges([np.full(4, 2.0)])[[0, -1]].tolist() == [1.5, 2.5]
    assert [signed(x) for x in (0.314, -0.5, np.nan)] == ["+0.31", "\u22120.50", "?"]


@pytest.mark.skipif(not TNG100.exists(), reason="the TNG100 shapes are not on this disk")
@pytest.mark.parametrize("band", ["g", "i"])
def test_shapes_of_tng100_are_a_reference(compared, band):
    output, _ = compared(reference=str(TNG100 / f"morphs_{band}.hdf5"))
    table = pd.read_parquet(output).set_index("quantity")
    shown = table[table["n_reference"] > 0]
    assert set(shown.index) == {"gini", "m20", "concentration", "asymmetry"}
    assert (shown["n_reference"] + shown["n_flagged_reference"] == 12535).all()
    assert (shown["n_reference"] > 9000).all()
    # Rodriguez-Gomez et al. 2019, figures 4 and 5: most galaxies lie here
    medians = shown["median_reference"]
    assert 0.45 < medians["gini"] < 0.6
    assert -2.1 < medians["m20"] < -1.5
    assert 2.5 < medians["concentration"] < 3.5
    assert 0 < medians["asymmetry"] < 0.15
