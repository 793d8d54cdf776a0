"""Whole kernels on bytes that are read and written where they lie: the bits of those that go through strips."""

from itertools import product

import numpy as np
import pytest
from checks import assert_same_bits, random_generator
from looping import drawn, for_each

import xcorr
from xcorr import _cache, _memory, _workers

pytestmark = pytest.mark.usefixtures("level")

BOUNDARIES = ["constant", "edge", "reflect", "symmetric", "wrap"]
FACTORS = [
    *([1, 1], [1, 2, 1], [1, 4, 6, 4, 1], [-1, 0, 1], [1, -2, 1], [0, 3, 0, -2], [1, 0, 0, -1], [2, 3, 5], [1], [7]),
    *([1] * count for count in (3, 5, 7, 9, 12, 15, 16, 25, 31)),
]
RESPONSES = ["uint8", "int16", "float32"]


@pytest.fixture
def workspaces(monkeypatch):
    """The bytes of each workspace: beside a strip at the least one cache line."""
    sizes = []

    def empty(shape, dtype):
        sizes.append(shape[0])
        return _memory.empty(shape, dtype)

    monkeypatch.setattr(_workers, "empty", empty)
    return sizes


def any_words(rng, layout):
    """Padding, boundaries and steps of all kinds, of which one image has room for a kernel."""
    words = {
        "layout": layout,
        "padding": (tuple(rng.integers(0, 20, 2).tolist()), tuple(rng.integers(0, 20, 2).tolist())),
        "boundary": tuple(str(word) for word in rng.choice(BOUNDARIES, 2)),
        "stride": (int(rng.choice([1, 1, 2, 5])), 1),
        "dilation": (int(rng.choice([1, 1, 2, 3])), int(rng.choice([1, 1, 2, 7]))),
        "workers": int(rng.integers(1, 3)),
    }
    if words["boundary"] == ("constant", "constant"):
        words["fill_value"] = int(rng.integers(0, 128))
    return words


def any_kernel(rng):
    """A scale times a product of factors whose sums with bytes are of 16 bits."""
    while True:
        column, row = (np.array(FACTORS[rng.integers(len(FACTORS))]) for _ in range(2))
        whole = np.outer(column, row)
        scale = rng.choice([1, 0.5, 2.0**-8, 1 / 25, 1 / np.abs(whole).sum(), 1 / int(rng.integers(2, 258)), 2.7])
        kernel = (whole * np.float32(scale)).astype(np.float32)
        if np.abs(whole).sum() <= 257 and whole.size > 3 and (kernel == whole * float(np.float32(scale))).all():
            return kernel


def apart(shape, dtype):
    """An array of which no two columns are neighbours, so that responses come to it by way of strips."""
    return np.zeros((*shape, 2), dtype)[..., 0]


@for_each(("dtype", "seed"), drawn(2, ["uint8", "int8"], range(40)))
def test_responses_in_place_have_the_bits_of_those_by_strips(dtype, seed):
    rng = random_generator("in place", dtype, seed)
    limits = np.iinfo(dtype)
    layout = str(rng.choice(["NHW", "NHWC", "NCHW"]))
    sizes = {"N": 2, "H": int(rng.integers(1, 60)), "C": int(rng.integers(1, 5))}
    sizes["W"] = int(rng.choice([1, 2, 7, 15, 16, 17, 31, 33, 64, 65, 130, 300]))
    if rng.random() < 0.1:
        sizes |= {"H": 4, "W": int(rng.choice([4090, 4097, 9000]))}
    shape = [sizes[axis] for axis in layout]
    images = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    kernel, words = any_kernel(rng), any_words(rng, layout)
    for response in RESPONSES:
        words |= {"dtype": response, "overflow": "raise" if response == "float32" else "saturate"}
        try:
            expected = xcorr.correlate(images, kernel, method="direct", **words).astype(response)
        except ValueError as refusal:  # no room for a kernel
            assert "is larger than the padded image" in str(refusal)
            return
        own = xcorr.correlate(images, kernel, method="separable", **words)
        by_strips = xcorr.correlate(images, kernel, method="separable", out=apart(own.shape, response), **words)
        assert_same_bits(own, np.ascontiguousarray(by_strips))
        corr = xcorr.Correlator(kernel, method="separable", **{x: words[x] for x in words if x != "workers"})
        for _ in range(2):
            assert_same_bits(corr(images), own)
        largest = 256 * float(np.abs(kernel).sum())
        assert (np.abs(own.astype(float) - expected) <= (1 if response != "float32" else largest * 1e-6)).all()


@for_each("layout", ["NHW", "NHWC", "NCHW"])
def test_nothing_is_laid_into_strips_but_for_what_is_apart(layout, workspaces):
    images = np.ones([{"N": 2, "H": 30, "W": 50, "C": 3}[axis] for axis in layout], np.uint8)
    kernel = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16
    for response in RESPONSES:
        words = {"layout": layout, "padding": "same", "method": "separable", "dtype": response}
        words |= {} if response == "float32" else {"overflow": "saturate"}
        for out, has_strips in ((np.zeros(images.shape, response), False), (apart(images.shape, response), True)):
            _cache.clear_caches()
            del workspaces[:]
            xcorr.correlate(images, kernel, out=out, **words)
            assert workspaces
            assert (max(workspaces) > 1000) == has_strips


def test_biases_are_added_and_banks_and_groups_done_one_by_one():
    rng = random_generator("banks in place")
    images = rng.integers(0, 256, (2, 4, 33, 70), np.uint8)
    bank = np.stack([np.outer([1, number], [number, 2, 1]) / np.float32(number) for number in range(1, 9)])[:, None]
    bank = bank.astype(np.float32)
    bias = rng.normal(size=8).astype(np.float32) * 30
    words = {"layout": "NCHW", "groups": 4, "padding": "same", "method": "separable", "boundary": "edge"}
    for response in RESPONSES:
        words |= {"dtype": response, "overflow": "raise" if response == "float32" else "saturate"}
        together = xcorr.correlate(images, bank, bias=bias, **words)
        for kernel in range(8):
            alone = xcorr.correlate(
                images[:, kernel // 2], bank[kernel, 0], bias=bias[kernel], **words | {"layout": "NHW", "groups": 1}
            )
            assert_same_bits(alone[..., 0] if alone.ndim == 4 else alone, np.ascontiguousarray(together[:, kernel]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_biases_that_are_not_finite_mean_what_they_mean_elsewhere(value):
    images, kernel = np.full((9, 40), 3, np.uint8), np.ones((3, 3), np.float32)
    words = {"method": "separable", "bias": value}
    assert np.array_equal(xcorr.correlate(images, kernel, **words), np.full((7, 38), value), equal_nan=True)
    words |= {"dtype": "uint8", "overflow": "saturate"}
    if np.isnan(value):
        with pytest.raises(ValueError, match=r"^overflow: a response is NaN"):
            xcorr.correlate(images, kernel, **words)
    else:
        assert (xcorr.correlate(images, kernel, **words) == (255 if value > 0 else 0)).all()


@pytest.mark.parametrize("response", ["uint8", "int16"])
def test_every_sum_is_rounded_as_floats_are(response):
    """All that eight pixels give with powers of two, over all numbers up to 258 and by other scales."""
    sums, rest = np.arange(255 * 255 + 1), np.arange(255 * 255 + 1)
    images = np.empty((8, len(sums)), np.uint8)
    for power in reversed(range(8)):
        images[power] = np.minimum(255, rest >> power)
        rest = rest - (images[power].astype(int) << power)
    assert not rest.any()
    limits, powers = np.iinfo(response), 2.0 ** np.arange(8)[:, None]
    for scale in (*(1 / np.arange(1, 259)), 2 / 3, 0.3, 1e-3, 3.0, 2.0**-9, 2.0**-15, 2.0**20, 1e30):
        kernel = (powers * np.float32(scale)).astype(np.float32)
        own = xcorr.correlate(images, kernel, dtype=response, overflow="saturate", method="separable")
        with np.errstate(over="ignore"):
            expected = np.rint(sums.astype(np.float32) * np.float32(scale)).clip(limits.min, limits.max)
        assert np.array_equal(own[0], expected), scale


def test_sums_of_ones_follow_from_those_before():
    rng = random_generator("boxes in place")
    images = rng.integers(0, 256, (2, 70, 150), np.uint8)
    for rows, columns in [(1, 64), (64, 1), (4, 64), (64, 4), *product((4, 5, 6, 12), (11, 12, 13, 20, 21))]:
        kernel = np.ones((rows, columns), np.float32)
        for padding, dilation, stride in (
            ("valid", 1, 1),
            ("same", (1, 2), (1, 1)),
            ("same", 2, (2, 1)),
            ("full", 1, (3, 1)),
        ):
            words = {"layout": "NHW", "padding": padding, "dilation": dilation, "stride": stride}
            words |= {"boundary": "reflect"} if padding == "same" else {"fill_value": 255}
            if padding == "valid":
                words.pop("fill_value")
            own = xcorr.correlate(images, kernel, method="separable", **words)
            assert np.array_equal(own, xcorr.correlate(images, kernel.astype(int), method="direct", **words))
