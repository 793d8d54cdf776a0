"""Contact sheets of `xcorr apply`: the image first, each response by its scale beside its kernel, and nothing cut."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from applying import apply
from checks import SEED
from PIL import Image

import xcorr
from xcorr import banks, datasets
from xcorr._cli import bank_file, sheet, tiles

pytestmark = pytest.mark.usefixtures("here")

GREY = np.array(tiles.COLOURS["grey"])
MAGENTA = (255, 0, 255)


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 25])


@pytest.fixture
def photograph():
    whole = datasets.load_colour_sample().images.reshape(8, 8, 32, 32, 3).swapaxes(1, 2).reshape(256, 256, 3)
    Image.fromarray(whole).save("photograph.png")
    return whole


class Drawn(NamedTuple):
    """A sheet's pixels, its tiles' places, and what is written in it as (lines, corner, widest that is allowed)."""

    pixels: np.ndarray
    places: sheet.Places
    texts: list[str]
    boxes: list[tuple[float, float, float, float]]

    def tile(self, place, shape, image=0):
        left, top = self.places.corner(image, place)
        return self.pixels[top + self.places.header :, left:][: shape[0], : shape[1]].astype(int)

    def kernel(self, place, shape):
        left, top = self.places.corner(0, place)
        return self.pixels[top + 1 :, left + 1 :][: shape[0], : shape[1]].astype(int)


@pytest.fixture
def draw(monkeypatch):
    """Make the sheet of an image file, and see where tiles and texts are."""
    seen = {}
    places_for, write = sheet.places_for, sheet.Pen.write

    def keep_places(*arguments):
        seen["places"] = places_for(*arguments)
        return seen["places"]

    def keep_texts(pen, draw, corner, lines, colour):
        for number, line in enumerate(lines):
            top = corner[1] + number * sheet.LINE
            seen["texts"].append(line)
            seen["boxes"].append(tuple(pen.font.getbbox(line)[i] + (corner[0], top)[i % 2] for i in range(4)))
        write(pen, draw, corner, lines, colour)

    monkeypatch.setattr(sheet, "places_for", keep_places)
    monkeypatch.setattr(sheet.Pen, "write", keep_texts)

    def make(name, *options, bank="bank.npy", out="out"):
        seen.update(texts=[], boxes=[])
        apply(name, "--format", "sheet", *options, bank=bank, out=out)
        with Image.open(f"{out}/{name}.sheet.png") as file:
            pixels = np.asarray(file)
        return Drawn(pixels, seen["places"], seen["texts"], seen["boxes"])

    return make


def by_scale(response, end):
    """Grey at 0, black at -end, white at end."""
    shares = np.clip(np.asarray(response, np.float64) / end, -1, 1)[..., np.newaxis]
    return GREY[1] + np.abs(shares) * (np.where(shares < 0, GREY[0], GREY[2]) - GREY[1])


def usual_end(response):
    return np.quantile(np.abs(response), 1 - 1 / 200)


# --- what is drawn ----------------------------------------------------------------------------------------------------


def test_image_comes_first_then_its_responses_each_by_its_own_scale(photograph, draw):
    bank = np.stack([banks.sobel()[0], 1000 * banks.sobel()[1]])
    np.save("bank.npy", bank)
    drawn = draw("photograph.png", "--channels", "grey")
    np.testing.assert_array_equal(drawn.tile(0, (256, 256)), photograph)
    brightness = photograph.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    response = xcorr.correlate(brightness, bank, layout="NHW")
    for kernel in range(2):
        wanted = by_scale(response[..., kernel], usual_end(response[..., kernel]))
        assert np.abs(drawn.tile(1 + kernel, (254, 254)) - wanted).max() < 0.6
    assert "image" in drawn.texts
    assert "256x256" in drawn.texts


def test_responses_share_a_scale_when_asked_for_with_zero_in_the_middle(photograph, draw):
    bank = np.stack([banks.sobel()[0], banks.sobel()[1] / 2])
    np.save("bank.npy", bank)
    np.save("image.npy", photograph[..., 0])
    drawn = draw("image.npy", "--one-scale")
    response = xcorr.correlate(photograph[..., 0], bank, layout="NHW")
    largest = np.abs(response).max()
    for kernel in range(2):
        wanted = by_scale(response[..., kernel], largest)
        assert np.abs(drawn.tile(1 + kernel, (254, 254)) - wanted).max() < 0.6
    told = tiles.number_text(largest)
    assert " ".join(drawn.texts).endswith(f"All responses on one scale: black -{told}, grey 0, white +{told}.")


def test_response_of_one_sign_goes_from_black_to_white(photograph, draw):
    np.save("bank.npy", np.ones((5, 5)) / 25)
    np.save("image.npy", photograph[..., 0] // 4 + 100)
    drawn = draw("image.npy")
    response = xcorr.correlate(photograph[..., 0] // 4 + 100, np.ones((5, 5)) / 25)
    least, greatest = response.min(), response.max()
    assert least > 99
    wanted = by_scale(response - (least + greatest) / 2, (greatest - least) / 2)
    assert np.abs(drawn.tile(1, (252, 252)) - wanted).max() < 0.6
    assert f"{least:.3g} to {greatest:.3g}" in drawn.texts
    assert "of two numbers black is the first, white the second." in " ".join(drawn.texts)


def test_diverging_colours_are_blue_red_and_white_at_zero(rng, draw):
    image, bank = rng.random((40, 50)), np.array([[[1.0]], [[-1.0]], [[0.0]]])
    image[0, 0] = 1
    np.save("image.npy", image)
    np.save("bank.npy", bank)
    drawn = draw("image.npy", "--colours", "diverging", "--one-scale")
    least, middle, greatest = tiles.COLOURS["diverging"]
    corners = [drawn.tile(place, (1, 1))[0, 0] for place in (1, 2, 3)]
    np.testing.assert_array_equal(corners, [greatest, least, middle])


def test_kernel_stands_small_beside_its_name(photograph, draw):
    drawn = draw("photograph.png", "--channels", "grey", bank="sobel")
    for place, taps in enumerate(banks.sobel(), 1):
        whole = drawn.kernel(place, (39, 39))
        np.testing.assert_allclose(whole[6::13, 6::13], by_scale(taps, 2), atol=0.6)
        assert (whole[:13, :13] == whole[0, 0]).all()
    assert {"sobel x", "sobel y"} <= set(drawn.texts)


@pytest.mark.parametrize("name", banks.BANKS)
def test_named_banks_give_their_kernels_names(rng, draw, name):
    np.save("image.npy", rng.random((64, 64)))
    drawn = draw("image.npy", bank=name)
    text = " ".join(drawn.texts)
    for kernel in banks.names(name):
        assert kernel in text


def test_kernels_of_a_file_are_numbered_and_channels_named(photograph, draw):
    np.save("bank.npy", np.ones((2, 3, 3)))
    drawn = draw("photograph.png")
    named = [f"kernel {kernel}, {colour}" for kernel in (0, 1) for colour in ("red", "green", "blue")]
    assert [text for text in drawn.texts if text.startswith("kernel")] == named
    response = xcorr.correlate(photograph[..., 1], np.ones((3, 3)))
    wanted = by_scale(response - (response.min() + response.max()) / 2, (response.max() - response.min()) / 2)
    assert np.abs(drawn.tile(2, (254, 254)) - wanted).max() < 0.6
    assert bank_file.kernel_names("bank.npy", np.ones((3, 3))) == ["kernel 0"]


def test_kernel_of_three_channels_is_drawn_in_colours(photograph, draw):
    kernel = np.zeros((1, 1, 1, 3))
    kernel[..., 0], kernel[..., 2] = 2, -2
    np.save("bank.npy", kernel)
    drawn = draw("photograph.png")
    np.testing.assert_array_equal(drawn.kernel(1, (40, 40)), np.broadcast_to((255, 128, 0), (40, 40, 3)))


@pytest.mark.parametrize("size", [28, 1, 95])
def test_small_images_are_enlarged_by_whole_factors(rng, draw, size):
    image = rng.integers(0, 256, (size, size), dtype=np.uint8)
    np.save("image.npy", image)
    np.save("bank.npy", np.ones((1, 1)))
    factor = math.ceil(96 / size)
    drawn = draw("image.npy")
    enlarged = drawn.tile(0, (size * factor, size * factor))
    np.testing.assert_array_equal(enlarged[..., 0], np.kron(image, np.ones((factor, factor))))


@pytest.mark.parametrize(
    ("image", "low", "high"),
    [
        (np.arange(10_000, dtype=np.uint16).reshape(100, 100) % 4096, 0, 4095),
        (np.arange(10_000, dtype=np.int64).reshape(100, 100) - 100, -100, 9899),
        (np.linspace(0.25, 0.5, 10_000).reshape(100, 100), 0, 1),
        (np.linspace(-3, 5, 10_000).reshape(100, 100), -3, 5),
        (np.indices((100, 100)).sum(0) % 2 == 0, 0, 1),
    ],
)
def test_images_of_other_types_are_shown_by_their_range(draw, image, low, high):
    np.save("image.npy", image)
    np.save("bank.npy", np.ones((1, 1)))
    drawn = draw("image.npy")
    shown = drawn.tile(0, (100, 100))
    assert np.abs(shown - 255.0 * (image[..., np.newaxis] - low) / (high - low)).max() < 0.6
    assert f"100x100, {tiles.number_text(low)} to {tiles.number_text(high)}" in drawn.texts


def test_image_of_many_channels_shows_the_first_and_says_so(rng, draw):
    image = rng.integers(0, 256, (1, 100, 100, 5), dtype=np.uint8)
    np.save("image.npy", image)
    drawn = draw("image.npy", bank="sobel")
    np.testing.assert_array_equal(drawn.tile(0, (100, 100))[..., 1], image[0, ..., 0])
    assert "image 0, channel 0 of 5" in drawn.texts
    assert "sobel y, channel 4" in drawn.texts


@pytest.mark.parametrize(("shape", "factor"), [((2000, 2500), 0.5), ((40, 50), 1.5), ((150, 160), 1)])
def test_what_is_not_finite_is_magenta_at_every_scale(rng, draw, shape, factor):
    image = rng.random(shape).astype(np.float32)
    rows, columns = (length // 4 for length in shape)
    image[rows : rows + 3, columns : columns + 3] = np.nan
    image[3 * rows, 2 * columns] = np.inf
    np.save("image.npy", image)
    np.save("bank.npy", np.ones((1, 1)))
    drawn = draw("image.npy")
    scale = drawn.places.scale
    assert scale < 1 if factor < 1 else scale >= factor
    magenta = (drawn.tile(1, (round(shape[0] * scale), round(shape[1] * scale))) == MAGENTA).all(axis=-1)
    for row, column in ((rows + 1, columns + 1), (3 * rows, 2 * columns)):
        assert magenta[int((row + 0.5) * scale), int((column + 0.5) * scale)]
    assert magenta.sum() <= 10 * max(1, scale) ** 2 + 20
    assert "Magenta is not finite." in " ".join(drawn.texts)


def test_sheet_of_finite_responses_has_no_magenta(rng, draw):
    np.save("image.npy", rng.random((100, 110)))
    drawn = draw("image.npy")
    assert not (drawn.pixels == MAGENTA).all(axis=-1).any()
    assert "Magenta" not in " ".join(drawn.texts)


@pytest.mark.parametrize("value", [0, 3])
def test_constant_response_is_told(draw, value):
    np.save("image.npy", np.full((100, 100), value))
    np.save("bank.npy", np.ones((2, 2)))
    drawn = draw("image.npy")
    assert str(4 * value) in drawn.texts
    assert "of one number all is grey." in " ".join(drawn.texts)


def test_waves_are_seen_in_a_picture_that_is_scaled_down(draw):
    """Their mean is 0 everywhere."""
    image = np.tile(np.float32([1, -1]), (1500, 1000))
    np.save("image.npy", image)
    np.save("bank.npy", np.ones((1, 1)))
    drawn = draw("image.npy")
    assert drawn.places.scale < 0.5
    shown = drawn.tile(1, (drawn.places.height, drawn.places.width))
    assert np.abs(shown - 128).min() > 60


# --- how large it is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "n_kernels"),
    [((60, 70), 200), ((3000, 4000), 2), ((2100, 30), 7), ((8, 9000), 3), ((500, 700), 13), ((28, 28), 1)],
)
def test_sheet_is_at_most_2000_pixels_wide_and_shows_everything(rng, draw, shape, n_kernels):
    np.save("image.npy", rng.integers(0, 256, shape, dtype=np.uint8))
    np.save("bank.npy", rng.standard_normal((n_kernels, 3, 3)).astype(np.float32))
    drawn = draw("image.npy")
    height, width, _ = drawn.pixels.shape
    assert width <= 2000
    assert f"kernel {n_kernels - 1}" in drawn.texts
    assert "are shown" not in " ".join(drawn.texts)
    corners = [drawn.places.corner(0, place) for place in range(1 + n_kernels)]
    assert len(set(corners)) == 1 + n_kernels
    assert max(left for left, _ in corners) + drawn.places.width <= width
    assert max(top for _, top in corners) + drawn.places.header + drawn.places.height <= height


def test_sheet_of_very_many_images_is_cut_and_says_so(draw, monkeypatch):
    monkeypatch.setattr(sheet, "MOST_HEIGHT", 1000)
    np.save("batch.npy", np.arange(5000, dtype=np.float32)[:, None, None] * np.ones((12, 13), np.float32))
    np.save("bank.npy", np.ones((2, 1, 1)))
    drawn = draw("batch.npy", "--layout", "NHW")
    n_images = drawn.places.n_images
    assert 5 <= n_images < 20
    assert f"The first {n_images} of 5000 images are shown." in " ".join(drawn.texts)
    assert [f"image {index}" for index in range(n_images)] == [text for text in drawn.texts if "image " in text]
    assert len(drawn.pixels) <= 1000 + 5 * sheet.LINE


def test_images_that_no_sheet_shows_are_not_correlated(monkeypatch):
    monkeypatch.setattr("xcorr._cli.respond.PART_BYTES", 1 << 16)
    np.save("batch.npy", np.zeros((5000, 100, 100), np.uint8))
    np.save("bank.npy", np.ones((2, 1, 1)))
    result = apply("batch.npy", "--layout", "NHW", "--format", "sheet")
    n_images = int(result.output.split(" done in ")[1].split(", ")[1].split()[0])
    assert 50 <= n_images < 500


def test_images_of_a_sheet_that_is_cut_are_counted(monkeypatch):
    monkeypatch.setattr(sheet, "MOST_HEIGHT", 1000)
    np.save("batch.npy", np.zeros((500, 12, 13), np.uint8))
    assert ", 500 images" in apply("batch.npy", "--layout", "NHW", "--format", "sheet").output


def test_sheet_of_very_many_responses_is_cut_and_says_so(rng, draw, monkeypatch):
    monkeypatch.setattr(sheet, "MOST_HEIGHT", 1000)
    np.save("image.npy", rng.random((50, 60)))
    np.save("bank.npy", rng.random((400, 1, 1)))
    drawn = draw("image.npy")
    n_shown = drawn.places.n_tiles - 1
    assert 30 < n_shown < 100
    assert f"The first {n_shown} of 400 responses are shown." in " ".join(drawn.texts)
    assert f"kernel {n_shown - 1}" in drawn.texts
    assert f"kernel {n_shown}" not in drawn.texts


# --- texts ------------------------------------------------------------------------------------------------------------


def contrast(one, other):
    """Of two colours, as the Web Content Accessibility Guidelines 2 define it."""

    def luminance(colour):
        parts = [part / 255 for part in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_texts_are_dark_enough_to_be_read():
    assert contrast(sheet.INK, sheet.PAPER) >= 7
    assert contrast(sheet.SOFT, sheet.PAPER) >= 4.5


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        ("sobel x", False),
        ("gabor 157.5 degrees, 2.83 px", False),
        ("one two three four five six seven eight nine ten eleven twelve", True),
        ("word " + 30 * "long" + " 2", True),
    ],
)
def test_names_are_in_lines_that_have_room(text, is_cut):
    pen, width = sheet.Pen(), sheet.NARROWEST - tiles.THUMB - sheet.GAP
    lines = pen.wrapped(text, width, 3)
    assert max(map(pen.font.getlength, lines)) <= width
    assert len(lines) <= 3
    assert lines[-1].endswith("...") == is_cut
    assert text.startswith(" ".join(lines).removesuffix("...").rstrip())
    assert is_cut or " ".join(lines) == text
    assert not any(line[0].isdigit() for line in lines), "a number stays with the word before it"


@pytest.mark.parametrize(
    ("least", "greatest", "text"),
    [
        (0.25, 0.5, "0.25 to 0.5"),
        (1234, 5678, "1,234 to 5,678"),
        (-8.88e-05, -4.44e-05, "-9e-05 to -4e-05"),
        (9.87e-05, 0.000123, "9.9e-05 to 0.00012"),
        (8888888, 9999999, "8.9e+06 to 1e+07"),
    ],
)
def test_two_numbers_have_room_beside_a_kernel(least, greatest, text):
    assert tiles.range_text(least, greatest) == text
    assert sheet.Pen().font.getlength(text) <= sheet.NARROWEST - tiles.THUMB - sheet.GAP


@pytest.mark.parametrize("options", [[], ["--one-scale"]])
@pytest.mark.parametrize("name", [*banks.BANKS, "bank.npy"])
@pytest.mark.parametrize("n_images", [1, 3])
def test_no_text_is_cut_or_crosses_another_or_a_picture(rng, draw, name, options, n_images):
    np.save("images.npy", rng.random((n_images, 50, 50, 3)))
    np.save("bank.npy", rng.random((2, 3, 3)))
    drawn = draw("images.npy", *options, bank=name)
    height, width, _ = drawn.pixels.shape
    boxes = [box for box, text in zip(drawn.boxes, drawn.texts) if text]
    size = drawn.places.width, drawn.places.height
    for image in range(drawn.places.n_images):
        for place in range(drawn.places.n_tiles):
            left, top = drawn.places.corner(image, place)
            boxes.append((left, top + drawn.places.header, left + size[0], top + drawn.places.header + size[1]))
            if place:
                boxes.append((left, top, left + tiles.THUMB + 2, top + tiles.THUMB + 2))
    boxes = np.array(boxes)
    assert boxes[:, :2].min() >= 0
    assert boxes[:, 2].max() <= width
    assert boxes[:, 3].max() <= height
    starts = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    ends = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    crossed = np.argwhere(np.triu((ends > starts).all(axis=-1), 1))
    assert len(crossed) == 0, boxes[crossed[0]]


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_complex_responses_are_refused(rng):
    np.save("complex.npy", rng.random((9, 9)) + 1j)
    result = apply("complex.npy", "--format", "sheet", "--layout", "NHW", bank="sobel", status=1)
    assert "complex.npy: complex responses have no sheet" in result.stderr


def test_sheets_of_another_scale_are_another_job(photograph):
    apply("photograph.png", "--format", "sheet", bank="sobel")
    before = Path("out/photograph.png.sheet.png").read_bytes()
    result = apply("photograph.png", "--format", "sheet", "--one-scale", bank="sobel", status=2)
    assert "one_scale False then and True now" in result.stderr
    apply("photograph.png", "--format", "sheet", "--one-scale", "--overwrite", bank="sobel")
    assert Path("out/photograph.png.sheet.png").read_bytes() != before
