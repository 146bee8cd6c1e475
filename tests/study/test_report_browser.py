"""The report shows without errors in a real browser: headless Chromium, driven by selenium."""

import json
import shutil
from itertools import pairwise

import pytest
from conftest import require_or_skip
from selenium import webdriver

from nmf_accel.study import StudySettings, run_study

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
IMAGES = """
return Promise.all([...document.images].map(
    image => image.decode().then(() => image.naturalWidth, () => 0)));
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    run_study(StudySettings("sprites", n_images=30, ranks=(2, 4), max_iter=10), out)
    return out / "report.html"


@pytest.fixture(scope="module")
def open_page(tmp_path_factory):
    """``open_page(path, width)``: a browser that shows the file in a window of that width."""
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in found.items() if path is None]
    reason = f"{' and '.join(missing)} not found; apt-get install chromium chromium-driver"
    require_or_skip("chromium", not missing, reason)
    options = webdriver.ChromeOptions()
    options.binary_location = found["chromium"]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(found["chromedriver"]))

    def show(path, width):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        for kind in ("browser", "performance"):
            driver.get_log(kind)  # reading empties it
        driver.get(path.as_uri())
        return driver

    yield show
    driver.quit()


def requests(driver):
    """Addresses that the page asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def test_no_errors_and_no_network(open_page, report):
    driver = open_page(report, 1280)
    widths = driver.execute_script(IMAGES)
    assert len(widths) > 15
    assert min(widths) > 0
    assert driver.get_log("browser") == []
    asked = requests(driver)
    assert report.as_uri() in asked
    assert [url for url in asked if not url.startswith("data:") and url != report.as_uri()] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(open_page, report, width):
    driver = open_page(report, width)
    assert driver.execute_script("return window.innerWidth") == width
    assert driver.execute_script(OVERFLOW) == 0


def test_headings_and_contents(open_page, report):
    driver = open_page(report, 1280)
    links = driver.execute_script(
        "return [...document.querySelectorAll('nav a')].map(a => document.querySelector("
        "a.getAttribute('href')) !== null)"
    )
    assert len(links) == 4
    assert all(links)
    levels = driver.execute_script(
        "return [...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])"
    )
    assert levels.count(1) == 1
    assert max(b - a for a, b in pairwise(levels)) == 1
    assert driver.execute_script("return [...document.images].every(image => image.alt)")


def test_a_broken_page_would_be_noticed(open_page, report, tmp_path):
    page = report.read_text()
    broken = tmp_path / "broken.html"
    broken.write_text(
        page.replace("</body>", '<p style="width:999px">wide</p><img src="gone.png"></body>')
    )
    driver = open_page(broken, 390)
    assert min(driver.execute_script(IMAGES)) == 0
    assert driver.execute_script(OVERFLOW) > 0
    assert driver.get_log("browser") != []
    assert [url for url in requests(driver) if url.endswith("gone.png")]
