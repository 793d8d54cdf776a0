"""Long signals in the frequency domain: pieces of one are rows of a section, its ends are summed directly."""

import numpy as np
import pytest
from checks import BOUNDARIES, assert_same_bits, random_generator, real_numbers, whole_numbers

import xcorr
from xcorr._methods import direct as direct_method

pytestmark = pytest.mark.usefixtures("level")


def turned(array):
    return np.swapaxes(array, 1, 2)


@pytest.mark.parametrize("padding", ["valid", "same", "full", ((0, 0), (3, 500))])
@pytest.mark.parametrize("dtype", ["int16", "complex128", "float64"])
def test_whole_numbers_of_rows_and_columns_are_right(dtype, padding):
    rng = random_generator("lines", dtype, padding)
    for taps, length, dilation, groups in ((40, 1100, 1, 1), (300, 5000, 1, 2), (30, 9000, 7, 1)):
        images = whole_numbers(rng, (3, 1, length, 2), dtype)
        kernels = whole_numbers(rng, (4, 1, taps, 2 // groups), dtype)
        keywords = {"dilation": (1, dilation), "groups": groups, "bias": whole_numbers(rng, 4, dtype)}
        boundary = BOUNDARIES[rng.integers(5)]
        expected = xcorr.correlate(images, kernels, method="direct", padding=padding, boundary=boundary, **keywords)
        response = xcorr.correlate(images, kernels, method="fft", padding=padding, boundary=boundary, **keywords)
        assert np.allclose(response, expected, rtol=0, atol=0 if dtype == "int16" else 1e-9)
        keywords["dilation"] = (dilation, 1)
        of_columns = xcorr.correlate(
            turned(images), turned(kernels), method="fft", boundary=boundary,
            padding=padding if isinstance(padding, str) else padding[::-1], **keywords,
        )  # fmt: skip
        assert np.allclose(of_columns, turned(expected), rtol=0, atol=0 if dtype == "int16" else 1e-9)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("axis", [1, 2])
def test_bits_depend_on_nothing_but_one_signal_and_the_bank(layout, axis):
    rng = random_generator("line bits", layout, axis)
    images, kernels = real_numbers(rng, (5, 1, 20_000, 2), "float32"), real_numbers(rng, (3, 1, 90, 2), "float32")
    if axis == 1:
        images, kernels = turned(images), turned(kernels)
    if layout == "NCHW":
        images, kernels = (np.ascontiguousarray(np.moveaxis(array, 3, 1)) for array in (images, kernels))
    keywords = {"layout": layout, "padding": "same", "method": "fft"}
    expected = xcorr.correlate(images, kernels, workers=1, **keywords)
    assert_same_bits(xcorr.correlate(images, kernels, workers=3, **keywords), expected)
    assert_same_bits(xcorr.correlate(images[3:4], kernels, **keywords), expected[3:4])
    assert_same_bits(xcorr.correlate(np.repeat(images, 2, axis=3)[..., ::2], kernels, **keywords), expected)
    out = np.empty((5, *expected.shape[1:-1], 2 * expected.shape[-1]), np.float32)[..., ::2]
    assert_same_bits(xcorr.correlate(images, kernels, out=out, **keywords), expected)


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("place", [0, 7, 9_000, 19_990])
def test_what_is_not_finite_reaches_its_own_windows_only(axis, place):
    rng = random_generator("line meaning", axis, place)
    images, kernels = real_numbers(rng, (2, 1, 20_000, 1), "float64"), real_numbers(rng, (3, 1, 64, 1), "float64")
    images[1, 0, place] = np.nan
    kernels[2, 0, 5] = np.inf
    images[0, 0, 4_000:4_200] = 0
    if axis == 1:
        images, kernels = turned(images), turned(kernels)
    for padding in ("valid", "same"):
        direct = xcorr.correlate(images, kernels, method="direct", padding=padding)
        response = xcorr.correlate(images, kernels, method="fft", padding=padding)
        assert np.array_equal(np.isnan(response), np.isnan(direct))
        assert np.array_equal(response[..., 2], direct[..., 2], equal_nan=True)
        finite = np.isfinite(direct)
        assert np.allclose(response[finite], direct[finite], rtol=0, atol=1e-8)
        zeros = direct[..., :2] == 0
        assert zeros.any()
        assert (response[..., :2][zeros] == 0).all()


def test_ends_of_large_banks_are_summed_by_some_kernels_at_once(monkeypatch):
    rng = random_generator("line ends")
    images, kernels = real_numbers(rng, (2, 1, 3000, 4), "float64"), real_numbers(rng, (10, 1, 50, 2), "float64")
    keywords = {"groups": 2, "padding": "same", "method": "fft", "bias": real_numbers(rng, 10, "float64")}
    expected = xcorr.correlate(images, kernels, **keywords)
    monkeypatch.setattr(direct_method, "TAPS_AT_ONCE", 200)
    assert_same_bits(xcorr.correlate(images, kernels, **keywords), expected)


def test_auto_takes_the_frequency_domain_for_long_signals():
    for shape, kernel in (((1, 100_000), (1, 1000)), ((100_000, 1), (1000, 1))):
        assert xcorr.choose_method(shape, kernel) == "fft"
        images = np.ones(shape, np.float32)
        assert np.allclose(xcorr.correlate(images, np.ones(kernel, np.float32)), 1000, rtol=1e-5)
