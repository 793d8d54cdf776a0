"""Calls of more than one strip, one block of windows and one block of the sum."""

import numpy as np
import pytest
from cases import Case
from checks import assert_equal, fast_correlate, random_generator, whole_numbers

import xcorr
from xcorr import _job, _reference
from xcorr._axes import sum_blocks

BEYOND = [
    Case("strips-in-place-many-kernels", (2, 120, 200, 8), (16, 3, 3, 8), stride=(2, 1)),
    Case("strips-in-place-few-kernels", (1, 300, 400, 1), (2, 3, 3, 1), stride=(3, 1)),
    Case("strips-staged", (1, 301, 403, 1), (2, 3, 3, 1), stride=(3, 2), dilation=(2, 1), padding="same", bias=True),
    Case("strips-of-one-kernel", (1, 303, 403, 1), (1, 3, 3, 1), padding=1),
    Case("strips-grouped", (1, 90, 150, 12), (24, 3, 3, 4), stride=(2, 3), padding=1, groups=3),
    Case("blocks-of-rows", (1, 150, 131, 3), (2, 20, 20, 3), stride=(2, 3), padding=((3, 0), (1, 2))),
    Case("blocks-of-columns", (1, 46, 1003, 3), (1, 41, 43, 3), stride=(3, 2)),
]


@pytest.mark.parametrize("case", BEYOND, ids=str)
@pytest.mark.parametrize("workers", [1, 3])
def test_whole_numbers_are_exact_beyond_one_strip_and_one_block(level, method, case, workers, monkeypatch):
    monkeypatch.setattr(_job, "MULTIPLY_ADDS_PER_WORKER", 1)
    rng = random_generator(case.id)
    images, kernels = whole_numbers(rng, case.images, "float32"), whole_numbers(rng, case.kernels, "float32")
    bias = whole_numbers(rng, case.kernels[0], "float32") if case.bias else None
    expected = fast_correlate(images, kernels, bias=bias, **case.keywords)
    response = xcorr.correlate(images, kernels, bias=bias, method=method, workers=workers, **case.keywords)
    assert_equal(response, expected, np.float32)


def test_128_bit_sums_are_exact_in_several_strided_blocks():
    rng = random_generator("blocks of integers")
    images = whole_numbers(rng, (1, 150, 131, 3), "int64")
    kernels = whole_numbers(rng, (1, 20, 20, 3), "int64")
    for stride in ((2, 3), (1, 1)):
        expected = fast_correlate(images, kernels, stride=stride).astype(np.int64) * 2**50
        assert_equal(xcorr.correlate(images, kernels * 2**50, stride=stride), expected, np.int64)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("n_kernels", [1, 17])
def test_special_values_reach_long_sums_as_in_ieee(level, method, value, n_kernels):
    images, kernels = np.ones((1, 130, 131, 1), np.float32), np.ones((n_kernels, 129, 129, 1), np.float32)
    images[0, 0, 0] = value
    expected = np.full((1, 2, 3, n_kernels), 129.0 * 129)
    expected[0, 0, 0] = value
    np.testing.assert_array_equal(xcorr.correlate(images, kernels, method=method), expected)


@pytest.mark.parametrize(
    ("shape", "share"),
    [
        ((22, 45), 0.99),
        ((100, 100), 0.99),
        ((1, 10000), 0.99),
        ((10000, 1), 0.99),
        ((325, 50), 0.99),
        ((500, 500), 0.9 / 128),
        ((1, 200000), 0.9 / 128),
    ],
)
@pytest.mark.parametrize("n_kernels", [1, 17])
def test_worst_case_of_a_sum_stays_under_the_bound(level, method, shape, share, n_kernels):
    # every tap after the first, or every block of them, is just too small to change the total by itself
    image = np.full(shape, share * 2.0**-24, np.float32)
    image[0, 0] = 1
    exact = image.astype(np.float64).sum()
    response = xcorr.correlate(image, np.ones((n_kernels, *shape), np.float32), layout="NHW", method=method)
    assert np.all(np.abs(response - exact) <= _reference.bound(np.float32, image.size, exact))


def test_a_large_kernel_of_equal_taps_loses_little(level, method):
    image, kernel = np.full((500, 500), 0.1, np.float32), np.ones((500, 500), np.float32)
    exact = image.astype(np.float64).sum()
    little = {"direct": 2e-6, "matmul": 2e-5}[method]  # without compensation, in lanes of few or many taps
    assert abs(float(xcorr.correlate(image, kernel, method=method)[0, 0]) - exact) <= little * exact


def test_sums_that_no_blocks_fit_are_compensated():
    assert sum_blocks(22, 45)[2]
    assert sum_blocks(325, 50)[2]
    assert not sum_blocks(3, 3 * 64)[2]


@pytest.mark.parametrize("height", [*range(1, 40), 64, 127, 500])
def test_blocks_of_a_sum_keep_the_bound_in_the_worst_case(height):
    for run in [*range(1, 200), 255, 576, 1536, 4608, 8192, 3 * 8192, 14 * 8191]:
        rows_per_block, pieces, compensated = sum_blocks(height, run)
        longest = -(-run // pieces) if pieces > 1 else min(rows_per_block, height) * run
        n_blocks = height * pieces if pieces > 1 else -(-height // rows_per_block)
        roundings = longest + (2 if compensated else n_blocks)
        assert roundings <= 4 + 2 * (height * run) ** 0.5


def test_float64_sums_are_rounded_to_float16_once(level, method):
    images = np.array([[1 + 2**-11 + 2**-40, 1 + 3 * 2**-11 - 2**-40, -1 - 2**-11 - 2**-40, 2.0**-25 + 2.0**-60]])
    response = xcorr.correlate(images, np.ones((1, 1)), dtype="float16", method=method)
    assert response.tolist() == [[1 + 2**-10, 1 + 2**-10, -1 - 2**-10, 2.0**-24]]


def test_response_does_not_depend_on_workers_in_any_case(level, monkeypatch):
    monkeypatch.setattr(_job, "MULTIPLY_ADDS_PER_WORKER", 1)
    for case in BEYOND:
        rng = random_generator(case.id)
        images, kernels = (rng.standard_normal(shape).astype(np.float32) for shape in (case.images, case.kernels))
        once = xcorr.correlate(images, kernels, workers=1, **case.keywords)
        for workers in (2, 3, 7, 16):
            again = xcorr.correlate(images, kernels, workers=workers, **case.keywords)
            assert np.array_equal(once.view(np.uint32), again.view(np.uint32))
