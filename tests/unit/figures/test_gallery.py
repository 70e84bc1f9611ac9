"""The gallery holds every figure, its links resolve, its numbers are those of the table."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from sim2sky.errors import Sim2SkyError
from sim2sky.figures.collect import KINDS
from sim2sky.figures.command import figures
from sim2sky.figures.page import caption_html

CONFIGURATION = {
    "experiments": {
        "noise": {
            "description": "The same galaxies <with> the sky's noise & without.",
            "source": "hst_pristine",
            "target": "hst_noisy",
        }
    }
}


class Page(HTMLParser):
    """What a test asks of the page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.rows, self.text = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"} and self.rows:
            self.rows[-1].append({"value": attributes.get("data-value"), "text": ""})
        if tag not in {"img", "meta", "link", "br", "hr", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if self.open and self.open[-1] in {"script", "style"}:
            return
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1]["text"] += data

    def all(self, tag, name):
        return [
            attributes[name]
            for found, attributes in self.tags
            if found == tag and name in attributes
        ]


@pytest.fixture
def make(results):
    """A function that makes the gallery and returns its parsed page."""

    def run(files=None, configuration=CONFIGURATION, **settings):
        figures(
            results.files if files is None else files,
            results.output,
            json.dumps(results.settings | settings),
            json.dumps(configuration) if configuration else None,
        )
        return Page((results.output / "index.html").read_text())

    return run


def test_every_figure_is_there_with_a_text(make, results):
    page = make()
    names = {path.name for path in results.output.iterdir()}
    expected = {f"noise_{kind}" for kind in ("history", "scores", "roc", "own_figure")}
    expected |= {"domain_hst_pristine_mosaic", "domain_hst_noisy_mosaic", "simulation_quick_z2"}
    assert {name for name in names if name.endswith(".png")} == {f"{e}.png" for e in expected}
    assert {name for name in names if name.endswith(".pdf")} == {f"{e}.pdf" for e in expected}
    images = [
        attributes for tag, attributes in page.tags if tag == "img" and "width" in attributes
    ]
    assert {image["src"] for image in images} == {f"{name}.png" for name in expected}
    assert all(len(image["alt"]) > 8 for image in images)
    original = results.root / "experiments/noise/roc.pdf"
    assert (results.output / "noise_roc.pdf").read_bytes() == original.read_bytes()


def test_links_resolve_and_nothing_comes_from_elsewhere(make, results):
    page = make()
    assert page.open == []
    text = (results.output / "index.html").read_text()
    assert not re.search(r"https?://", text)
    ids = page.all("section", "id") + page.all("figure", "id") + page.all("main", "id")
    assert len(ids) == len(set(ids))
    links = page.all("a", "href") + page.all("img", "src")
    assert len(links) > 20
    for link in links:
        if link.startswith("#"):
            assert link[1:] in ids, link
        elif not link.startswith("data:"):
            assert (results.output / link).is_file(), link


def test_figures_come_in_a_fixed_order_whatever_that_of_the_files(make, results):
    first = make().all("figure", "id")
    assert first[:4] == ["noise_scores", "noise_roc", "noise_history", "noise_own_figure"]
    assert set(make(files=results.files[::-1]).all("figure", "id")) == set(first)


def test_captions_are_rendered(make):
    page = make()
    assert "Curves of every method & their areas." in page.text
    assert ("em", {}) in page.tags


def test_numbers_are_those_of_the_table(make, results):
    page = make()
    header = next(row for row in page.rows if "balanced accuracy" in row[2]["text"])
    titles = {cell["text"].strip(): column for column, cell in enumerate(header)}
    body = [row for row in page.rows if len(row) == len(header) and row is not header]
    assert len(body) == len(results.table)
    pairs = {
        "balanced accuracy": "balanced_accuracy",
        "recall of merger": "recall_merger",
        "AUC": "auc",
        "gain over AdaBN": "gain_over_adabn",
        "gap closed": "gap_closed",
    }
    for row, (_, numbers) in zip(body, results.table.iterrows(), strict=True):
        assert row[1]["text"] == numbers["domain"]
        for title, metric in pairs.items():
            cell = row[titles[title]]
            if np.isnan(numbers[metric]):
                assert (cell["value"], cell["text"]) == ("", "–")
                continue
            assert float(cell["value"]) == numbers[metric]
            sign = "+" if title.startswith("gain") else ""
            low, high = numbers[f"{metric}_low"], numbers[f"{metric}_high"]
            text = f"{numbers[metric]:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"
            assert cell["text"] == text


def test_negative_transfer_and_cost_are_shown(make, results):
    table = results.table
    table["negative_transfer"] = pd.array([None, True] * (len(table) // 2), dtype="boolean")
    table["train_seconds"] = 123.4
    table.to_parquet(next(path for path in results.files if path.name == "table.parquet"))
    page = make()
    header = next(row for row in page.rows if "balanced accuracy" in row[2]["text"])
    titles = {cell["text"].strip(): column for column, cell in enumerate(header)}
    body = [row for row in page.rows if len(row) == len(header) and row is not header]
    gains = [row[titles["gain over source only"]]["text"] for row in body]
    assert all("negative transfer" in text for text in gains[1::2])
    assert not any("negative transfer" in text for text in gains[::2])
    assert {row[titles["seconds to train"]]["text"] for row in body} == {"123"}


def test_summary_and_description_are_on_the_page(make):
    text = " ".join(make().text.split())
    assert "The same galaxies <with> the sky's noise & without." in text
    assert "source only 0.52 (source: 0.94), MMD 0.83, oracle (target labels) 0.90" in text
    assert "Source: hst pristine; target: hst noisy" in text
    assert "leak audit passed" in text


def test_configuration_is_shown_whole(make):
    page = make()
    shown = page.text[page.text.index("experiments:") :]
    shown = shown[: shown.index("hst_noisy") + len("hst_noisy")]
    assert yaml.safe_load(shown) == CONFIGURATION


def test_page_without_configuration(make):
    page = make(configuration=None)
    assert "Configuration" not in page.text


def test_provenance_names_versions_and_commit(make):
    page = make()
    import sim2sky
    from sim2sky.provenance import code_commit

    assert f"sim2sky {sim2sky.__version__}, commit {code_commit()}" in page.text
    for name in ("torch", "galsim", "numpy"):
        assert name in page.text


def test_costs_are_not_measured_or_summed_by_rule(make, results):
    assert "Time: not measured" in make().text
    folder = results.root / "benchmarks/train_model/noise/mmd/deepmerge"
    folder.mkdir(parents=True)
    (folder / "0.tsv").write_text("s\tmax_rss\n70.0\t512.5\n")
    (folder / "1.tsv").write_text("s\tmax_rss\n80.0\t700.0\n")
    page = make()
    assert "not measured" not in page.text
    row = next(row for row in page.rows if row[0]["text"] == "train_model")
    assert [cell["text"] for cell in row[1:]] == ["2", "2 min 30 s"]
    assert float(row[2]["value"]) == 150


def test_failed_audit_is_not_called_passed(make, results):
    (results.root / "domains/hst_noisy/audit.json").write_text('{"passed": false}')
    assert "leak audit failed" in make().text


def test_an_older_gallery_is_replaced(make, results):
    make()
    (results.output / "stale.png").write_bytes(b"")
    make()
    assert not (results.output / "stale.png").exists()


def test_same_inputs_give_the_same_page(make, results):
    make()
    first = (results.output / "index.html").read_bytes()
    make()
    assert (results.output / "index.html").read_bytes() == first


def test_missing_file_is_named_and_nothing_is_written(make, results):
    results.files[0].unlink()
    with pytest.raises(Sim2SkyError, match=r"history\.png: file not found"):
        make()
    assert not results.output.exists()


def test_paths_that_say_nothing_are_an_error(make, results, tmp_path):
    path = tmp_path / "elsewhere.png"
    results.files[0].rename(path)
    with pytest.raises(Sim2SkyError, match="cannot tell from the path.*experiments/<name>/<kind>"):
        make(files=[path])


def test_pdf_alone_and_no_figure_are_errors(make, results):
    pdf = results.root / "experiments/noise/roc.pdf"
    with pytest.raises(Sim2SkyError, match="PDF without its PNG"):
        make(files=[pdf])
    with pytest.raises(Sim2SkyError, match="no figures given"):
        make(files=[results.root / "experiments/noise/table.csv"])


def test_empty_table_is_an_error(make, results):
    results.table.iloc[:0].to_parquet(results.root / "experiments/noise/table.parquet")
    with pytest.raises(Sim2SkyError, match="the table holds no rows"):
        make()
    assert not results.output.exists()


def test_bad_captions_are_errors(make, results):
    (results.captions / "roc.rst").write_text("Some *unfinished emphasis\n")
    with pytest.raises(Sim2SkyError, match=r"roc\.rst: not valid reStructuredText"):
        make()
    with pytest.raises(Sim2SkyError, match="folder of captions not found; got /nowhere"):
        make(captions="/nowhere")


def test_bad_configuration_is_an_error(results):
    with pytest.raises(Sim2SkyError, match="--configuration: neither JSON nor YAML"):
        figures(results.files, results.output, json.dumps(results.settings), "{broken")
    with pytest.raises(Sim2SkyError, match="absent.yaml: file not found"):
        figures(results.files, results.output, json.dumps(results.settings), "absent.yaml")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_figure_has_a_caption(kind):
    caption = caption_html(Path(__file__).parents[3] / "workflow/report", kind)
    assert caption.count("<p>") == 1
    assert len(caption) > 150


def test_regrets_are_shown_and_not_taken_for_the_result_table(make, results):
    """Whatever order the files come in."""
    experiment = results.root / "experiments/noise"
    files = [experiment / f"regret.{suffix}" for suffix in ("parquet", "png", "pdf")]
    pd.DataFrame({"criterion": ["snd"], "regret": [0.1]}).to_parquet(files[0])
    for file in files[1:]:
        file.write_bytes((experiment / f"roc{file.suffix}").read_bytes())
    page = make(files=[*files, *results.files])
    assert "Choosing settings without target labels" in page.text
    assert (results.output / "noise_regret.parquet").exists()
    assert "0.830" in page.text  # the balanced accuracy of mmd on the target


@pytest.fixture
def map_folder(results):
    """A folder of points with a sheet, of a method."""

    def write(method, sheet=b"stamps", experiment="noise"):
        folder = results.root / f"experiments/{experiment}/models/{method}/deepmerge/0/explore"
        folder.mkdir(parents=True)
        (folder / "points.js").write_text(f"sim2skyPoints('{method}');")
        (folder / "stamps_1.webp").write_bytes(sheet)
        (folder / f"gradcam_{method}.webp").write_bytes(b"map")
        return folder

    return write


def test_latent_maps_are_offered_and_share_their_stamps(make, results, map_folder):
    folders = [map_folder("mmd"), map_folder("source_only")]
    configuration = {"experiments": {"noise": {"evaluate": {"survey_positive_fraction": 0.05}}}}
    page = make(files=[*results.files, *folders], configuration=configuration)
    text = (results.output / "index.html").read_text()
    models = json.loads(re.search(r'id="explore-models">(.*?)</script>', text, re.DOTALL)[1])
    assert [model["label"] for model in models] == ["source only", "MMD"]
    assert [model["prior"] for model in models] == [0.05, 0.05]
    names = {path.name for path in (results.output / "explore").iterdir()}
    scripts = {f"noise_{method}_deepmerge_0.js" for method in ("source_only", "mmd")}
    assert names == scripts | {"stamps_1.webp", "gradcam_mmd.webp", "gradcam_source_only.webp"}
    for model in models:
        assert (results.output / model["script"]).is_file()
    assert "#explore" in page.all("a", "href")


def test_experiments_are_offered_in_the_order_of_their_files(make, results, map_folder):
    folders = [map_folder("mmd"), map_folder("mmd", experiment="a_control")]
    make(files=[*results.files, *folders])
    text = (results.output / "index.html").read_text()
    assert re.findall(r'<optgroup label="(.*?)">', text) == ["noise", "a control"]


def test_without_latent_maps_there_is_no_explorer(make, results):
    page = make()
    assert "#explore" not in page.all("a", "href")
    assert "class LatentMap" not in (results.output / "index.html").read_text()
    assert not (results.output / "explore").exists()


def test_points_elsewhere_are_an_error(make, results, map_folder, tmp_path):
    folder = map_folder("mmd").rename(tmp_path / "explore")
    with pytest.raises(Sim2SkyError, match="what these points are of.*models/<method>"):
        make(files=[*results.files, folder])


def test_claims_are_answered_on_the_page(make):
    domains = {
        "hst_pristine": {"sample": "s", "observe": {"noise": False}},
        "hst_noisy": {"sample": "s", "observe": {"noise": True}},
    }
    text = " ".join(make().text.split())
    assert "What we find" in text
    assert "Not measured in this run (12)" in text  # domains are not configured
    page = make(configuration=CONFIGURATION | {"domains": domains})
    text = " ".join(page.text.split())
    assert "agrees The balanced accuracy is 0.940 [0.910, 0.970] without noise" in text
    assert "Not measured in this run (11)" in text
