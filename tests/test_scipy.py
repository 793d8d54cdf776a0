"""Agreement with SciPy, where SciPy has the operation, and with its alignments and boundary names."""

import numpy as np
import pytest
from checks import assert_equal, assert_within_bound, random_generator, real_numbers, whole_numbers
from looping import for_each
from scipy import ndimage, signal

import xcorr

pytestmark = pytest.mark.usefixtures("level")

KERNEL_SIZES = [(1, 1), (3, 3), (2, 2), (5, 4), (4, 7), (1, 6)]
NDIMAGE_MODES = {"constant": "constant", "edge": "nearest", "symmetric": "reflect", "reflect": "mirror", "wrap": "wrap"}
SIGNAL_BOUNDARIES = {"constant": "fill", "symmetric": "symm", "wrap": "wrap"}


def numbers(image, kernel, dtype="float64"):
    rng = random_generator(image, kernel, dtype)
    return whole_numbers(rng, image, dtype), whole_numbers(rng, kernel, dtype)


@for_each("dtype", ["float32", "float64", "complex64", "complex128", "int64"])
@pytest.mark.parametrize("size", KERNEL_SIZES)
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_correlate2d_summed_over_channels(method, size, mode, dtype):
    images, kernels = numbers((2, 10, 12, 3), (4, *size, 3), dtype)
    expected = np.stack(
        [
            [
                sum(signal.correlate2d(image[..., channel], kernel[..., channel], mode) for channel in range(3))
                for kernel in kernels
            ]
            for image in images
        ]
    )
    response = xcorr.correlate(images, kernels, padding=mode, method=method)
    assert_equal(response, np.moveaxis(expected, 1, -1), dtype)


@for_each("boundary", SIGNAL_BOUNDARIES)
@pytest.mark.parametrize("size", KERNEL_SIZES)
@pytest.mark.parametrize("mode", ["same", "full"])
def test_boundaries_of_correlate2d(method, size, mode, boundary):
    image, kernel = numbers((9, 11), size)
    fill = 3 if boundary == "constant" else 0
    expected = signal.correlate2d(image, kernel, mode, SIGNAL_BOUNDARIES[boundary], fill)
    response = xcorr.correlate(image, kernel, padding=mode, boundary=boundary, fill_value=fill, method=method)
    assert_equal(response, expected, np.float64)


@for_each("boundary", NDIMAGE_MODES)
@pytest.mark.parametrize("size", [size for size in KERNEL_SIZES if size[0] % 2 and size[1] % 2] + [(7, 13), (13, 5)])
@pytest.mark.parametrize("image", [(9, 11), (3, 4), (2, 5)])
def test_ndimage_correlate_with_odd_kernels(method, size, boundary, image):
    image, kernel = numbers(image, size)
    expected = ndimage.correlate(image, kernel, mode=NDIMAGE_MODES[boundary])
    response = xcorr.correlate(image, kernel, padding="same", boundary=boundary, method=method)
    assert_equal(response, expected, np.float64)


@for_each("boundary", NDIMAGE_MODES)
@pytest.mark.parametrize("size", [(2, 2), (4, 3), (3, 4), (6, 2), (5, 5)])
def test_ndimage_alignment_of_even_kernels_by_explicit_padding(method, size, boundary):
    image, kernel = numbers((9, 11), size)
    expected = ndimage.correlate(image, kernel, mode=NDIMAGE_MODES[boundary])
    padding = tuple((length // 2, length - 1 - length // 2) for length in size)
    assert_equal(
        xcorr.correlate(image, kernel, padding=padding, boundary=boundary, method=method), expected, np.float64
    )
    origin = [-1 if length % 2 == 0 else 0 for length in size]
    expected = ndimage.correlate(image, kernel, mode=NDIMAGE_MODES[boundary], origin=origin)
    assert_equal(xcorr.correlate(image, kernel, padding="same", boundary=boundary, method=method), expected, np.float64)


@pytest.mark.parametrize("size", KERNEL_SIZES)
def test_same_is_a_slice_of_full_as_in_correlate2d(method, size):
    image, kernel = numbers((9, 11), size)
    full = xcorr.correlate(image, kernel, padding="full", method=method)
    same = xcorr.correlate(image, kernel, padding="same", method=method)
    rows, columns = (length // 2 for length in size)
    assert_equal(same, full[rows : rows + 9, columns : columns + 11], np.float64)
    assert_equal(same, signal.correlate2d(image, kernel, "same"), np.float64)
    rows, columns = ((length - 1) // 2 for length in size)  # signal.correlate differs where the length is even
    expected = signal.correlate(image, kernel, "same", method="direct")
    assert_equal(full[rows : rows + 9, columns : columns + 11], expected, np.float64)


@pytest.mark.parametrize("size", KERNEL_SIZES)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_convolve2d_and_ndimage_convolve(method, size, dtype):
    image, kernel = numbers((9, 11), size, dtype)
    for mode in ("valid", "full"):
        expected = signal.convolve2d(image, kernel, mode)
        assert_equal(xcorr.convolve(image, kernel, padding=mode, method=method), expected, dtype)
    # same: the flipped kernel keeps the smaller half first, so full[k//2:], as ndimage and MATLAB have it
    full = signal.convolve2d(image, kernel, "full")
    rows, columns = (length // 2 for length in size)
    same = xcorr.convolve(image, kernel, padding="same", method=method)
    assert_equal(same, full[rows : rows + 9, columns : columns + 11], dtype)
    assert_equal(same, ndimage.convolve(image, kernel, mode="constant"), dtype)


def test_uint8_is_exact_where_correlate2d_wraps(method):
    image, kernel = np.full((5, 6), 255, np.uint8), np.ones((3, 3), np.uint8)
    assert signal.correlate2d(image, kernel, "valid").max() == 247
    assert_equal(xcorr.correlate(image, kernel, method=method), np.full((3, 4), 2295), np.int64)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_real_pictures_lie_within_the_bound(method, dtype):
    rng = random_generator(dtype)
    image, kernel = real_numbers(rng, (20, 23), dtype), real_numbers(rng, (5, 6), dtype)
    for boundary in NDIMAGE_MODES:
        response = xcorr.correlate(image, kernel, padding="same", boundary=boundary, method=method)
        assert_within_bound(response, image, kernel, padding="same", boundary=boundary)
