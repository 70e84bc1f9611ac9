"""The figure of regrets: what stands where."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sim2sky.errors import Sim2SkyError
from sim2sky.plot.command import plot_regret
from sim2sky.plot.inputs import read_filled
from sim2sky.plot.regret import REQUIRED, regret_figure
from sim2sky.plot.style import CRITERION_LABELS
from sim2sky.tune.regret import ACROSS, CONFIGURED, MEAN, RANDOM, WITHIN
from sim2sky.tune.regret import CRITERIA as CHOOSING

BLIND = (*CHOOSING, CONFIGURED, RANDOM)


def make_regrets(methods=("source_only", "mmd", "dann"), network="deepmerge"):
    """A table whose regret is 0.01 times the place of the criterion, and 0.001 of the method."""
    rows = []

    def add(scope, method, criterion, regret):
        rank = np.nan if criterion in (CONFIGURED, RANDOM) else 1 - 10 * regret
        rows.append(
            {
                "network": network,
                "scope": scope,
                "method": method,
                "criterion": criterion,
                "n_trials": 8,
                "regret": regret,
                "regret_low": regret - 0.02,
                "regret_high": regret + 0.03,
                "rank_correlation": rank,
            }
        )

    for place, criterion in enumerate(BLIND):
        for number, method in enumerate(methods):
            add(WITHIN, method, criterion, 0.01 * place + 0.001 * number)
        if len(methods) > 1:
            add(MEAN, "", criterion, 0.01 * place + 0.001)
            if criterion != CONFIGURED:
                add(ACROSS, "", criterion, 0.01 * place + 0.05)
    add(WITHIN, "oracle", "target_validation", 0.004)
    return pd.DataFrame(rows)


def points(axes, marker):
    """All points drawn with a marker, as {line of the figure: values}."""
    found = {}
    for line in axes.get_lines():
        if line.get_marker() == marker:
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True):
                found.setdefault(round(y), []).append(x)
    return found


def test_every_number_stands_in_its_line():
    figure = regret_figure(make_regrets())
    regrets, ranks = figure.axes
    names = [text.get_text() for text in regrets.get_yticklabels()]
    assert names == list(CRITERION_LABELS.values())
    order = list(CRITERION_LABELS)
    dots, means, choices = (points(regrets, marker) for marker in "oDs")
    for place, criterion in enumerate(BLIND):
        at = order.index(criterion)
        np.testing.assert_allclose(sorted(dots[at]), 0.01 * place + np.array([0, 0.001, 0.002]))
        assert means[at] == pytest.approx([0.01 * place + 0.001])
        expected = [] if criterion == CONFIGURED else [0.01 * place + 0.05]
        assert choices.get(at, []) == pytest.approx(expected)
    assert dots[order.index("target_validation")] == [0.004]
    # what has no rank correlation is left out on the right
    assert order.index(RANDOM) not in points(ranks, "o")
    assert len(points(ranks, "o")[order.index("snd")]) == 3
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [
        *("source only", "MMD", "DANN", "oracle (target labels)"),
        *("mean over methods", "one choice across methods"),
    ]


def test_one_method_has_no_overall_marks():
    figure = regret_figure(make_regrets(methods=["mmd"]))
    assert points(figure.axes[0], "D") == {}
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["MMD", "oracle (target labels)"]


def test_networks_stand_below_each_other():
    table = pd.concat([make_regrets(), make_regrets(network="resnet18")])
    figure = regret_figure(table)
    assert len(figure.axes) == 4
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == ["deepmerge", "resnet18"]


def test_command_writes_both_files(tmp_path):
    make_regrets().to_parquet(tmp_path / "regret.parquet")
    output = tmp_path / "out/regret.png"
    plot_regret(tmp_path / "regret.parquet", output, '{"dpi": 100}')
    with Image.open(output) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] > 600
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    assert all((edge > 250).all() for edge in edges)  # nothing is cut off
    assert output.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_bad_tables_are_named(tmp_path):
    path = tmp_path / "regret.parquet"
    with pytest.raises(Sim2SkyError, match=r"regret.parquet: file not found"):
        read_filled(path, REQUIRED, "regret")
    make_regrets().drop(columns="regret_low").to_parquet(path)
    with pytest.raises(Sim2SkyError, match="column regret_low is missing"):
        read_filled(path, REQUIRED, "regret")
    make_regrets().iloc[:0].to_parquet(path)
    with pytest.raises(Sim2SkyError, match="the table holds no rows"):
        read_filled(path, REQUIRED, "regret")
