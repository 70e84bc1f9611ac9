"""The table of a domain: one row per image, whatever the image."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.metrics import auc
from sim2sky.measure.columns import FLAG_NO_GALAXY, FLAG_NOT_MEASURED, QUANTITIES
from sim2sky.measure.command import measure
from sim2sky.measure.settings import MeasureSettings
from sim2sky.measure.table import (
    SkyNoise,
    morphology_table,
    read_sky_noise,
    rows_for_statmorph,
    shape_of,
)

GZ2 = Path(__file__).parents[3] / ".." / "shared/data/surveys/sdss-gz2-1000"
QUICK = MeasureSettings(sersic_iterations=0, statmorph_training_rows=4)


def test_one_row_per_image(dataset_file, tmp_path):
    path = dataset_file()
    measure(path, tmp_path / "morphology.parquet", QUICK.model_dump_json(), 1)
    table = pd.read_parquet(tmp_path / "morphology.parquet")
    assert table["galaxy_id"].tolist() == [f"033-{i:06d}" for i in range(24)]
    assert table["split"].tolist() == [0] * 12 + [1] * 4 + [2] * 8
    assert table.attrs["classes"] == ["non-merger", "merger"]
    assert table.attrs["stage"] == "measure"
    assert table["nuisance_n_particles"].tolist() == [i // 4 for i in range(24)]
    pair = table["label"] == 1
    assert (table["n_components"][pair] == 2).all()
    assert table["second_component_ratio"][pair].to_numpy() == pytest.approx(0.8, abs=0.08)
    assert (table["second_component_ratio"][~pair] == 0).all()
    assert table["asymmetry"][pair].min() > 0.2
    assert table["asymmetry"][~pair].max() < 0.1
    asked = table["flag"] & FLAG_NOT_MEASURED == 0
    assert asked.groupby(table["split"]).sum().tolist() == [4, 0, 8]
    assert table["gini"].notna().equals(asked)


def test_processes_do_not_matter(dataset_file):
    settings = QUICK.model_copy(update={"statmorph_training_rows": 0})
    path = dataset_file()
    pd.testing.assert_frame_equal(
        morphology_table(path, settings, 1), morphology_table(path, settings, 2)
    )


def test_threshold_is_the_surveys_with_and_without_noise(dataset_file):
    settings = QUICK.model_copy(update={"statmorph_training_rows": 0})
    clean = morphology_table(dataset_file("pristine", noise=0.0), settings)
    noisy = morphology_table(dataset_file("noisy"), settings)
    assert not read_sky_noise(dataset_file("pristine", 0.0)).present
    assert read_sky_noise(dataset_file()).present
    assert clean["sky_sigma"].to_numpy() == pytest.approx(0.02 * np.sqrt(2))
    assert noisy["sky_sigma"].to_numpy() == pytest.approx(0.02 * np.sqrt(2), rel=0.2)
    area = noisy["segment_area_px"] / clean["segment_area_px"]
    assert area.to_numpy() == pytest.approx(1, abs=0.1)


def test_sky_level_of_eight_bit_images_is_taken_off(galaxy):
    random = np.random.default_rng(0)
    image = np.clip(random.normal(12, 3, (61, 61)) + 120 * galaxy(), 0, 255).round()
    shape = shape_of(image, SkyNoise(True, 1.0), QUICK, statmorph=False)
    # down to 5 x 3 above the sky, an eighth of the centre
    assert shape["segment_area_px"] == pytest.approx(np.pi * 9 * 2 * np.log(8), rel=0.06)
    assert shape["asymmetry"] == pytest.approx(0, abs=0.05)


def test_images_without_a_galaxy_are_flagged(dataset_file):
    def spoil(images):
        images[20] = 0
        images[21] = 7.0
        images[22, :, 25:37, 25:37] = -5

    table = morphology_table(dataset_file(change=spoil), QUICK)
    assert table["flag"][20:23].tolist() == [FLAG_NO_GALAXY] * 3
    assert (
        table.loc[20:22, ["asymmetry", "second_component_ratio", *QUANTITIES]]
        .isna()
        .to_numpy()
        .all()
    )
    assert (table["statmorph_flag"][20:23] == -1).all()


def test_training_rows_are_whole_systems_and_all_test_rows():
    split = np.repeat([0, 1, 2], [60, 20, 20])
    system = np.arange(100) // 4
    chosen = rows_for_statmorph(system, split, MeasureSettings(statmorph_training_rows=21))
    assert chosen[split == 2].all()
    assert not chosen[split == 1].any()
    assert chosen.sum() - 20 == 24  # whole systems of four
    assert pd.Series(chosen).groupby(system).nunique().max() == 1
    every = rows_for_statmorph(system, split, MeasureSettings(statmorph_training_rows=None))
    assert every.all()


def test_older_dataset_is_refused(dataset_file, without_attribute):
    path = without_attribute(dataset_file(), "noise_sigma")
    with pytest.raises(Sim2SkyError, match="attribute noise or noise_sigma is missing.*build"):
        morphology_table(path, QUICK)


@pytest.mark.skipif(not GZ2.is_dir(), reason="real SDSS images are not beside the repository")
def test_real_mergers_are_asymmetric_and_double():
    table = pd.read_csv(GZ2 / "labels.csv")
    vote = table["t08_odd_feature_a24_merger_weighted_fraction"] > 0.5
    merger = vote & (table["t06_odd_a14_yes_debiased"] > 0.42)
    other = ~vote & (table["derived_label"] != "merger")
    chosen = pd.concat([table[merger][:75], table[other][::8]])
    shapes = []
    for name in chosen["asset_id"]:
        with Image.open(GZ2 / "images" / f"{name}.jpg") as file:
            pixels = np.asarray(file, dtype="f8").sum(axis=2)
        image = pixels[16:-16, 16:-16].reshape(64, 3, 64, 3).mean(axis=(1, 3))
        shapes.append(shape_of(image, SkyNoise(True, 3.0), QUICK, statmorph=False))
    shapes = pd.DataFrame(shapes).fillna(0)
    positive, ones = merger[chosen.index].to_numpy(), np.ones((len(chosen), 1))
    # measured elsewhere on the whole set: 0.925 and 0.954
    assert 0.85 < auc(shapes["asymmetry"].to_numpy(), positive, ones)[0] < 0.98
    assert 0.90 < auc(shapes["second_component_ratio"].to_numpy(), positive, ones)[0] < 0.99
