"""Draws docs/demo.png: a picture, kernels of a bank, and below each its response.

    python docs/draw_demo.py docs/demo.png

It needs the extra ``browser`` and Chromium, which makes a picture of the figures.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from plotly.offline import get_plotlyjs
from selenium import webdriver

import xcorr
from xcorr import banks, plot

WIDTH, GAP, MARGIN = 960, 10, 12
CHOSEN = [12, 14, 16, 30, 33, 41]


def astronaut() -> np.ndarray:
    """The sample's 64 tiles put together again, as brightness (256, 256)."""
    tiles = xcorr.datasets.load_colour_sample().images.astype(np.float32) / 255
    picture = tiles.reshape(8, 8, 32, 32, 3).swapaxes(1, 2).reshape(256, 256, 3)
    return picture @ np.array([0.299, 0.587, 0.114], np.float32)


def page() -> str:
    """The two figures, one below the other, so that a kernel stands above its response."""
    kernels, every_name = banks.leung_malik(size=31)[CHOSEN], banks.names("leung-malik", size=31)
    image, names = astronaut(), [every_name[kernel] for kernel in CHOSEN]
    response = xcorr.correlate(image, kernels, padding="same", boundary="reflect")
    column = (WIDTH - 2 * MARGIN + GAP) / (len(names) + 1)
    title = "Six of the 48 kernels of the Leung-Malik bank, 31x31"
    above = plot.bank(kernels, layout="NHW", names=names, title=title, width=int(WIDTH - column))
    title = "An image and the responses: xcorr.correlate(image, kernels, padding='same', boundary='reflect')"
    below = plot.responses(image, response, names=names, title=title, width=WIDTH)
    parts = [
        figure.to_html(include_plotlyjs=False, full_html=False, config={"displayModeBar": False})
        for figure in (above, below)
    ]
    return (
        f'<meta charset="utf-8"><script>{get_plotlyjs()}</script><body style="margin: 0">'
        f'<main style="width: {WIDTH}px"><div style="margin-left: {column}px">{parts[0]}</div>{parts[1]}</main>'
    )


def main(target: str) -> None:
    """Write the picture in 256 colours, with 1.5 pixels for one of a plain screen."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--force-device-scale-factor=1.5"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(executable_path=shutil.which("chromedriver")))
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.html"
            path.write_text(page(), "utf-8")
            driver.set_window_size(WIDTH, 1000)
            driver.get(path.as_uri())
            picture = driver.find_element("tag name", "main").screenshot_as_png
    finally:
        driver.quit()
    with Image.open(io.BytesIO(picture)) as whole:
        whole.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(target, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
