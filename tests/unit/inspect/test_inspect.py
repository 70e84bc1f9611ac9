"""What `sim2sky inspect` says."""

import io
import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import typer
import yaml
from astropy.io import fits
from astropy.table import Table
from rich.console import Console

from sim2sky.errors import Sim2SkyError
from sim2sky.inspect.band_files import find_band_files
from sim2sky.inspect.command import inspect
from sim2sky.inspect.fit import compare, verdict
from sim2sky.inspect.recognise import inspect_path
from sim2sky.inspect.report import Images, Report
from sim2sky.inspect.screen import show
from sim2sky.observe.fits_files import band_files, first_band_files, image_name
from sim2sky.observe.settings import FitsSettings

DATA = Path(__file__).parents[4] / "shared/data"
SURVEYS = Path(__file__).parents[3] / "config/surveys"


def text_of(report, checks=None):
    console = Console(file=io.StringIO(), width=140)
    show([report], checks, console)
    return console.file.getvalue()


def test_simulation_directory(root, factory):
    report = inspect_path(root)
    assert report.kind == "simulation"
    rows = report.tables[0].rows
    assert [row[0] for row in rows] == ["0", "1"]
    assert float(rows[0][1]) == pytest.approx(factory.REDSHIFTS[0], rel=1e-3)
    assert rows[0][3:] == ["8", "yes"]
    assert report.facts["SubLink trees"] == "none"
    assert "GFM_Metallicity" in report.facts["fields of the stars"]
    assert any("not trained on" in note for note in report.notes)
    (root / "output/snapdir_001/snap_001.1.hdf5").unlink()
    (root / "output/groups_000/fof_subhalo_tab_000.1.hdf5").write_bytes(b"x")
    notes = " ".join(inspect_path(root / "output").notes)
    assert "Snapshot 1: 2 of 3 snapshot files are here." in notes
    assert "Snapshot 0: unreadable: fof_subhalo_tab_000.1.hdf5." in notes


def test_where_labels_come_from(root, hdf5, tmp_path):
    tree = root / "trees/SubLink/tree_extended.0.hdf5"
    tree.parent.mkdir(parents=True)
    shutil.copy(hdf5("x.hdf5", {"SnapNum": [1]}), tree)
    report = inspect_path(root)
    assert report.facts["SubLink trees"] == "1 file"
    assert "Labels from SubLink." in report.notes
    shutil.copy(tree, root / "MergerHistory_001.hdf5")
    assert "Labels from SubLink, checked against merger_history." in inspect_path(root).notes
    shutil.rmtree(root / "output/groups_000")
    shutil.rmtree(root / "output/groups_001")
    assert any("groups of stars" in note for note in inspect_path(root).notes)


def test_many_snapshots_fit_on_a_screen(root):
    for number in range(2, 60):
        shutil.copytree(root / "output/groups_000", root / f"output/groups_{number:03d}")
    rows = inspect_path(root).tables[0].rows
    assert len(rows) <= 12
    assert rows[-1][0] == "59"


def test_single_simulation_files(root, hdf5):
    snapshot = root / "output/snapdir_000/snap_000.0.hdf5"
    report = inspect_path(snapshot)
    assert report.kind == "simulation file"
    assert report.facts["cosmology"] == "h 0.7, matter 0.3"
    assert any("One of 3 files of a snapshot" in note for note in report.notes)
    with h5py.File(snapshot, "a") as file:
        file["Header"].attrs["NumFilesPerSnapshot"] = 1
    assert any("Usable as one galaxy" in note for note in inspect_path(snapshot).notes)
    empty = inspect_path(root / "output/snapdir_000/snap_000.2.hdf5")
    assert empty.notes == ["Cannot be used: no stars (Header)."]
    groups = inspect_path(root / "output/groups_000/fof_subhalo_tab_000.0.hdf5")
    assert groups.facts["subhaloes"] == "3 of 8"
    tree = hdf5(
        "tree.hdf5", {"SubhaloID": [5, 6], "SnapNum": [3, 2], "NextProgenitorID": [-1, -1]}
    )
    assert "One main branch" in inspect_path(tree).notes[0]
    mergers = hdf5("MergerHistory_099.hdf5", {"SnapNumLastMajorMerger": [-1, 5, 7]})
    assert inspect_path(mergers).facts["subhaloes"] == "3"


def test_dataset(dataset):
    report = inspect_path(dataset())
    assert report.kind == "dataset"
    assert report.facts["images"] == "12 of 16 x 16 pixels"
    assert report.facts["bands"] == "F814W, F160W"
    assert report.facts["redshift"] == "2"
    assert report.tables[0].rows[0] == ["train", "6", "6", "3", "3", "0"]
    assert "1 of the images have a flag." in report.notes
    assert "No system is in two splits." in report.notes
    torn = inspect_path(dataset("torn.h5", system=np.zeros(12, dtype=int)))
    assert any("systems are in two splits" in note for note in torn.notes)


def test_stamps_and_maps(hdf5):
    arrays = {"images": np.ones((3, 2, 8, 8)), "noise_sigma": np.full((3, 2), 0.5)}
    stamps = hdf5("stamps.h5", arrays, bands=["a", "b"], units="nJy", noise=False)
    report = inspect_path(stamps)
    assert report.kind == "stamps"
    assert report.facts["background rms"] == "0.5, 0.5"
    assert report.facts["pixel [arcsec]"] == "not told"
    arrays = {"maps": np.ones((3, 2, 8, 8)), "fov_kpc": [10.0, 20.0, np.nan]}
    report = inspect_path(hdf5("maps.h5", arrays, bands=["a", "b"], units="nJy per pixel"))
    assert report.facts["field of view [kpc]"] == "10 to 20"


def test_model_and_whether_images_fit_it(dataset, model):
    found = inspect_path(model(size=64))
    assert found.facts["method"] == "mmd, seed 3"
    checks = {check.what: check for check in compare(found, inspect_path(dataset(size=64)))}
    assert {check.verdict for check in checks.values()} == {"fits"}
    assert verdict(list(checks.values())) == "Fits."
    other = inspect_path(dataset("b.h5", bands=("F160W", "F814W"), size=80, scale=0.12))
    checks = {check.what: check for check in compare(found, other)}
    assert checks["bands"].says.startswith("another order: F814W, F160W and F160W, F814W")
    assert "of which the model takes 64 x 64" in checks["size"].says
    assert checks["pixel scale"].says == "0.06 and 0.12 arcsec"
    assert verdict(list(checks.values())) == "Does not fit: bands, size, pixel scale."


def images(**changes):
    given = {"bands": ["g"], "n_bands": 1, "height": 9, "width": 9, "pixel_scale_arcsec": 0.2}
    return Report("x", "stamps", images=Images(**(given | {"units": "nJy"} | changes)))


@pytest.mark.parametrize(
    ("changes", "what", "expected"),
    [
        ({"bands": ["r"]}, "bands", "differs"),
        ({"bands": None, "n_bands": 3}, "bands", "differs"),
        ({"bands": None}, "bands", "not told"),
        ({"height": None}, "size", "not told"),
        ({"width": 8}, "size", "differs"),
        ({"pixel_scale_arcsec": 0.201}, "pixel scale", "fits"),
        ({"pixel_scale_arcsec": 0.21}, "pixel scale", "differs"),
        ({"pixel_scale_arcsec": None}, "pixel scale", "not told"),
        ({"units": "nJy per pixel"}, "units", "fits"),
        ({"units": "8bit"}, "units", "differs"),
        ({"units": "published"}, "units", "differs"),
        ({"units": None}, "units", "not told"),
    ],
)
def test_each_check(changes, what, expected):
    checks = {check.what: check.verdict for check in compare(images(), images(**changes))}
    assert checks.pop(what) == expected
    assert set(checks.values()) == {"fits"}


def test_classes_are_compared_by_name():
    one, other = images(classes=["a", "b"]), images(classes=["b", "c"])
    check = compare(one, other)[-1]
    assert (check.verdict, check.says) == ("fits", "in both: b; only in one: a, c")
    assert compare(one, images(classes=["x"]))[-1].verdict == "differs"


def test_fits_image_and_its_model(survey_image, model):
    report = inspect_path(survey_image())
    assert report.images == Images(None, 2, 80, 90, pytest.approx(0.06), "nJy")
    assert report.facts["zero point"] == "25.9"
    assert re.search(r"^0\.2% of the pixels are NaN", report.notes[0])
    assert report.tables[0].rows[1] == ["MASK", "image", "80 x 90"]
    checks = compare(inspect_path(model(size=64)), report)
    assert {check.what: check.verdict for check in checks} == {
        "bands": "not told", "size": "differs", "pixel scale": "fits", "units": "fits",
    }  # fmt: skip
    counts = inspect_path(survey_image("counts.fits", unit="adu"))
    assert compare(counts, inspect_path(model()))[3].verdict == "not told"
    plain = inspect_path(survey_image("plain.fits", unit=None))
    assert any("No BUNIT" in note for note in plain.notes)


def test_folder_of_images(survey_image, pictures, tmp_path):
    report = inspect_path(pictures)
    assert report.images == Images(None, 3, 30, 30, None, "8bit")
    assert report.facts["files"] == "6 .png"
    assert any("1 of 6 can't be read, such as bad.png" in note for note in report.notes)
    assert any("labels.csv" in note for note in report.notes)
    assert [row[0] for row in report.tables[0].rows] == ["4", "1"]
    assert inspect_path(pictures / "1.png").images.n_bands == 3
    folder = tmp_path / "frames"
    folder.mkdir()
    survey_image(folder=folder)
    assert inspect_path(folder).images.pixel_scale_arcsec == pytest.approx(0.06)
    for path in pictures.iterdir():
        path.write_bytes(b"no")
    with pytest.raises(Sim2SkyError, match="no image is readable"):
        inspect_path(pictures)


def test_frames_of_one_file_per_band(survey_image, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for name in ("f0-g", "f0-r", "f1-g", "f1-r", "f1-mask", "f0-mask"):
        survey_image(f"{name}.fits", shape=(80, 90), folder=folder)
    report = inspect_path(folder)
    assert report.images == Images(None, 2, 80, 90, pytest.approx(0.06), "nJy")
    assert report.facts["images"] == "2 of 80 x 90 pixels"
    assert [row[:2] for row in report.tables[0].rows] == [
        ["*-g", "2"],
        ["*-r", "2"],
        ["*-mask", "2"],
    ]
    told = 'band_files: ["*-g", "*-r"], mask_files: ["*-mask"];'
    assert any(told in note for note in report.notes)
    survey = images(bands=["a", "b"], n_bands=2, height=None, pixel_scale_arcsec=0.06)
    assert compare(report, survey)[0].says == "2 channels in both, not named in one of them"
    whole = (folder / "f1-r.fits").read_bytes()
    (folder / "f1-r.fits").write_bytes(whole[: len(whole) // 2])
    (folder / "f0-r.fits").unlink()
    notes = inspect_path(folder).notes
    assert "1 of 5 can't be read, such as f1-r.fits: a FITS file that is cut off." in notes
    assert "Missing: f0-r." in notes
    with pytest.raises(Sim2SkyError, match="cut off; got File may have been truncated"):
        inspect_path(folder / "f1-r.fits")


@pytest.mark.parametrize(
    ("stems", "settings"),
    [
        (["a-g", "a-r"], ['band_files: ["*-g", "*-r"]']),
        (["a_F814W", "a_F160W", "b_F814W"], ['band_files: ["*_F160W", "*_F814W"]']),
        (["g1", "g2", "g3"], None),
        (["cut-1", "cut-2"], None),
        (
            ["photo_g_orbit_1_i0_total", "photo_r_orbit_1_i0_total"],
            ['band_files: ["photo_g_*", "photo_r_*"]'],
        ),
        (
            [f"frame-{band}-001000-1-00{n}" for band in "gri" for n in (27, 28)],
            ['band_files: ["frame-g-*", "frame-r-*", "frame-i-*"]'],
        ),
        (["K_0.0_g_sci", "K_0.0_r_sci", "K_1.0_r_sci"], ['band_files: ["*_g_sci", "*_r_sci"]']),
        (
            [f"s-0001m002-{kind}-{band}" for kind in ("image", "invvar") for band in "gr"],
            [
                'band_files: ["*-image-g", "*-image-r"]',
                'weight_files: ["*-invvar-g", "*-invvar-r"]',
            ],
        ),
        (
            ["x-g", "x-r", "x-rms-g", "x-rms-r", "y-g", "y-r", "y-rms-g", "y-rms-r"],
            [
                'band_files: ["*-g", "*-r"]',
                'weight_files: ["*-rms-g", "*-rms-r"]',
                "weight_type: rms",
            ],
        ),
        (
            [
                *(f"{kind}-{b}-field{n}" for kind in ("frame", "var") for b in "gr" for n in "01"),
                *("flags-field0", "flags-field1"),
            ],
            [
                'band_files: ["frame-g-*", "frame-r-*"]',
                'mask_files: ["flags-*"]',
                'weight_files: ["var-g-*", "var-r-*"]',
                "weight_type: variance",
            ],
        ),
        (["a-sci", "a-wht"], ['band_files: ["*-sci"]', 'weight_files: ["*-wht"]']),
    ],
)
def test_which_files_are_bands_of_one_image(stems, settings, tmp_path):
    found = find_band_files(stems)
    assert settings == (None if found is None else found.settings())
    if found is None:
        return
    # what is said is what the reader takes
    told = yaml.safe_load("\n".join(settings))
    read = FitsSettings.model_validate({"bands": told["band_files"], **told})
    for stem in stems:
        (tmp_path / f"{stem}.fits").touch()
    first = first_band_files(sorted(tmp_path.iterdir()), read)
    assert {image_name(path, read) for path in first} <= set(found.images)
    here = {path.stem for file in first for path in band_files(file, read)}
    assert here <= {*stems, *found.missing}


def test_what_the_pixels_of_a_folder_say(survey_image, tmp_path):
    folder = tmp_path / "cutouts"
    folder.mkdir()
    path = survey_image("a.fits", folder=folder)
    notes = " ".join(inspect_path(folder).notes)
    assert "1 of 1 have NaN or infinite pixels, up to 0.2%." in notes
    assert "sky is in the images" not in notes
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[1] += 30
    fits.writeto(folder / "b.fits", np.zeros((2, 80, 90), "f4"), fits.getheader(path))
    fits.writeto(folder / "c.fits", np.full((2, 80, 90), np.nan), fits.getheader(path))
    report = inspect_path(folder)
    notes = " ".join(report.notes)
    assert "2 of 3 are empty" in notes
    assert "The border's median is 30." in notes
    assert report.facts["border, median"].startswith("30.0")
    # a header that is whole, and compressed pixels that are not
    random = np.random.default_rng(0).normal(size=(2, 80, 90))
    tiles = fits.CompImageHDU(random.astype("f4"), fits.getheader(path))
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(folder / "d.fits")
    whole = bytearray((folder / "d.fits").read_bytes())
    whole[-6000:] = bytes(range(250)) * 24
    (folder / "d.fits").write_bytes(whole)
    assert any("can't be read, such as d.fits" in note for note in inspect_path(folder).notes)


def test_a_folder_says_if_its_unit_is_none_of_flux(survey_image, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    survey_image(unit="AB mag/arcsec2", folder=folder)
    assert any("is no known unit of flux: give" in note for note in inspect_path(folder).notes)


def test_published_files(tmp_path):
    np.save(tmp_path / "SimSim_SOURCE_X_Illustris2_pristine.npy", np.zeros((4, 3, 8, 8)))
    np.save(tmp_path / "SimSim_SOURCE_y_Illustris2_pristine.npy", np.zeros(4))
    report = inspect_path(tmp_path)
    assert report.kind == "published dataset"
    assert [row[3] for row in report.tables[0].rows] == ["(4, 3, 8, 8)", "(4,)"]
    assert "no target files" in report.notes[0]
    assert report.images.width == 8
    fits.PrimaryHDU(np.zeros((5, 2, 8, 8), "f4")).writeto(
        tmp_path / "hlsp_deepmerge_x_sim-noisy.fits"
    )
    one = inspect_path(tmp_path / "hlsp_deepmerge_x_sim-noisy.fits")
    assert one.tables[0].rows[0][1:] == ["deepmerge", "noisy", "(5, 2, 8, 8)"]
    np.save(tmp_path / "mine.npy", np.zeros((4, 3, 8, 9)))
    assert inspect_path(tmp_path / "mine.npy").images == Images(None, 3, 8, 9)


@pytest.mark.parametrize("path", sorted(SURVEYS.glob("*.yaml")), ids=lambda p: p.stem)
def test_surveys(path):
    report = inspect_path(path)
    assert report.kind == "survey"
    assert len(report.tables[0].rows) == report.images.n_bands


def test_tables(tmp_path):
    table = pd.DataFrame(
        {
            "galaxy_id": ["a", "b", "c"],
            "system_id": [1, 1, 2],
            "snapshot": 3,
            "stage": ["pre", "isolated", "isolated"],
            "label": -1,
            "mass": [1.0, np.nan, 3.0],
        }
    )
    table.to_parquet(tmp_path / "galaxies.parquet")
    report = inspect_path(tmp_path / "galaxies.parquet")
    assert report.kind == "sample of galaxies"
    assert report.facts["stages"] == "2 isolated, 1 pre"
    assert any("No labels" in note for note in report.notes)
    mass = next(row for row in report.tables[0].rows if row[0] == "mass")
    assert mass[2:] == ["1", "1 to 3"]
    table.drop(columns="stage").assign(probability_merger=0.5).to_csv(
        tmp_path / "c.csv", index=False
    )
    assert inspect_path(tmp_path / "c.csv").kind == "catalogue"
    Table.from_pandas(table[["mass"]]).write(tmp_path / "t.ecsv")
    assert inspect_path(tmp_path / "t.ecsv").facts["rows"] == "3"
    Table.from_pandas(table[["mass"]]).write(tmp_path / "t.fits")
    assert inspect_path(tmp_path / "t.fits").kind == "FITS table"


def test_what_is_not_known(tmp_path, hdf5):
    with pytest.raises(Sim2SkyError, match="no such file or directory"):
        inspect_path(tmp_path / "no")
    with pytest.raises(Sim2SkyError, match="an empty folder"):
        inspect_path(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(Sim2SkyError, match="not a kind of file that is known"):
        inspect_path(tmp_path / "notes.txt")
    with pytest.raises(Sim2SkyError, match=r"a folder of no kind that is known; got notes\.txt"):
        inspect_path(tmp_path)
    with pytest.raises(Sim2SkyError, match="an HDF5 file of no kind that is known; got x"):
        inspect_path(hdf5("x.h5", {"x": [1]}))
    for name, message in (
        ("bad.fits", "not a readable FITS file"),
        ("bad.png", "not a readable picture"),
        ("bad.npy", r"not a readable \.npy file"),
        ("bad.pt", "not a readable model file"),
        ("bad.h5", "not a readable HDF5 file"),
        ("bad.ecsv", "not a readable table"),
        ("bad.parquet", "not a readable parquet table"),
    ):
        (tmp_path / name).write_bytes(b"\x00\x01")
        with pytest.raises(Sim2SkyError, match=message):
            inspect_path(tmp_path / name)
    with pytest.raises(Sim2SkyError, match="a table is not compared with a stamps"):
        compare(Report("x", "table"), images())


def test_command(dataset, model, capsys):
    inspect(dataset(size=64), model(size=64))
    shown = capsys.readouterr().out
    assert "dataset" in shown
    assert "Fits." in shown
    inspect(dataset(size=64), json=True)
    content = json.loads(capsys.readouterr().out)
    assert content["kind"] == "dataset"
    assert content["images"]["bands"] == ["F814W", "F160W"]
    with pytest.raises(typer.Exit) as end:
        inspect(dataset("b.h5", size=32), model(size=64), json=True)
    assert end.value.exit_code == 2
    content = json.loads(capsys.readouterr().out)
    assert content["verdict"] == "Does not fit: size."


def test_brackets_are_shown_as_they_are(dataset):
    assert "pixel [arcsec]" in text_of(inspect_path(dataset()))
    assert "FWHM [arcsec]" in text_of(inspect_path(SURVEYS / "sdss.yaml"))


REAL = sorted(p for p in DATA.rglob("*") if p.is_file()) if DATA.is_dir() else []


@pytest.mark.skipif(not REAL, reason=f"no real files at {DATA}")
def test_every_real_file_is_told_or_refused_in_one_sentence():
    kinds = {}
    for path in REAL:
        if path.suffix == ".jpg" and not path.stem.endswith("00"):
            continue  # a few of the thousand pictures
        try:
            kinds[path.name] = inspect_path(path).kind
        except Sim2SkyError as error:
            kinds[path.name] = f"refused: {error.what}"
    refused = {name: kind for name, kind in kinds.items() if kind.startswith("refused")}
    assert all("\n" not in reason for reason in refused.values())
    # measured shapes of another group, which are no simulation
    known = {"morphs_g.hdf5", "morphs_i.hdf5"}
    assert known >= {name for name in refused if name.endswith((".hdf5", ".jpg", ".csv"))}
    assert kinds["sublink_mpb_565261.hdf5"] == "SubLink tree"
    assert kinds["stars_565261.hdf5"] == "simulation file"
