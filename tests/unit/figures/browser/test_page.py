"""The page in a real browser: what a reader does, and what she then sees."""

import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
ActionChains = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains

CLASSES = ["non-merger", "merger"]
STAGES = ["isolated", "post", "pre"]
SHOWN = "return document.querySelector('canvas[data-picture={}]').dataset.shown === '{}'"


def odds(probability):
    return np.log(probability / (1 - probability))


def expected_counts(points, threshold, member=None):
    """TP, FN, FP, TN at a threshold in log-odds."""
    score, truth = np.array(points["log_odds"]), np.array(points["truth"])
    member = np.ones(len(truth), dtype=bool) if member is None else member
    called = score >= threshold
    return [
        int((member & (truth == label) & (called == answer)).sum())
        for label, answer in ((1, True), (1, False), (0, True), (0, False))
    ]


def test_hovering_shows_stamp_evidence_and_facts(reader, page):
    path, points = page
    reader.open(path)
    one = points["source_only"]
    for i in (7, 230):
        reader.hover(i)
        shown = reader.run("return explorer.map.hovered")
        places = [reader.run(f"return explorer.map.place({k})") for k in (i, shown)]
        assert np.abs(np.subtract(*places)).max() < 2  # it, or one that lies on top of it
        for picture in ("stamp", "gradcam"):
            reader.until(SHOWN.format(picture, shown))
        facts = reader.facts()
        assert facts["galaxy"] == one["id"][shown]
        assert facts["true class"].startswith(CLASSES[one["truth"][shown]])
        assert facts["probability"] == f"merger {one['probability'][1][shown]:.3f}"
        assert facts["domain"].startswith("source" if shown < 200 else "target")
        sheet, shade = divmod(shown, 128)
        colour = [60 + shade, 200 - shade, 90 + 20 * sheet]  # of this stamp alone
        assert reader.pixel("canvas[data-picture=stamp]") == pytest.approx(colour, abs=12)


def test_keys_lead_from_point_to_point_and_to_the_twin(reader, page):
    path, points = page
    reader.open(path)
    reader.press(Keys.ARROW_RIGHT)
    first = reader.run("return explorer.map.chosen")
    x, y = points["source_only"]["planes"]["isomap"]
    assert first >= 0
    for key, axis, sign in (
        (Keys.ARROW_RIGHT, x, 1),
        (Keys.ARROW_UP, y, 1),
        (Keys.ARROW_LEFT, x, -1),
        (Keys.ARROW_DOWN, y, -1),
    ):
        reader.press(key)
        after = reader.run("return explorer.map.chosen")
        assert sign * (axis[after] - axis[first]) > 0
        first = after
    reader.press("t")
    twin = reader.run("return explorer.map.chosen")
    assert twin == (first + 200) % 400
    assert points["source_only"]["id"][twin] in reader.find("#explore-spoken").get_attribute(
        "textContent"
    )
    assert reader.run("return document.activeElement.className") == "cursor"
    reader.press(Keys.ESCAPE)
    assert reader.run("return explorer.map.chosen") == -1
    reader.press("+")
    assert reader.run("return explorer.map.view.zoom") > 1


def test_counts_and_rates_follow_the_threshold(reader, page):
    path, points = page
    reader.open(path)
    one = points["source_only"]
    for threshold in (0.5, 0.2, 0.803):
        reader.set_threshold(threshold)
        tp, fn, fp, tn = expected_counts(one, odds(threshold))
        assert reader.counts() == [tp, fn, fp, tn]
        rates = [
            float(reader.find(f"[data-score={name}]").text.split()[0])
            for name in ("completeness", "purity", "purity_at_prior")
        ]
        hit, alarm = tp / (tp + fn), fp / (fp + tn)
        at_prior = 0.02 * hit / (0.02 * hit + 0.98 * alarm)
        assert rates == pytest.approx([hit, tp / (tp + fp), at_prior], abs=5e-4)
        interval = (
            "return document.querySelector('[data-score=completeness] .interval').textContent"
        )
        text = reader.until(interval)
        low, high = map(float, text.strip(" []").split(", "))
        assert low < hit < high
    reader.run(
        "const p = document.getElementById('explore-prior'); p.value = 50;"
        "p.dispatchEvent(new Event('input'))"
    )
    value = float(reader.find("[data-score=purity_at_prior]").text.split()[0])
    assert value == pytest.approx(hit / (hit + alarm), abs=5e-4)


def test_curve_has_the_area_of_the_points_and_moves_the_threshold(reader, page):
    path, points = page
    reader.open(path)
    one = points["source_only"]
    truth, score = np.array(one["truth"]), np.array(one["probability"][1])
    text = reader.run("return document.getElementById('explore-roc').getAttribute('aria-label')")
    for name, rows in (("source", slice(200)), ("target", slice(200, 400))):
        area = float(re.search(f"{name}: area ([0-9.]+)", text)[1])
        assert area == pytest.approx(roc_auc_score(truth[rows], score[rows]), abs=6e-4)
    before = reader.counts()
    reader.run("document.getElementById('explore-roc').scrollIntoView({block: 'center'})")
    ActionChains(reader.driver, duration=0).move_to_element_with_offset(
        reader.find("#explore-roc"), 40, -60
    ).click().perform()
    threshold = reader.until("return explorer.threshold")
    reader.run("explorer.refresh()")
    assert reader.counts() == expected_counts(one, threshold)
    assert reader.counts() != before


def test_filters_by_domain_class_stage_and_outcome(reader, page):
    path, points = page
    reader.open(path)
    one = points["source_only"]
    domain, stage = np.array(one["domain"]), np.array(one["stage"])
    reader.find("#explore-filters input[value='domain:source']").click()
    assert reader.shown() == 200
    assert reader.counts() == expected_counts(one, 0.0, domain == 1)
    reader.find("#explore-filters input[value='stage:pre']").click()
    member = (domain == 1) & (stage != STAGES.index("pre"))
    assert reader.shown() == member.sum()
    assert reader.counts() == expected_counts(one, 0.0, member)
    missed = reader.counts()[1]
    reader.find(".outcomes [data-outcome=FN]").click()
    assert reader.shown() == member.sum() - missed
    assert reader.counts() == expected_counts(one, 0.0, member)  # hidden, still counted
    reader.find("#explore-filters input[value='truth:merger']").click()
    assert reader.counts()[:2] == [0, 0]
    assert "needs both classes" in reader.find("#explore-roc").get_attribute("textContent")
    assert "200" not in reader.find("#explore-status").text.split(" of ")[0]


def test_another_model_keeps_the_image_and_shares_the_stamps(reader, page):
    path, _ = page
    reader.open(path)
    reader.run("explorer.choose(33)")
    before = reader.facts()
    reader.run(
        "const m = document.querySelector('#explore-tools select[name=model]');"
        "m.selectedIndex = 1; m.dispatchEvent(new Event('change'))"
    )
    reader.until("return document.getElementById('explore').dataset.ready.includes('mmd')")
    after = reader.facts()
    assert after["galaxy"] == before["galaxy"]
    assert after["probability"] != before["probability"]
    sheets = [*(path.parent / "explore").glob("stamps_*.webp")]
    assert len(sheets) == 4  # of 128 pictures each, for both models
    assert reader.run(
        "return performance.getEntriesByType('resource')"
        ".every((entry) => entry.name.startsWith('file:') || entry.name.startsWith('data:'))"
    )


@pytest.mark.parametrize("phone", [False, True], ids=["laptop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_overflow_and_readable_in_both_schemes(reader, page, phone, scheme):
    path, _ = page
    reader.open(path, phone=phone, scheme=scheme)
    reader.run("explorer.choose(5)")
    assert reader.run("return document.documentElement.scrollWidth <= innerWidth")
    wide = reader.run(
        "return [...document.querySelectorAll('#explore *, #claims *')]"
        ".filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML)"
    )
    assert wide == []
    background, text = (
        reader.run(f"return getComputedStyle(document.body).{name}")
        for name in ("backgroundColor", "color")
    )
    dark = [sum(map(int, value[4:-1].split(","))) < 384 for value in (background, text)]
    assert dark == [scheme == "dark", scheme == "light"]


def test_colours_are_chosen_by_hand_and_remembered(reader, page):
    path, _ = page
    reader.open(path)
    background = "return getComputedStyle(document.body).backgroundColor"
    light = reader.run(background)
    for expected in ("light", "dark"):
        reader.run("document.getElementById('theme').click()")
        assert reader.find("#theme span").get_attribute("textContent") == expected
    assert reader.run(background) != light
    reader.driver.refresh()
    assert reader.run("return document.documentElement.dataset.theme") == "dark"
    reader.run("localStorage.clear()")


def test_a_tap_chooses_on_a_phone(reader, page):
    path, points = page
    reader.open(path, phone=True)
    x, y = reader.run("return explorer.map.place(12)")
    box = reader.run("return document.querySelector('.map .cursor').getBoundingClientRect()")
    touch = {"touchPoints": [{"x": box["left"] + x, "y": box["top"] + y}]}
    reader.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", **touch})
    end = {"type": "touchEnd", "touchPoints": []}
    reader.driver.execute_cdp_cmd("Input.dispatchTouchEvent", end)
    chosen = reader.until("return explorer.map.chosen >= 0 && explorer.map.chosen + 1") - 1
    assert reader.facts()["galaxy"] == points["source_only"]["id"][chosen]


def test_tables_sort_and_figures_enlarge(reader, page):
    path, _ = page
    reader.open(path)
    rows = (
        "return [...document.querySelectorAll('#experiment-noise tbody tr')]"
        ".map((row) => row.cells[1].textContent)"
    )
    reader.run("document.querySelectorAll('#experiment-noise thead button')[1].click()")
    assert reader.run(rows) == ["source", "target"]
    reader.run("document.querySelectorAll('#experiment-noise thead button')[1].click()")
    assert reader.run(rows) == ["target", "source"]
    reader.run("document.querySelector('a.zoom').click()")
    assert reader.run("return document.getElementById('lightbox').open")


def test_twenty_thousand_points_stay_usable(reader, make_page):
    path, points = make_page(20_000)
    one = points["source_only"]
    reader.open(path)
    assert reader.shown() == 20_000
    reader.set_threshold(0.4)
    assert reader.counts() == expected_counts(one, odds(0.4))
    reader.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    chosen = reader.run("return explorer.map.chosen")
    reader.until(SHOWN.format("stamp", chosen))
    assert reader.facts()["galaxy"] == one["id"][chosen]
    loaded = reader.run("return explorer.inspector.sheets.size")
    assert loaded <= 8  # of 314: the sheets of the images that were looked at


def test_of_three_classes_the_last_stands_against_the_rest(reader, page):
    """A class that the model does not know and a missing label are not counted."""
    reader.open(page[0])
    data = {
        "n": 6,
        "classes": ["spiral", "elliptical", "merger"],
        "truths": ["spiral", "elliptical", "merger", "odd"],
        "domain": [0, 0, 0, 1, 1, 1],
        "truth": [2, 0, 1, 2, 3, -1],
        "id": ["a", "b", "c", "a", "d", "e"],
        "view": [0, 0, 0, 1, 0, 0],
        "system": [0, 1, 2, 0, 3, 4],
        "log_odds": [2.0, 0.4, -1.4, -0.4, 2.0, 2.0],
    }
    counts, twins, curve = reader.run(
        "const points = new Points(arguments[0]), all = new Uint8Array(6).fill(1);"
        "return [points.counts(0, all), [...points.twin], points.roc(all)]",
        data,
    )
    assert counts == [1, 1, 1, 1, 2]
    assert twins == [-1] * 6  # another view is another image
    assert curve["area"] == pytest.approx(roc_auc_score([1, 0, 0, 1], [2.0, 0.4, -1.4, -0.4]))


def test_certain_networks_are_told_apart_and_the_slider_reaches_them(reader, make_page):
    path, points = make_page(40, shift=30.0)
    one = points["source_only"]
    reader.open(path)
    assert reader.counts() == [20, 0, 20, 0]
    assert set(one["probability"][1]) == {1.0}
    text = reader.run("return document.getElementById('explore-roc').getAttribute('aria-label')")
    area = roc_auc_score(one["truth"][20:], one["log_odds"][20:])
    assert f"target: area {area:.3f}" in text
    slider = reader.find("#explore-threshold")
    assert float(slider.get_attribute("max")) > 30
    reader.run(
        "const s = arguments[0]; s.value = 30; s.dispatchEvent(new Event('input'));"
        "explorer.refresh()",
        slider,
    )
    called = np.array(one["log_odds"]) >= 30
    assert sum(reader.counts()[::2]) == called.sum()
    assert 0 < called.sum() < 40
