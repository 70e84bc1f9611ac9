"""The figure of what each criterion chooses: what stands where."""

import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.plot.command import plot_method_choice
from sim2sky.plot.method_choice import method_choice_figure
from sim2sky.plot.style import CRITERION_LABELS
from sim2sky.train.criteria import CRITERIA as CHOOSING

ACCURACY = {"source_only": 0.5, "mmd": 0.9, "adabn": 0.7}


def make_choice(*, labels=True):
    """Scores that are the accuracy but for snd, which has it upside down and lacks adabn."""
    rows = []
    for criterion in CHOOSING:
        for method, accuracy in ACCURACY.items():
            score = -accuracy if criterion == "snd" else accuracy
            if (criterion, method) == ("snd", "adabn"):
                score = np.nan
            rows.append(
                {
                    "network": "deepmerge",
                    "criterion": criterion,
                    "method": method,
                    "score": score,
                    "score_seed_std": 0.01,
                    "chosen": method == ("source_only" if criterion == "snd" else "mmd"),
                    "balanced_accuracy": accuracy,
                    "balanced_accuracy_low": accuracy - 0.1,
                    "balanced_accuracy_high": accuracy + 0.05,
                    "regret": 0.9 - accuracy,
                    "rank_correlation": -1.0 if criterion == "snd" else 1.0,
                }
            )
    table = pd.DataFrame(rows)
    if not labels:
        known = ["balanced_accuracy", "regret", "rank_correlation"]
        table[[*known, "balanced_accuracy_low", "balanced_accuracy_high"]] = np.nan
    return table


def points(axes, marker="o"):
    return {
        round(line.get_ydata()[0]): (line.get_xdata()[0], line.get_markerfacecolor())
        for line in axes.get_lines()
        if line.get_marker() == marker
    }


def test_methods_stand_in_the_order_of_their_accuracy():
    truth, *panels = method_choice_figure(make_choice()).axes
    assert len(panels) == len(CHOOSING)
    names = [text.get_text() for text in truth.get_yticklabels()]
    assert names == ["MMD", "AdaBN", "source only"]
    assert [points(truth, "D")[place][0] for place in range(3)] == [0.9, 0.7, 0.5]


def test_the_chosen_is_filled_and_its_cost_said():
    _, *panels = method_choice_figure(make_choice()).axes
    first, snd = panels[0], panels[list(CRITERION_LABELS).index("snd")]
    assert [place for place, (_, face) in points(first).items() if face != "white"] == [0]
    assert first.get_xlabel() == "regret 0.000\n$\\rho$ = 1.00"
    assert points(snd).keys() == {0, 2}  # adabn has no score
    assert [place for place, (_, face) in points(snd).items() if face != "white"] == [2]
    assert snd.get_xlabel() == "regret 0.400\n$\\rho$ = \N{MINUS SIGN}1.00"


def test_without_labels_there_is_no_truth():
    panels = method_choice_figure(make_choice(labels=False)).axes
    assert len(panels) == len(CHOOSING)
    assert next(text.get_text() for text in panels[0].get_yticklabels()) == "source only"
    assert panels[0].get_xlabel() == ""


def test_command_and_bad_tables(tmp_path):
    path = tmp_path / "method_choice.parquet"
    make_choice().to_parquet(path)
    plot_method_choice(path, tmp_path / "x.png")
    assert (tmp_path / "x.pdf").is_file()
    make_choice().iloc[:0].to_parquet(path)
    with pytest.raises(Sim2SkyError, match="holds no rows; run `sim2sky choose-method`"):
        plot_method_choice(path, tmp_path / "x.png")
    make_choice().drop(columns="chosen").to_parquet(path)
    with pytest.raises(Sim2SkyError, match="column chosen is missing"):
        plot_method_choice(path, tmp_path / "x.png")
