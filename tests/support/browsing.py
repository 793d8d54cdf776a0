"""A browser without a network, and what it says of a page."""

import io
import json
import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

# Every text that is seen, by its box and its words; a line of a text of several is one.
TEXTS = """
return [...arguments[0].querySelectorAll("text")].flatMap((text) => {
  const lines = text.querySelectorAll("tspan.line");
  return [...(lines.length ? lines : [text])];
}).filter((one) => one.textContent.trim()).map((one) => {
  const box = one.getBoundingClientRect();
  return {words: one.textContent, left: box.left, right: box.right, top: box.top, bottom: box.bottom};
}).filter((one) => one.right > one.left);
"""

# The boxes of all pictures of pixels, and of the figure.
PIXELS = """
return [...arguments[0].querySelectorAll("image")].map((image) => {
  const box = image.getBoundingClientRect();
  return {left: box.left, right: box.right, top: box.top, bottom: box.bottom};
});
"""
BOX = "const box = arguments[0].getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom];"


def start():
    """A headless browser that resolves no name; skips where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    if CHROMIUM is None or DRIVER is None:
        if os.environ.get("XCORR_TEST_BROWSER") == "required":
            pytest.fail("no Chromium with its driver, and XCORR_TEST_BROWSER=required")
        pytest.skip("no Chromium with its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",  # which Chromium has not for root
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # A sanitizer's library is not for the browser.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return webdriver.Chrome(options, webdriver.ChromeService(executable_path=DRIVER, env=environment))


def set_width(driver, width, height=900):
    """A window of exactly that width, narrower than a real one could be."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def show(driver, path):
    """Open a file and wait until every figure is drawn."""
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(Path(path).resolve().as_uri())
    settle(driver)


def settle(driver):
    driver.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100)));"
    )


def requests(driver):
    """The address of everything that the page has asked for since `show`."""
    events = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


def complaints(driver):
    """What stands in the console."""
    return [entry["message"] for entry in driver.get_log("browser")]


def coloured_share(driver, element):
    """The part of an element's pixels that are not of its most frequent colour."""
    from PIL import Image

    with Image.open(io.BytesIO(element.screenshot_as_png)) as picture:
        colours = picture.convert("RGB").getcolors(picture.width * picture.height)
        return 1 - max(count for count, _ in colours) / (picture.width * picture.height)


def overlaps(texts):
    """Pairs of texts that cross each other by more than a pixel."""
    return [
        (one["words"], other["words"])
        for index, one in enumerate(texts)
        for other in texts[:index]
        if min(one["right"], other["right"]) - max(one["left"], other["left"]) > 1
        and min(one["bottom"], other["bottom"]) - max(one["top"], other["top"]) > 3  # of lines that touch
    ]
