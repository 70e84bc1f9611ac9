"""What is read of each image: known sizes, colours and noise; flags; no labels."""

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.realism.settings import RealismSettings
from sim2sky.realism.values import domain_values, half_light_radius, reference_values

ALL = RealismSettings(split="all", n_bootstrap=50)


def test_size_colour_and_noise_of_a_gaussian(domain):
    """Half of a Gaussian's light lies within sqrt(2 ln 2) of its scale."""
    table = domain_values(*domain("images", scale=3.0, noise=0.5, ratio=0.5), ALL)
    assert table["half_light_px"].median() == pytest.approx(3 * np.sqrt(2 * np.log(2)), rel=0.03)
    assert table["colour_sdss_g_sdss_r"].median() == pytest.approx(2.5 * np.log10(2), abs=0.01)
    for band in ("g", "r"):
        assert table[f"sky_noise_sdss_{band}"].median() == pytest.approx(0.5, rel=0.05)
    assert table.attrs == {"domain": "images", "bands": ["sdss_g", "sdss_r"], "units": "nJy"}


def test_half_light_radius_of_a_disk_and_of_nothing():
    assert half_light_radius(np.ones(200)) == pytest.approx(np.sqrt(100 / np.pi))
    assert half_light_radius(np.array([3.0, 1.0])) == pytest.approx(np.sqrt(2 / 3 / np.pi))
    assert np.isnan(half_light_radius(np.array([-1.0, 0.5])))


def test_flags_are_respected(domain):
    table = domain_values(*domain("images"), ALL)
    # bad, without a galaxy, not measured, suspect, good
    assert table["gini"].notna()[:5].tolist() == [False, False, False, True, True]
    assert table["not_asked"][:5].tolist() == [False, False, True, False, False]
    assert table[["gini", "m20", "concentration", "asymmetry"]].max().max() < 10
    assert table["half_light_px"].notna().all()


def test_rows_of_a_split(domain):
    paths = domain("images")
    counts = [
        len(domain_values(*paths, RealismSettings(split=split)))
        for split in ("train", "validation", "test", "all")
    ]
    assert counts == [16, 2, 6, 24]
    test = domain_values(*paths, RealismSettings(split="test"))
    assert test["galaxy_id"].tolist() == [f"images-{row}" for row in range(18, 24)]
    assert test["gini"].notna().all()


def test_labels_are_not_read(domain, hide_labels):
    paths = domain("images")
    before = domain_values(*paths, ALL)
    hide_labels(*paths)
    pd.testing.assert_frame_equal(domain_values(*paths, ALL), before)


def test_classes_of_the_source(domain):
    paths = domain("mocks")
    table = domain_values(*paths, ALL, ["merger"])
    assert table["galaxy_id"].tolist() == [f"mocks-{row}" for row in range(1, 24, 2)]
    every = domain_values(*paths, ALL)
    pd.testing.assert_series_equal(
        table["colour_sdss_g_sdss_r"],
        every["colour_sdss_g_sdss_r"][1::2].reset_index(drop=True),
    )
    with pytest.raises(Sim2SkyError, match="source_classes: unknown class; got spiral"):
        domain_values(*paths, ALL, ["spiral"])
    with h5py.File(paths[0], "r+") as file:
        file["label"][:] = 0
    with pytest.raises(Sim2SkyError, match="source_classes: the split holds none of them"):
        domain_values(*paths, ALL, ["merger"])


def test_images_without_a_galaxy_or_of_nan_have_no_size(domain):
    paths = domain("images")
    with h5py.File(paths[0], "r+") as file:
        file["images"][0] = np.nan
        file["images"][1] = np.random.default_rng(0).normal(0, 1, file["images"].shape[1:])
        file["images"][2, 0] *= -1  # no flux to take a colour of
    table = domain_values(*paths, ALL)
    measured = ["half_light_px", "colour_sdss_g_sdss_r", "sky_noise_sdss_r"]
    assert table[measured][:2].notna().to_numpy().tolist() == [[False] * 3, [False, False, True]]
    assert np.isnan(table["colour_sdss_g_sdss_r"][2])


def test_shapes_of_other_images_are_refused(domain):
    dataset, shapes = domain("images")
    other = domain("others")[1]
    for path in (other, _shortened(shapes)):
        with pytest.raises(Sim2SkyError, match="shapes are not those of the dataset's images"):
            domain_values(dataset, path, ALL)
    with pytest.raises(Sim2SkyError, match="absent.parquet: file not found"):
        domain_values(dataset, shapes.with_name("absent.parquet"), ALL)
    pd.read_parquet(other).drop(columns="m20").to_parquet(other)
    with pytest.raises(Sim2SkyError, match="column m20 is missing; got galaxy_id, "):
        domain_values(dataset, other, ALL)
    other.write_text("no table")
    with pytest.raises(Sim2SkyError, match="not a readable parquet table"):
        domain_values(dataset, other, ALL)


def _shortened(shapes):
    """The same table without its last row."""
    path = shapes.with_name("short.parquet")
    pd.read_parquet(shapes).iloc[:-1].to_parquet(path)
    return path


STATMORPH = {
    "gini": [0.5, 0.6, -99.0, 0.55, 0.7],
    "asymmetry": [0.1, 0.2, -99.0, 0.3, 0.4],
    "flag": [0, 0, 0, 1, 0],
    "sn_per_pixel": [5.0, 9.0, 9.0, 9.0, 2.0],
    "rhalf_circ": [4.0] * 5,
}


@pytest.mark.parametrize("suffix", ["hdf5", "parquet", "csv"])
def test_reference_of_statmorph(tmp_path, suffix):
    path = tmp_path / f"morphs_i.{suffix}"
    if suffix == "hdf5":
        with h5py.File(path, "w") as file:
            for name, values in STATMORPH.items():
                file[name] = values
    elif suffix == "csv":
        pd.DataFrame(STATMORPH).to_csv(path, index=False)
    else:
        pd.DataFrame(STATMORPH).to_parquet(path)
    table = reference_values(path)
    assert table["gini"].dropna().tolist() == [0.5, 0.6]
    assert table["asymmetry"].dropna().tolist() == [0.1, 0.2]
    assert len(table) == 5
    assert "m20" not in table
    assert "rhalf_circ" not in table  # pixels of another camera


def test_reference_measured_here(domain):
    shapes = domain("others")[1]
    table = reference_values(shapes)
    assert table["gini"].notna()[:5].tolist() == [False, False, False, True, True]
    assert table["not_asked"].sum() == 1
    assert table["asymmetry"].max() < 1  # statmorph's, not that of the segment


def test_bad_references_are_named(tmp_path):
    def bad(name, match, text="a,b\n1,2\n"):
        path = tmp_path / name
        if text is not None:
            path.write_text(text)
        with pytest.raises(Sim2SkyError, match=match):
            reference_values(path)

    bad("absent.csv", "absent.csv: file not found", None)
    bad("table.txt", r"unknown kind of table; expected a name that ends in .hdf5, .parquet or")
    bad("table.csv", "none of the quantities that can be compared; expected gini, m20")
    bad("empty.csv", "not a readable CSV table", "")
    bad("table.hdf5", "not a readable HDF5 file")
    with h5py.File(tmp_path / "uneven.hdf5", "w") as file:
        file["gini"], file["m20"] = [0.5, 0.5], [-1.5]
    bad("uneven.hdf5", "arrays of different lengths; got gini, m20", None)
