"""Wide padded images of one channel, whose windows are read from a strip only where they reach into the padding."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr

pytestmark = pytest.mark.usefixtures("level")

MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}

# images, kernels, padding (below and behind as well as above and before), other keywords
CASES = {
    "3x3": ((2, 40, 170), (3, 3), ((1, 1), (1, 1)), {}),
    "two kernels of 5x7": ((1, 33, 190), (2, 5, 7), ((2, 2), (3, 3)), {}),
    "before alone": ((1, 20, 165), (4, 6), ((3, 0), (5, 0)), {}),
    "behind alone": ((1, 20, 165), (4, 6), ((0, 3), (0, 5)), {}),
    "farther than a vector": ((1, 12, 200), (3, 41), ((0, 0), (40, 23)), {}),
    "farther than the image": ((1, 7, 160), (3, 3), ((25, 31), (170, 165)), {}),
    "no row inside": ((2, 4, 180), (9, 3), ((4, 4), (1, 1)), {}),
    "one row inside": ((2, 5, 180), (5, 5), ((3, 2), (2, 2)), {}),
    "dilated": ((1, 30, 190), (3, 5), ((4, 4), (6, 6)), {"dilation": (4, 3)}),
    "stride down": ((1, 41, 180), (5, 3), ((3, 2), (1, 1)), {"stride": (3, 1)}),
    "a row": ((1, 5, 700), (1, 9), ((0, 0), (4, 4)), {}),
    "a column": ((1, 60, 150), (15, 1), ((7, 7), (0, 0)), {}),
    "long sums": ((1, 25, 180), (20, 21), ((10, 9), (10, 10)), {}),
    "just wide enough": ((1, 9, 132), (3, 5), ((1, 1), (2, 2)), {}),
}


@for_each("case", list(CASES))
@pytest.mark.parametrize("boundary", MODES)
def test_bits_are_those_of_padded_images(case, boundary, monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)  # that more than one worker is asked for
    images, kernels, padding, keywords = CASES[case]
    dtype = "float64" if len(case) % 2 else "float32"
    rng = random_generator(case, boundary)
    images, kernels = real_numbers(rng, images, dtype), real_numbers(rng, kernels, dtype)
    keywords = {**keywords, "method": "direct", "layout": "NHW"}
    padded = np.pad(images, ((0, 0), *padding), MODES[boundary])
    expected = xcorr.correlate(padded, kernels, padding="valid", **keywords)
    keywords |= {"padding": padding, "boundary": boundary}
    for workers in (1, 2):
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords), expected)
    corr = xcorr.Correlator(kernels, **keywords)
    n_images, n_rows, n_columns = images.shape
    wide = real_numbers(rng, (n_images, 2 * n_rows, n_columns + 37), dtype)
    for view in (wide[:, :n_rows, 20:-17], wide[:, ::2, 5:-32], wide[:, n_rows - 1 :: -1, :n_columns]):
        view[...] = images
        assert_same_bits(corr(view), expected)
    out = np.empty((*expected.shape[:2], expected.shape[2] + 3, *expected.shape[3:]), dtype)[:, :, 1:-2]
    assert_same_bits(corr(images, out=out), expected)


@for_each("size", [3, 5])
@for_each("dtype", ["float32", "float64"])
def test_many_rows_have_the_bits_of_a_few(size, dtype):
    """Down many rows at once, by tiles of a few, and what is not finite stays in its windows."""
    rng = random_generator("many rows", size, dtype)
    image, kernel = real_numbers(rng, (45, 61), dtype), real_numbers(rng, (size, size), dtype)
    image[20, 30], image[43, 7] = np.nan, np.inf
    keywords = {"method": "direct", "bias": 3}
    whole = xcorr.correlate(image, kernel, **keywords)
    for row in range(0, len(whole), 6):
        assert_same_bits(xcorr.correlate(image[row : row + 5 + size], kernel, **keywords), whole[row : row + 6])


def test_channels_in_planes():
    rng = random_generator("planes")
    images, kernels = real_numbers(rng, (2, 3, 20, 160), "f4"), real_numbers(rng, (3, 1, 3, 5), "f4")
    keywords = {"method": "direct", "layout": "NCHW", "groups": 3}
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (2, 2)), "reflect")
    expected = xcorr.correlate(padded, kernels, padding="valid", **keywords)
    assert_same_bits(xcorr.correlate(images, kernels, padding="same", boundary="reflect", **keywords), expected)


def test_a_part_of_the_responses_has_their_bits():
    rng = random_generator("part")
    images, kernel = real_numbers(rng, (60, 200), "f4"), real_numbers(rng, (5, 5), "f4")
    keywords = {"method": "direct", "padding": "same", "boundary": "edge"}
    whole = xcorr.correlate(images, kernel, **keywords)
    for roi in ((slice(0, 60), slice(0, 170)), (slice(20, 21), slice(30, 200)), (slice(1, 59), slice(1, 199))):
        assert_same_bits(xcorr.correlate(images, kernel, roi=roi, **keywords), whole[roi])


def test_reductions_see_whole_rows():
    rng = random_generator("reductions")
    images, kernel = real_numbers(rng, (2, 60, 200), "f4"), real_numbers(rng, (5, 5), "f4")
    keywords = {"method": "direct", "padding": "same", "boundary": "wrap", "layout": "NHW"}
    whole = xcorr.correlate(images, kernel, **keywords)
    assert_same_bits(xcorr.correlate(images, kernel, reduce="max", **keywords), whole.max(axis=(1, 2)))
    peaks = xcorr.Peaks(3, min_distance=4)
    found = xcorr.correlate(images, kernel, reduce=peaks, **keywords)
    assert found.tolist() == peaks(whole, layout="NHW").tolist()
