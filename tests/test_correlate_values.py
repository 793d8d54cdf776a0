"""Every shape of the table, every layout, and the error bound, on every level and method."""

import functools

import numpy as np
import pytest
from cases import FEW, TABLES
from checks import (
    BOUNDARIES,
    COMPLEXES,
    FLOATS,
    LAYOUTS,
    assert_each,
    assert_equal,
    assert_within_bound,
    fast_correlate,
    random_generator,
    real_numbers,
    to_layout,
    whole_numbers,
)
from looping import drawn, for_each

import xcorr
from xcorr import _reference

by_id = {"ids": lambda value: getattr(value, "id", str(value))}
SPLIT = [case for case in FEW if case.images[0] and case.kernels[0]]


@functools.cache
def whole_number_problem(case):
    """Operands of small whole numbers and their exact responses."""
    rng = random_generator(case.id)
    images = whole_numbers(rng, case.images, np.float64)
    kernels = whole_numbers(rng, case.kernels, np.float64)
    keywords = dict(case.keywords, bias=whole_numbers(rng, case.kernels[0], np.float64) if case.bias else None)
    return images, kernels, keywords, fast_correlate(images, kernels, **keywords)


def real_problem(case, dtype):
    """Operands with full significands."""
    rng = random_generator(case.id, dtype)
    images, kernels = real_numbers(rng, case.images, dtype), real_numbers(rng, case.kernels, dtype)
    bias = real_numbers(rng, case.kernels[0], dtype) if case.bias else None
    return images, kernels, dict(case.keywords, bias=bias)


@for_each("dtype", ["int8", "float32", "complex64"])
@pytest.mark.parametrize("case", FEW, **by_id)
def test_the_two_oracles_agree(case, dtype):
    rng = random_generator(case.id, dtype)
    images, kernels = whole_numbers(rng, case.images, dtype), whole_numbers(rng, case.kernels, dtype)
    keywords = dict(case.keywords, bias=whole_numbers(rng, case.kernels[0], dtype) if case.bias else None)
    slow = _reference.correlate(images, kernels, **keywords)
    assert slow.dtype == {"int8": object, "float32": np.float64, "complex64": np.complex128}[dtype]
    np.testing.assert_array_equal(slow.astype(np.complex128), fast_correlate(images, kernels, **keywords))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_two_oracles_agree_on_the_table(table):
    def check(case):
        images, kernels, keywords, expected = whole_number_problem(case)
        if expected.size <= 4000:
            np.testing.assert_array_equal(_reference.correlate(images, kernels, **keywords), expected)

    assert_each(check, table[::7])


@pytest.mark.skipif(np.__version__.startswith("1."), reason="numpy.pad of NumPy 1 errs where one side wraps more often")
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_borders_of_the_oracle_are_those_of_numpy_pad(boundary):
    one_tap = np.ones((1, 1))
    for height, width, padding in ((1, 1, 5), (1, 4, (9, 11)), (3, 2, ((7, 0), (1, 8))), (4, 5, 2)):
        image = np.arange(1.0, height * width + 1).reshape(height, width)
        pads = np.asarray(padding)
        expected = np.pad(image, pads[:, None] if pads.ndim == 1 else pads, mode=boundary)
        response = _reference.correlate(image, one_tap, padding=padding, boundary=boundary)
        np.testing.assert_array_equal(response, expected)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_whole_numbers_give_the_exact_response(level, method, table):
    def check(case):
        images, kernels, keywords, expected = whole_number_problem(case)
        for dtype in ("float32", "float64"):
            response = xcorr.correlate(images.astype(dtype), kernels.astype(dtype), method=method, **keywords)
            assert_equal(response, expected, dtype)

    assert_each(check, table)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_auto_gives_the_exact_response_for_whole_numbers(table):
    def check(case):
        images, kernels, keywords, expected = whole_number_problem(case)
        assert_equal(xcorr.correlate(images, kernels, precision="strict", **keywords), expected, np.float64)

    assert_each(check, table)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_integers_give_the_exact_response(level, method, table):
    def check(case):
        images, kernels, keywords, expected = whole_number_problem(case)
        if keywords["bias"] is not None:
            keywords = dict(keywords, bias=keywords["bias"].astype(np.int64))
        response = xcorr.correlate(images.astype(np.int8), kernels.astype(np.int16), method=method, **keywords)
        assert_equal(response, expected, np.int64)

    assert_each(check, table[::3])


@for_each("dtype", ["float32", "float64", "complex64", "int32", "float16"])
@pytest.mark.parametrize(("case", "layout"), drawn(2, FEW, LAYOUTS), **by_id)
def test_every_layout_gives_the_exact_response(level, method, case, layout, dtype):
    if layout == "NHW" and case.groups > 1:
        pytest.skip("one channel has no groups")
    rng = random_generator(case.id, layout, dtype)
    images, kernels = (to_layout(whole_numbers(rng, shape, dtype), layout) for shape in (case.images, case.kernels))
    keywords = dict(case.keywords, layout=layout)
    bias = whole_numbers(rng, case.kernels[0], dtype) if case.bias else None
    dtype = np.int64 if dtype == "int32" else dtype

    def check(images, kernels, bias):
        response = xcorr.correlate(images, kernels, method=method, bias=bias, **keywords)
        assert_equal(response, _reference.correlate(images, kernels, bias=bias, **keywords), dtype)

    check(images, kernels, bias)
    if len(images):
        check(images[-1], kernels, bias)
    if len(kernels) and case.groups == 1:
        check(images, kernels[-1], None if bias is None else bias[-1])
    if len(images) and len(kernels) and case.groups == 1:
        check(images[0], kernels[0], None if bias is None else bias[0])


@for_each("dtype", FLOATS + COMPLEXES)
@pytest.mark.parametrize("case", SPLIT, **by_id)
def test_error_stays_under_the_bound(level, method, case, dtype):
    images, kernels, keywords = real_problem(case, dtype)
    response = xcorr.correlate(images, kernels, method=method, **keywords)
    assert response.dtype == dtype
    assert_within_bound(response, images, kernels, work_dtype=np.promote_types(dtype, np.float32), **keywords)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("images", "kernels"),
    [
        ((1, 502, 503, 1), (1, 500, 500, 1)),
        ((1, 1, 3, 200_000), (2, 1, 2, 200_000)),
        ((1, 9, 10, 4096), (17, 8, 8, 4096)),
    ],
    ids=str,
)
def test_error_of_a_long_sum_stays_under_the_bound(level, method, dtype, images, kernels):
    # All positive, so that a running sum in one accumulator would lose most of its bits.
    rng = random_generator(images, kernels, dtype)
    images, kernels = rng.random(images).astype(dtype), rng.random(kernels).astype(dtype)
    response = xcorr.correlate(images, kernels, method=method)
    windows = np.lib.stride_tricks.sliding_window_view(images, kernels.shape[1:3], axis=(1, 2))
    expected = (
        np.einsum("nyxcij,kijc->nyxk", windows.astype(np.float64), kernels.astype(np.float64))
        if dtype == "float32"
        else exact_sums(windows, kernels)
    )
    allowed = _reference.bound(dtype, kernels[0].size, expected)  # all positive: the sum is its own S
    assert np.all(np.abs(response - expected) <= allowed)


def exact_sums(windows, kernels):
    """Sums in long double, rounded to float64."""
    kernels = np.moveaxis(kernels, -1, 1).astype(np.longdouble)
    response = np.empty((*windows.shape[:3], len(kernels)))
    for where in np.ndindex(response.shape):
        response[where] = (windows[where[:3]] * kernels[where[3]]).sum()
    return response


def chosen_method(images, kernels, keywords):
    about_values = ("bias", "fill_value")
    sizes = {name: value for name, value in keywords.items() if name not in about_values}
    return xcorr.choose_method(images.shape, kernels.shape, dtype=images.dtype, **sizes)


@pytest.mark.parametrize("case", SPLIT, **by_id)
@pytest.mark.parametrize("precision", ["standard", "strict"])
def test_auto_stays_under_the_direct_bound_where_strict(level, case, precision):
    images, kernels, keywords = real_problem(case, np.float32)
    response = xcorr.correlate(images, kernels, precision=precision, **keywords)
    if precision == "strict" or chosen_method(images, kernels, keywords) in ("direct", "matmul"):
        assert_within_bound(response, images, kernels, **keywords)
    else:
        expected = _reference.correlate(images, kernels, **keywords)
        assert np.linalg.norm(response - expected) <= 1e-4 * np.linalg.norm(expected)


@pytest.mark.parametrize("case", FEW, **by_id)
def test_forced_methods_agree_with_auto_for_every_workers(level, method, case):
    images, kernels, keywords, expected = whole_number_problem(case)
    for workers in (None, 1, 2, 5, -1):
        for forced in (method, "auto"):
            response = xcorr.correlate(images, kernels, method=forced, workers=workers, **keywords)
            if forced == "auto" and chosen_method(images, kernels, keywords) in ("fft", "winograd"):
                np.testing.assert_allclose(response, expected, atol=1e-9)
            else:
                assert_equal(response, expected, np.float64)


@pytest.mark.parametrize("case", SPLIT, **by_id)
def test_all_zero_images_give_exactly_zero(level, method, case):
    kernels = real_numbers(random_generator(case.id), case.kernels, np.float32)
    keywords = dict(case.keywords, fill_value=0)
    for forced in (method, "auto"):
        response = xcorr.correlate(np.zeros(case.images, np.float32), kernels, method=forced, **keywords)
        assert not response.any()


@pytest.mark.parametrize("case", SPLIT, **by_id)
def test_response_is_linear_in_the_bank(level, method, case):
    images, kernels, keywords, _ = whole_number_problem(case)
    keywords = dict(keywords, bias=None)
    one = xcorr.correlate(images, kernels, method=method, **keywords)
    assert_equal(xcorr.correlate(images, -3 * kernels, method=method, **keywords), -3 * one, np.float64)
