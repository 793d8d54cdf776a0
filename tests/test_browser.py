"""The demonstration's page and single figures in a browser without a network: they are drawn, they fit, all is read."""

import io
from collections import Counter
from typing import NamedTuple

import browsing
import looping
import numpy as np
import pytest

pytest.importorskip("selenium")
pytest.importorskip("PIL")
pytest.importorskip("plotly")

from demonstration import N_FIGURES, PHOTOGRAPH, few_outcomes
from PIL import Image
from plotly.offline import get_plotlyjs

import xcorr
from xcorr import banks, datasets, plot
from xcorr._cli import report

RNG = np.random.default_rng(11)
DIGITS = datasets.load_digits_sample().images[:12].astype(np.float32)
TILES = datasets.load_colour_sample().images[:4].astype(np.float32)


@pytest.fixture(scope="module")
def driver():
    driver = browsing.start()
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report.page(few_outcomes(), PHOTOGRAPH, [], [], 2), "utf-8")
    return path


class Opened(NamedTuple):
    """The page in a window, and what was asked for and complained about meanwhile."""

    width: int
    requests: list[str]
    complaints: list[str]


@pytest.fixture(scope="module", params=[1280, 800, 480, 360])
def opened(request, driver, page):
    browsing.set_width(driver, request.param)
    browsing.show(driver, page)
    return Opened(request.param, browsing.requests(driver), browsing.complaints(driver))


OF_TIMES = 5  # the place among the figures of the one without pictures


def plots(driver):
    return driver.find_elements("class name", "plot")


# --- the page ---------------------------------------------------------------------------------------------------------


def test_page_opens_without_a_network_and_without_complaints(driver, page, opened):
    assert driver.title == "xcorr demo"
    assert opened.complaints == []
    assert opened.requests[0] == page.as_uri()
    assert all(address.startswith(("data:", "blob:")) for address in opened.requests[1:])


def test_every_figure_is_drawn(driver, opened):
    found = plots(driver)
    assert len(found) == N_FIGURES
    for index, element in enumerate(found):
        assert element.size["height"] > 100
        assert browsing.coloured_share(driver, element) > 0.02, f"figure {index} is blank"
        if index != OF_TIMES:
            pixels = driver.execute_script(browsing.PIXELS, element)
            assert pixels
            assert all(one["right"] - one["left"] > 50 for one in pixels)


def test_page_is_never_wider_than_the_window_and_figures_fit(driver, opened):
    assert driver.execute_script("return document.documentElement.scrollWidth") <= opened.width
    for element in plots(driver):
        frame = element.find_element("xpath", "..")
        assert driver.execute_script("return arguments[0].scrollWidth <= arguments[0].clientWidth + 1", frame)


def test_no_text_of_a_figure_is_cut_or_crosses_another(driver, opened):
    for element in plots(driver):
        assert_texts_are_readable(driver, element)


def test_photographs_are_shown_in_whole_lines_of_equal_size(driver, opened):
    for row in driver.find_elements("class name", "photographs"):
        pictures = row.find_elements("tag name", "img")
        sizes = [(one.size["width"], one.size["height"]) for one in pictures]
        assert max(abs(width - height) for width, height in sizes) <= 1
        assert max(sizes)[0] - min(sizes)[0] <= 1
        assert min(sizes)[0] >= 140
        assert all(driver.execute_script("return arguments[0].naturalWidth", one) > 200 for one in pictures)
        lines = Counter(one.location["y"] for one in pictures)
        assert len(set(lines.values())) == 1, lines


EDGES = """
const [frame, left] = arguments;
frame.scrollLeft = left;
return [frame.scrollLeft, frame.clientWidth, frame.scrollWidth];
"""


def darkness_at_the_right(driver, frame):
    """How much darker the last pixels of a frame are than those in the middle, in the least dark of their lines."""
    with Image.open(io.BytesIO(frame.screenshot_as_png)) as file:
        pixels = np.asarray(file.convert("L")).astype(int)
    middle = slice(len(pixels) // 3, 2 * len(pixels) // 3)
    return int(pixels.max()) - int(pixels[middle, -4:-2].max())


def test_table_shows_by_words_and_a_shadow_that_it_goes_on(driver, opened):
    frame, hint = driver.find_element("class name", "wide"), driver.find_element("id", "hint")
    _, seen, whole = driver.execute_script(EDGES, frame, 0)
    assert hint.is_displayed() == (whole > seen)
    if opened.width <= 480:
        assert whole > seen
    if whole > seen:
        assert "scroll it sideways" in hint.text
        assert darkness_at_the_right(driver, frame) > 20
    place, _, _ = driver.execute_script(EDGES, frame, whole)
    assert place == pytest.approx(whole - seen, abs=1)
    assert darkness_at_the_right(driver, frame) < 5
    step = frame.find_element("css selector", "tbody th")
    assert step.location["x"] == pytest.approx(frame.location["x"], abs=2), "the steps' names stay"
    driver.execute_script(EDGES, frame, 0)


def test_table_that_is_seen_whole_says_nothing(driver, page):
    browsing.set_width(driver, 2000)
    browsing.show(driver, page)
    driver.execute_script("document.body.style.maxWidth = 'none'; dispatchEvent(new Event('resize'))")
    browsing.settle(driver)
    frame, hint = driver.find_element("class name", "wide"), driver.find_element("id", "hint")
    _, seen, whole = driver.execute_script(EDGES, frame, 0)
    assert whole <= seen
    assert not hint.is_displayed()
    assert darkness_at_the_right(driver, frame) < 5


def drawn_widths(driver):
    """Of the drawings themselves; what holds them takes whatever width there is."""
    return [element.find_element("class name", "main-svg").size["width"] for element in plots(driver)]


def test_figures_are_laid_out_anew_when_the_window_changes(driver, page):
    browsing.set_width(driver, 1280)
    browsing.show(driver, page)
    wide = drawn_widths(driver)
    browsing.set_width(driver, 480)
    browsing.settle(driver)
    narrow = drawn_widths(driver)
    assert max(narrow) <= 480
    assert sum(narrow) < 0.7 * sum(wide)
    browsing.set_width(driver, 1280)
    browsing.settle(driver)
    assert drawn_widths(driver) == wide
    assert browsing.complaints(driver) == []


def test_markup_in_names_does_nothing(driver, tmp_path):
    from dataclasses import replace

    evil = "</script><script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
    outcomes = [replace(outcome, step=replace(outcome.step, title=evil)) for outcome in few_outcomes()]
    (tmp_path / "report.html").write_text(report.page(outcomes, PHOTOGRAPH, [evil], [evil], 2), "utf-8")
    browsing.show(driver, tmp_path / "report.html")
    assert driver.title == "xcorr demo"
    assert len(plots(driver)) == N_FIGURES
    assert browsing.complaints(driver) == []


# --- single figures ---------------------------------------------------------------------------------------------------


def bank(n_kernels, side=7):
    return RNG.normal(size=(n_kernels, side, side)).astype(np.float32)


def responses(n_kernels, n_images=1):
    images = DIGITS[:n_images]
    return plot.responses, (images, xcorr.correlate(images, bank(n_kernels), layout="NHW")), {"layout": "NHW"}


def compared(n_kernels):
    response = xcorr.correlate(DIGITS[:1], bank(n_kernels), layout="NHW")
    other = response + RNG.normal(scale=1e-5, size=response.shape)
    return plot.compare, (response, other), {"names": ["xcorr", "SciPy"], "max_facets": 90}


def not_finite():
    kernels = bank(3, 5)
    kernels[0, 1, 2], kernels[1, 3, 4], kernels[2, 0, 0] = np.nan, np.inf, -np.inf
    return plot.bank, (kernels,), {"layout": "NHW"}


CASES = {
    **{f"bank of {n}": (plot.bank, (bank(n),), {"layout": "NHW"}, n) for n in (1, 6, 20, 48)},
    **{f"{n} kernels": (*responses(n), n + 1) for n in (1, 5, 19, 47)},
    **{f"compare {n}": (*compared(n), 3 * n) for n in (1, 2, 7, 16)},
    "batch": (*responses(4, 9), 45),
    "colours": (plot.responses, (TILES, xcorr.correlate(TILES, RNG.normal(size=(2, 5, 5, 3)))), {}, 12),
    "gabor": (plot.bank, (banks.gabor(),), {}, 40),
    "leung-malik": (plot.bank, (banks.leung_malik(),), {}, 48),
    "channels": (plot.bank, (RNG.normal(size=(4, 3, 3, 5)),), {}, 20),
    "long names": (plot.bank, (bank(6),), {"layout": "NHW", "names": ["a name that is much too long"] * 6}, 6),
    "windows": (plot.windows, (DIGITS[0], (3, 3)), {}, 1),
    "wide windows": (plot.windows, (DIGITS[0, :9], (7, 7)), {"stride": 2}, 1),
    "colour windows": (plot.windows, (TILES[0].astype(np.uint8), (5, 5)), {"stride": 3, "layout": "NHWC"}, 2),
    "wide images": (plot.responses, (np.ones((40, 170)), RNG.normal(size=(38, 168, 3))), {}, 4),
    "tall images": (plot.responses, (np.ones((170, 40)), RNG.normal(size=(168, 38, 3))), {}, 4),
    "long kernels": (plot.bank, (RNG.normal(size=(3, 1, 101)),), {"layout": "NHW"}, 3),
    "small values": (plot.compare, (np.eye(4), np.eye(4) * (1 + 1e-12)), {"names": ["one", "another"]}, 3),
    "not finite": (*not_finite(), 6),
}


def assert_texts_are_readable(driver, element):
    """Every text lies in the figure, none over another, none over the pixels but the names of what is not finite."""
    left, top, right, bottom = driver.execute_script(browsing.BOX, element)
    texts = driver.execute_script(browsing.TEXTS, element)
    assert texts
    for text in texts:
        assert left - 1 <= text["left"] < text["right"] <= right + 1, text
        assert top - 1 <= text["top"] < text["bottom"] <= bottom + 1, text
    assert browsing.overlaps(texts) == []
    for box in driver.execute_script(browsing.PIXELS, element):
        over = browsing.overlaps([{**box, "words": "pixels"}, *texts])
        assert {words for words, other in over if other == "pixels"} <= {"NaN", "inf", "-inf"}


@pytest.fixture(scope="module")
def blank(driver, tmp_path_factory):
    """A page that has nothing but plotly's script."""
    path = tmp_path_factory.mktemp("figures") / "blank.html"
    start = '<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><body style="margin: 0">'
    path.write_text(f"{start}<div></div><script>{get_plotlyjs()}</script>", "utf-8")
    browsing.show(driver, path)
    return path


def drawn(driver, blank, figure):
    """The element that shows a figure, and the boxes of its pictures."""
    if driver.current_url != blank.as_uri():
        browsing.show(driver, blank)
    browsing.set_width(driver, figure.layout.width + 40, figure.layout.height + 40)
    driver.execute_async_script(DRAW, figure.to_json())
    browsing.settle(driver)
    element = driver.find_element("tag name", "div")
    return element, driver.execute_script(browsing.PIXELS, element)


DRAW = """
const [json, done] = arguments;
const place = document.createElement("div");
document.querySelector("div").replaceWith(place);
const {data, layout} = JSON.parse(json);
Plotly.newPlot(place, data, layout, {displayModeBar: false}).then(() => done());
"""


@pytest.mark.parametrize(("name", "width"), looping.drawn(2, CASES, [960, 440]))
def test_figure_is_drawn_with_square_pixels_and_readable_texts(driver, blank, name, width):
    function, operands, keywords, n_pictures = CASES[name]
    figure = function(*operands, **keywords, width=width)
    assert figure.layout.width <= width
    element, boxes = drawn(driver, blank, figure)
    assert browsing.complaints(driver) == []
    assert browsing.coloured_share(driver, element) > 0.02
    assert_texts_are_readable(driver, element)
    assert len(boxes) == n_pictures
    if name == "long kernels":
        return
    for trace, box in zip(figure.data, boxes):  # of one order where the order matters, of one shape where not
        if trace.type == "heatmap":
            rows, columns = trace.z.shape
            sides = (box["right"] - box["left"]) / columns, (box["bottom"] - box["top"]) / rows
            assert sides[0] == pytest.approx(sides[1], rel=0.08)


def said_at(driver, element, box, row, column, shape):
    """What a pixel of a picture says when it is pointed at."""
    left, top, right, bottom = driver.execute_script(browsing.BOX, element)
    x = box["left"] + (column + 0.5) * (box["right"] - box["left"]) / shape[1] - (left + right) / 2
    y = box["top"] + (row + 0.5) * (box["bottom"] - box["top"]) / shape[0] - (top + bottom) / 2
    from selenium.webdriver import ActionChains

    ActionChains(driver).move_to_element_with_offset(element, round(x), round(y)).perform()
    browsing.settle(driver)
    return " ".join(one.text for one in element.find_elements("css selector", ".hovertext tspan, .hovertext text.name"))


def test_pointing_at_a_pixel_says_its_row_column_and_value(driver, blank):
    image = np.arange(30.0).reshape(5, 6)
    kernel = image * 2
    kernel[3, 4] = np.nan
    element, boxes = drawn(driver, blank, plot.responses(image, kernel, names=["k"]))
    assert "row 1, column 4 10" in said_at(driver, element, boxes[0], 1, 4, (5, 6))
    said = said_at(driver, element, boxes[1], 2, 5, (5, 6))
    assert "row 2, column 5 34" in said
    assert "k, 1 NaN" in said
    assert "row 3, column 4 NaN" in said_at(driver, element, boxes[1], 3, 4, (5, 6))


def test_pointing_at_colours_says_them(driver, blank):
    tile = TILES[0].astype(np.uint8)[:5, :6]
    element, boxes = drawn(driver, blank, plot.responses(tile, np.ones((3, 3))))
    red, green, blue = tile[3, 1]
    assert f"row 3, column 1 red, green, blue {red}, {green}, {blue}" in said_at(
        driver, element, boxes[0], 3, 1, (5, 6)
    )


@pytest.mark.parametrize("is_colour", [False, True])
def test_pointing_at_a_window_says_window_and_tap(driver, blank, is_colour):
    tile = TILES[0].astype(np.uint8)[:9, :9]
    image = tile if is_colour else tile[..., 0]
    element, boxes = drawn(driver, blank, plot.windows(image, (3, 3), stride=3, layout="NHWC" if is_colour else "NHW"))
    words = "window row 1, column 2 tap row 2, column 0"
    value = "red, green, blue " + ", ".join(map(str, tile[5, 6])) if is_colour else str(image[5, 6])
    assert f"{words} {value}" in said_at(driver, element, boxes[0], 4 + 2, 8, (11, 11))
    assert said_at(driver, element, boxes[0], 3, 3, (11, 11)) == ""
