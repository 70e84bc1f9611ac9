"""Every command writes a PNG and a PDF, the same bytes each time, and says what is wrong."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from sim2sky.errors import Sim2SkyError
from sim2sky.plot import command

QUICK = '{"dpi": 100, "n_bootstrap": 20, "examples_per_class": 3, "gradcam_galaxies": 2}'
METHODS = ["source_only", "mmd"]


@pytest.fixture
def call(experiment, factories, write_dataset_file, tmp_path):
    """A function that runs one plot command on small inputs and returns its PNG."""

    def run(name, output=tmp_path / "out/figure.png", reverse=False):
        def models(file, make):
            paths = experiment(file, make, METHODS)
            return paths[::-1] if reverse else paths

        options = {"output": output, "settings": QUICK}
        if name in {"roc", "confusion"}:
            options["predictions"] = models("predictions.parquet", factories.make_predictions)
        if name in {"roc", "scores"}:
            options["table"] = tmp_path / "table.parquet"
            factories.make_table(METHODS).to_parquet(options["table"])
        if name == "history":
            options["histories"] = models("history.csv", factories.make_history)
        if name == "gradcam":
            options["explanations"] = models("explain.h5", factories.make_explanation)
        if name == "attribution":
            options["table"] = tmp_path / "attribution.parquet"
            factories.make_attribution(METHODS).to_parquet(options["table"])
        if name == "latent":
            options["latents"] = models("latents.h5", factories.make_latents)
        if name == "mosaic":
            options["dataset"] = write_dataset_file()
        if name == "simulation":
            options["simulation"] = tmp_path / "simulation"
            options["simulation"].mkdir(exist_ok=True)
            factories.make_diagnostics().to_csv(options["simulation"] / "diagnostics.csv")
        getattr(command, f"plot_{name}")(**options)
        return output

    return run


@pytest.mark.parametrize(
    "name",
    [
        *("roc", "confusion", "history", "gradcam", "attribution"),
        *("latent", "scores", "mosaic", "simulation"),
    ],
)
def test_png_and_pdf_are_written(call, name):
    before = dict(matplotlib.rcParams)
    png = call(name)
    with Image.open(png) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] >= 100 * 3.4  # a column wide at least
    assert (pixels < 128).any(axis=2).mean() > 0.005  # ink
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    assert all((edge > 250).all() for edge in edges)  # nothing is cut off
    pdf = png.with_suffix(".pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/CreationDate" not in pdf
    assert b"/Type3" not in pdf
    assert sorted(path.name for path in png.parent.iterdir()) == ["figure.pdf", "figure.png"]
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", ["roc", "latent", "mosaic"])
def test_bytes_depend_on_neither_the_call_nor_the_order_of_files(call, name, tmp_path):
    first = call(name, tmp_path / "a/figure.png")
    second = call(name, tmp_path / "b/figure.png", reverse=True)
    for suffix in (".png", ".pdf"):
        assert first.with_suffix(suffix).read_bytes() == second.with_suffix(suffix).read_bytes(), (
            suffix
        )


def test_missing_files_are_named(tmp_path):
    output, absent = tmp_path / "x.png", tmp_path / "models/mmd/deepmerge/0/absent.h5"
    calls = [
        lambda: command.plot_confusion([absent], output),
        lambda: command.plot_scores(absent, output),
        lambda: command.plot_history([absent], output),
        lambda: command.plot_gradcam([absent], output),
        lambda: command.plot_latent([absent], output),
        lambda: command.plot_mosaic(absent, output),
        lambda: command.plot_simulation(tmp_path, output),
    ]
    for call in calls:
        with pytest.raises(Sim2SkyError, match=r"(absent\.h5|diagnostics\.csv): file not found"):
            call()
    assert not output.exists()


def test_no_files_is_an_error(tmp_path):
    with pytest.raises(Sim2SkyError, match="no predictions given"):
        command.plot_confusion([], tmp_path / "x.png")
    with pytest.raises(Sim2SkyError, match="no files given"):
        command.plot_history([], tmp_path / "x.png")


def test_empty_table_is_an_error(factories, tmp_path):
    path = tmp_path / "table.parquet"
    factories.make_table(METHODS).iloc[:0].to_parquet(path)
    with pytest.raises(Sim2SkyError, match="the table holds no rows; run `sim2sky aggregate`"):
        command.plot_scores(path, tmp_path / "x.png")


def test_table_without_recalls_or_intervals_is_an_error(factories, tmp_path):
    path = tmp_path / "table.parquet"
    table = factories.make_table(METHODS)
    table[[name for name in table if not name.startswith("recall")]].to_parquet(path)
    with pytest.raises(Sim2SkyError, match="no recalls; expected columns recall_<class>"):
        command.plot_scores(path, tmp_path / "x.png")
    table.drop(columns="balanced_accuracy_low").to_parquet(path)
    with pytest.raises(Sim2SkyError, match="column balanced_accuracy_low is missing"):
        command.plot_scores(path, tmp_path / "x.png")


def test_method_that_the_table_lacks_is_named(experiment, factories, tmp_path):
    files = experiment("predictions.parquet", factories.make_predictions, METHODS, seeds=1)
    factories.make_table(["source_only"]).to_parquet(tmp_path / "table.parquet")
    with pytest.raises(Sim2SkyError, match="no row for method 'mmd'.*domain 'source'"):
        command.plot_roc(files, tmp_path / "table.parquet", tmp_path / "x.png", QUICK)


def test_unlabelled_predictions_are_an_error(experiment, factories, tmp_path):
    (path,) = experiment("predictions.parquet", factories.make_predictions, ["mmd"], seeds=1)
    pd.read_parquet(path).assign(label=-1).to_parquet(path)
    with pytest.raises(Sim2SkyError, match="no prediction has a known label"):
        command.plot_confusion([path], tmp_path / "x.png")


def test_models_are_told_by_their_path(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch\n1\n")
    with pytest.raises(Sim2SkyError, match="cannot tell the model from the path.*<method>"):
        command.plot_history([path], tmp_path / "x.png")


def test_same_model_twice_is_an_error(experiment, factories, tmp_path):
    (path,) = experiment("history.csv", factories.make_history, ["mmd"], seeds=1)
    with pytest.raises(Sim2SkyError, match="two files of the same model"):
        command.plot_history([path, path], tmp_path / "x.png")


def test_unknown_setting_is_an_error(tmp_path):
    with pytest.raises(Sim2SkyError, match="unknown key 'dots'; known keys: dpi"):
        command.plot_scores(tmp_path / "table.parquet", tmp_path / "x.png", '{"dots": 3}')


def test_commands_take_files_and_long_options(experiment, factories, tmp_path):
    app = typer.Typer()
    names = ("roc", "confusion", "history", "gradcam", "latent", "scores", "mosaic")
    for name in (*names, "attribution"):
        app.command()(getattr(command, f"plot_{name}"))
    app.command()(command.plot_simulation)
    files = experiment("predictions.parquet", factories.make_predictions, ["mmd"])
    output = tmp_path / "confusion.png"
    words = ["plot-confusion", "--settings", QUICK, "--output", str(output), *map(str, files)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert output.is_file()
    for registered in app.registered_commands:
        words = [registered.callback.__name__.replace("_", "-"), "--help"]
        assert CliRunner().invoke(app, words).exit_code == 0
