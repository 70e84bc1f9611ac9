import numpy as np
import pytest

from sim2sky.reliability.conformal import conformal_threshold, set_scores, true_class_score


def test_with_a_system_per_row_it_is_the_usual_quantile():
    random = np.random.default_rng(0)
    for n in (9, 10, 37, 99, 100):
        score = random.random(n)
        rank = int(np.ceil((n + 1) * 0.9 - 1e-9))
        expected = np.sort(score)[rank - 1]
        assert conformal_threshold(score, np.arange(n), 0.9) == expected


def test_too_few_rows_promise_nothing():
    assert conformal_threshold(np.arange(8) / 8, np.arange(8), 0.9) == np.inf
    assert conformal_threshold(np.arange(9) / 9, np.arange(9), 0.9) == 8 / 9


def test_a_system_counts_once_however_many_rows_it_has():
    """By hand: weights 1/4 for three systems, the first one's spread over 100 rows."""
    score = np.append(np.linspace(0.9, 1.0, 100), [0.1, 0.2])
    system_id = np.append(np.zeros(100, dtype=int), [1, 2])
    assert conformal_threshold(score, system_id, 0.5) == 0.2
    by_rows = conformal_threshold(score, np.arange(102), 0.5)
    assert by_rows > 0.9
    # half of the first system's rows: (2 + 0.5) / 4
    assert conformal_threshold(score, system_id, 0.625) == pytest.approx(score[49])


def draw(n_systems, n_rows, seed):
    """Scores whose level is that of their system."""
    random = np.random.default_rng(seed)
    level = random.normal(size=(n_systems, 1))
    return (level + 0.3 * random.normal(size=(n_systems, n_rows))).ravel()


def test_new_systems_are_covered_as_promised_and_rows_taken_for_independent_are_too_hopeful():
    covered = {"system": [], "row": []}
    system_id = np.repeat(np.arange(12), 20)
    for seed in range(300):
        held, new = draw(12, 20, [seed, 0]), draw(40, 5, [seed, 1])
        for name, group in (("system", system_id), ("row", np.arange(240))):
            covered[name].append((new <= conformal_threshold(held, group, 0.9)).mean())
    assert 0.9 <= np.mean(covered["system"]) < 0.99
    # twelve systems are no 240 independent rows
    standard_error = np.std(covered["row"]) / np.sqrt(300)
    assert np.mean(covered["row"]) < 0.9 - 2 * standard_error


def test_scores_of_sets_by_hand():
    probability = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.5, 0.5]])
    label = np.array([0, 1, 1, 0])
    assert true_class_score(label, probability) == pytest.approx([0.1, 0.6, 0.3, 0.5])
    found = set_scores(label, probability, np.ones((4, 1)), 0.55, ["a", "b"])
    assert {name: value[0] for name, value in found.items()} == pytest.approx(
        {
            "coverage": 3 / 4,
            "coverage_a": 1.0,
            "coverage_b": 1 / 2,
            "set_size": (1 + 1 + 1 + 2) / 4,
            "set_single": 3 / 4,
            "set_empty": 0.0,
        }
    )
    empty = set_scores(label, probability, np.ones((4, 1)), 0.2, ["a", "b"])
    assert empty["set_empty"][0] == 3 / 4
    whole = set_scores(label[:1], probability[:1], np.ones((1, 1)), np.inf, ["a", "b"])
    assert whole["set_size"][0] == 2
    assert np.isnan(whole["coverage_b"][0])
