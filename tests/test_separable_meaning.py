"""separable on numbers that are not tame: NaN, infinity, huge beside faint, zeros; it means what direct means."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers, whole_numbers
from factor_cases import (
    GEOMETRIES,
    WHOLE,
    allowed_error,
    assert_within_bound,
    by_factors,
    exact,
    mixed_products,
    over_dtypes,
    over_reals,
    over_some,
    problem,
    products,
)
from looping import drawn, for_each

import xcorr

pytestmark = pytest.mark.usefixtures("level")

NAN, INF = np.nan, np.inf


def assert_same_meaning(images, kernels, **keywords):
    """What is not finite is direct's, all else within the bound of its own window."""
    direct = xcorr.correlate(images, kernels, method="direct", **keywords)
    response = by_factors(images, kernels, **keywords)
    finite = np.isfinite(direct)
    for part in ("real", "imag"):
        np.testing.assert_array_equal(getattr(response, part)[~finite], getattr(direct, part)[~finite])
    with np.errstate(all="ignore"):
        allowed = np.where(finite, 2 * allowed_error(images, kernels, **keywords), 1)
        wide = np.result_type(direct, "f8")
        assert_within_bound(np.where(finite, response, 0).astype(wide), np.where(finite, direct, 0), allowed)
    return response, finite


@for_each(("case", "dtype"), drawn(2, GEOMETRIES, ["float32", "float64", "complex64"]))
@for_each("value", [NAN, INF, -INF])
def test_what_is_not_finite_reaches_its_windows_only(value, case, dtype):
    images, kernels, keywords = problem(case, dtype)
    clean = by_factors(images, kernels, **keywords)
    rng = random_generator("places", case.id, dtype)
    places = [(0, 0, 0), (-1, -1, -1), tuple(int(rng.integers(length)) for length in images.shape[1:])]
    for place in places:
        marked = images.copy()
        marked[(1, *place)] = value
        response, _ = assert_same_meaning(marked, kernels, **keywords)
        assert_same_bits(response[::2], clean[::2])


@for_each("share", [0.001, 0.03, 0.5])
@over_some
def test_many_special_pixels_reach_the_windows_that_contain_them(case, share):
    images, kernels, keywords = problem(case, "float32")
    rng = random_generator("many", case.id)
    where = rng.random(images.shape) < share
    images[where] = rng.choice([NAN, INF, -INF, INF, -INF], np.count_nonzero(where))
    assert_same_meaning(images, kernels, **keywords)


@for_each("name", WHOLE)
def test_taps_of_zero_times_infinity_are_nan_as_by_direct(name):
    images = whole_numbers(random_generator("zeros", name), (1, 15, 21, 1), "float32")
    images[0, [3, 9, 10], [5, 20, 2]] = [[INF], [-INF], [NAN]]
    assert_same_meaning(images, np.outer(*WHOLE[name]).astype("f4")[np.newaxis, ..., np.newaxis], padding=1)


@for_each("value", [NAN, INF])
def test_fill_value_and_bias_may_be_special(value):
    images, kernels, keywords = problem(GEOMETRIES[8], "float32")
    assert_same_meaning(images, kernels, **{**keywords, "fill_value": value})
    bias = np.float32([1, value, -2])
    response = by_factors(images, kernels, **{**keywords, "bias": bias})
    assert np.isfinite(response[..., [0, 2]]).all()
    np.testing.assert_array_equal(response[..., 1], np.full(response.shape[:3], value, "f4"))


@for_each(("column", "row"), [(10, 0.01), (0.01, 10), (1e-10, 1e9), (1e9, 1e-10), (1e-30, 1e28), (1e20, 1e-22)])
def test_sums_that_overflow_in_between_stay_finite(column, row):
    kernels = np.outer(np.full(9, column), np.full(9, row)).astype("f4")[np.newaxis, ..., np.newaxis]
    alternating = np.where(np.arange(9) % 2, -1, 1).astype("f4")
    images = np.full((1, 40, 50, 1), 1e37, np.float32)
    images[:, 20:] = -1e37
    images[:, :, 30:] = 1
    for signs in (np.ones((9, 9), "f4"), np.outer(alternating, np.ones(9, "f4")), np.outer(alternating, alternating)):
        response, finite = assert_same_meaning(images, kernels * signs[..., np.newaxis])
        assert finite.all()
        assert np.isfinite(response).all()


@for_each("height", range(2, 12))
@for_each("width", [9, 33, 70, 150])
def test_sums_of_columns_of_any_length_over_what_overflows_stay_finite(height, width):
    """They are summed once more, wherever in a tile they are: 63 times a root of 2**-10 is beyond the range."""
    rng = random_generator("overflow", height, width)
    images = np.ones((20, width + 62), np.float32)
    kernel = np.full((height, 63), 2.0**-10, np.float32)
    for _ in range(4):
        own, y, x = images.copy(), int(rng.integers(0, 21 - height)), int(rng.integers(0, width))
        own[y : y + height, x : x + 63] = 3e38
        direct = xcorr.correlate(own, kernel, method="direct")
        assert np.isfinite(direct).all()
        np.testing.assert_allclose(xcorr.correlate(own, kernel, method="separable"), direct, rtol=1e-5)


def test_sums_of_huge_pixels_that_cancel_stay_finite():
    images = np.full((1, 20, 40, 1), 3e38, np.float32)
    images[:, 8:] = 1
    kernels = np.float32([np.outer([1, -1, 1, -1], np.ones(5)), np.outer(np.ones(4), [1, -1, 1, -1, 0])])[..., None]
    assert_same_meaning(images, 0.1 * kernels)
    assert_same_meaning(images, np.float32(0.5) * kernels)


@over_reals
def test_a_huge_pixel_counts_in_its_own_windows_only(dtype):
    images, kernels, keywords = problem(GEOMETRIES[2], dtype)
    for faint, huge in ((1, 1e30), (1e-25, 1), (1e-20, 1e20)):
        marked = images * np.array(faint, dtype)
        marked[1, 20, 30] = marked[0, 3, 0] = huge
        keywords["bias"] = None
        assert_same_meaning(marked, kernels, **keywords)


@for_each(("of_images", "of_kernels"), [(-120, 110), (110, -120), (-60, -50), (60, 55), (-149, 100)])
def test_powers_of_two_keep_the_bound(of_images, of_kernels):
    """Subnormal pixels count, too, where taps are large."""
    rng = random_generator("powers", of_images)
    images, kernels = whole_numbers(rng, (2, 19, 33, 2), "f4", 9), products(rng, (3, 5, 4, 2), "f4", 1, whole_numbers)
    images, kernels = np.ldexp(images, of_images), np.ldexp(kernels, of_kernels)
    assert_within_bound(by_factors(images, kernels), exact(images, kernels), allowed_error(images, kernels))


@for_each(("dtype", "power"), drawn(1, ["float32", "float64"], [-3, 0, 2, 9, 20]))
def test_taps_that_are_subnormal_or_nearly_so_keep_their_value(dtype, power):
    """Bright pixels make them count."""
    limits, rng = np.finfo(dtype), random_generator("subnormal", dtype, power)
    images = np.ldexp(real_numbers(rng, (2, 12, 19, 2), dtype), limits.maxexp - 30)
    kernels = products(rng, (3, 3, 4, 2), dtype, 1, whole_numbers)
    kernels = np.ldexp(kernels, limits.minexp + power if power < 0 else limits.minexp - limits.nmant + power)
    response = by_factors(images, kernels)
    expected = xcorr.correlate(images, kernels, method="direct")
    assert_within_bound(response, expected, 2 * allowed_error(images, kernels))


@over_reals
def test_taps_and_pixels_may_be_anything_whose_product_is_in_range(dtype):
    limits = np.finfo(dtype)
    images, kernels = real_numbers(random_generator("range"), (1, 12, 19, 1), dtype), np.ones((1, 3, 4, 1), dtype)
    for power in (limits.maxexp - 1, limits.minexp, limits.minexp // 2, limits.maxexp // 2):
        kernel = np.ldexp(kernels, power)
        image = np.ldexp(images, -power // 2)
        expected = xcorr.correlate(image, kernel, method="direct")
        assert_within_bound(by_factors(image, kernel), expected, 2 * allowed_error(image, kernel))


@over_dtypes
def test_windows_of_zeros_give_exactly_zero_or_the_bias(dtype):
    kernels = mixed_products(random_generator("zeros", dtype), (5, 4, 3, 2), dtype)
    bias = np.array([0, 1, 2, 3, 4], dtype)
    for row, column in ((0, 0), (7, 20), (19, 39), (3, 33)):
        images = np.zeros((1, 20, 40, 2), dtype)
        images[0, row, column] = 1e4
        reached = np.zeros((17, 38), bool)
        reached[max(row - 3, 0) : row + 1, max(column - 2, 0) : column + 1] = True
        assert not by_factors(images, kernels)[0][~reached].any()
        response = by_factors(images, kernels, bias=bias)[0][~reached]
        assert_same_bits(response, np.broadcast_to(bias, response.shape).copy())


def test_kernels_of_zeros_give_zero():
    images, kernels = real_numbers(random_generator("kernel"), (2, 9, 12, 1), "f4"), np.ones((3, 3, 3, 1), "f4")
    kernels[1] = 0
    response = by_factors(images, kernels)
    assert not response[..., 1].any()
    assert_same_bits(response[..., ::2], by_factors(images, kernels[::2]))


def test_a_bias_of_minus_zero_gives_the_bits_of_direct_for_zeros():
    images, kernels, bias = np.zeros((1, 9, 40, 1), "f4"), np.ones((1, 3, 3, 1), "f4"), np.float32([-0.0])
    expected = xcorr.correlate(images, kernels, bias=bias, method="direct")
    assert_same_bits(by_factors(images, kernels, bias=bias), expected)
