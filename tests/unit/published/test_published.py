"""The published datasets: files, groups from pixels, leaks and splits."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from sim2sky.build.audit import audit_dataset
from sim2sky.build.dataset import SPLITS, read_dataset, read_splits
from sim2sky.errors import Sim2SkyError
from sim2sky.published.command import published
from sim2sky.published.groups import (
    camera_groups,
    copy_groups,
    copy_layout,
    rows_are_paired,
    total_flux,
)
from sim2sky.published.leaks import flux_probe, split_leaks, twins_across
from sim2sky.published.make import make_dataset
from sim2sky.published.releases import read_side, recognise
from sim2sky.published.settings import PublishedSettings

BANDS = ["F814W", "F160W", "F356W"]
N_COPIES = 5


def settings(release="deepmerge", side="pristine", **changes):
    return PublishedSettings(**({"release": release, "side": side, "bands": BANDS} | changes))


def same_partition(first, second):
    return len(set(zip(first, second, strict=True))) == len(set(first)) == len(set(second))


def test_copies_are_found_from_the_pixels(stacked):
    images, _, galaxy = stacked
    copies = copy_groups(images)
    n = 8 * 4
    expected = np.r_[np.tile(np.arange(n), N_COPIES), n + np.arange(60)]
    assert same_partition(copies, expected)
    assert len(set(copies)) > len(set(galaxy))
    order = np.random.default_rng(0).permutation(len(images))
    assert same_partition(copy_groups(images[order]), expected[order])
    # of the same values in other places it is no copy, and -0. is 0.
    shuffled = images[:1].copy().reshape(1, 3, -1)
    shuffled = shuffled[..., np.random.default_rng(0).permutation(shuffled.shape[-1])]
    assert copy_groups(
        np.concatenate([images[:1], shuffled.reshape(images[:1].shape)])
    ).tolist() == [0, 1]
    assert copy_groups(np.stack([np.zeros((1, 4, 4)), -np.zeros((1, 4, 4))])).tolist() == [0, 0]


def test_views_of_one_galaxy_are_found_by_their_flux(stacked):
    images, label, galaxy = stacked
    found, report = camera_groups(images, copy_groups(images), label, 0.001, 4)
    assert same_partition(found, galaxy)
    assert report["found"]
    assert report["views_per_galaxy"] == {"1": 60, "4": 8}
    assert report["galaxies_with_too_many_views"] == 0
    copies = copy_groups(images)
    for tolerance, why in ((0.0, "camera_tolerance is 0"), (3.0, "would be one galaxy")):
        found, report = camera_groups(images, copies, label, tolerance, 4)
        assert same_partition(found, copies)
        assert why in report["why_not"]
    noise = images + np.random.default_rng(1).normal(0, 1, images.shape)
    found, report = camera_groups(noise, copies, label, 0.001, 4)
    assert same_partition(found, copies)
    assert "the background hides the total flux" in report["why_not"]


def test_block_layout_is_read_from_the_pixels(stacked):
    images, label, _ = stacked
    layout = copy_layout(images, label)
    assert layout["rows_per_block"] == 32
    turns = [block["turn"] for block in layout["blocks"]]
    assert turns == ["identity", "flipud", "fliplr", "rot90", "rot180"]
    order = np.random.default_rng(0).permutation(len(images))
    assert copy_layout(images[order], label[order])["blocks"] == []


def test_pairs_of_rows_are_told_from_other_orders(stacked):
    images = stacked[0]
    rng = np.random.default_rng(5)
    noise = images + rng.normal(0, 0.3, images.shape)
    assert rows_are_paired(images, noise)
    assert not rows_are_paired(images, noise[rng.permutation(len(noise))])
    assert not rows_are_paired(images, noise[:-1])


def test_leaks_by_hand():
    train, test = SPLITS["train"], SPLITS["test"]
    split = np.array([train, train, test, test, test, test])
    copies = np.array([0, 1, 0, 2, 3, 4])
    galaxy = np.array([0, 1, 0, 1, 2, 3])
    found = split_leaks(split, copies, galaxy, np.array([1, 1, 1, 1, 0, 0]), ["no", "yes"])
    assert found["all"] == {"test_rows": 4, "copy_in_training": 0.25, "galaxy_in_training": 0.5}
    assert found["yes"] == {"test_rows": 2, "copy_in_training": 0.5, "galaxy_in_training": 1.0}
    assert found["no"]["galaxy_in_training"] == 0
    assert twins_across(split, split, galaxy) == 0.5
    none = split_leaks(split * 0, copies, galaxy, galaxy, ["no"])
    assert none["all"]["copy_in_training"] is None
    assert twins_across(split, split * 0, galaxy) is None


def test_probe_recognises_galaxies_only_where_they_leak():
    rng = np.random.default_rng(0)
    galaxy = np.repeat(np.arange(60), 10)
    flux = rng.normal(size=(60, 3))[galaxy]
    label = rng.permutation(np.arange(60) % 2)[galaxy]
    by_row = rng.permutation(np.arange(600) % 4 == 0) * SPLITS["test"]
    by_galaxy = np.where(galaxy % 4 == 0, SPLITS["test"], SPLITS["train"])
    assert flux_probe(flux, label, by_row, 0) > 0.95
    assert abs(flux_probe(flux, label, by_galaxy, 0) - 0.5) < 0.25
    assert flux_probe(flux, np.zeros(600), by_row, 0) is None


@pytest.mark.parametrize("side", ["pristine", "noisy"])
def test_deepmerge_as_published_and_fair(deepmerge, stacked, side):
    galaxy = stacked[2]
    part, report, attributes = make_dataset(deepmerge, settings(side=side), "mast")
    assert same_partition(part.dataset.system_id, galaxy)  # by the pristine side for both
    assert report["rows_paired_with_the_other_side"] is True
    assert report["galaxies"] == 68
    assert report["images_without_their_copies"] == 92
    as_published, fair = (report["splits"][name]["leaks"] for name in ("as_published", "fair"))
    assert as_published["merger"]["galaxy_in_training"] == 1.0
    assert as_published["merger"]["copy_in_training"] > 0.9
    assert as_published["non-merger"]["galaxy_in_training"] == 0.0
    assert fair["all"]["galaxy_in_training"] == fair["all"]["copy_in_training"] == 0.0
    across = report["splits"]["as_published"]["test_rows_in_the_training_of_the_other_side"]
    assert 0.7 < across < 1
    assert attributes["published_split"] == "fair"
    _, problems = audit_dataset(part, 0.98)
    assert problems == []
    rows = report["splits"]["as_published"]["rows"]
    assert rows == {"train": 154, "validation": 22, "test": 44}


def test_published_split_fails_our_audit(deepmerge):
    part, _, _ = make_dataset(deepmerge, settings(split="as_published"), "mast")
    _, problems = audit_dataset(part, 0.98)
    assert any("images are in two splits" in problem for problem in problems)


def test_split_is_one_for_both_sides(deepmerge, zenodo):
    for folder, release, sides in (
        (deepmerge, "deepmerge", ("pristine", "noisy")),
        (zenodo, "deepmerge2_simsim", ("source", "target")),
    ):
        parts = [make_dataset(folder, settings(release, side), side)[0] for side in sides]
        np.testing.assert_array_equal(parts[0].split, parts[1].split)
        np.testing.assert_array_equal(parts[0].dataset.system_id, parts[1].dataset.system_id)
        np.testing.assert_array_equal(parts[0].dataset.galaxy_id, parts[1].dataset.galaxy_id)
        # as published they are drawn apart
        drawn = [
            make_dataset(folder, settings(release, side, split="as_published"), side)[0].split
            for side in sides
        ]
        assert (drawn[0] != drawn[1]).any()


def test_simulated_and_real_images_share_no_galaxy(zenodo):
    parts = [
        make_dataset(zenodo, settings("deepmerge2_simreal", side), side)[0]
        for side in ("source", "target")
    ]
    assert not np.intersect1d(*(part.dataset.system_id for part in parts)).size
    assert np.isnan(parts[1].dataset.redshift).all()


def test_deepadversaries_keeps_its_own_split(deepadversaries):
    own = settings("deepadversaries", "y10", split="as_published", camera_tolerance=0)
    part, report, _ = make_dataset(deepadversaries, own, "lsst")
    assert report["own_split"]
    assert np.bincount(part.split).tolist() == [36, 6, 18]
    assert part.dataset.classes == ["spiral", "elliptical", "merger"]
    leak = report["splits"]["as_published"]["leaks"]["all"]
    assert leak["copy_in_training"] == pytest.approx(1 / 18)
    fair, _, _ = make_dataset(
        deepadversaries, settings("deepadversaries", "y10", camera_tolerance=0), "lsst"
    )
    assert np.abs(np.bincount(fair.split) - [36, 6, 18]).max() <= 3
    twins = fair.dataset.system_id == fair.dataset.system_id[5]
    assert twins.sum() == 2
    assert len(set(fair.split[twins])) == 1


def test_two_filter_version_is_chosen_by_the_bands(deepmerge):
    assert read_side("deepmerge", "noisy", deepmerge, 2).images.shape[1] == 2
    with pytest.raises(Sim2SkyError, match="no file with as many channels as there are 'bands'"):
        read_side("deepmerge", "noisy", deepmerge, 4)


def test_command_writes_a_dataset_that_training_reads(deepmerge, tmp_path):
    given = settings(side="noisy", pixel_scale_arcsec=0.06)
    published(
        settings=given.model_dump_json(),
        folder=deepmerge,
        output=tmp_path / "mast/dataset.h5",
        audit=tmp_path / "mast/audit.json",
    )
    dataset = read_dataset(tmp_path / "mast/dataset.h5", "train", labels=True)
    assert dataset.domain == "mast"
    assert dataset.bands == BANDS
    assert dataset.pixel_scale_arcsec == 0.06
    scaled = dataset.normalisation.apply(dataset.images)
    np.testing.assert_allclose(scaled.mean(axis=(0, 2, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(scaled.std(axis=(0, 2, 3)), 1, atol=1e-3)
    report = json.loads((tmp_path / "mast/audit.json").read_text())
    assert report["split"] == "fair"
    assert set(report["splits"]) == {"fair", "as_published"}
    assert len(read_splits(tmp_path / "mast/dataset.h5")) == 220


def test_audit_of_a_pair_warns_where_the_published_split_leaks(deepmerge, tmp_path, caplog):
    from sim2sky.build.command import audit

    for split in ("fair", "as_published"):
        for side in ("pristine", "noisy"):
            published(
                settings=settings(side=side, split=split).model_dump_json(),
                folder=deepmerge,
                output=tmp_path / split / side / "dataset.h5",
                audit=tmp_path / split / side / "audit.json",
            )
        pair = [tmp_path / split / side / "dataset.h5" for side in ("pristine", "noisy")]
        audit(*pair, output=tmp_path / f"{split}.json")
    assert json.loads((tmp_path / "fair.json").read_text())["passed"]
    assert not json.loads((tmp_path / "as_published.json").read_text())["passed"]
    assert "split as published, scores say little" in caplog.text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "hlsp_deepmerge_hst-jwst_acs-wfc3-nircam_illustris-z2_f814w_v1_sim-noisy.fits",
            ("deepmerge", "noisy"),
        ),
        ("SimReal_TARGET_y_postmergers_SDSS.npy", ("deepmerge2_simreal", "target")),
        ("images_Y1_valid.npy", ("deepadversaries", "y1")),
        ("images_Y10_valid.npy", ("deepadversaries", "y10")),
        ("galaxies.fits", None),
    ],
)
def test_file_names(name, expected):
    assert recognise(name) == expected


def test_faulty_files(deepmerge, zenodo, tmp_path):
    with pytest.raises(Sim2SkyError, match="folder of the published files not found"):
        make_dataset(tmp_path / "no", settings(), "x")
    with pytest.raises(
        Sim2SkyError, match=r"published file not found; expected hlsp_deepmerge_\*"
    ):
        make_dataset(tmp_path, settings(), "x")
    bad = tmp_path / "hlsp_deepmerge_x_sim-pristine.fits"
    bad.write_text("not FITS")
    with pytest.raises(Sim2SkyError, match="not a readable DeepMerge FITS file"):
        make_dataset(tmp_path, settings(), "x")
    images, label = np.ones((4, 3, 8, 8), dtype="f4"), np.arange(4) % 2
    files = {axis: tmp_path / f"SimSim_SOURCE_{axis}_Illustris2_pristine.npy" for axis in "Xy"}
    simsim = settings("deepmerge2_simsim", "source")
    files["X"].write_text("no")
    with pytest.raises(Sim2SkyError, match=r"not a readable \.npy file"):
        make_dataset(tmp_path, simsim, "x")
    np.save(files["X"], images[:, :2])
    np.save(files["y"], label)
    with pytest.raises(Sim2SkyError, match=r"unexpected shape; got \(4, 2, 8, 8\)"):
        make_dataset(tmp_path, simsim, "x")
    np.save(files["X"], images)
    np.save(files["y"], label[:3])
    with pytest.raises(Sim2SkyError, match="differ in number; got 4 images, 3 labels"):
        make_dataset(tmp_path, simsim, "x")
    np.save(files["y"], label + 1)
    with pytest.raises(Sim2SkyError, match="a label has no class; got 1 to 2"):
        make_dataset(tmp_path, simsim, "x")
    images[2, 0, 0, 0] = np.nan
    np.save(files["X"], images)
    np.save(files["y"], label)
    with pytest.raises(Sim2SkyError, match="1 images hold NaN or infinity"):
        make_dataset(tmp_path, simsim, "x")


def test_settings_that_do_not_fit():
    with pytest.raises(ValidationError, match="side is 'y1'; deepmerge has pristine and noisy"):
        settings(side="y1")
    with pytest.raises(ValidationError, match="fractions must be positive"):
        settings(fractions=(0.5, 0.5, 0.5))


def test_flux_is_the_same_for_flips_and_turns(stacked):
    flux = total_flux(stacked[0])
    np.testing.assert_allclose(flux[:32], flux[96:128], rtol=1e-6)
