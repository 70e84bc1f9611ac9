import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sim2sky.errors import Sim2SkyError
from sim2sky.plot.command import plot_outliers, plot_reliability
from sim2sky.plot.reliability import shown_variants
from sim2sky.reliability.command import outliers, reliability

SETTINGS = '{"n_bootstrap": 100, "perfect_draws": 30, "injected_images": 8, "shown_images": 3}'


@pytest.fixture(scope="module")
def judged(experiment):
    """All tables of the experiment, and outliers beside the first seeds."""
    folder, files = experiment.folder, []
    for method in ("source_only", "mmd"):
        here = folder / f"models/{method}/deepmerge/0"
        files.append(here / "outliers.h5")
        outliers(
            model=here / "model.pt",
            calibration=here / "calibration.h5",
            source=folder / "source.h5",
            target=folder / "target.h5",
            output=files[-1],
            settings=SETTINGS,
        )
    reliability(
        predictions=experiment.predictions,
        held_out=experiment.held_out,
        output=folder / "reliability.parquet",
        curves=folder / "curves.parquet",
        outliers=files,
        ranking=folder / "outliers.parquet",
        settings=SETTINGS,
    )
    return folder, files


def draw(kind, judged, output, backwards=False):
    folder, files = judged
    if kind == "reliability":
        plot_reliability(
            table=folder / "reliability.parquet", curves=folder / "curves.parquet", output=output
        )
    else:
        plot_outliers(
            outliers=files[::-1] if backwards else files,
            table=folder / "reliability.parquet",
            output=output,
        )


@pytest.mark.parametrize("kind", ["reliability", "outliers"])
def test_figures_hold_ink_fit_the_page_and_are_the_same_each_time(judged, kind, tmp_path):
    for name in "ab":
        draw(kind, judged, tmp_path / f"{name}.png", backwards=name == "b")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] == 1420
    assert (pixels < 128).any(axis=2).mean() > 0.005
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    assert all((edge > 250).all() for edge in edges)


def test_at_most_four_diagrams_and_those_first_that_were_looked_into():
    variants = [(name, "deepmerge") for name in "abcdef"]
    rows = [{"method": "f", "network": "deepmerge", "score": "distance"}]
    rows += [{"method": m, "network": n, "score": ""} for m, n in variants]
    shown = shown_variants(pd.DataFrame(rows), variants)
    assert [method for method, _ in shown] == ["a", "b", "c", "f"]


def test_a_table_without_outliers_is_refused(experiment, tmp_path, judged):
    reliability(
        predictions=experiment.predictions,
        held_out=experiment.held_out,
        output=tmp_path / "reliability.parquet",
        curves=tmp_path / "curves.parquet",
        settings=SETTINGS,
    )
    _, files = judged
    with pytest.raises(Sim2SkyError, match="no model was searched for outliers"):
        plot_outliers(files, table=tmp_path / "reliability.parquet", output=tmp_path / "o.png")
    table = pd.read_parquet(tmp_path / "reliability.parquet")
    table[table["seed"] >= 0].to_parquet(tmp_path / "reliability.parquet")
    with pytest.raises(Sim2SkyError, match="no model is judged here"):
        plot_reliability(
            table=tmp_path / "reliability.parquet",
            curves=tmp_path / "curves.parquet",
            output=tmp_path / "r.png",
        )


def test_a_target_without_labels_leaves_the_source(experiment, tmp_path, judged):
    _, files = judged
    blind = []
    for number, path in enumerate(experiment.predictions):
        table = pd.read_parquet(path)
        table.loc[table["domain"] == "target", "label"] = -1
        blind.append(tmp_path / f"{number}.parquet")
        table.to_parquet(blind[-1])
    reliability(
        predictions=blind,
        held_out=experiment.held_out,
        output=tmp_path / "reliability.parquet",
        curves=tmp_path / "curves.parquet",
        outliers=files,
        settings=SETTINGS,
    )
    draw("reliability", (tmp_path, files), tmp_path / "r.png")
    assert (tmp_path / "r.pdf").stat().st_size > 2000
    judged_domains = pd.read_parquet(tmp_path / "reliability.parquet").groupby("quantity")[
        "domain"
    ]
    assert set(judged_domains.get_group("ece")) == {"source"}
    assert set(judged_domains.get_group("strange_auc")) == {"target"}
