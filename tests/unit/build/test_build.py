import json

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.build import command
from sim2sky.build.dataset import read_dataset, read_splits
from sim2sky.build.from_stamps import build_dataset
from sim2sky.build.settings import BuildSettings
from sim2sky.errors import Sim2SkyError
from sim2sky.files import read_json
from sim2sky.settings import parse_settings


def run_build(tmp_path, *paths, domain="mock", **settings):
    folder = tmp_path / domain
    output, audit = folder / "dataset.h5", folder / "audit.json"
    command.build(list(paths), json.dumps(settings), output, audit, domain)
    return output, read_json(audit)


def test_from_stamps_to_an_audited_dataset(make_stamps, tmp_path):
    output, report = run_build(tmp_path, make_stamps())
    assert report["passed"]
    assert report["nuisance"]["random_forest"]["low"] < 0.55
    dataset = read_dataset(output, None, labels=True)
    assert len(dataset) == 40
    assert dataset.domain == "mock"
    assert dataset.classes == ["non-merger", "merger"]
    splits = read_splits(output)
    assert np.bincount(splits).tolist() == [24, 4, 12]
    with h5py.File(output) as file:
        assert file.attrs["survey"] == "hst_wfc3_acs"
        assert file.attrs["split_seed"] == 0
        assert json.loads(file.attrs["settings"])["softening_sigma"] == 3.0
        assert list(file["nuisance"].attrs["names"]) == ["view", "n_particles"]


def test_normalisation_comes_from_training_rows_alone(make_stamps, tmp_path):
    output, _ = run_build(tmp_path, make_stamps())
    train = read_dataset(output, "train", labels=True)
    assert train.normalisation.softening.tolist() == [3.0, 6.0]
    assert train.normalisation.apply(train.images).std(axis=(0, 2, 3)) == pytest.approx(1)
    spoilt, _ = build_dataset_with_other_test_rows(make_stamps, train)
    assert np.array_equal(spoilt.normalisation.mean, train.normalisation.mean)


def build_dataset_with_other_test_rows(make_stamps, train):
    path = make_stamps()
    with h5py.File(path, "r+") as file:
        rows = ~np.isin(file["system_id"][:], train.system_id)
        images = file["images"][:]
        images[rows] *= 1000
        file["images"][...] = images
    part, _, _ = build_dataset([path], BuildSettings(), "mock")
    return part.dataset, part.split


def test_shards_do_not_matter(make_stamps):
    whole, _, _ = build_dataset([make_stamps(images=None)], BuildSettings(), "mock")
    images = {
        (galaxy, view): image
        for galaxy, view, image in zip(
            whole.dataset.galaxy_id, whole.dataset.view, whole.dataset.images, strict=True
        )
    }
    shards = []
    for name, systems in (("b.h5", range(1, 20, 2)), ("a.h5", range(0, 20, 2))):
        keys = [(f"033-{system:06d}", view) for system in systems for view in (0, 1)]
        shards.append(make_stamps(systems, name, np.stack([images[key] for key in keys])))
    cut, nuisance, _ = build_dataset(shards, BuildSettings(), "mock")
    assert np.array_equal(cut.dataset.images, whole.dataset.images)
    assert np.array_equal(cut.split, whole.split)
    assert np.array_equal(nuisance["view"], whole.dataset.view)


def test_domains_of_one_sample_share_the_split_whatever_they_drop(make_stamps):
    label = np.repeat(np.arange(20) % 2, 2)
    flag = np.zeros(40, dtype=int)
    flag[:6] = 1 << 16
    unlabelled = np.where(np.arange(40) % 4 == 3, -1, label)
    one, _, _ = build_dataset([make_stamps(label=unlabelled)], BuildSettings(), "a")
    two, _, _ = build_dataset(
        [make_stamps(label=unlabelled, flag=flag)],
        BuildSettings(drop_unlabelled=False),
        "b",
    )
    assert len(one.dataset) == 30
    assert len(two.dataset) == 34
    splits = dict(zip(one.dataset.system_id, one.split, strict=True))
    shared = [row for row, system in enumerate(two.dataset.system_id) if system in splits]
    assert len(shared) > 20
    assert all(two.split[row] == splits[two.dataset.system_id[row]] for row in shared)


def test_flags_and_unlabelled_rows_are_dropped(make_stamps, caplog):
    flag = np.zeros(40, dtype=int)
    flag[3], flag[4] = 1 << 17, 1 << 9  # unusable; a warning that is no reason to drop
    label = np.repeat(np.arange(20) % 2, 2)
    label[10] = -1
    part, _, _ = build_dataset([make_stamps(flag=flag, label=label)], BuildSettings(), "mock")
    assert len(part.dataset) == 38
    assert part.dataset.flag.max() == 1 << 9
    caplog.set_level("INFO", "sim2sky")
    strict = BuildSettings(drop_flags=1 << 9)
    part, _, _ = build_dataset([make_stamps(flag=flag, label=label)], strict, "mock")
    assert part.dataset.flag.max() == 1 << 17
    assert (
        "38 rows kept; dropped: 1 flagged (1 with flag 512), 1 of the others unlabelled"
        in caplog.text
    )


THREE = {
    "classes": ["spiral", "elliptical", "merger"],
    "class_rules": {
        "spiral": "label == 0 and morphology == 'disk'",
        "elliptical": "label == 0 and morphology == 'elliptical'",
        "merger": "label == 1",
    },
}


def three_kinds(make_stamps, tmp_path):
    """Stamps of 60 systems (disk, elliptical, mixed projection, 3 mergers), and their sample."""
    kind = np.arange(60) % 6
    stamps = make_stamps(range(60), label=np.repeat(kind > 2, 2).astype("i1"))
    sample = pd.DataFrame(
        {
            "galaxy_id": [f"033-{system:06d}" for system in range(60)],
            "label": (kind > 2).astype("i1"),
            "morphology": np.array(["disk", "elliptical", "mixed", "disk", "disk", "disk"])[kind],
            "sfr": 1.0,
        }
    )
    path = tmp_path / "galaxies.parquet"
    sample.sample(frac=1, random_state=0).to_parquet(path)
    return stamps, path, kind


def test_class_rules_sort_galaxies_by_columns_of_the_sample(make_stamps, tmp_path):
    stamps, sample, kind = three_kinds(make_stamps, tmp_path)
    part, _, _ = build_dataset([stamps], BuildSettings(**THREE), "mock", sample)
    dataset = part.dataset
    assert dataset.classes == ["spiral", "elliptical", "merger"]
    assert len(dataset) == 100  # the projections of a disk and an elliptical are neither
    expected = np.array([0, 1, -1, 2, 2, 2])[kind[dataset.system_id]]
    assert dataset.label.tolist() == expected.tolist()
    for split in range(3):
        assert set(dataset.label[part.split == split]) == {0, 1, 2}


def test_other_classes_of_one_sample_leave_the_split_as_it_is(make_stamps, tmp_path):
    stamps, sample, _ = three_kinds(make_stamps, tmp_path)
    known = {name: THREE["class_rules"][name] for name in ("spiral", "elliptical")}
    fewer = BuildSettings(classes=list(known), class_rules=known)
    splits = []
    for settings in (BuildSettings(**THREE), fewer, BuildSettings()):
        part, _, _ = build_dataset([stamps], settings, "mock", sample)
        splits.append(dict(zip(part.dataset.galaxy_id, part.split, strict=True)))
    three, two, plain = splits
    assert (len(three), len(two), len(plain)) == (50, 20, 60)
    assert all(plain[galaxy] == split for galaxy, split in (three | two).items())


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"a": "label == 0", "b": "sfr > 0"}, "both 'a' and 'b'; got 033-"),
        ({"a": "label == 0", "b": "colour > 0"}, "class_rules.b: the query fails.*colour"),
    ],
)
def test_class_rules_that_fail_are_named(make_stamps, tmp_path, rules, message):
    stamps, sample, _ = three_kinds(make_stamps, tmp_path)
    settings = BuildSettings(classes=list(rules), class_rules=rules)
    with pytest.raises(Sim2SkyError, match=message):
        build_dataset([stamps], settings, "mock", sample)


def test_class_rules_need_the_right_sample(make_stamps, tmp_path):
    stamps, sample, _ = three_kinds(make_stamps, tmp_path)
    with pytest.raises(Sim2SkyError, match="class rules need the sample"):
        build_dataset([stamps], BuildSettings(**THREE), "mock")
    pd.read_parquet(sample).query("galaxy_id != '033-000005'").to_parquet(sample)
    with pytest.raises(Sim2SkyError, match="does not hold a galaxy of the stamps; got 033-000005"):
        build_dataset([stamps], BuildSettings(**THREE), "mock", sample)


def test_8bit_images_are_not_stretched_again(make_stamps):
    part, _, _ = build_dataset([make_stamps(units="8bit")], BuildSettings(), "mock")
    assert part.dataset.normalisation.stretch == "linear"
    assert part.dataset.normalisation.softening.tolist() == [1.0, 1.0]


def test_a_leak_fails_the_run_and_is_reported(make_stamps, tmp_path):
    path = make_stamps()
    output, _ = run_build(tmp_path, path)
    train, test = (read_dataset(output, name, labels=True) for name in ("train", "test"))
    output.unlink()
    with h5py.File(path, "r+") as file:
        (row,) = np.flatnonzero(
            (file["system_id"][:] == test.system_id[0]) & (file["view"][:] == test.view[0])
        )
        file["images"][row] = train.images[0][:, ::-1]
    with pytest.raises(Sim2SkyError, match="leak audit failed: 1 images are in two splits"):
        run_build(tmp_path, path)
    report = read_json(tmp_path / "mock" / "audit.json")
    assert not report["passed"]
    assert report["duplicate_images"] == 1
    assert not output.exists()


def test_telling_nuisance_fails_or_warns(make_stamps, tmp_path, caplog):
    label = np.repeat(np.arange(20) % 2, 2)
    path = make_stamps(nuisance=pd.DataFrame({"n_particles": 1000 + 500 * label}))
    with pytest.raises(Sim2SkyError, match=r"nuisance features tell the class: .*AUC 1.00"):
        run_build(tmp_path, path)
    output, report = run_build(tmp_path, path, nuisance="warn")
    assert report["nuisance"]["logistic_regression"]["auc"] == 1.0
    assert "nuisance features tell the class" in caplog.text
    assert output.exists()
    assert "nuisance" not in run_build(tmp_path, path, nuisance="off")[1]


def test_one_class_fails(make_stamps, tmp_path):
    with pytest.raises(Sim2SkyError, match="training sets hold one class: only 'non-merger'"):
        run_build(tmp_path, make_stamps(label=np.zeros(40, dtype="i1")))


def test_nan_fails_with_the_row(make_stamps, tmp_path):
    path = make_stamps()
    with h5py.File(path, "r+") as file:
        file["images"][0, 0, 0, 0] = np.nan
    message = r"1 images hold NaN or infinity: 033-000000 view 0 \(mock"
    with pytest.raises(Sim2SkyError, match=message):
        run_build(tmp_path, path)


def test_unusable_stamps_are_errors(make_stamps, tmp_path):
    with pytest.raises(Sim2SkyError, match="the stamps hold no rows"):
        run_build(tmp_path, make_stamps(systems=[], images=np.zeros((0, 2, 8, 8))))
    with pytest.raises(Sim2SkyError, match="no row is left; got 40 rows, 40 without a label"):
        run_build(tmp_path, make_stamps(label=np.full(40, -1)))
    few = np.full(40, 1 << 8)
    few[:3] |= 1 << 16
    message = "flagged: 40 with fewer stars than n_particles of project, 3 with map with NaN; mend"
    with pytest.raises(Sim2SkyError, match=message):
        run_build(tmp_path, make_stamps(flag=few))
    with pytest.raises(Sim2SkyError, match="a label has no class; got 2; expected below 2"):
        run_build(tmp_path, make_stamps(label=np.full(40, 2)))
    path = make_stamps()
    with pytest.raises(Sim2SkyError, match="033-000000 view 0; give each stamps file once"):
        run_build(tmp_path, path, path)
    other = make_stamps(range(20, 24), "001.h5", units="8bit")
    with pytest.raises(Sim2SkyError, match="stamps with another units"):
        run_build(tmp_path, path, other)
    small = make_stamps(range(20, 24), "002.h5", images=np.zeros((8, 2, 8, 8)))
    with pytest.raises(Sim2SkyError, match=r"another shape.*got \(2, 8, 8\)"):
        run_build(tmp_path, path, small)
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(Sim2SkyError, match="truncated"):
        run_build(tmp_path, path)


def test_pair_of_domains(make_stamps, tmp_path):
    source, _ = run_build(tmp_path, make_stamps())
    target, _ = run_build(tmp_path, make_stamps(name="t.h5"), domain="target", seed=0)
    command.audit(source, target, tmp_path / "audit.json")
    assert read_json(tmp_path / "audit.json")["rows"]["shared_systems"] == 20
    moved, _ = run_build(tmp_path, make_stamps(name="m.h5"), domain="moved", seed=1)
    with pytest.raises(Sim2SkyError, match="systems lie in two splits"):
        command.audit(source, moved, tmp_path / "audit.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"fractions": [0.5, 0.5, 0.5]}, "fractions must be positive and add up to 1"),
        ({"classes": ["a", "a"]}, "a class is named twice"),
        ({"classes": ["a"]}, "at least 2 items"),
        ({"class_rules": {"ring": "sfr > 0"}}, "class_rules are for ring, but classes are non-m"),
    ],
)
def test_settings_explain_themselves(content, message):
    with pytest.raises(Sim2SkyError, match=message):
        parse_settings(BuildSettings, content, "build")
