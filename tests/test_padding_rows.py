"""Kernel rows that see only padding of zeros are left out of large calls: not a bit differs from a padded image's."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr
from xcorr import _job
from xcorr._bank import Bank

pytestmark = pytest.mark.usefixtures("level")


@pytest.fixture(autouse=True)
def every_call_is_large(monkeypatch):
    monkeypatch.setattr(_job, "MULTIPLY_ADDS_PER_WORKER", 10)
    xcorr.clear_caches()


def both_ways(layout, n_kernels, tap=None, negative_zero=False, **keywords):
    """The response with padding, and that of the image padded by hand."""
    rng = random_generator("padding rows", layout, n_kernels)
    images, kernels = real_numbers(rng, (2, 9, 11, 5), "float32"), real_numbers(rng, (n_kernels, 5, 3, 5), "float32")
    if tap is not None:
        kernels[0, 0, 1, 2] = tap
    padded = np.pad(images, ((0, 0), (3, 4), (1, 2), (0, 0)))
    if layout == "NCHW":
        images, padded, kernels = (np.ascontiguousarray(a.transpose(0, 3, 1, 2)) for a in (images, padded, kernels))
    keywords = {"layout": layout, "method": "direct", **keywords}
    if negative_zero:
        keywords["bias"] = np.full(n_kernels, -0.0, "float32")
    return (
        xcorr.correlate(images, kernels, padding=((3, 4), (1, 2)), **keywords),
        xcorr.correlate(padded, kernels, **keywords),
    )


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("n_kernels", [3, 7, 16, 33])
@pytest.mark.parametrize("keywords", [{}, {"stride": 2}, {"dilation": (2, 1)}, {"negative_zero": True}], ids=str)
def test_bits_are_those_of_an_image_that_is_padded(layout, n_kernels, keywords):
    assert_same_bits(*both_ways(layout, n_kernels, **keywords))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("tap", [np.inf, np.nan])
def test_taps_that_are_not_finite_meet_the_padding(layout, tap):
    response, expected = both_ways(layout, 16, tap)
    assert np.isnan(expected).any()
    assert np.array_equal(np.isnan(response), np.isnan(expected))


def test_rows_are_left_out_only_where_the_bank_is_looked_at(monkeypatch):
    asked = []
    monkeypatch.setattr(Bank, "is_finite", lambda bank, table: asked.append(bank) or True)
    both_ways("NHWC", 16)
    assert asked


@pytest.mark.parametrize("columns", [15, 17, 24, 31, 33, 40])
@for_each("kernels", [(21, 3, 2, 1), (31, 1, 3, 1), (45, 5, 2, 1), (3, 2, 3, 1)])
def test_rows_without_padding_at_the_sides_lie_in_a_strip_as_they_should(columns, kernels):
    rng = random_generator(columns, kernels)
    images = rng.integers(-9, 9, (2, kernels[1], 18, columns)).astype(np.float32)
    bank = rng.integers(-9, 9, kernels).astype(np.float32)
    words = {"layout": "NCHW", "padding": "same", "method": "direct"}
    expected = xcorr.correlate(images.astype(np.int64), bank.astype(np.int64), **words)
    np.testing.assert_array_equal(xcorr.correlate(images, bank, **words), expected)
