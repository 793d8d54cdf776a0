"""What sums are known to be: "fft" gives whole numbers of whole numbers in floats, and none below 0 of none below 0."""

import numpy as np
import pytest
from checks import assert_equal, assert_same_bits, fast_correlate, random_generator
from looping import for_each
from spectral_cases import GEOMETRIES, allowed_error, by_fft

import xcorr

pytestmark = pytest.mark.usefixtures("level")

CASES = [
    case
    for case in GEOMETRIES
    if case.id in {"plain", "many-kernels", "filled", "wrapped", "strided-dilated", "grouped"}
]


def whole_operands(case, dtype):
    rng = random_generator(case.id, dtype)
    images = rng.integers(-3, 4, case.images).astype(dtype)
    if np.dtype(dtype).kind == "c":
        images += 1j * rng.integers(-3, 4, case.images)
    bias = rng.integers(-5, 6, case.kernels[0]).astype(np.real(images).dtype) + 0.5
    return images, rng.integers(-3, 4, case.kernels).astype(bias.dtype), dict(case.keywords, bias=bias)


@for_each("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_whole_numbers_in_floats_give_whole_numbers(case, dtype):
    images, kernels, keywords = whole_operands(case, dtype)
    assert_equal(by_fft(images, kernels, **keywords), fast_correlate(images, kernels, **keywords), dtype)


def test_a_mask_is_counted():
    """As people do under "auto", of a size that goes through the frequency domain."""
    mask = random_generator().random((300, 310)) > 0.01
    corner = np.ones((24, 27), "f4")
    corner[0, 0] = 0  # no box, whose factors would be taken
    corner[5, 7] = 0
    corner[9, 2] = 0
    corner[20, 21] = 0
    assert xcorr.choose_method(mask.shape, corner.shape) == "fft"
    counts = xcorr.correlate(mask.astype("f4"), corner)
    assert np.array_equal(counts, xcorr.correlate(mask.astype(int), corner.astype(int)))


@for_each("dtype", ["float32", "float64"])
def test_numbers_that_are_not_whole_are_not_rounded(dtype):
    rng = random_generator(dtype)
    images, kernels = rng.integers(0, 9, (2, 60, 61, 1)).astype(dtype), rng.integers(0, 9, (2, 11, 12, 1)).astype(dtype)
    for changed in (images[:, 30, 30], kernels[:1, 4, 4]):
        before = changed.copy()
        changed += 0.25
        expected = fast_correlate(images, kernels)
        assert np.all(np.abs(by_fft(images, kernels) - expected) <= allowed_error(images, kernels, expected))
        changed[...] = before


def test_sums_too_large_to_be_known_are_within_the_bound():
    rng = random_generator()
    images = rng.integers(0, 2**20, (1, 60, 61, 1)).astype("f4")
    kernels = rng.integers(0, 2**10, (1, 11, 12, 1)).astype("f4")
    expected = fast_correlate(images, kernels)
    assert np.all(np.abs(by_fft(images, kernels) - expected) <= allowed_error(images, kernels, expected))


@for_each("dtype", ["float32", "float64"])
@for_each("bias", [0, -1.5, 2.25])
def test_nothing_comes_out_below_the_bias_of_nothing_below_zero(dtype, bias):
    rng = random_generator(dtype, bias)
    images, kernels = rng.random((3, 90, 95)).astype(dtype), rng.random((4, 13, 14)).astype(dtype)
    images[:, 20:60, 20:60] *= 1e-7
    images[:, ::3] = 0
    kernels[:, 1:] *= 1e-6
    kernels[:, :, 3:7] = 0
    response = by_fft(images, kernels, layout="NHW", bias=np.full(4, bias, dtype))
    assert response.min() >= bias
    assert not np.isnan(np.sqrt(response - bias)).any()


def test_each_kernel_and_image_counts_by_itself():
    rng = random_generator()
    images, kernels = rng.integers(0, 3, (2, 60, 61)).astype("f4"), rng.integers(0, 3, (3, 11, 12)).astype("f4")
    images[1] += rng.random(images.shape[1:], np.float32)
    kernels[1] -= rng.random(kernels.shape[1:], np.float32)
    response = by_fft(images, kernels, layout="NHW", workers=2)
    for image in range(2):
        for kernel in range(3):
            assert_same_bits(by_fft(images[image], kernels[kernel], layout="NHW"), response[image, ..., kernel])
    assert np.array_equal(response[0, ..., 0], np.rint(response[0, ..., 0]))
