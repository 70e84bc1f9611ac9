"""Images, maps and planes show what their files hold."""

import h5py
import numpy as np
import pandas as pd
import pytest

from sim2sky.build.dataset import read_dataset
from sim2sky.errors import Sim2SkyError
from sim2sky.plot.attribution import attribution_figure, read_attribution
from sim2sky.plot.gradcam import choose_galaxies, gradcam_figure, read_explanation
from sim2sky.plot.images import colour_image, grey_image, scale_bar_arcsec
from sim2sky.plot.inputs import files_by_model, first_seeds
from sim2sky.plot.latent import latent_figure
from sim2sky.plot.mosaic import example_rows, mosaic_figure
from sim2sky.plot.settings import PlotSettings

METHODS = ["source_only", "mmd"]


def labels(figure):
    """Titles and axis labels of all panels."""
    return [
        text
        for axes in figure.axes
        for text in (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())
        if text
    ]


def test_colour_keeps_the_ratio_of_bands():
    image = np.zeros((3, 4, 4))
    image[:, 1, 1] = (1, 2, 4)  # blue to red
    image[:, 2, 2] = (100, 200, 400)
    picture = colour_image(image, np.ones(3), peak=300)
    assert picture.shape == (4, 4, 3)
    assert (picture >= 0).all()
    assert (picture <= 1).all()
    floor = 0.5  # of the sky, added to every band
    for y, x in ((1, 1), (2, 2)):
        red, green, blue = picture[y, x]
        expected = (image[::-1, y, x] + floor) / (image[2, y, x] + floor)
        np.testing.assert_allclose([1, green / red, blue / red], expected)
    assert picture[2, 2].mean() > picture[1, 1].mean()


def test_green_of_two_bands_is_their_mean():
    image = np.stack([np.full((2, 2), 2.0), np.full((2, 2), 6.0)])
    red, green, blue = colour_image(image, np.ones(2), peak=100)[0, 0]
    assert green == pytest.approx((red + blue) / 2)


def test_eight_bit_images_are_shown_as_they_are():
    image = np.arange(12, dtype="f4").reshape(3, 2, 2)
    picture = colour_image(image, np.ones(3), peak=1, units="8bit")
    np.testing.assert_allclose(255 * picture, np.moveaxis(image, 0, -1))


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_grey_image_has_a_bright_galaxy_on_a_dark_sky(factories, noise):
    image = factories.galaxy_images(1, 2, 48, seed=0, noise=noise)[0]
    grey = grey_image(image)
    assert grey.max() == 1
    assert np.median(grey[:6]) < 0.3
    assert grey[20:28, 20:28].mean() > 0.7


@pytest.mark.parametrize(("width", "expected"), [(2.88, 1), (9, 2), (11, 5), (150, 50)])
def test_scale_bar_is_round(width, expected):
    assert scale_bar_arcsec(width) == expected


def test_mosaic_names_classes_survey_and_scale(write_dataset_file):
    path = write_dataset_file(unlabelled=4)
    figure = mosaic_figure(path, PlotSettings(examples_per_class=3))
    assert len(figure.axes) == 9
    rows = [figure.axes[3 * row].get_ylabel() for row in range(3)]
    assert rows == ["non-merger", "merger", "no label"]
    assert figure.axes[3].get_title() == "pre, z = 2.00"
    assert "1 arcsec" in [text.get_text() for text in figure.axes[0].texts]
    title = figure.get_suptitle()
    for part in ("hst noisy", "hst wfc3 acs", "F814W, F160W", "0.06 arcsec per pixel"):
        assert part in title


def test_mosaic_without_a_pixel_scale_has_no_bar(write_dataset_file):
    path = write_dataset_file(
        "sdss", bands=("i", "r", "g"), units="8bit", pixel_scale_arcsec=float("nan")
    )
    figure = mosaic_figure(path, PlotSettings(examples_per_class=2))
    assert not figure.axes[0].texts
    assert "arcsec" not in figure.get_suptitle()


def test_examples_come_from_different_systems_while_they_last(write_dataset_file):
    dataset = read_dataset(write_dataset_file(), None, labels=True)
    dataset.system_id[:] //= 3
    rows = example_rows(dataset, 1, PlotSettings(examples_per_class=5))
    assert (dataset.label[rows] == 1).all()
    assert len(set(dataset.system_id[rows])) == 5
    rows = example_rows(dataset, 1, PlotSettings(examples_per_class=12))
    assert len(set(rows.tolist())) == 12


def test_gradcam_shows_the_same_galaxies_in_both_domains(experiment, factories):
    files = files_by_model(experiment("explain.h5", factories.make_explanation, METHODS))
    figure = gradcam_figure(first_seeds(files), PlotSettings(gradcam_galaxies=2))
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 12  # 2 galaxies x 2 domains x (image + 2 methods)
    assert [axes.get_title() for axes in panels[:6]] == ["image", "source only", "MMD"] * 2
    assert panels[0].get_ylabel() == "source\nmerger"
    assert panels[3].get_ylabel() == "target\nmerger"
    source = read_explanation(next(iter(files.values())), "source")
    merger = int(np.flatnonzero(source.label == 1)[0])
    shown = [text.get_text() for text in panels[1].texts]
    assert shown == [f"p = {source.probability[merger, 1]:.2f}"]
    assert "0.40\n10 %" in labels(figure)
    assert "0.60\n40 %" in labels(figure)


def test_gradcam_shows_every_class_where_there_is_room(experiment, factories):
    explained = ("merger", "non-merger")
    paths = experiment(
        "explain.h5", factories.make_explanation, METHODS, seeds=1, explained=explained
    )
    figure = gradcam_figure(files_by_model(paths), PlotSettings(gradcam_galaxies=1))
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in panels[:5]] == [
        "image",
        *("source only\nmerger", "source only\nnon-merger"),
        *("MMD\nmerger", "MMD\nnon-merger"),
    ]
    texts = [axes.texts[0].get_text() for axes in panels[1:3]]
    assert sum(float(text.removeprefix("p = ")) for text in texts) == pytest.approx(1, abs=0.011)
    many = [*METHODS, "adabn", "dann"]
    paths = experiment(
        "explain.h5", factories.make_explanation, many, seeds=1, explained=explained
    )
    figure = gradcam_figure(files_by_model(paths), PlotSettings(gradcam_galaxies=1))
    assert len([axes for axes in figure.axes if axes.images]) == 2 * 5  # mergers alone


def test_map_that_is_zero_everywhere_has_no_number(experiment, factories):
    (path,) = experiment("explain.h5", factories.make_explanation, ["mmd"], seeds=1)
    with h5py.File(path, "r+") as file:
        file["target/attribution_on_sky"][:] = np.nan
    figure = gradcam_figure(files_by_model([path]), PlotSettings(gradcam_galaxies=1))
    assert "0.60\n\N{EN DASH}" in labels(figure)


def test_old_explanations_are_an_error(experiment, factories):
    (path,) = experiment("explain.h5", factories.make_explanation, ["mmd"], seeds=1)
    with h5py.File(path, "r+") as file:
        del file.attrs["explained_classes"]
    with pytest.raises(Sim2SkyError, match="explained_classes is missing.*sim2sky explain"):
        gradcam_figure(files_by_model([path]), PlotSettings())


def test_attribution_draws_each_class_and_both_domains(factories):
    table = factories.make_attribution(METHODS)
    figure = attribution_figure(table)
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(panels) == [
        f"{domain}, {name}"
        for domain in ("source", "target")
        for name in ("non-merger", "merger", "deletion")
    ]
    profile = panels["target, merger"].lines[1]  # the first is that of an even map
    assert profile.get_xdata() == pytest.approx(np.arange(0.25, 6, 0.5))
    assert len(panels["source, deletion"].lines) == 6  # 2 methods x 3 orders
    # of the first method no map is blank
    assert [text.get_text() for text in panels["target, merger"].texts] == ["blank maps: 25 %"]
    assert "0.05 [0.05, 0.06]" in [text.get_text() for text in figure.axes[-1].texts]


def test_attribution_of_several_seeds_is_their_mean_and_small_points(factories):
    first = factories.make_attribution(METHODS)
    second = first.assign(seed=1, value=first["value"] + 1.0)
    mean = first.assign(seed=-1, value=first["value"] + 0.5)
    figure = attribution_figure(pd.concat([first, second, mean]))
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    expected = mean.query("domain == 'target' and quantity == 'attribution_density'")
    expected = expected[(expected["class"] == "merger") & (expected["method"] == METHODS[0])]
    profile = panels["target, merger"].lines[1]
    assert len(panels["target, merger"].lines) == 1 + len(METHODS)
    assert profile.get_ydata() == pytest.approx(expected.sort_values("radius_r50")["value"])
    numbers = next(a for a in figure.axes if a.get_xlabel().startswith("mean radius"))
    seeds = [line for line in numbers.lines if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in seeds] == [2] * 2 * len(METHODS)
    assert all(np.ptp(line.get_xdata()) == pytest.approx(1.0) for line in seeds)


def test_profile_of_a_single_system_is_not_drawn(factories):
    table = factories.make_attribution(METHODS)
    alone = (table["method"] == "mmd") & (table["class"] == "merger")
    table.loc[alone, "n_systems"] = 1
    panels = {axes.get_title(): axes for axes in attribution_figure(table).axes}
    drawn = [len(line.get_xdata()) for line in panels["source, merger"].lines[1:]]
    assert drawn == [12, 0]


def test_attribution_of_three_classes_and_one_domain_without_numbers(factories):
    table = factories.make_attribution(METHODS)
    third = table[table["class"] == "merger"].assign(**{"class": "ring"})
    gone = (table["quantity"] == "random_weights_correlation") & (table["domain"] == "target")
    figure = attribution_figure(pd.concat([table[~gone], third]))
    assert len([axes for axes in figure.axes if axes.get_title()]) == 8


def test_attribution_without_profile_is_an_error(factories, tmp_path):
    table = factories.make_attribution(METHODS)
    path = tmp_path / "attribution.parquet"
    table[table["quantity"] != "attribution_density"].to_parquet(path)
    with pytest.raises(Sim2SkyError, match="holds no radial profile"):
        read_attribution(path)


def test_gradcam_of_many_methods_puts_the_target_below(experiment, factories):
    methods = ["source_only", "adabn", "mmd", "oracle"]
    files = files_by_model(experiment("explain.h5", factories.make_explanation, methods, seeds=1))
    figure = gradcam_figure(files, PlotSettings(gradcam_galaxies=1))
    first_column = [axes for axes in figure.axes if axes.get_ylabel().endswith("\nmerger")]
    assert [axes.get_ylabel() for axes in first_column] == ["source\nmerger", "target\nmerger"]
    assert "0.40 | 0.60\n10 % | 40 %" in labels(figure)


def test_unpaired_domains_show_their_own_galaxies(experiment, factories):
    paths = experiment("explain.h5", factories.make_explanation, METHODS, seeds=1, paired=False)
    figure = gradcam_figure(files_by_model(paths), PlotSettings(gradcam_galaxies=1))
    assert len([axes for axes in figure.axes if axes.images]) == 6


def test_classes_take_turns(experiment, factories):
    (path,) = experiment("explain.h5", factories.make_explanation, ["mmd"], seeds=1)
    source = read_explanation(path, "source")
    chosen = choose_galaxies([source], 4)
    assert [source.label[source.keys.index(key)] for key in chosen] == [1, 0, 1, 0]
    assert len(choose_galaxies([source], 100)) == 8


def test_models_without_a_common_galaxy_are_an_error(experiment, factories):
    first, second = experiment("explain.h5", factories.make_explanation, METHODS, seeds=1)
    with h5py.File(second, "r+") as file:
        del file["target/galaxy_id"], file["source/galaxy_id"]
        for domain in ("source", "target"):
            file[domain]["galaxy_id"] = [f"elsewhere {row}" for row in range(8)]
    with pytest.raises(Sim2SkyError, match="explain no common galaxy of the source"):
        gradcam_figure(files_by_model([first, second]), PlotSettings())


def test_missing_domain_is_named(experiment, factories):
    (path,) = experiment("explain.h5", factories.make_explanation, ["mmd"], seeds=1)
    with h5py.File(path, "r+") as file:
        del file["target"]
    with pytest.raises(Sim2SkyError, match=r"explain\.h5.*'target' is missing"):
        gradcam_figure(files_by_model([path]), PlotSettings())


def test_latent_planes_hold_every_point_and_the_numbers(experiment, factories):
    files = files_by_model(experiment("latents.h5", factories.make_latents, METHODS))
    chosen = first_seeds(files)
    assert [key.seed for key in chosen] == [0, 0]
    figure = latent_figure(chosen)
    assert len(figure.axes) == 4
    for axes in figure.axes:
        assert sum(len(points.get_offsets()) for points in axes.collections) == 120
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == ["isomap", "t-SNE"]
    texts = [[text.get_text().split("\n") for text in axes.texts] for axes in figure.axes]
    assert "1.87 [1.77, 1.97]" in texts[2][0]
    assert "0.63 [0.53, 0.73]" in texts[3][0]
    values, names = texts[2]
    assert dict(zip(names, values, strict=True))["its p-value"] == "0.034"
    assert [len(each) for each in texts] == [2, 1, 2, 1]  # names stand at the left only
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["non-merger", "merger", "source", "target"]


def test_latents_without_numbers_are_an_error(experiment, factories):
    (path,) = experiment("latents.h5", factories.make_latents, ["mmd"], seeds=1)
    with h5py.File(path, "r+") as file:
        del file.attrs["domain_distance_low"]
    with pytest.raises(Sim2SkyError, match="domain_distance_low is missing.*sim2sky embed"):
        latent_figure(files_by_model([path]))
