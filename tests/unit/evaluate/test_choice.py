import numpy as np

from sim2sky.evaluate.choice import choose_rows


def table(n=60):
    rows = np.arange(n)
    galaxy = np.array([f"099-{i // 3:06d}" for i in rows])
    return galaxy, rows % 3, rows // 6, (rows % 5 == 0).astype("i1")


def test_labels_take_turns_and_systems_come_once_before_twice():
    galaxy, view, system, label = table()
    chosen = choose_rows(galaxy, view, system, label, 8, seed=0)
    assert len(set(chosen)) == 8
    assert np.bincount(label[chosen]).tolist() == [4, 4]
    for value in (0, 1):
        assert len(np.unique(system[chosen][label[chosen] == value])) == 4


def test_a_rare_label_leaves_its_turns():
    galaxy, view, system, label = table()
    chosen = choose_rows(galaxy, view, system, label, 50, seed=0)
    assert np.bincount(label[chosen]).tolist() == [38, 12]
    assert sorted(choose_rows(galaxy, view, system, label, 999, seed=0)) == list(range(60))


def test_choice_does_not_depend_on_the_order_of_rows():
    columns = table()
    shuffled = np.random.default_rng(0).permutation(60)
    names = [
        [(c[0][i], c[1][i]) for i in choose_rows(*c, 10, seed=3)]
        for c in (columns, tuple(column[shuffled] for column in columns))
    ]
    assert names[0] == names[1]
    other = choose_rows(*columns, 10, seed=4)
    assert names[0] != [(columns[0][i], columns[1][i]) for i in other]


def test_no_rows_give_no_choice():
    empty = np.empty(0, dtype=int)
    assert choose_rows(empty.astype(str), empty, empty, empty, 5, seed=0).tolist() == []
