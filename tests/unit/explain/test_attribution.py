import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.explain.attribution import COLUMNS, OF_IMAGES, attribution_table, read_explained
from sim2sky.explain.command import tabulate_attribution
from sim2sky.explain.extent import profile_edges, radial_shares
from sim2sky.explain.settings import ExplainSettings

CLASSES = ["non-merger", "merger"]
QUICK = ExplainSettings(n_bootstrap=200)
N, SIZE, STEPS = 24, 40, 4


@pytest.fixture
def write(tmp_path):
    """A writer of an explain.h5 whose numbers are known."""

    def writer(method="source_only", seed=0, *, nearer=0.0, first=0, label=None, shift=0):
        path = tmp_path / f"{method}_{seed}.h5"
        rows = np.arange(N)
        edges = profile_edges(2, 0.5)
        unit = np.full(N, 10.0)
        even = np.ones((N, SIZE, SIZE))
        with h5py.File(path, "w") as file:
            for number, domain in enumerate(("source", "target")):
                group = file.create_group(domain)
                names = [f"g{first * number + row + shift:03d}" for row in rows]
                group["galaxy_id"], group["view"] = names, np.zeros(N, dtype="i4")
                group["system_id"] = rows // 2 + 100 * first * number
                true = rows % 2 if label is None else np.full(N, label)
                group["label"] = true.astype("i1")
                group["predicted"] = np.where(rows < 6, 0, 1).astype("i1")
                # by explained class, merger first; galaxies differ, methods by a constant
                radius = 2 + 0.1 * rows[:, None] + np.array([1.0, 0.0]) - nearer + 0.5 * number
                group["attribution_radius_r50"] = radius
                group["attribution_radius"] = radius / 4
                group["attribution_on_sky"] = np.full((N, 2), 0.25)
                group["random_weights_correlation"] = np.full((N, 2), 0.1)
                for name in OF_IMAGES:
                    group[name] = unit
                shares = radial_shares(even, unit, edges)
                group["even_profile"] = shares
                # mergers' maps are even, the others' twice as dense in the first annulus
                group["profile"] = np.stack([shares, shares * [2, 1, 1, 1]], axis=1)
                curves = np.linspace(1, 0, STEPS + 1) ** np.array([[4], [2], [1]])
                group["deletion"] = np.repeat(curves[None], N, axis=0).astype("f4")
            file.attrs.update(
                method=method, network="deepmerge", seed=seed, classes=CLASSES,
                explained_classes=CLASSES[::-1], profile_edges_r50=edges,
            )  # fmt: skip
        return path

    return writer


def row(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    assert len(table) == 1, table
    return table.iloc[0]


def test_each_class_is_told_by_its_own_map(write):
    table = attribution_table([write()], QUICK)
    rows = np.arange(N)
    for name, plus in (("non-merger", 0), ("merger", 1)):
        of_class = rows[rows % 2 == plus]
        found = row(table, quantity="attribution_radius_r50", domain="source", **{"class": name})
        assert found.value == pytest.approx((2 + 0.1 * of_class + plus).mean())
        assert found.low < found.value < found.high
        assert (found.n_images, found.n_systems) == (12, 12)
    assert table.columns.tolist() == COLUMNS
    assert set(table["seed"]) == {0}


def test_methods_and_domains_are_compared_galaxy_by_galaxy(write):
    table = attribution_table([write(), write("mmd", nearer=0.75)], QUICK)
    for name in ("", *CLASSES):
        found = row(
            table,
            quantity="attribution_radius_r50_method_difference",
            domain="target",
            method="mmd",
            **{"class": name},
        )
        # each galaxy differs by the same amount, however much they differ among themselves
        assert (found.value, found.low, found.high) == pytest.approx((-0.75, -0.75, -0.75))
        assert found.reference == "source_only"
    found = row(
        table,
        quantity="attribution_radius_r50_domain_difference",
        method="mmd",
        **{"class": "merger"},
    )
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    assert found.reference == "source"
    own = table[(table.method == "source_only") & table.quantity.str.endswith("method_difference")]
    assert own.empty


def test_seeds_are_averaged_and_compared_with_their_own(write):
    files = [write(method, seed, nearer=nearer) for method, seed, nearer in (
        ("source_only", 0, 0.0), ("source_only", 1, 0.5), ("mmd", 0, 0.25), ("mmd", 1, 1.25),
    )]  # fmt: skip
    table = attribution_table(files, QUICK)
    assert set(table["seed"]) == {-1, 0, 1}
    name = "attribution_radius_r50"
    about = {"method": "mmd", "domain": "source", "class": "merger"}
    difference = {"quantity": f"{name}_method_difference", **about}
    for seed, expected in ((0, -0.25), (1, -0.75), (-1, -0.5)):
        found = row(table, seed=seed, **difference)
        assert found.value == pytest.approx(expected)
        assert found.reference == "source_only"
    own = [row(table, seed=seed, quantity=name, **about) for seed in (0, 1, -1)]
    assert own[2].value == pytest.approx((own[0].value + own[1].value) / 2)
    assert (own[2].n_images, own[2].n_systems) == (24, 12)
    # the same systems are resampled, however many networks look at them
    widths = [found.high - found.low for found in own]
    assert widths[2] == pytest.approx(widths[0], rel=1e-6)
    # without the average of the reference, the means are compared
    alone = attribution_table([files[0], *files[2:]], QUICK)
    found = row(alone, seed=-1, **difference)
    assert found.value == pytest.approx(-0.75)
    assert row(alone, seed=1, **difference).value == pytest.approx(-1.25)


def test_strangers_are_compared_by_their_means(write):
    table = attribution_table([write(first=500)], QUICK)
    found = row(table, quantity="attribution_radius_r50_domain_difference", **{"class": "merger"})
    assert found.value == pytest.approx(0.5)
    assert found.low < 0.3 < 0.7 < found.high  # two samples of galaxies
    assert (found.n_images, found.n_systems) == (24, 24)


def test_density_is_relative_to_an_even_map(write):
    table = attribution_table([write()], QUICK)
    density = table[(table.quantity == "attribution_density") & (table.domain == "source")]
    merger = density[density["class"] == "merger"]
    assert merger["radius_r50"].tolist() == [0.25, 0.75, 1.25, 1.75]
    assert merger["value"].tolist() == pytest.approx([1, 1, 1, 1])
    other = density[density["class"] == "non-merger"]
    assert other["value"].tolist() == pytest.approx([2, 1, 1, 1])


def test_deletion_is_by_the_predicted_class(write):
    table = attribution_table([write()], QUICK)
    found = row(table, quantity="deletion_gain", domain="source", **{"class": "non-merger"})
    areas = {p: np.trapezoid(np.linspace(1, 0, 5) ** p, dx=0.25) for p in (1, 2, 4)}
    assert found.value == pytest.approx(areas[2] - areas[4])
    assert found.n_images == 6
    found = row(table, quantity="insertion_gain", domain="source", **{"class": ""})
    assert found.value == pytest.approx(areas[1] - areas[2])
    point = row(
        table,
        quantity="deletion_probability",
        domain="target",
        order="random",
        fraction=0.5,
        **{"class": ""},
    )
    assert point.value == pytest.approx(0.25)


def test_decisions_rest_on_the_map_of_the_predicted_class(write):
    _, domains = read_explained(write())
    rows = np.arange(N)
    own = 2 + 0.1 * rows + (rows % 2 == 1)
    decided = 2 + 0.1 * rows + (rows >= 6)  # from the sixth row on mergers are predicted
    assert domains["source"].numbers["attribution_radius_r50"] == pytest.approx(own)
    assert domains["source"].numbers["decision_radius_r50"] == pytest.approx(decided)


def test_blank_maps_are_counted_and_left_out(write):
    path = write()
    with h5py.File(path, "r+") as file:
        for name in ("attribution_radius", "attribution_radius_r50"):
            file["target"][name][:3, 0] = np.nan  # one merger, two non-mergers' other map
    table = attribution_table([path], QUICK)
    merger = {"domain": "target", "class": "merger"}
    assert row(table, quantity="blank_map", **merger).value == pytest.approx(1 / 12)
    assert row(table, quantity="attribution_radius_r50", **merger).n_images == 11
    other = row(table, quantity="blank_map", domain="target", **{"class": "non-merger"})
    assert other.value == 0


def test_images_without_label_count_by_their_prediction(write):
    path = write(label=-1)
    _, domains = read_explained(path)
    assert np.array_equal(domains["target"].own, domains["target"].predicted)
    table = attribution_table([path], QUICK)
    found = row(table, quantity="attribution_on_sky", domain="target", **{"class": "merger"})
    assert found.n_images == 18


def test_class_that_is_not_explained_has_no_numbers(write):
    path = write()
    with h5py.File(path, "r+") as file:
        file.attrs["explained_classes"] = ["merger"]
        for domain in ("source", "target"):
            for name in ("attribution_radius_r50", "profile"):
                values = file[domain][name][:, :1]
                del file[domain][name]
                file[domain][name] = values
    table = attribution_table([path], QUICK)
    of_maps = table[table.quantity == "attribution_radius_r50"]
    assert set(of_maps["class"]) == {"", "merger"}
    assert set(of_maps["n_images"]) == {12}


def test_files_that_do_not_fit_are_refused(write, tmp_path):
    with pytest.raises(Sim2SkyError, match="no explanations given"):
        attribution_table([], QUICK)
    first = write()
    with pytest.raises(Sim2SkyError, match="same model comes twice.*source_only, deepmerge"):
        attribution_table([first, first], QUICK)
    with pytest.raises(Sim2SkyError, match="other galaxies of the source"):
        attribution_table([first, write("mmd", shift=1)], QUICK)
    old = tmp_path / "old.h5"
    with h5py.File(old, "w") as file:
        file.attrs["classes"] = CLASSES
    with pytest.raises(Sim2SkyError, match="profile_edges_r50.*missing.*sim2sky explain"):
        attribution_table([old], QUICK)


def test_command_writes_table_and_csv(write, tmp_path):
    output = tmp_path / "attribution.parquet"
    tabulate_attribution([write(), write("mmd")], output, '{"n_bootstrap": 100}')
    table = pd.read_parquet(output)
    assert table.attrs["stage"] == "tabulate_attribution"
    assert len(pd.read_csv(output.with_suffix(".csv"))) == len(table)
    assert table["value"].notna().all()
    assert (table["low"] <= table["high"]).all()
