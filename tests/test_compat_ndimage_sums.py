"""Sums of the drop-ins for scipy.ndimage: exact where its are, cut off as its are, right where its are wrong."""

import warnings

import numpy as np
import pytest
from checks import random_generator
from drop_ins import assert_same_calls, pixels
from looping import drawn, for_each
from scipy import ndimage

from xcorr.compat import scipy_ndimage

pytest.importorskip("scipy", minversion="1.17", reason="what older ones do is not what is followed")

MODES = ["reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap"]
FLOATS = ["float32", "float64", "complex64", "complex128"]


def assert_same(name, *arguments, **keywords):
    assert_same_calls(scipy_ndimage, ndimage, name, *arguments, **keywords)


def test_integers_beyond_2_to_the_53_lose_bits_as_there():
    image = np.array([2**60 + 1, 2**53 + 1, -(2**61) - 5])
    assert_same("correlate1d", image, [1])
    assert_same("correlate", image, [2, 1])
    assert_same("correlate", image.astype(np.uint64), [2, 1])


def test_whole_sums_are_not_cut_off_below():
    """Taps that sum to 1 but for rounding leave a flat image as it is; scipy.ndimage takes 1 off in some."""
    for value in range(0, 256, 5):
        image = np.full((12, 12), value, np.uint8)
        for sigma in (0.5, 1, 1.5, 2, 3):
            np.testing.assert_array_equal(scipy_ndimage.gaussian_filter(image, sigma), image)
        np.testing.assert_array_equal(scipy_ndimage.correlate1d(image, [0.1] * 10), image)


@for_each("taps", [127, 128, 129, 257, 300])
@for_each("dtype", ["uint8", "int8", "bool"])
def test_sums_of_bytes_may_be_more_than_16_bits_hold(dtype, taps):
    lowest, highest = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    for value in (lowest, highest):
        image = np.full((3, 400), value, dtype)
        for output in (np.uint8, np.int32, np.float64):
            assert_same("uniform_filter1d", image, taps, output=output)
            assert_same("correlate1d", image, [1, taps], output=output)
            assert_same("correlate", image, [[taps, -1], [0, taps]], output=output)


def test_sums_of_integers_are_exact_under_large_kernels():
    rng = random_generator("large")
    for dtype in ("uint8", "int32"):
        image = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (80, 90), dtype)
        assert_same("correlate", image, rng.integers(-9, 10, (41, 37)), output=np.int64)


def test_whole_sums_of_large_kernels_are_not_cut_off_below():
    """What the frequency domain rounds is not taken for a fraction: a flat image beside a bright pixel."""
    image = np.full((130, 140), 7, np.uint16)
    image[:3, :3] = 65535
    kernel = random_generator("large and flat").random((45, 51)) + 0.1
    response = scipy_ndimage.correlate(image, kernel / kernel.sum(), mode="nearest")
    np.testing.assert_array_equal(response[30:, 30:], 7)


@for_each(("name", "setting"), [("sobel", ()), ("prewitt", ()), ("laplace", ()), ("uniform_filter", (2,))])
def test_bools_are_the_bytes_that_they_are_there(name, setting):
    rng = random_generator(name)
    for shape in [(9,), (6, 7), (4, 5, 6)]:
        assert_same(name, rng.random(shape) < 0.5, *setting)
        assert_same(name, pixels(rng, shape, "int16"), *setting, output=np.bool_)


@for_each("shape", [(14, 15, 3), (14, 15, 1), (14, 15, 8), (14, 15, 9), (2, 14, 15, 4), (3, 2, 14, 15, 2), (14, 3)])
def test_colours_that_are_not_filtered_along_are_filtered_each_by_itself(shape):
    rng = random_generator(shape)
    n_axes, (height, width) = len(shape), shape[-3:-1] if len(shape) > 2 else (shape[0], 1)
    for dtype in ("uint8", "float32", "float64", "complex128"):
        image = pixels(rng, shape, dtype)
        kernel = rng.integers(-5, 6, (min(4, height), min(3, width), 1)[-n_axes:])
        kernel = kernel.reshape((1,) * (n_axes - kernel.ndim) + kernel.shape)
        for mode in MODES:
            assert_same("correlate", image, kernel, mode=mode, cval=3)
            assert_same("convolve", image, kernel, mode=mode)
        if dtype != "complex128":
            assert_same("correlate1d", image, [1, 2, -3], axis=-2)
            assert_same("gaussian_filter", image, (*(0,) * (n_axes - 2), 1.5, 0), mode="nearest")
            assert_same("uniform_filter", image, (*(1,) * (n_axes - 2), 3, 1))


def test_kernels_many_times_as_long_as_the_image_are_summed_whole():
    """scipy.ndimage.correlate takes some of the reflected pixels for 0 from 8 times the length on."""
    for length, n_taps in [(2, 16), (4, 256), (5, 43)]:
        image = np.arange(1.0, length + 1)
        expected = ndimage.correlate1d(image, np.ones(n_taps))
        np.testing.assert_array_equal(scipy_ndimage.correlate(image, np.ones(n_taps)), expected)


HOLES = [[0, 1, 0], [1, -2, 0], [0, 0.5, 0]]


@for_each(("mode", "dtype", "at"), drawn(2, MODES, FLOATS, [(0, 0), (2, 3), (5, 1)]))
def test_pixels_under_taps_of_zero_do_not_count_whatever_they_hold(mode, dtype, at):
    image = pixels(random_generator(mode, dtype), (6, 7), dtype)
    for value in (np.nan, np.inf, -np.inf):
        image[at] = value
        image[3, 3] = np.inf
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # complex infinities times 0, there
            expected = ndimage.correlate(image, HOLES, mode=mode, cval=value)
        response = scipy_ndimage.correlate(image, HOLES, mode=mode, cval=value)
        np.testing.assert_allclose(response, expected, rtol=1e-5, atol=1e-5)
    image = np.where(np.eye(7, 7, 4) > 0, np.nan, 1.0)
    np.testing.assert_array_equal(scipy_ndimage.laplace(image), ndimage.laplace(image))


def test_small_taps_count():
    """scipy.ndimage.correlate takes those up to 2.2e-16 for 0."""
    np.testing.assert_allclose(scipy_ndimage.correlate([1.0, 2.0, 4.0], [1e-17, 1e-17]), [2e-17, 3e-17, 6e-17])
    assert np.all(np.isnan(scipy_ndimage.correlate([1.0, 2.0], [np.nan, 1])))


def test_a_pixel_that_is_not_finite_stays_in_the_windows_that_have_it():
    """scipy.ndimage.uniform_filter1d carries it on to the end of the line."""
    image = np.array([np.inf, 2.0, 3.0, 4.0, np.nan, 6.0, 6.0, 6.0])
    expected = [np.inf, np.inf, 3.0, np.nan, np.nan, np.nan, 6.0, 6.0]
    np.testing.assert_array_equal(scipy_ndimage.uniform_filter1d(image, 3), expected)


def test_origins_belong_to_the_axes_in_the_order_that_they_are_told_in():
    """Where all axes are told in another order, scipy.ndimage takes them in rising order."""
    image, kernel = pixels(random_generator("order"), (5, 6), "float64"), np.arange(6.0).reshape(2, 3)
    response = scipy_ndimage.correlate(image, kernel, axes=(1, 0), origin=(1, -1))
    np.testing.assert_allclose(response, ndimage.correlate(image, kernel, origin=(-1, 1)))
    response = scipy_ndimage.correlate(image, [1, 2], axes=-1)
    np.testing.assert_array_equal(response, ndimage.correlate(image, [1, 2], axes=1))


def test_float32_differences_of_a_bright_image_keep_their_digits():
    rng = random_generator("bright")
    image = (20000 + rng.standard_normal((20, 21))).astype(np.float32)
    for name in ("sobel", "prewitt", "laplace"):
        response, expected = (getattr(lib, name)(image) for lib in (scipy_ndimage, ndimage))
        np.testing.assert_allclose(response, expected, rtol=1e-6, atol=1e-7)


def test_a_flat_float32_image_keeps_its_value_under_a_mean():
    image = np.full((9, 8), 0.1, np.float32)
    np.testing.assert_array_equal(scipy_ndimage.uniform_filter(image, 3), image)
