"""Errors, atomic files, keyed seeds, settings and provenance."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from pydantic import Field

from sim2sky.errors import Sim2SkyError
from sim2sky.files import (
    atomic_path,
    hdf5_dataset,
    open_hdf5,
    read_json,
    read_parquet,
    write_json,
    write_parquet,
)
from sim2sky.provenance import settings_digest, stamp
from sim2sky.seeding import generator
from sim2sky.settings import Settings, parse_settings, read_settings


class Inner(Settings):
    depth_mag: float = Field(25.0, description="depth")


class Outer(Settings):
    name: str
    inner: Inner = Inner()
    parts: dict[str, Inner] = {}


def test_atomic_path_leaves_nothing_behind_on_failure(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_atomic_path_replaces_a_directory(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old").touch()
    with atomic_path(tmp_path / "d") as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["new"]


def test_open_hdf5_names_a_truncated_file(tmp_path):
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(10_000)
    path.write_bytes(path.read_bytes()[:3000])
    with (
        pytest.raises(Sim2SkyError, match=r"t\.h5: not a readable HDF5 file.*3000 bytes"),
        open_hdf5(path),
    ):
        pass
    with pytest.raises(Sim2SkyError, match="file not found"), open_hdf5(tmp_path / "no.h5"):
        pass


def test_hdf5_dataset_says_what_is_there(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["images"] = 1
        with pytest.raises(Sim2SkyError, match="'label' is missing; got images"):
            hdf5_dataset(file, "label")


def test_tables_and_json_round_trip(tmp_path):
    table = pd.DataFrame({"a": [1, 2]})
    write_parquet(table, tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "t.parquet", ["a"]), table)
    with pytest.raises(Sim2SkyError, match="column b is missing"):
        read_parquet(tmp_path / "t.parquet", ["b"])
    (tmp_path / "bad.parquet").write_text("x")
    with pytest.raises(Sim2SkyError, match="not a readable parquet"):
        read_parquet(tmp_path / "bad.parquet")
    write_json({"x": np.float64(1.5), "y": np.arange(2), "p": Path("a")}, tmp_path / "j.json")
    assert read_json(tmp_path / "j.json") == {"x": 1.5, "y": [0, 1], "p": "a"}
    write_json([{"x": (np.nan, np.float32(np.inf), 1)}, None], tmp_path / "j.json")
    assert read_json(tmp_path / "j.json") == [{"x": [None, None, 1]}, None]
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(Sim2SkyError, match="not valid JSON"):
        read_json(tmp_path / "bad.json")


def test_generators_depend_on_every_key_and_on_nothing_else():
    draw = generator("observe", "067-000123", 2, seed=5).random(3)
    np.testing.assert_array_equal(
        draw, generator("observe", "067-000123", np.int64(2), seed=5).random(3)
    )
    for other in (
        generator("project", "067-000123", 2, seed=5),
        generator("observe", "067-000124", 2, seed=5),
        generator("observe", "067-000123", 3, seed=5),
        generator("observe", "067-000123", "2", seed=5),
        generator("observe", "067-000123", 2, seed=6),
    ):
        assert not np.array_equal(draw, other.random(3))


def test_generator_is_the_same_on_every_machine():
    # a fixed number: it changes only if old results can no longer be reproduced
    assert generator("observe", "a", 1).integers(2**32) == FIRST


FIRST = 260020173


def test_settings_name_the_bad_key_and_the_known_ones():
    with pytest.raises(
        Sim2SkyError, match=r"config: unknown key 'inner\.depth'; known keys: depth_mag"
    ):
        parse_settings(Outer, {"name": "x", "inner": {"depth": 1}}, "config")
    with pytest.raises(Sim2SkyError, match=r"unknown key 'parts\.a\.deth'; known keys: depth_mag"):
        parse_settings(Outer, {"name": "x", "parts": {"a": {"deth": 1}}}, "config")
    with pytest.raises(Sim2SkyError, match="key 'name' is missing"):
        parse_settings(Outer, {}, "config")
    with pytest.raises(Sim2SkyError, match="'inner.depth_mag'.*got 'deep'"):
        parse_settings(Outer, {"name": "x", "inner": {"depth_mag": "deep"}}, "config")


def test_settings_from_text_and_file(tmp_path):
    assert read_settings(Outer, '{"name": "x"}').name == "x"
    (tmp_path / "s.yaml").write_text("name: y\n")
    assert read_settings(Outer, str(tmp_path / "s.yaml")).name == "y"
    with pytest.raises(Sim2SkyError, match="not valid JSON"):
        read_settings(Outer, "{name")
    with pytest.raises(Sim2SkyError, match="settings file not found"):
        read_settings(Outer, str(tmp_path / "no.yaml"))


def test_digest_ignores_the_order_of_keys():
    assert settings_digest({"a": 1, "b": 2}) == settings_digest({"b": 2, "a": 1})
    assert settings_digest({"a": 1}) != settings_digest({"a": 2})
    assert stamp("build", Inner())["settings"] == '{"depth_mag": 25.0}'
