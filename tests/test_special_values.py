"""NaN, infinities, signed zeros and subnormals: they reach the windows that contain them and no others."""

import functools
import itertools

import numpy as np
import pytest
from cases import FEW, Case
from checks import random_generator, whole_numbers
from looping import for_each

import xcorr
from xcorr import _reference

pytestmark = pytest.mark.usefixtures("level")

NAN, INF = np.nan, np.inf
GEOMETRIES = [case for case in FEW if case.images[0] and case.kernels[0]] + [
    Case("stride-skips-pixels", (1, 9, 11, 1), (2, 2, 2, 1), stride=3),
    Case("stride-skips-the-last-columns", (1, 8, 40, 2), (17, 3, 3, 2), stride=(2, 4)),
    Case("dilation-skips-pixels", (1, 9, 23, 1), (1, 2, 3, 1), dilation=(2, 3)),
    Case("last-columns-of-few-kernels", (1, 6, 35, 1), (2, 3, 3, 1)),
    Case("last-columns-of-many-kernels", (1, 6, 17, 3), (33, 3, 3, 3)),
    Case("depthwise-of-17", (1, 6, 9, 17), (17, 3, 3, 1), groups=17),
]
by_id = {"ids": lambda value: getattr(value, "id", str(value))}


def problem(case, dtype):
    rng = random_generator(case.id, dtype)
    images, kernels = whole_numbers(rng, case.images, dtype), whole_numbers(rng, case.kernels, dtype)
    kernels[kernels == 0] = 1  # 0 * inf is NaN in the definition too; test_zero_taps_count_for_infinities has those
    bias = whole_numbers(rng, case.kernels[0], dtype) if case.bias else None
    return images, kernels, dict(case.keywords, bias=bias)


def assert_same_specials(response, images, kernels, **keywords):
    """NaN and infinities where the naive IEEE sum has them, with its signs; all finite responses exact."""
    np.testing.assert_array_equal(response, _reference.correlate(images, kernels, **keywords))


def positions(shape):
    """Corners, edges and the middle of (N, H, W, C)."""
    _, height, width, depth = shape
    for row in sorted({0, height // 2, height - 1}):
        for column in sorted({0, width // 2, max(width - 2, 0), width - 1}):
            yield row, column, (row + column) % depth


@functools.cache
def one_special_pixel(case):
    """Batches with one NaN or infinity each, and their responses."""
    images, kernels, keywords = problem(case, "float64")
    answers = []
    for value, (row, column, channel) in zip(itertools.cycle((NAN, INF, -INF)), positions(case.images)):
        marked = images.copy()
        marked[-1, row, column, channel] = value
        answers.append((marked, _reference.correlate(marked, kernels, **keywords)))
    return answers, kernels, keywords


@functools.cache
def many_special_pixels(case):
    """Batches with few and with many NaN and infinities, and their responses."""
    images, kernels, keywords = problem(case, "float64")
    rng = random_generator(case.id)
    answers = []
    for share in (0.02, 0.2):
        marked = images.copy()
        where = rng.random(images.shape) < share
        marked[where] = rng.choice([NAN, INF, -INF, INF, -INF], np.count_nonzero(where))
        answers.append((marked, _reference.correlate(marked, kernels, **keywords)))
    return answers, kernels, keywords


@for_each("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("case", GEOMETRIES, **by_id)
@pytest.mark.parametrize("problems", [one_special_pixel, many_special_pixels])
def test_special_pixels_reach_the_windows_that_contain_them(method, case, dtype, problems):
    answers, kernels, keywords = problems(case)
    for images, expected in answers:
        for forced in (method, "auto"):
            response = xcorr.correlate(images.astype(dtype), kernels.astype(dtype), method=forced, **keywords)
            np.testing.assert_array_equal(response, expected)


@for_each("value", [NAN, INF, -INF])
@pytest.mark.parametrize("case", GEOMETRIES, **by_id)
def test_a_special_tap_reaches_the_responses_of_its_kernel_only(method, case, value):
    images, kernels, keywords = problem(case, "float32")
    for which in {0, len(kernels) // 2, len(kernels) - 1}:
        marked = kernels.copy()
        marked[which, -1, 0, -1] = value
        response = xcorr.correlate(images, marked, method=method, **keywords)
        assert_same_specials(response, images, marked, **keywords)


@pytest.mark.parametrize("case", GEOMETRIES[:6], **by_id)
def test_special_complex_pixels_follow_the_product_formula(method, case):
    images, kernels, keywords = problem(case, "complex64")
    for value in (complex(NAN, 1), complex(1, NAN)):
        marked = images.copy()
        marked[0, -1, -1, 0] = value
        response = xcorr.correlate(marked, kernels, method=method, **keywords)
        expected = _reference.correlate(marked, kernels, **keywords)
        np.testing.assert_array_equal(np.isnan(response), np.isnan(expected))
        np.testing.assert_array_equal(response[np.isfinite(expected)], expected[np.isfinite(expected)])


def test_zero_taps_count_for_infinities(method):
    images = np.ones((1, 5, 6, 1), np.float32)
    images[0, 2, 3, 0] = INF
    kernels = np.zeros((2, 3, 3, 1), np.float32)
    kernels[1, 1, 1] = 1
    assert_same_specials(xcorr.correlate(images, kernels, method=method), images, kernels)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_fill_value_may_be_special(method, value):
    images, kernels, keywords = problem(Case("", (2, 6, 9, 2), (3, 3, 2, 2)), "float32")
    for padding in ("same", "full", ((0, 1), (2, 0))):
        keywords.update(padding=padding, fill_value=value)
        assert_same_specials(xcorr.correlate(images, kernels, method=method, **keywords), images, kernels, **keywords)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_bias_may_be_special(method, value):
    images, kernels, keywords = problem(Case("", (2, 6, 9, 2), (3, 3, 2, 2)), "float32")
    keywords["bias"] = np.float32([1, value, 2])
    assert_same_specials(xcorr.correlate(images, kernels, method=method, **keywords), images, kernels, **keywords)


@for_each("dtype", ["float32", "float64", "float16", "complex64"])
@pytest.mark.parametrize("case", GEOMETRIES, **by_id)
def test_what_lies_around_the_operands_in_memory_is_not_read_into_the_response(method, case, dtype):
    images, kernels, keywords = problem(case, dtype)

    def surrounded(array):
        larger = np.full([length + 4 for length in array.shape], NAN, dtype)
        view = larger[tuple(slice(2, 2 + length) for length in array.shape)]
        view[...] = array
        return view

    response = xcorr.correlate(surrounded(images), surrounded(kernels), method=method, **keywords)
    assert_same_specials(response, images, kernels, **keywords)
    if case.groups == 1 and case.images[3] > 1:  # a NaN channel beside the used ones
        response = xcorr.correlate(surrounded(images[..., :1]), surrounded(kernels[..., :1]), method=method, **keywords)
        assert_same_specials(response, images[..., :1], kernels[..., :1], **keywords)


@pytest.mark.parametrize("n_kernels", [1, 3, 9, 17, 33])
def test_a_nan_kernel_does_not_reach_its_neighbours_in_the_bank(method, n_kernels):
    images, kernels, _ = problem(Case("", (2, 5, 20, 3), (n_kernels, 3, 3, 3)), "float32")
    bank = np.concatenate([kernels, np.full_like(kernels[:1], NAN), kernels])
    response = xcorr.correlate(images, bank, method=method)
    expected = _reference.correlate(images, kernels)
    np.testing.assert_array_equal(response[..., :n_kernels], expected)
    np.testing.assert_array_equal(response[..., n_kernels + 1 :], expected)
    assert np.isnan(response[..., n_kernels]).all()


def test_a_nan_image_does_not_reach_its_neighbours_in_the_batch(method):
    images, kernels, _ = problem(Case("", (5, 6, 19, 2), (3, 3, 3, 2)), "float32")
    expected = xcorr.correlate(images, kernels, method=method)
    images[2] = NAN
    response = xcorr.correlate(images, kernels, method=method)
    assert np.isnan(response[2]).all()
    np.testing.assert_array_equal(np.delete(response, 2, 0), np.delete(expected, 2, 0))


def test_a_nan_channel_reaches_its_group_only(method):
    for groups, depth in ((2, 3), (3, 1), (17, 1)):
        images, kernels, _ = problem(Case("", (1, 6, 9, groups * depth), (groups * 2, 3, 2, depth)), "float32")
        images[..., depth] = NAN
        response = xcorr.correlate(images, kernels, groups=groups, method=method)
        assert_same_specials(response, images, kernels, groups=groups)
        assert np.isnan(response[..., 2:4]).all()
        assert np.isfinite(np.delete(response, [2, 3], -1)).all()


def test_a_huge_pixel_leaves_far_windows_exact(method):
    images = np.ones((1, 40, 41, 1), np.float32)
    images[0, 0, 0] = 1e30
    for forced in (method, "auto"):
        response = xcorr.correlate(images, np.ones((1, 20, 20, 1), np.float32), method=forced)
        assert (np.delete(response.ravel(), 0) == 400).all()


def test_float_sums_beyond_the_range_are_infinite_without_a_warning(method):
    images = np.full((1, 3, 4, 2), 3e38, np.float32)
    response = xcorr.correlate(images, np.ones((1, 2, 2, 2), np.float32), method=method)
    assert (response == INF).all()
    response = xcorr.correlate(np.full((4, 5), 6e4, np.float16), -np.ones((2, 2), np.float16), method=method)
    assert response.dtype == np.float16
    assert (response == -INF).all()


def test_subnormal_numbers_are_kept(method):
    tiny = np.finfo(np.float32).smallest_subnormal
    images = np.full((1, 4, 20, 1), 3 * tiny, np.float32)
    response = xcorr.correlate(images, np.ones((2, 2, 2, 1), np.float32), method=method)
    assert (response == 12 * tiny).all()
    response = xcorr.correlate(images * 2**20, np.full((1, 1, 1, 1), 2.0**-20, np.float32), method=method)
    assert (response == 3 * tiny).all()


def test_infinite_products_are_not_hidden_by_padding(method):
    response = xcorr.correlate(np.ones((3, 4), np.float32), np.float32([[INF]]), padding=1, method=method)
    expected = np.full((5, 6), NAN)
    expected[1:-1, 1:-1] = INF
    np.testing.assert_array_equal(response, expected)
