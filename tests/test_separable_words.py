"""Small whole kernels, and multiples of them, on 8-bit images: sums in words of 16 bits, exact to the ends of these."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, whole_numbers
from looping import drawn, for_each

import xcorr
from xcorr import _words
from xcorr._words import words_of

pytestmark = pytest.mark.usefixtures("level")

PIXELS = ["uint8", "int8", "bool"]
BOUNDARIES = ["constant", "edge", "reflect", "symmetric", "wrap"]


@pytest.fixture
def in_words(monkeypatch):
    """Counts kernels that are found to be such."""
    found = []

    def counted(taps, pixels):
        words = words_of(taps, pixels)
        found.append(words is not None)
        return words

    monkeypatch.setattr("xcorr._methods.separable.words_of", counted)
    return found


def pixels_of(rng, shape, dtype):
    """Pixels of the whole range of a type."""
    if dtype == "bool":
        return rng.random(shape) < 0.5
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def small_kernel(rng):
    """A product of whole numbers, whose sums fit for bytes."""
    while True:
        column, row = (rng.integers(-4, 5, int(rng.integers(1, 9))) for _ in range(2))
        kernel = np.outer(column, row)
        kernel = np.abs(kernel) if rng.integers(2) else kernel
        if 0 < np.abs(kernel).sum() <= 257 and kernel.size > 1:
            return kernel


def any_geometry(rng):
    padding = ["same", "full", ((3, 0), (5, 9)), ((0, 12), (0, 1))][rng.integers(4)]
    keywords = {"padding": padding, "boundary": BOUNDARIES[rng.integers(5)], "workers": int(rng.integers(1, 3))}
    return {**keywords, "stride": (int(rng.integers(1, 4)), 1), "dilation": tuple(rng.integers(1, 4, 2).tolist())}


@for_each(("dtype", "seed"), drawn(1, PIXELS, range(25)))
def test_whole_kernels_give_exact_integers(dtype, seed, in_words):
    rng = random_generator("words", dtype, seed)
    layout, n_channels = ["NHWC", "NCHW"][rng.integers(2)], int(rng.integers(1, 5))
    size = (int(rng.integers(22, 60)), int(rng.integers(22, 90)))
    shape = (2, *size, n_channels) if layout == "NHWC" else (2, n_channels, *size)
    images, kernel, keywords = pixels_of(rng, shape, dtype), small_kernel(rng), any_geometry(rng)
    bias = int(rng.integers(-1000, 1000))
    response = xcorr.correlate(images, kernel, layout=layout, method="separable", bias=bias, **keywords)
    assert any(in_words)
    expected = xcorr.correlate(images.astype(np.int64), kernel, layout=layout, method="direct", bias=bias, **keywords)
    assert np.array_equal(response, expected)
    for element in ("uint8", "int16"):
        words = {"dtype": element, "overflow": "saturate", "bias": bias, "layout": layout, **keywords}
        limits = np.iinfo(element)
        own = xcorr.correlate(images, kernel, method="separable", **words)
        assert_same_bits(own, expected.clip(limits.min, limits.max).astype(element))


@for_each(("dtype", "seed"), drawn(1, ["uint8", "int8"], range(15)))
def test_binary_fractions_have_the_bits_of_the_direct_method(dtype, seed, in_words):
    """Their sums are exact in float32, too: rounded to integers or not."""
    rng = random_generator("fractions", dtype, seed)
    images, kernel, keywords = pixels_of(rng, (2, 30, 71), dtype), small_kernel(rng), any_geometry(rng)
    kernel = (kernel / 2.0 ** rng.integers(0, 9)).astype(np.float32)
    for more in ({}, {"dtype": dtype, "overflow": "saturate"}, {"dtype": "int16", "overflow": "saturate"}):
        words = {"layout": "NHW", **keywords, **more}
        expected = xcorr.correlate(images, kernel, method="direct", **words)
        assert_same_bits(xcorr.correlate(images, kernel, method="separable", **words), expected)
    assert any(in_words)


@pytest.mark.parametrize("n_taps", [3, 9, 25, 35, 7 * 31])
def test_means_of_boxes_are_rounded_once(n_taps, in_words):
    rng = random_generator(n_taps)
    images, share = pixels_of(rng, (60, 90), "uint8"), np.float32(1 / n_taps)
    height = 7 if n_taps % 7 == 0 else 1
    kernel = np.full((height, n_taps // height), share)
    response = xcorr.correlate(images, kernel, layout="NHW", method="separable")
    sums = xcorr.correlate(images, np.ones(kernel.shape, np.int64), layout="NHW", method="direct")
    assert all(in_words)
    assert response.dtype == np.float32
    assert_same_bits(response, sums.astype(np.float32) * share)


def test_sums_reach_the_ends_of_their_range(in_words):
    for kernel, fits in (
        (np.outer([1, 15], [1, 7, 8]), True),
        (np.outer([1, -15], [1, 7, -8]), True),
        (-np.outer([1, 15], [1, 7, 8]), True),
        (np.full((1, 64), 4), True),
        (np.outer([1, 15], [1, 8, 8]), False),
        (np.outer([1, 15], [1, -8, 8]), False),
    ):
        height, width = kernel.shape
        images = np.zeros((2, 20, 140), np.uint8)
        images[0, 3 : 3 + height, 40 : 40 + width] = np.where(kernel > 0, 255, 0)
        images[1, 3 : 3 + height, 40 : 40 + width] = np.where(kernel < 0, 255, 0)
        del in_words[:]
        response = xcorr.correlate(images, kernel, layout="NHW", method="separable")
        assert in_words == [fits]
        assert response[0, 3, 40] == response.max() == 255 * np.maximum(kernel, 0).sum()
        assert response[1, 3, 40] == response.min() == 255 * np.minimum(kernel, 0).sum()
        expected = xcorr.correlate(images.astype(np.int64), kernel, layout="NHW", method="direct")
        assert np.array_equal(response, expected)


def test_a_kernel_has_the_bits_that_it_has_in_a_bank_of_all_kinds(in_words):
    rng = random_generator()
    images = pixels_of(rng, (2, 40, 50), "uint8")
    one = np.outer(rng.normal(size=5), rng.normal(size=5))
    two = one + np.outer(rng.normal(size=5), rng.normal(size=5))
    whole, third = (
        np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256,
        np.outer([1, 2, 4, 2, 1], [1, 0, -1, 0, 1]) * np.float32(1 / 3),
    )
    bank = np.stack([one, whole, two, third, whole * 3, -third, one / 7]).astype(np.float32)
    bias = rng.normal(size=len(bank)).astype(np.float32)
    words = {"layout": "NHW", "padding": "same", "method": "separable"}
    together = xcorr.correlate(images, bank, bias=bias, workers=2, **words)
    assert sum(in_words) == 4
    for kernel in range(len(bank)):
        alone = xcorr.correlate(images, bank[kernel : kernel + 1], bias=bias[kernel : kernel + 1], workers=1, **words)
        assert_same_bits(np.ascontiguousarray(together[..., kernel : kernel + 1]), alone)
    grouped = xcorr.correlate(images[..., None].repeat(2, -1), bank[:6, ..., None], groups=2, bias=bias[:6], **words
                              | {"layout": "NHWC"})  # fmt: skip
    assert_same_bits(np.ascontiguousarray(grouped), np.ascontiguousarray(together[..., :6]))


@pytest.mark.parametrize(("size", "side"), [((1080, 1920), 5), ((480, 640), 7)])
def test_auto_takes_them_where_they_pay_and_says_so(size, side, in_words):
    kernel = np.outer([1] * side, [1, 2] * (side // 2) + [1]).astype(np.float32) / 64
    settings = {"layout": "NHW", "padding": "same", "dtype": "uint8", "overflow": "saturate"}
    corr = xcorr.Correlator(kernel, **settings)
    assert "of 1 kernels 1 by their factors" in corr.explain(size, dtype="uint8")
    images = pixels_of(random_generator(size), size, "uint8")
    del in_words[:]
    expected = xcorr.correlate(images, kernel, method="direct", **settings)
    for _ in range(3):  # planned, known and repeated
        assert_same_bits(corr(images), expected)
        assert_same_bits(xcorr.correlate(images, kernel, **settings), expected)
    assert in_words
    assert all(in_words)
    others = pixels_of(random_generator("others", size), size, "uint8")
    whole = (kernel * 64).astype(np.int16) * np.int16([1, -1] * (side // 2) + [1])
    for own in (images, others, images):
        response = xcorr.correlate(own, whole, layout="NHW")
        assert np.array_equal(response, xcorr.correlate(own.astype(np.int32), whole, layout="NHW", method="direct"))
    assert all(in_words)


def test_parts_of_images_have_the_bits_of_the_whole():
    rng = random_generator()
    images = pixels_of(rng, (2, 90, 130, 3), "uint8")
    kernel = (np.outer([1, 2, 3, 2, 1], [1, 3, 1]) / 7).astype(np.float32)
    corr = xcorr.Correlator(kernel, layout="NHWC", padding="same", boundary="reflect", method="separable")
    whole = corr(images)
    assert_same_bits(xcorr.stream(corr, images, max_bytes=60_000), whole)
    part = xcorr.Correlator(
        kernel,
        layout="NHWC",
        padding="same",
        boundary="reflect",
        method="separable",
        roi=(slice(11, 70), slice(3, 101)),
    )
    assert_same_bits(part(images), np.ascontiguousarray(whole[:, 11:70, 3:101]))
    largest = xcorr.correlate(images, kernel, layout="NHWC", padding="same", boundary="reflect", method="separable",
                              reduce="max")  # fmt: skip
    assert_same_bits(largest, np.ascontiguousarray(whole.max(axis=(1, 2))))


# --- which kernels they are -------------------------------------------------------------------------------------------


def test_multiples_of_small_whole_products_are_found():
    rng = random_generator()
    for _ in range(200):
        whole = small_kernel(rng)
        for scale in (1, 1 / 256, np.float32(1 / 3), np.float32(7e-30), 3):
            taps = (whole * np.float32(scale)).astype(np.float32)
            words = words_of(taps, np.uint8)
            if (taps.astype(np.float64) == whole * float(scale)).all():
                assert words is not None
                product = np.outer(words.columns, words.rows) * words.scale
                assert np.array_equal(product, taps)
                least, most = _words.range_of(product / words.scale, "uint8")
                assert words.lowest == least
                assert most - least <= _words.RANGE


def test_others_are_not():
    rng = random_generator()
    cross = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)
    for taps in (
        *(cross, np.zeros((3, 3), np.float32), np.full((2, 2), np.nan, np.float32)),
        *(np.full((2, 2), np.inf, np.float32), rng.normal(size=(3, 3)).astype(np.float32)),
        np.outer([1, 2, 3], [1, np.float32(1.1)]).astype(np.float32),
        np.full((3, 3), 100, np.float32) + np.eye(3, dtype=np.float32) * 1e-3,
    ):
        assert words_of(taps, np.uint8) is None
    many = whole_numbers(rng, (8, 8), np.float32)
    assert words_of(np.outer(many[0], many[1]) * 0 + 100, np.uint8) is not None  # a hundred times ones
