"""The sentences say what the numbers say, good or bad."""

import numpy as np
import pandas as pd
import pytest

from sim2sky.figures.summary import best_method, choices, headline, sentences


def joined(table):
    return " ".join(sentences(table))


def test_strong_effect(factories):
    text = joined(factories.make_table(factories.strong))
    assert "0.940 [0.910, 0.970] on the source and 0.520 [0.490, 0.550] on the target" in text
    assert "a loss of 0.420 across the domains" in text
    assert "MMD scores highest on the target: 0.830 [0.800, 0.860]" in text
    assert "+0.310 [+0.280, +0.340] against source only (a gain)" in text
    assert "Against AdaBN it is +0.090 [+0.060, +0.120]: the adaptation loss itself gains" in text
    assert "It goes 82% [79%, 85%] of the way from source only to the oracle" in text
    assert "0.846 [0.816, 0.876] for non-merger and 0.814 [0.784, 0.844] for merger" in text


def test_no_loss_across_domains_is_said(factories):
    text = joined(factories.make_table({"source_only": (0.9, 0.88), "mmd": (0.9, 0.89)}))
    assert "the intervals overlap, so no loss across the domains is established" in text
    assert "+0.010 [-0.020, +0.040] against source only (no gain is established)" in text
    assert "AdaBN" not in text
    assert "oracle" not in text


def test_target_better_than_source_is_said(factories):
    text = joined(factories.make_table({"source_only": (0.7, 0.9)}))
    assert "it does better on the target than on the source" in text
    assert "adapted" not in text


def test_harm_is_said(factories):
    table = factories.make_table(
        {"source_only": (0.9, 0.8), "adabn": (0.9, 0.6), "mmd": (0.9, 0.7)}
    )
    text = joined(table)
    assert "-0.100 [-0.130, -0.070] against source only (worse than no adaptation)" in text
    table = factories.make_table(
        {"source_only": (0.9, 0.5), "adabn": (0.9, 0.7), "mmd": (0.9, 0.71)}
    )
    assert "no gain of the adaptation loss itself is established" in joined(table)


def test_adabn_as_the_best_is_said(factories):
    table = factories.make_table(
        {"source_only": (0.9, 0.5), "adabn": (0.9, 0.7), "mmd": (0.9, 0.6)}
    )
    assert best_method(table, "deepmerge") == "adabn"
    assert "No adaptation loss does better than batches shared" in joined(table)


def test_oracle_is_never_the_best_method(factories):
    table = factories.make_table({"source_only": (0.9, 0.5), "oracle": (0.9, 0.9)})
    assert best_method(table, "deepmerge") is None
    assert headline(table) == (
        "balanced accuracy on the target: source only 0.50 (source: 0.90), "
        "oracle (target labels) 0.90"
    )


def test_unscored_target_gives_no_sentence(factories):
    table = factories.make_table(factories.strong)
    table.loc[table["domain"] == "target", "balanced_accuracy"] = np.nan
    assert sentences(table) == []
    assert headline(table) == ""


def test_networks_are_named_if_there_are_several(factories):
    table = factories.make_table(factories.strong)
    both = pd.concat([table.assign(network="resnet18"), table], ignore_index=True)
    texts = sentences(both)
    assert len(texts) == 2 * len(sentences(table))
    assert texts[0].startswith("deepmerge: Trained")
    assert texts[-1].startswith("resnet18: Its recall")


@pytest.mark.parametrize("missing", ["auc", "gap_closed", "gain_over_adabn"])
def test_missing_columns_are_no_error(factories, missing):
    table = factories.make_table(factories.strong)
    table = table[[name for name in table if not name.startswith(missing)]]
    assert len(sentences(table)) >= 3


def with_baselines(table, gain, probe):
    """The table with two baselines and what the best method gains over one of them."""
    rows = table[table["method"] == "mmd"].assign(network="morphology")
    asymmetry = rows[rows["domain"] == "target"].assign(
        method="asymmetry", auc=0.9, auc_low=0.85, auc_high=0.95
    )
    leak = rows[rows["domain"] == "source"].assign(
        method="leakage_probe", auc=probe, auc_low=probe - 0.06, auc_high=probe + 0.06
    )
    table = pd.concat([table, asymmetry, leak], ignore_index=True)
    best = (table["method"] == "mmd") & (table["domain"] == "target")
    for end, offset in (("", 0), ("_low", -0.02), ("_high", 0.02)):
        table.loc[best, f"auc_gain_over_asymmetry{end}"] = gain + offset
    return table


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(0.05, "better"), (-0.05, "worse"), (0.01, "no difference is established")],
)
def test_best_method_is_set_against_asymmetry(factories, gain, verdict):
    texts = sentences(with_baselines(factories.make_table(factories.strong), gain, 0.52))
    text = next(text for text in texts if text.startswith("Against asymmetry"))
    assert "asymmetry cut (AUC 0.900 [0.850, 0.950])" in text
    assert f"AUC of MMD on the target is {gain:+.3f} [{gain - 0.02:+.3f}" in text
    assert text.endswith(f": {verdict}.")
    assert not any("hard" in text for text in texts)


@pytest.mark.parametrize(("probe", "verdict"), [(0.52, "at chance, as"), (0.6, "which is a leak")])
def test_probe_is_judged(factories, probe, verdict):
    table = with_baselines(factories.make_table(factories.strong), 0.05, probe)
    assert verdict in sentences(table)[-1]
    assert f"AUC of {probe:.3f}" in sentences(table)[-1]


def test_baselines_are_no_network_and_never_the_best_method(factories):
    table = factories.make_table(factories.strong)
    more = with_baselines(table, 0.05, 0.52)
    more.loc[more["method"] == "asymmetry", "balanced_accuracy"] = 0.99
    assert headline(more) == headline(table)
    assert sentences(more)[: len(sentences(table))] == sentences(table)


def make_choice(**columns):
    return pd.DataFrame(
        {
            "network": "deepmerge",
            "criterion": ["information_maximisation", "snd", "entropy"] * 2,
            "method": ["mmd"] * 3 + ["source_only"] * 3,
            "chosen": [True, False, False, False, True, True],
            "regret": [0.0] * 3 + [0.3] * 3,
            "regret_low": [0.0] * 3 + [0.2] * 3,
            "regret_high": [0.0] * 3 + [0.4] * 3,
        }
        | columns
    )


def test_choices_and_their_cost_are_said():
    assert choices(make_choice()) == [
        "Without target labels, information maximisation takes MMD (the best); soft neighbourhood "
        "density and target entropy take source only (balanced accuracy lost: "
        "0.300 [0.200, 0.400])."
    ]


def test_choices_without_labels_or_scores():
    (text,) = choices(make_choice(regret=np.nan))
    assert "takes MMD; soft" in text
    assert "lost" not in text
    assert choices(make_choice(chosen=False)) == []
