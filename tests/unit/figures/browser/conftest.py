"""A page with made-up points, a real browser, and somebody who looks at it."""

import io
import json
import shutil
import tempfile
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sim2sky.explore.points import as_script
from sim2sky.explore.settings import ExploreSettings
from sim2sky.explore.sheets import write_sheets
from sim2sky.figures.command import figures

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
ActionChains = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains
Service = pytest.importorskip("selenium.webdriver.chrome.service").Service
Wait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars"),
)
PATIENCE = 30  # seconds; no measure of speed
LAPTOP, PHONE = (1280, 800), (390, 844)
CLASSES = ["non-merger", "merger"]
STAGES = ["isolated", "post", "pre"]


def make_points(n, method, shift=0.0):
    """Points of n test images, half of them twins in the target; shift makes them certain."""
    random = np.random.default_rng(0)
    half = n // 2
    domain = np.repeat([0, 1], half)
    truth = np.tile(np.arange(half) % 2, 2)
    odds = np.round(random.normal(-1 + 2 * truth, 1.4) + shift, 5)
    if method == "mmd":
        odds = -odds
    score = np.round(1 / (1 + np.exp(-odds)), 5)
    place = random.uniform(-1, 1, (2, n)).round(4)
    return {
        "method": method,
        "network": "deepmerge",
        "seed": 0,
        "classes": CLASSES,
        "truths": CLASSES,
        "stages": STAGES,
        "domains": ["hst_pristine", "hst_noisy"],
        "explained": "merger",
        "n": n,
        "domain": domain.tolist(),
        "truth": truth.tolist(),
        "stage": np.where(truth == 0, 0, 1 + np.tile(np.arange(half) // 2 % 2, 2)).tolist(),
        "predicted": (score >= 0.5).astype(int).tolist(),
        "id": [f"010-{i:06d}" for i in range(half)] * 2,
        "view": [0] * n,
        "system": np.tile(np.arange(half) // 4, 2).tolist(),
        "evidence": [1] * n,
        "log_odds": odds.tolist(),
        "probability": [(1 - score).round(5).tolist(), score.tolist()],
        "planes": {"isomap": place.tolist(), "tsne": place[::-1].tolist()},
    }


def write_points(folder, points):
    """The folder that `sim2sky explore` writes, each stamp of a colour of its own."""
    folder.mkdir(parents=True)
    n = points["n"]
    sheet, shade = np.divmod(np.arange(n), 128)
    colours = np.stack([60 + shade, 200 - shade, 90 + 20 * (sheet % 4)], axis=1)
    stamps = np.broadcast_to(colours[:, None, None].astype(np.uint8), (n, 16, 16, 3))
    maps = np.zeros((n, 8, 8, 4), dtype=np.uint8)
    maps[:, 2:6, 2:6] = (255, 120, 0, 200)
    settings = ExploreSettings()
    points = points | {
        "stamps": write_sheets(stamps, folder, "stamps", settings),
        "gradcam": write_sheets(maps, folder, "gradcam", settings),
    }
    (folder / "points.js").write_text(as_script(points))


def write_page(root, sizes, table, shift=0.0):
    """A gallery of one experiment with points of some models; returns the page and the points."""
    experiment, points = root / "experiments/noise", {}
    experiment.mkdir(parents=True)
    Image.fromarray(np.full((200, 300), 200, dtype=np.uint8)).save(experiment / "roc.png")
    table.to_parquet(experiment / "table.parquet")
    files = [experiment / "roc.png", experiment / "table.parquet"]
    for method, n in sizes.items():
        folder = experiment / f"models/{method}/deepmerge/0/explore"
        points[method] = make_points(n, method, shift)
        write_points(folder, points[method])
        files.append(folder)
    settings = {"captions": str(root), "benchmarks": str(root / "benchmarks")}
    configuration = {"experiments": {"noise": {"source": "a", "target": "b"}}}
    figures(files, root / "figures", json.dumps(settings), json.dumps(configuration))
    return root / "figures/index.html", points


@pytest.fixture(scope="package")
def browser():
    """Chromium without a window, closed at the end."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is None or shutil.which("chromedriver") is None:
        pytest.skip("no chromium with its driver is installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service(shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        yield driver
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of selenium's own sockets
            driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory, make_result_table):
    """A page with two models of 400 points each."""
    root = tmp_path_factory.mktemp("page")
    return write_page(root, {"source_only": 400, "mmd": 400}, make_result_table)


@pytest.fixture(scope="module")
def make_result_table():
    """A result table of one method."""
    rows = []
    for domain, value in (("source", 0.9), ("target", 0.6)):
        row = {"experiment": "noise", "network": "deepmerge", "method": "source_only"}
        row |= {"domain": domain, "n_seeds": 5, "n_systems": 40}
        for name in ("balanced_accuracy", "recall_non-merger", "recall_merger", "auc"):
            row |= {name: value, f"{name}_low": value - 0.05, f"{name}_high": value + 0.05}
        rows.append(row)
    return pd.DataFrame(rows)


class Reader:
    """Somebody who looks at the page."""

    def __init__(self, driver):
        self.driver = driver
        self.run = driver.execute_script

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def until(self, script, *arguments):
        return Wait(self.driver, PATIENCE, 0.05).until(lambda _: self.run(script, *arguments))

    def open(self, path, phone=False, scheme="light"):
        size = PHONE if phone else LAPTOP
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {
            "features": [
                {"name": "prefers-color-scheme", "value": scheme},
                # no smooth scrolling, under which places change while they are clicked
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ]
        }
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self.driver.get(path.as_uri())
        self.run("localStorage.clear(); document.getElementById('explore').scrollIntoView()")
        self.until("return document.getElementById('explore').dataset.ready")
        self.run("document.querySelector('.map').scrollIntoView({block: 'center'})")

    def hover(self, i):
        """Move the mouse onto a point."""
        canvas = self.find(".map .cursor")
        x, y = self.run("return explorer.map.place(arguments[0])", i)
        size = canvas.size
        offset = (round(x - size["width"] / 2), round(y - size["height"] / 2))
        ActionChains(self.driver, duration=0).move_to_element_with_offset(
            canvas, *offset
        ).perform()

    def pixel(self, selector):
        """The colour in the middle of an element, as it is on the screen."""
        with Image.open(io.BytesIO(self.find(selector).screenshot_as_png)) as image:
            return np.asarray(image.convert("RGB"))[image.height // 2, image.width // 2].tolist()

    def press(self, *keys):
        self.run("document.querySelector('.map .cursor').focus({preventScroll: true})")
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def set_threshold(self, probability):
        self.run(
            "const n = document.getElementById('explore-threshold-number');"
            "n.value = arguments[0]; n.dispatchEvent(new Event('change')); explorer.refresh()",
            probability,
        )

    def counts(self):
        return [
            int(self.run("return arguments[0].textContent", element).replace(",", ""))
            for element in self.driver.find_elements("css selector", ".outcomes b")[:4]
        ]

    def facts(self):
        return self.run(
            "return Object.fromEntries([...document.querySelectorAll('.inspector dl div')]"
            ".map((row) => [row.children[0].textContent, row.children[1].textContent]))"
        )

    def shown(self):
        return self.run("return Number(document.querySelector('.map .points').dataset.drawn)")

    def complaints(self):
        return [entry for entry in self.driver.get_log("browser") if entry["level"] != "INFO"]


@pytest.fixture
def reader(browser):
    """A reader; nothing may have been complained about in the end."""
    browser.get_log("browser")
    found = Reader(browser)
    yield found
    assert found.complaints() == []


@pytest.fixture
def make_page(tmp_path, make_result_table):
    """A function that writes a page of one model with as many points as wanted."""
    return lambda n, shift=0.0: write_page(tmp_path, {"source_only": n}, make_result_table, shift)
