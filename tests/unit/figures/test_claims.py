"""Claims are answered by the experiment that can, and the verdict is that of the intervals."""

import re

import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.figures.claims import CLAIMS, answers
from sim2sky.figures.collect import collect_files
from sim2sky.figures.evidence import LONG_COLUMNS, Evidence, Study, read_study
from sim2sky.figures.verdict import Verdict
from sim2sky.train.settings import METHODS

NETWORKS = ["deepmerge"]


def configuration(methods, source=None, target=None, **more):
    """An experiment between two domains of the same mocks, without and with noise."""
    domains = {
        "a": source or {"sample": "s", "observe": {"noise": False}},
        "b": target or {"sample": "s", "observe": {"noise": True}},
    }
    described = {"source": "a", "target": "b", "networks": NETWORKS, "methods": list(methods)}
    known = {name: method.model_dump(mode="json") for name, method in METHODS.items()}
    return {"experiments": {"any": described}, "domains": domains, "methods": known | more}


def ask(number, table, config=None, long=None):
    """The answer to one claim."""
    methods = list(dict.fromkeys(table["method"])) if table is not None else []
    config = config or configuration(methods)
    evidence = Evidence("any", config["experiments"]["any"], table, long or {})
    return {claim.number: answer for claim, answer in answers(Study([evidence], config))}[number]


def with_auc(table, **areas):
    """The table with baselines of given AUC on the source."""
    first = table[(table["method"] == "source_only") & (table["domain"] == "source")]
    rows = [
        first.assign(method=name, network="morphology", auc=a, auc_low=a - 0.01, auc_high=a + 0.01)
        for name, a in areas.items()
    ]
    return pd.concat([table, *rows], ignore_index=True)


def test_every_claim_is_there_once_and_nothing_is_measured_by_nothing():
    found = answers(Study([], {}))
    assert [claim.number for claim, _ in found] == list(range(1, 13))
    assert {answer.verdict for _, answer in found} == {Verdict.NOT_MEASURED}
    assert all(answer.sentence.startswith("It needs ") for _, answer in found)
    assert all(len(claim.said) < 200 for claim in CLAIMS)


@pytest.mark.parametrize(
    ("gini", "asymmetry", "forest", "verdict"),
    [
        (0.7, 0.8, 0.9, "agrees"),
        (0.7, 0.95, 0.9, "differs"),
        (0.7, 0.8, 0.99, "differs"),
        (0.7, 0.895, 0.9, "undecided"),
    ],
)
def test_cuts_forest_network(factories, gini, asymmetry, forest, verdict):
    table = factories.make_table({"source_only": (0.94, 0.5)}, half_width=0.01)
    table = with_auc(table, gini_m20=gini, asymmetry=asymmetry, random_forest=forest)
    answer = ask(1, table)
    assert answer.verdict == verdict
    assert f"{asymmetry:.3f} [{asymmetry - 0.01:.3f}, " in answer.sentence
    assert "0.960 [0.950, 0.970] for the network" in answer.sentence
    assert ask(1, with_auc(table.iloc[:2], random_forest=0.9)).verdict == Verdict.NOT_MEASURED


@pytest.mark.parametrize(
    ("own", "across", "verdict"),
    [
        (0.94, 0.52, "agrees"),
        (0.94, 0.85, "differs"),
        (0.6, 0.5, "differs"),
        (0.94, 0.6, "undecided"),
    ],
)
def test_across_the_noise(factories, own, across, verdict):
    answer = ask(2, factories.make_table({"source_only": (own, across), "oracle": (0.6, 0.9)}))
    assert answer.verdict == verdict
    assert (
        f"{across:.3f} [{across - 0.03:.3f}, {across + 0.03:.3f}] for the same" in answer.sentence
    )
    assert "0.900 [0.870, 0.930] with noise if trained on it" in answer.sentence
    assert answer.experiment == "any"


def test_other_domains_than_without_and_with_noise_do_not_answer(factories):
    table = factories.make_table(factories.strong)
    noisy, images = {"sample": "s", "observe": {"noise": True}}, {"images": {}, "observe": {}}
    for source, target in ((noisy, noisy), (None, images), (None, noisy | {"sample": "other"})):
        config = configuration(factories.strong, source, target)
        assert ask(2, table, config).verdict == Verdict.NOT_MEASURED
        assert ask(3, table, config).verdict == Verdict.NOT_MEASURED


@pytest.mark.parametrize(
    ("mmd", "dann", "verdict"),
    [
        ((0.9, 0.8), (0.9, 0.82), "agrees"),
        ((0.9, 0.9), (0.9, 0.7), "differs"),
        ((0.6, 0.8), (0.9, 0.8), "differs"),
        ((0.9, 0.8), None, "undecided"),
        ((0.9, 0.51), (0.9, 0.52), "undecided"),
    ],
)
def test_mmd_and_adversarial_training(factories, mmd, dann, verdict):
    scores = {"source_only": (0.94, 0.5), "mmd": mmd} | ({"dann": dann} if dann else {})
    answer = ask(3, factories.make_table(scores))
    assert answer.verdict == verdict
    assert f"MMD brings the target to {mmd[1]:.3f}" in answer.sentence
    assert ("adversarial training was not tried" in answer.sentence) == (dann is None)


@pytest.mark.parametrize(
    ("extra", "verdict"), [(0.95, "agrees"), (0.8, "undecided"), (0.5, "differs")]
)
def test_fisher_and_entropy(factories, extra, verdict):
    scores = {"source_only": (0.9, 0.5), "mmd": (0.9, 0.8), "mmd_fisher_entropy": (0.9, extra)}
    answer = ask(5, factories.make_table(scores))
    assert answer.verdict == verdict
    assert f"{extra:.3f} [{extra - 0.03:.3f}, {extra + 0.03:.3f}] with them" in answer.sentence


@pytest.mark.parametrize(
    ("alone", "started", "verdict"),
    [(0.5, 0.7, "agrees"), (0.9, 0.85, "differs"), (0.53, 0.56, "undecided")],
)
def test_weights_of_another_experiment(factories, alone, started, verdict):
    scores = {"source_only": (0.9, 0.5), "mmd": (0.9, alone), "begun": (0.9, started)}
    begun = {"losses": {}, "init_from": {"experiment": "far_away", "method": "mmd"}}
    config = configuration(scores, begun=begun)
    answer = ask(6, factories.make_table(scores), config)
    assert answer.verdict == verdict
    assert f"AUC is {alone + 0.02:.3f}" in answer.sentence
    assert "weights of the experiment far away" in answer.sentence
    assert ask(6, factories.make_table(factories.strong)).verdict == Verdict.NOT_MEASURED


@pytest.mark.parametrize(
    ("whole", "classwise", "verdict"),
    [(0.3, 0.6, "agrees"), (0.6, 0.3, "differs"), (0.5, 0.52, "undecided")],
)
def test_other_classes_in_the_target(factories, whole, classwise, verdict):
    table = factories.make_table(
        {"source_only": (0.9, 0.5), "mmd": (0.9, 0.5), "dance": (0.9, 0.5)}
    )
    assert ask(11, table).verdict == Verdict.NOT_MEASURED
    for method, value in (("source_only", 0.2), ("mmd", whole), ("dance", classwise)):
        for end, offset in (("", 0), ("_low", -0.03), ("_high", 0.03)):
            table.loc[table["method"] == method, f"h_score{end}"] = value + offset
    answer = ask(11, table)
    assert answer.verdict == verdict
    assert f"{classwise:.3f} [{classwise - 0.03:.3f}" in answer.sentence


def test_every_measured_sentence_has_a_number_with_an_interval(factories):
    scores = {**factories.strong, "mmd_fisher_entropy": (0.9, 0.9)}
    table = with_auc(factories.make_table(scores), asymmetry=0.6, random_forest=0.8)
    config = configuration(scores)
    study = Study([Evidence("any", config["experiments"]["any"], table, {})], config)
    measured = [a for _, a in answers(study) if a.verdict != Verdict.NOT_MEASURED]
    assert len(measured) == 4
    for answer in measured:
        assert re.search(r"0\.\d{3} \[-?0\.\d{3}, -?\d\.\d{3}\]", answer.sentence)
        assert answer.sentence.endswith(".")


def long_table(*rows):
    """Rows of what differs; (value, half width) of the interval."""
    common = {"network": "deepmerge", "seed": 0, "method": "mmd", "domain": "target"}
    return pd.DataFrame(
        [
            common | row | {"value": value, "low": value - half, "high": value + half}
            for (value, half), row in rows
        ]
    )


def ask_long(number, **tables):
    config = configuration(["source_only", "mmd"])
    config["experiments"]["any"]["show"] = ["source_only", "mmd"]
    return ask(number, None, config, tables)


@pytest.mark.parametrize(
    ("source", "target", "verdict"),
    [(-0.5, -1.0, "agrees"), (0.5, -1.0, "differs"), (0.05, -1.0, "undecided")],
)
def test_from_the_periphery_to_the_centre(source, target, verdict):
    rows = [
        ((value, 0.2), {"quantity": f"attribution_radius_r50{end}", "class": name} | more)
        for name in ("non-merger", "merger")
        for end, more, value in (
            ("", {"method": "source_only", "domain": "source"}, 2.0),
            ("", {"method": "source_only", "domain": "target"}, 4.0),
            ("_method_difference", {"domain": "source"}, source),
            ("_method_difference", {"domain": "target"}, target if name == "merger" else 9.0),
        )
    ]
    answer = ask_long(4, attribution=long_table(*rows))
    assert answer.verdict == verdict
    assert "class merger" in answer.sentence
    assert f"4.000 [3.800, 4.200] in the target, {target:+.3f}" in answer.sentence
    assert ask_long(4).verdict == Verdict.NOT_MEASURED
    assert ask_long(4, attribution=long_table(*rows[:2])).verdict == Verdict.NOT_MEASURED


@pytest.mark.parametrize(
    ("realism", "exposure", "verdict"),
    [(-0.8, -0.9, "undecided"), (-0.8, 0.9, "differs"), (-0.8, 0.0, "undecided")],
)
def test_gap_and_accuracy(realism, exposure, verdict):
    rows = [
        ((value, 0.1), {"quantity": "rank_correlation_source", "axis": axis})
        for axis, value in (("realism", realism), ("exposure", exposure))
    ]
    answer = ask_long(7, ladder=long_table(*rows))
    assert answer.verdict == verdict
    assert f"{realism:.3f} [{realism - 0.1:.3f}" in answer.sentence


@pytest.mark.parametrize(
    ("ratio", "change", "verdict"),
    [(2.3, -0.3, "agrees"), (0.5, -0.3, "differs"), (2.3, 0.3, "differs"), (1.0, 0, "undecided")],
)
def test_one_pixel(ratio, change, verdict):
    pixel = {"domain": "source", "attack": "one_pixel"}
    rows = [
        ((ratio, 0.1), {"quantity": "boundary_distance_ratio", "domain": "source"}),
        ((0.4, 0.1), pixel | {"quantity": "success_rate"}),
        ((change, 0.1), pixel | {"quantity": "success_rate_difference"}),
        ((9.0, 0.1), pixel | {"quantity": "success_rate", "attack": "cosmic_rays"}),
    ]
    answer = ask_long(8, attack=long_table(*rows))
    assert answer.verdict == verdict
    assert f"is {ratio:.3f} [{ratio - 0.1:.3f}, {ratio + 0.1:.3f}] times" in answer.sentence


@pytest.mark.parametrize(
    ("distance", "geodesic", "verdict"),
    [(0.4, 0.3, "agrees"), (-0.4, 0.3, "differs"), (0.4, 0.05, "undecided")],
)
def test_isomap_and_tsne(distance, geodesic, verdict):
    names = ("distance_correlation", "geodesic_correlation", "trustworthiness")
    rows = [
        ((value, 0.1), {"quantity": f"isomap_over_tsne_{name}"})
        for name, value in zip(names, (distance, geodesic, -0.2), strict=True)
    ]
    assert ask_long(9, separation=long_table(*rows)).verdict == verdict


@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [
        ({"psf": 0.1, "noise": -0.4}, "agrees"),
        ({"psf": 0.45, "noise": -0.4}, "undecided"),
        ({"psf": 0.4, "noise": -0.1}, "differs"),
    ],
)
def test_realism_that_is_missing(accuracy, verdict):
    about = {"method": "source_only", "axis": "realism"}
    rows = [
        ((value, 0.1), about | {"rung": rung, "quantity": "latent_distance_change"})
        for rung, value in (("psf", 0.5), ("noise", -4.0))
    ]
    rows += [
        ((value, 0.1), about | {"rung": rung, "quantity": "balanced_accuracy_change"})
        for rung, value in accuracy.items()
    ]
    answer = ask_long(10, ladder=long_table(*rows))
    assert answer.verdict == verdict
    assert "noise moves the images most" in answer.sentence
    assert "mag/arcsec" not in answer.sentence
    for name, value in (("depth_mag_arcsec2", 26.1), ("cost", 0.05)):
        rows.append(((value, 0.01), {"axis": "exposure", "quantity": f"outskirts_lost_{name}"}))
    assert "at 26.1 mag/arcsec² MMD uses" in ask_long(10, ladder=long_table(*rows)).sentence


@pytest.mark.parametrize(
    ("area", "verdict"), [(0.9, "agrees"), (0.3, "differs"), (0.52, "undecided")]
)
def test_strange_objects(area, verdict):
    rows = [
        ((area, 0.1), {"quantity": "strange_auc", "score": "distance", "kind": "any"}),
        ((0.1, 0.1), {"quantity": "strange_auc", "score": "confidence", "kind": "any"}),
        ((0.6, 0.1), {"quantity": "error_auc", "score": "distance", "kind": ""}),
    ]
    answer = ask_long(12, reliability=long_table(*rows))
    assert answer.verdict == verdict
    assert "from right ones with 0.600 [0.500, 0.700]" in answer.sentence


def test_long_tables_are_read_by_name(results):
    rows = [
        ("mmd", "deepmerge", seed, "target", "radius", value, value - 0.1, value + 0.1)
        for seed, value in ((0, 0.5), (-1, 0.4))
    ]
    path = results.root / "experiments/noise/attribution.parquet"
    pd.DataFrame(rows, columns=LONG_COLUMNS).to_parquet(path)
    study = read_study(collect_files([*results.files, path]), {})
    (evidence,) = study.experiments
    number = evidence.measured("attribution", "radius", method="mmd", domain="target")
    assert str(number) == "0.400 [0.300, 0.500]"  # the average over seeds comes first
    assert evidence.measured("attribution", "radius", seed=0).value == 0.5
    assert not evidence.measured("attribution", "radius", method="dann")
    assert not evidence.measured("attribution", "radius", rung="psf")
    assert not evidence.measured("ladder", "radius")
    pd.DataFrame(rows, columns=LONG_COLUMNS).drop(columns="low").to_parquet(path)
    with pytest.raises(Sim2SkyError, match=r"attribution\.parquet: column low is missing"):
        read_study(collect_files([*results.files, path]), {})
    pd.DataFrame(columns=LONG_COLUMNS).to_parquet(path)
    with pytest.raises(Sim2SkyError, match="the table holds no rows"):
        read_study(collect_files([*results.files, path]), {})


def test_experiments_are_asked_in_the_order_of_their_files(results):
    """That of the configuration, whose text has its keys sorted: a control comes last there."""
    control = results.root / "experiments/identical/table.parquet"
    control.parent.mkdir()
    results.table.to_parquet(control)
    described = {"experiments": {"identical": {}, "noise": {}}}
    study = read_study(collect_files([*results.files, control]), described)
    assert [evidence.name for evidence in study.experiments] == ["noise", "identical"]
