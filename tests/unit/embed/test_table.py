import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.embed.command import tabulate_separation
from sim2sky.embed.table import COLUMNS, REFERENCES, separation_table
from sim2sky.errors import Sim2SkyError
from sim2sky.train.initial import UNTRAINED


@pytest.fixture
def write(tmp_path):
    """A writer of latents.h5 with resamples around a value."""
    random = np.random.default_rng(0)
    scatter = random.normal(size=201)
    scatter[0] = 0

    def writer(method, value=1.0, *, more=0.0, first=0, n=200):
        path = tmp_path / f"{method}.h5"
        with h5py.File(path, "w") as file:
            file["galaxy_id"] = [f"g{first + row % 10}" for row in range(20)]
            file["view"] = np.zeros(20, dtype="i4")
            file["domain"] = np.repeat([0, 1], 10).astype("i1")
            file["system_id"] = np.arange(20) % 10 // 2
            for name in ("mmd_squared", "silhouette_class_target"):
                values = value + 0.1 * scatter[: n + 1] + more * np.arange(n + 1) / n
                file[f"resamples/{name}"] = values.astype("f4")
            file.attrs.update(
                method=method, network="compact", seed=0, mmd_p_value=0.25, interval=0.9
            )
        return path

    return writer


def row(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    assert len(table) == 1, table
    return table.iloc[0]


def test_numbers_have_intervals_and_a_domain(write):
    table = separation_table([write("source_only")])
    assert table.columns.tolist() == COLUMNS
    found = row(table, quantity="silhouette_class", domain="target")
    assert found.value == pytest.approx(1)
    assert (found.low, found.high) == pytest.approx((0.84, 1.16), abs=0.04)  # 90 %
    assert (found.n_images, found.n_systems) == (10, 5)
    found = row(table, quantity="mmd_squared")
    assert (found.domain, found.n_images, found.n_systems) == ("both", 20, 5)
    p_value = row(table, quantity="mmd_p_value")
    assert p_value.value == 0.25
    assert np.isnan(p_value.low)


def test_differences_are_in_pairs(write):
    paths = [write(UNTRAINED, 0.2), write("source_only", 1.0), write("mmd", 0.5)]
    table = separation_table(paths)
    expected = {
        ("mmd", "source_only"): -0.5,
        ("mmd", UNTRAINED): 0.3,
        ("source_only", UNTRAINED): 0.8,
    }
    differences = table[table.quantity == "mmd_squared_difference"]
    assert len(differences) == 3
    for (method, reference), value in expected.items():
        found = row(differences, method=method, reference=reference)
        # what both share cancels in every resample
        assert (found.value, found.low, found.high) == pytest.approx((value,) * 3, abs=1e-6)
    assert REFERENCES[0] == UNTRAINED


def test_files_that_do_not_fit_are_refused(write, tmp_path):
    with pytest.raises(Sim2SkyError, match="no latent spaces given"):
        separation_table([])
    first = write("source_only")
    with pytest.raises(Sim2SkyError, match="same model comes twice.*source_only, compact"):
        separation_table([first, first])
    with pytest.raises(Sim2SkyError, match=r"other galaxies or resamples.*mmd\.h5|mmd\.h5.*other"):
        separation_table([first, write("mmd", first=3)])
    with pytest.raises(Sim2SkyError, match="other galaxies or resamples"):
        separation_table([first, write("mmd", n=150)])
    with h5py.File(first, "r+") as file:
        del file.attrs["mmd_p_value"]
    with pytest.raises(Sim2SkyError, match="mmd_p_value is missing.*sim2sky embed"):
        separation_table([first])


def test_command_writes_table_and_csv(write, tmp_path):
    output = tmp_path / "separation.parquet"
    tabulate_separation([write("source_only"), write("mmd")], output)
    table = pd.read_parquet(output)
    assert table.attrs["stage"] == "tabulate_separation"
    assert len(pd.read_csv(output.with_suffix(".csv"))) == len(table)
