"""Criteria without target labels: closed forms, invariances, peers and where they fail."""

import dataclasses
import warnings

import numpy as np
import pytest
import sklearn

from sim2sky.train.criteria import CHEAP, CRITERIA, Evidence, criterion_scores, density_ratio

SURE = 60.0  # a logit that is as good as infinite


def one_hot(labels, n_classes=2, sure=SURE):
    return sure * np.eye(n_classes)[np.asarray(labels)]


def make_evidence(n=60, n_latent=30, seed=0, shift=0.0, **changed):
    """Two domains with the same classes, the target's latent vectors moved by `shift`."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 2
    centre = np.zeros((n, n_latent))
    centre[:, 0] = 3 * label
    source = rng.normal(size=(n, n_latent)) + centre
    target = rng.normal(size=(n, n_latent)) + centre
    target[:, 1] += shift
    values = {
        "source_latent": source,
        "source_logits": np.stack([1.5 - source[:, 0], source[:, 0] - 1.5], axis=1),
        "source_label": label,
        "source_system": np.arange(n) // 3,
        "target_latent": target,
        "target_logits": np.stack([1.5 - target[:, 0], target[:, 0] - 1.5], axis=1),
        "target_system": np.arange(n) // 3,
        "class_weights": np.ones(2),
    }
    return Evidence(**{**values, **changed})


def score(name, **changed):
    return CRITERIA[name](make_evidence(**changed))


def test_source_validation_is_minus_the_weighted_cross_entropy():
    logits = np.array([[0.0, 0.0], [np.log(3), 0.0], [0.0, 0.0]])
    changed = {"source_logits": logits, "source_label": np.array([0, 0, 1])}
    weights = np.array([1.0, 2.0])
    expected = -(np.log(2) + np.log(4 / 3) + 2 * np.log(2)) / 4
    assert score("source_validation", class_weights=weights, **changed) == pytest.approx(expected)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_in_the_source_is_no_obstacle(label):
    evidence = make_evidence(source_label=np.full(60, label))
    assert all(np.isfinite(value) for value in criterion_scores(evidence, CRITERIA).values())


def test_entropy_and_information_of_known_predictions():
    sure_half = one_hot(np.arange(10) % 2)
    undecided = np.zeros((10, 2))
    assert score("entropy", target_logits=sure_half) == pytest.approx(0, abs=1e-12)
    assert score("entropy", target_logits=undecided) == pytest.approx(-np.log(2))
    assert score("information_maximisation", target_logits=sure_half) == pytest.approx(np.log(2))
    assert score("information_maximisation", target_logits=undecided) == pytest.approx(
        0, abs=1e-12
    )
    # a quarter in one class, three in the other, each with a known doubt
    p = np.array([0.9] * 3 + [0.2] * 9)
    logits = np.log(np.stack([p, 1 - p], axis=1))
    binary = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    mean = p.mean()
    of_mean = -(mean * np.log(mean) + (1 - mean) * np.log(1 - mean))
    assert score("information_maximisation", target_logits=logits) == pytest.approx(
        of_mean - binary.mean()
    )


def test_three_equal_classes_hold_the_most_information():
    logits = one_hot(np.arange(9) % 3, n_classes=3)
    assert score("information_maximisation", target_logits=logits) == pytest.approx(np.log(3))


def test_density_of_known_neighbourhoods():
    # everybody alike: each row spreads evenly over the others
    assert score("snd", target_logits=np.zeros((8, 2))) == pytest.approx(np.log(7))
    # two groups: neighbours of the own group at similarity 1, the others at 0
    mine, others = 3 * np.exp(1 / 0.05), 4.0
    chance = np.array([np.exp(1 / 0.05)] * 3 + [1.0] * 4) / (mine + others)
    expected = -(chance * np.log(chance)).sum()
    assert score("snd", target_logits=one_hot([0, 1] * 4)) == pytest.approx(expected)
    # alone: nobody else is like it
    lonely = np.array([np.exp(0.0)] * 2)
    assert score("snd", target_logits=one_hot([0, 1, 2], n_classes=3)) == pytest.approx(
        -(lonely / 2 * np.log(lonely / 2)).sum()
    )
    assert np.isnan(score("snd", target_logits=np.zeros((1, 2))))


def test_density_does_not_depend_on_how_it_is_cut(monkeypatch):
    evidence = make_evidence()
    whole = CRITERIA["snd"](evidence)
    monkeypatch.setattr("sim2sky.train.criteria.BLOCK_ELEMENTS", 7 * 60)
    assert CRITERIA["snd"](evidence) == pytest.approx(whole, rel=1e-12)


def test_a_collapse_to_one_class_deceives_entropy_and_density_but_not_information():
    right, collapsed = one_hot(np.arange(60) % 2, sure=4.0), one_hot(np.zeros(60, int))
    for name in ("entropy", "snd"):
        assert score(name, target_logits=collapsed) > score(name, target_logits=right)
    undecided = np.zeros((60, 2))
    assert score("snd", target_logits=undecided) > score("snd", target_logits=right)
    name = "information_maximisation"
    for logits in (collapsed, undecided):
        assert score(name, target_logits=logits) == pytest.approx(0, abs=1e-12)
    assert score(name, target_logits=right) > 0.5


def test_density_and_entropy_agree_with_an_independent_library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skada.metrics import PredictionEntropyScorer, SoftNeighborhoodDensity
    # skada needs this and switches it on for the whole process, where others rely on its absence
    sklearn.set_config(enable_metadata_routing=False)

    evidence = make_evidence()
    exponential = np.exp(evidence.target_logits)
    probabilities = exponential / exponential.sum(axis=1, keepdims=True)

    class Predictor:
        def predict_proba(self, X, sample_domain=None):
            return probabilities

    latent = np.concatenate([evidence.source_latent, evidence.target_latent])
    domain = np.repeat([1, -2], 60)
    call = {"X": latent, "y": np.zeros(120), "sample_domain": domain}
    with sklearn.config_context(enable_metadata_routing=True):
        entropy = PredictionEntropyScorer()._score(None, Predictor(), **call)
        density = SoftNeighborhoodDensity()._score(None, Predictor(), **call)
    # theirs is the mean over classes, too, where the entropy is a sum
    assert 2 * entropy == pytest.approx(CRITERIA["entropy"](evidence), abs=1e-5)
    # theirs gives a row's similarity to itself the weight exp(-1/T) instead of none
    assert density == pytest.approx(CRITERIA["snd"](evidence), rel=1e-6)


def test_equal_domains_have_the_ratio_one():
    evidence = make_evidence()
    same = dataclasses.replace(
        evidence,
        target_latent=evidence.source_latent,
        target_logits=evidence.source_logits,
    )
    ratio = density_ratio(
        same.source_latent, same.target_latent, same.source_system, same.target_system
    )
    np.testing.assert_allclose(ratio, 1, atol=1e-9)
    expected = CRITERIA["source_validation"](same)
    assert CRITERIA["iwv"](same) == pytest.approx(expected, abs=1e-9)
    assert CRITERIA["dev"](same) == pytest.approx(expected, abs=1e-9)


def test_ratio_does_not_depend_on_how_many_rows_a_domain_has():
    evidence = make_evidence()
    ratio = density_ratio(
        evidence.source_latent,
        np.repeat(evidence.source_latent, 3, axis=0),
        evidence.source_system,
        np.repeat(evidence.source_system, 3),
    )
    np.testing.assert_allclose(ratio, 1, atol=1e-4)


def test_ratio_of_two_shifted_gaussians():
    """ln ratio = s z - s^2 / 2 for unit Gaussians a distance s apart."""
    rng = np.random.default_rng(1)
    n, shift = 2000, 1.0
    source, target = rng.normal(size=(n, 3)), rng.normal(size=(n, 3))
    target[:, 1] += shift
    ratio = density_ratio(source, target, np.arange(n) // 20, n + np.arange(n) // 20)
    np.testing.assert_allclose(np.log(ratio), shift * source[:, 1] - shift**2 / 2, atol=0.4)
    assert ratio.mean() == pytest.approx(1, abs=0.1)


def test_ratio_is_blind_to_rotation_scale_and_offset_of_the_latent_space():
    evidence = make_evidence(n_latent=10, shift=1.0)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(10, 10)))[0]
    systems = evidence.source_system, evidence.target_system
    expected = density_ratio(evidence.source_latent, evidence.target_latent, *systems)
    moved = [
        7.5 * latent @ rotation + 100
        for latent in (evidence.source_latent, evidence.target_latent)
    ]
    assert expected.std() > 0.1
    np.testing.assert_allclose(density_ratio(*moved, *systems), expected, rtol=1e-6)


def test_rows_known_by_heart_do_not_separate_the_domains():
    """Long latent vectors that differ by nothing but noise, several rows of each system alike."""
    rng = np.random.default_rng(3)
    system = np.arange(60) // 6
    source = rng.normal(size=(10, 500))[system] + 0.01 * rng.normal(size=(60, 500))
    target = rng.normal(size=(10, 500))[system] + 0.01 * rng.normal(size=(60, 500))
    ratio = density_ratio(source, target, system, 100 + system)
    assert 0.3 < np.median(ratio) < 3


def test_weights_move_the_loss_towards_what_the_target_looks_like():
    """Wrong only where the target is dense: the plain loss does not see it, the weighted does."""
    rng = np.random.default_rng(4)
    n = 600
    source, target = rng.normal(size=(n, 5)), rng.normal(size=(n, 5))
    target[:, 1] += 1.5
    label = np.arange(n) % 2
    wrong = source[:, 1] > 1
    said = np.where(wrong, 1 - label, label)
    evidence = make_evidence(
        source_latent=source,
        source_logits=one_hot(said, sure=2.0),
        source_label=label,
        source_system=np.arange(n) // 10,
        target_latent=target,
        target_logits=np.zeros((n, 2)),
        target_system=n + np.arange(n) // 10,
    )
    right, error = np.log1p(np.exp(-2)), np.log1p(np.exp(2))
    share = 0.6915  # of a unit Gaussian around 1.5 above 1
    expected = -(share * error + (1 - share) * right)
    assert CRITERIA["source_validation"](evidence) > -0.6
    for name in ("iwv", "dev"):
        assert CRITERIA[name](evidence) == pytest.approx(expected, abs=0.25)


def test_control_variate_as_published(monkeypatch):
    ratio = np.array([0.5, 2.0, 1.0, 0.1])
    monkeypatch.setattr("sim2sky.train.criteria.density_ratio", lambda *_: ratio)
    logits = np.log(np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.5, 0.5]]))
    evidence = make_evidence(source_logits=logits, source_label=np.array([0, 1, 1, 0]))
    loss = -np.log([0.9, 0.4, 0.7, 0.5])
    covariance = np.cov(ratio * loss, ratio)
    eta = -covariance[0, 1] / covariance[1, 1]
    expected = (ratio * loss).mean() + eta * ratio.mean() - eta
    assert CRITERIA["dev"](evidence) == pytest.approx(-expected)
    assert CRITERIA["iwv"](evidence) == pytest.approx(-(ratio * loss).sum() / ratio.sum())


def test_domains_that_do_not_overlap_are_not_rewarded():
    """Without the normalisation the weights would vanish and the loss with them."""
    near, far = make_evidence(shift=0.0), make_evidence(shift=500.0)
    for name in ("iwv", "dev"):
        values = CRITERIA[name](near), CRITERIA[name](far)
        assert np.isfinite(values).all()
        assert values[1] < 0.1 * CRITERIA["source_validation"](far) + 0.05


def test_dead_latent_vectors_have_the_ratio_one():
    evidence = make_evidence(
        source_latent=np.full((60, 4), 2.5), target_latent=np.full((60, 4), 2.5)
    )
    assert CRITERIA["iwv"](evidence) == CRITERIA["source_validation"](evidence)


def test_too_few_systems_cannot_be_compared():
    system = np.zeros(60, dtype=int)
    evidence = make_evidence(source_system=system, target_system=system)
    assert np.isnan(CRITERIA["iwv"](evidence))
    assert np.isnan(CRITERIA["dev"](evidence))
    # one system in each domain: no fold could hold both
    evidence = make_evidence(source_system=system, target_system=system + 1)
    assert np.isnan(CRITERIA["dev"](evidence))


def test_fewer_rows_than_folds():
    random = np.random.default_rng(0)
    ratio = density_ratio(
        random.normal(size=(4, 2)), random.normal(size=(4, 2)), np.arange(4), 4 + np.arange(4)
    )
    assert np.isfinite(ratio).all()
    ratio = density_ratio(np.ones((1, 2)), np.zeros((9, 2)), np.zeros(1), 1 + np.arange(9))
    assert np.isnan(ratio).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name", ["source_latent", "source_logits", "target_latent", "target_logits"]
)
def test_nothing_is_said_of_a_network_that_gives_no_numbers(name, bad):
    good = make_evidence()
    values = getattr(good, name).copy()
    values[3] = bad
    scores = criterion_scores(dataclasses.replace(good, **{name: values}), CRITERIA)
    assert list(scores) == list(CRITERIA)
    assert all(np.isnan(value) for value in scores.values())
    all_bad = dataclasses.replace(good, **{name: np.full_like(values, bad)})
    assert all(np.isnan(value) for value in criterion_scores(all_bad, CHEAP).values())


def test_order_of_rows_does_not_matter():
    evidence = make_evidence(shift=0.7)
    order = np.random.default_rng(5).permutation(60)
    shuffled = Evidence(
        **{
            key: value if key == "class_weights" else value[order]
            for key, value in vars(evidence).items()
        }
    )
    expected, actual = (criterion_scores(e, CHEAP) for e in (evidence, shuffled))
    assert actual == pytest.approx(expected, rel=1e-9)


def test_logits_may_be_shifted():
    evidence = make_evidence()
    moved = dataclasses.replace(
        evidence,
        source_logits=evidence.source_logits + 30,
        target_logits=evidence.target_logits - 30,
    )
    assert criterion_scores(moved, CRITERIA) == pytest.approx(
        criterion_scores(evidence, CRITERIA), rel=1e-9
    )
