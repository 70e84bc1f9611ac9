import h5py
import numpy as np
import pytest
import torch

from sim2sky.build.dataset import read_dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.train.batches import Batches, training_batches, turned
from sim2sky.train.data import Rows, read_training_data
from sim2sky.train.settings import AugmentationSettings, MethodSettings, TrainSettings

CPU = torch.device("cpu")


def stream(n: int, batch_size: int, seed: int = 0, augment: bool = False) -> Batches:
    images = torch.arange(n, dtype=torch.float32).reshape(n, 1, 1, 1).expand(n, 4, 4, 2)
    rows = Rows(images, torch.arange(n))
    return Batches(rows, batch_size, augment=augment, device=CPU, keys=("test",), seed=seed)


def test_every_row_once_per_pass():
    batches = stream(10, 4)
    seen = torch.cat([batches.next()[1] for _ in range(5)])  # two passes
    assert sorted(seen[:10].tolist()) == list(range(10))
    assert sorted(seen[10:].tolist()) == list(range(10))
    assert seen[:10].tolist() != list(range(10))


def test_batches_larger_than_the_domain_are_full():
    label = stream(3, 8).next()[1]
    assert len(label) == 8
    assert label.bincount().tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])


def test_images_and_labels_stay_together():
    for augment in (False, True):
        images, label, index = stream(20, 7, augment=augment).next()
        assert images.shape == (7, 2, 4, 4)
        assert images.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(images[:, 0, 0, 0], label.float())
        assert torch.equal(index, label)  # which here is the number of the row


def test_order_depends_on_the_seed_alone():
    assert torch.equal(stream(50, 9).next()[1], stream(50, 9).next()[1])
    assert not torch.equal(stream(50, 9).next()[1], stream(50, 9, seed=1).next()[1])


def test_state_brings_the_same_batches_to_come():
    batches = stream(11, 4, augment=True)
    batches.next()
    state = batches.state_dict()
    expected = [batches.next()[1] for _ in range(6)]
    other = stream(11, 4, augment=True, seed=99)
    other.load_state_dict(state)
    for label in expected:
        assert torch.equal(other.next()[1], label)


def test_changes_know_the_number_of_the_batch_and_go_on_with_it():
    def numbered(images, number):
        return torch.full_like(images, number)

    def changing() -> Batches:
        rows = Rows(torch.zeros(9, 4, 4, 2), None)
        return Batches(rows, 4, augment=True, device=CPU, keys=("a",), seed=0, change=numbered)

    batches = changing()
    assert [batches.next().images.max().item() for _ in range(3)] == [0, 1, 2]
    other = changing()
    other.load_state_dict(batches.state_dict())
    assert other.next().images.min().item() == 3


@pytest.mark.parametrize(
    ("losses", "changed"), [({}, ["source"]), ({"mmd": 1.0}, ["source", "target"])]
)
def test_which_domains_are_changed(pair, losses, changed):
    method = MethodSettings(
        name="m", mixed_batches=True, losses=losses, augmentation=AugmentationSettings()
    )
    settings = TrainSettings(method=method)
    data = read_training_data(*pair, settings)
    batches = training_batches(data, settings, 0, CPU)
    assert list(batches) == ["source", "target"]
    assert [name for name, stream in batches.items() if stream.change is not None] == changed
    plain = training_batches(data, TrainSettings(method="adabn"), 0, CPU)
    for domain in batches:
        one, other = batches[domain].next(), plain[domain].next()
        assert torch.equal(one.index, other.index)  # methods meet the same images
        assert torch.equal(one.images, other.images) == (domain not in changed)


def test_target_images_are_read_if_the_method_looks_at_them(pair):
    for method, read in (("source_only", False), ("adabn_li", True), ("adabn", True)):
        settings = TrainSettings(method=method)
        data = read_training_data(*pair, settings)
        assert (data.unlabelled is not None) == read
        assert len(training_batches(data, settings, 0, CPU)) == (2 if method == "adabn" else 1)


def test_eight_different_symmetries():
    image = torch.arange(18.0).reshape(1, 3, 3, 2)
    seen = {tuple(turned(image, number).flatten().tolist()) for number in range(8)}
    turns = [torch.rot90(image, k, (1, 2)) for k in range(4)]
    group = turns + [turn.flip(1) for turn in turns]
    assert seen == {tuple(member.flatten().tolist()) for member in group}
    assert torch.equal(turned(image, 0), image)


def test_augmentation_shows_all_symmetries_of_the_image():
    image = torch.arange(9.0).reshape(1, 3, 3, 1)
    batches = Batches(Rows(image, None), 200, augment=True, device=CPU, keys=("a",), seed=0)
    images, label, _ = batches.next()
    assert label is None
    counts = torch.unique(images.flatten(1), dim=0, return_counts=True)[1]
    assert len(counts) == 8
    assert counts.min() >= 10


def test_both_domains_take_the_sources_normalisation(pair):
    data = read_training_data(*pair, TrainSettings(method="adabn"))
    source = read_dataset(pair[0], "train", labels=False)
    target = read_dataset(pair[1], "train", labels=False)
    for rows, dataset in ((data.labelled, source), (data.unlabelled, target)):
        expected = source.normalisation.apply(dataset.images).transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(rows.images.numpy(), expected)
    assert data.normalisation["target"] is data.normalisation["source"]


def test_own_normalisation(pair):
    settings = TrainSettings(method="adabn", target_normalisation="own")
    data = read_training_data(*pair, settings)
    assert data.unlabelled.images.mean().item() == pytest.approx(0, abs=1e-4)
    assert data.unlabelled.images.std().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("method", ["source_only", "adabn", "mmd"])
def test_target_labels_need_not_exist(pair, method):
    with h5py.File(pair[1], "r+") as file:
        del file["label"], file["stage"]
    data = read_training_data(*pair, TrainSettings(method=method))
    assert data.labelled_domain == "source"
    assert data.unlabelled is None or data.unlabelled.label is None


def test_the_oracle_alone_reads_target_labels(pair):
    data = read_training_data(*pair, TrainSettings(method="oracle"))
    expected = read_dataset(pair[1], "train", labels=True).label
    assert data.labelled_domain == "target"
    np.testing.assert_array_equal(data.labelled.label.numpy(), expected)
    with h5py.File(pair[1], "r+") as file:
        del file["label"]
    with pytest.raises(Sim2SkyError, match="dataset 'label' is missing"):
        read_training_data(*pair, TrainSettings(method="oracle"))


def test_test_rows_are_not_read(pair):
    before = read_training_data(*pair, TrainSettings(method="adabn")).digest()
    for path in pair:
        with h5py.File(path, "r+") as file:
            first = int((file["split"][:] < 2).sum())  # rows are sorted by split
            file["images"][first:] = np.nan
    assert read_training_data(*pair, TrainSettings(method="adabn")).digest() == before


def test_digest_knows_every_pixel_and_label(toy, pair, tmp_path):
    settings = TrainSettings(method="adabn")
    before = read_training_data(*pair, settings).digest()
    for path in pair:
        with h5py.File(path, "r+") as file:
            row = np.flatnonzero(file["split"][:] == 0)[5]
            kept = file["images"][row, 1, 3, 4]
            file["images"][row, 1, 3, 4] = kept + 0.5
        assert read_training_data(*pair, settings).digest() != before
        with h5py.File(path, "r+") as file:
            file["images"][row, 1, 3, 4] = kept
    with h5py.File(pair[0], "r+") as file:
        file["label"][0] = 1 - file["label"][0]
    assert read_training_data(*pair, settings).digest() != before


def test_unknown_labels_are_left_out(toy, tmp_path, caplog):
    spoiled = toy(n=50)
    spoiled.label[:6] = -1
    source = spoiled.write(tmp_path / "source.h5")
    with caplog.at_level("INFO", logger="sim2sky"):
        data = read_training_data(source, source, TrainSettings(method="adabn"))
    assert "6 rows without a label left out" in caplog.text
    assert (len(data.labelled), len(data.unlabelled)) == (24, 30)
    assert data.labelled.label.min() == 0


def test_oracle_learns_the_classes_of_the_source(toy, tmp_path):
    source = toy(n=50).write(tmp_path / "source.h5")
    richer = toy(n=50)
    richer.label = np.arange(50) % 3  # merger, ring, non-merger
    richer.classes = ["merger", "ring", "non-merger"]
    target = richer.write(tmp_path / "target.h5")
    data = read_training_data(source, target, TrainSettings(method="oracle"))
    assert data.classes == ["non-merger", "merger"]
    assert data.labelled.label.tolist() == [1 - n // 2 for n in np.arange(30) % 3 if n != 1]
    assert len(data.validation) == 7


def spoil_nan(toy):
    toy.images[4, 1, 2, 3] = np.nan


def spoil_label(toy):
    toy.label[3] = 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_nan, "source.h5:/images: images hold NaN or infinity; got galaxy 099-000004"),
        (lambda toy: toy.label.fill(0), "at least two classes.*'merger': 0"),
        (lambda toy: toy.label.fill(-1), "at least two classes.*'non-merger': 0"),
        (spoil_label, "label beyond the classes; got 2; expected -1 to 1"),
        (lambda toy: toy.label.__setitem__(toy.split == 1, -1), "no labelled row in the valid"),
        (lambda toy: setattr(toy, "units", "8bit"), "different units; got nJy; expected 8bit"),
        (
            lambda toy: setattr(toy, "images", toy.images[..., :12, :12]),
            r"differ in bands or size; got \(2, 16, 16\).*expected \(2, 12, 12\)",
        ),
    ],
)
def test_refusals(toy, pair, tmp_path, spoil, message):
    spoiled = toy(n=50)
    spoil(spoiled)
    source = spoiled.write(tmp_path / "source.h5")
    with pytest.raises(Sim2SkyError, match=message):
        read_training_data(source, pair[1], TrainSettings(method="adabn"))


def test_oblong_images_are_refused(toy, tmp_path):
    spoiled = toy(n=20)
    spoiled.images = spoiled.images[:, :, :12]
    path = spoiled.write(tmp_path / "oblong.h5")
    with pytest.raises(Sim2SkyError, match="images are not square"):
        read_training_data(path, path, TrainSettings())


def test_other_bands_and_scales_are_said(toy, pair, tmp_path, caplog):
    other = toy(n=30)
    other.bands, other.pixel_scale_arcsec = ["lsst_g", "lsst_r"], 0.2
    target = other.write(tmp_path / "other.h5")
    read_training_data(pair[0], target, TrainSettings())
    assert "bands differ: source ['sdss_g', 'sdss_r'], target ['lsst_g', 'lsst_r']" in caplog.text
    assert "pixel scales differ: source 0.4 arcsec, target 0.2 arcsec" in caplog.text
