from dataclasses import replace

import numpy as np
import pytest

from sim2sky.build.audit import Part, audit_dataset, audit_pair, members_of
from sim2sky.build.split import split_by_system
from sim2sky.errors import Sim2SkyError

CORRELATION = 0.98


def part_of(dataset):
    split = split_by_system(dataset.system_id, dataset.label, (0.6, 0.15, 0.25), 0)
    return Part(dataset, split)


def one(part, split):
    """First row of a split."""
    return int(np.flatnonzero(part.split == split)[0])


def test_a_clean_dataset_passes(make_dataset):
    report, problems = audit_dataset(part_of(make_dataset()), CORRELATION)
    assert problems == []
    rows = report["rows"]
    assert sum(rows[name]["rows"] for name in rows) == 24
    assert rows["train"]["systems"] * 2 == rows["train"]["rows"]
    assert rows["train"]["merger"] + rows["train"]["non-merger"] == rows["train"]["rows"]
    assert report["duplicate_images"] == 0


def test_a_split_system_is_found(make_dataset):
    part = part_of(make_dataset())
    row = one(part, 0)
    part.split[row] = 2
    report, problems = audit_dataset(part, CORRELATION)
    assert report["systems_in_two_splits"] == 1
    assert f"system {part.dataset.system_id[row]}" in problems[0]


@pytest.mark.parametrize("turn", range(8))
def test_a_copied_image_is_found(turn, make_dataset):
    from sim2sky.build.duplicates import dihedral

    part = part_of(make_dataset())
    train, test = one(part, 0), one(part, 2)
    part.dataset.images[test] = dihedral(part.dataset.images[train])[turn]
    report, problems = audit_dataset(part, CORRELATION)
    assert report["duplicate_images"] == 1
    assert part.named(train) in problems[0]
    assert part.named(test) in problems[0]


def test_a_copy_inside_one_split_is_no_leak(make_dataset):
    part = part_of(make_dataset())
    first, second = np.flatnonzero(part.split == 0)[:2]
    part.dataset.images[second] = part.dataset.images[first]
    assert audit_dataset(part, CORRELATION)[1] == []


def test_a_projection_apart_from_its_member_is_found(make_dataset):
    part = part_of(make_dataset())
    train, test = one(part, 0), one(part, 2)
    names = part.dataset.galaxy_id.astype("U32")
    names[test] = names[train] + "+000999"
    part = Part(replace(part.dataset, galaxy_id=names), part.split)
    report, problems = audit_dataset(part, CORRELATION)
    assert report["projections_apart_from_their_members"] == 1
    assert f"{names[test]} and its member {names[train]} (train, test)" in problems[0]


def test_members_of_a_projection():
    assert members_of("033-000012+000345") == ["033-000012", "033-000345"]
    assert members_of("033-000012") == []
    assert members_of("J1234+567") == ["J1234", "567"]  # looked up, never found


def test_not_finite_images_are_found(make_dataset):
    part = part_of(make_dataset())
    part.dataset.images[5, 0, 1, 1] = np.inf
    report, problems = audit_dataset(part, CORRELATION)
    assert report["not_finite_images"] == 1
    assert f"1 images hold NaN or infinity: {part.named(5)}" in problems


def test_one_class_in_training_is_found(make_dataset):
    part = part_of(make_dataset())
    part.dataset.label[part.split == 0] = 1
    report, problems = audit_dataset(part, CORRELATION)
    assert report["training_classes"] == 1
    assert "only 'merger' of non-merger, merger" in problems[0]


def test_training_without_labels_passes(make_dataset):
    part = part_of(make_dataset())
    part.dataset.label[:] = -1
    report, problems = audit_dataset(part, CORRELATION)
    assert problems == []
    assert report["rows"]["train"]["unlabelled"] == report["rows"]["train"]["rows"]


def twin(part, seed=3):
    """The same galaxies and split in another domain: other noise."""
    noise = np.random.default_rng(seed).normal(size=part.dataset.images.shape) * 10
    images = (part.dataset.images + noise).astype("f4")
    return Part(replace(part.dataset, images=images, domain="noisy"), part.split.copy())


def test_twins_with_one_split_pass(make_dataset):
    source = part_of(make_dataset())
    report, problems = audit_pair(source, twin(source), CORRELATION)
    assert problems == []
    assert report["rows"]["shared_systems"] == 12


def test_unrelated_domains_pass(make_dataset):
    source, target = part_of(make_dataset()), make_dataset(domain="real", seed=9)
    target = part_of(replace(target, system_id=target.system_id + 1000))
    assert audit_pair(source, target, CORRELATION)[1] == []


def test_a_noisy_twin_of_training_in_the_targets_test_is_found(make_dataset):
    source = part_of(make_dataset())
    target = twin(source)
    system = source.dataset.system_id[one(source, 0)]
    target.split[target.dataset.system_id == system] = 2
    report, problems = audit_pair(source, target, CORRELATION)
    assert report["systems_in_two_splits"] == 1
    assert f"system {system}: " in problems[0]
    assert "(mock train)" in problems[0]
    assert "(noisy test)" in problems[0]


def test_a_turned_copy_of_training_in_the_targets_test_is_found(make_dataset):
    """As in files without identifiers: only the pixels can tell."""
    source = part_of(make_dataset())
    target = make_dataset(domain="real", seed=9)
    target = part_of(replace(target, system_id=target.system_id + 1000))
    row = one(source, 0)
    target.dataset.images[one(target, 2)] = source.dataset.images[row, :, ::-1]
    report, problems = audit_pair(source, target, CORRELATION)
    assert report["duplicate_images"] == 1
    assert source.named(row) in problems[0]


def test_a_projection_of_the_other_domains_training_is_found(make_dataset):
    source = part_of(make_dataset())
    target = make_dataset(domain="other", seed=9)
    target = part_of(replace(target, system_id=target.system_id + 1000))
    names = np.array([f"040-{row:06d}" for row in range(len(target.dataset))], dtype="U32")
    names[one(target, 2)] = source.dataset.galaxy_id[one(source, 0)] + "+000999"
    target = Part(replace(target.dataset, galaxy_id=names), target.split)
    report, _ = audit_pair(source, target, CORRELATION)
    assert report["projections_apart_from_their_members"] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": "8bit"}, "different units.*nJy and 8bit"),
        ({"classes": ["a", "b"]}, "share no class; got non-merger, merger and a, b"),
    ],
)
def test_domains_that_do_not_fit_are_an_error(changes, message, make_dataset):
    source = part_of(make_dataset())
    target = Part(replace(source.dataset, **changes), source.split)
    with pytest.raises(Sim2SkyError, match=message):
        audit_pair(source, target, CORRELATION)
    with pytest.raises(Sim2SkyError, match="different shapes"):
        audit_pair(source, part_of(make_dataset(bands=3)), CORRELATION)


def test_a_class_that_only_one_domain_has_is_said(make_dataset, caplog):
    source = part_of(make_dataset())
    assert audit_pair(source, twin(source), CORRELATION)[0]["classes"] == {
        "shared": ["non-merger", "merger"],
        "source_only": [],
        "target_only": [],
    }
    assert "classes only in" not in caplog.text
    target = replace(twin(source).dataset, classes=["non-merger", "ring", "merger"])
    report, problems = audit_pair(source, Part(target, source.split), CORRELATION)
    assert problems == []
    assert report["classes"]["target_only"] == ["ring"]
    assert "only in the target, unknown to the models: ring" in caplog.text
