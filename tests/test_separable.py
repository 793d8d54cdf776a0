"""separable: its bound, its bits, whole numbers, and no reads beside the arrays."""

import multiprocessing
import sys

import factor_cases
import numpy as np
import pytest
from axes import LAYOUTS, random_call
from checks import INTEGERS, assert_equal, assert_same_bits, random_generator, real_numbers, whole_numbers
from factor_cases import (
    DTYPES,
    GEOMETRIES,
    WHOLE,
    allowed_error,
    assert_within_bound,
    by_factors,
    exact,
    kernels_like,
    mixed_products,
    over_geometries,
    over_some,
    problem,
    products,
)
from looping import drawn, for_each
from memory_orders import MEMORY

import xcorr
from xcorr import _reference
from xcorr._factors import factors_of

pytestmark = pytest.mark.usefixtures("level")


# --- the bound --------------------------------------------------------------------------------------------------------


@for_each(("case", "dtype"), [*zip(GEOMETRIES, ["float32"] * len(GEOMETRIES)), *drawn(3, GEOMETRIES, DTYPES)])
def test_error_is_within_its_bound(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    response = by_factors(images, kernels, **keywords)
    assert response.dtype == dtype
    assert_within_bound(response, exact(images, kernels, **keywords), allowed_error(images, kernels, **keywords))


@for_each(("rows", "columns", "depth"), [(3, 3, 2048), (200, 3, 1), (3, 700, 1), (85, 40, 1)])
def test_error_is_within_its_bound_for_equal_numbers(rows, columns, depth):
    """Every rounding of such a sum goes the same way."""
    images = np.full((1, rows + 3, columns + 4, depth), 0.1, np.float32)
    kernels = np.full((2, rows, columns, depth), 0.1, np.float32)
    assert_within_bound(by_factors(images, kernels), exact(images, kernels), allowed_error(images, kernels))


@for_each(("dtype", "share"), [("float32", 1e-2), ("float32", 1e-5), ("float64", 1e-7), ("float64", 1e-13)])
def test_a_small_product_counts(dtype, share):
    rng = random_generator("small", dtype, share)
    images = real_numbers(rng, (2, 20, 31, 2), dtype)
    large, small = (products(rng, (3, 9, 7, 2), dtype) for _ in range(2))
    kernels = large + np.array(share, dtype) * small
    assert_within_bound(by_factors(images, kernels), exact(images, kernels), allowed_error(images, kernels))


@for_each("dtype", ["float32", "float64"])
def test_products_as_small_as_roundings_of_the_largest_are_found(dtype):
    rng, unit = random_generator("smallest", dtype), float(np.finfo(dtype).eps)
    for share in (4, 10, 30, 100, 1000):
        for _ in range(20):
            parts = [np.outer(*(rng.normal(size=length) for length in (9, 14))) for _ in range(3)]
            large, small, smaller = (part / np.linalg.norm(part) for part in parts)
            taps = (large + share * unit * (small + smaller / 3)).astype(dtype)
            factors = factors_of(taps, np.dtype(dtype).str[1:], False)
            assert factors is not None
            missed = taps.astype(np.longdouble) - factors.columns.T.astype(np.longdouble) @ factors.rows
            assert float(np.sqrt((missed**2).sum())) <= unit


@for_each("dtype", ["float32", "float64"])
def test_sums_with_binary_fractions_are_exact(dtype):
    rng = random_generator("fractions", dtype)
    images = rng.integers(0, 256, (40, 50)).astype(dtype)
    for _ in range(30):
        column, row = (rng.integers(-9, 10, int(length)) for length in rng.integers(2, 14, 2))
        column[0] = row[-1] = 7  # neither is 0
        kernel = (np.outer(column, row) / 2.0 ** int(rng.integers(1, 9))).astype(dtype)
        words = {"layout": "NHW", "padding": "same"}
        expected = xcorr.correlate(images, kernel, method="direct", **words)
        assert np.array_equal(xcorr.correlate(images, kernel, method="separable", **words), expected)
        scaled = kernel * np.array(2.0**-100, dtype)
        factors = factors_of(scaled, np.dtype(dtype).str[1:], False)
        assert np.array_equal(factors.columns.T * factors.rows, scaled)


@for_each("dtype", ["int64", "float64"])
def test_whole_kernels_that_are_products_but_for_rounding_are_none(dtype):
    most = 2**53 - 1  # 1 / most times most - 1 is rounded to 1
    factors = factors_of(np.array([[most, most - 1], [1, 1]], dtype), "f8", dtype == "int64")
    products = [[0, 0], [0, 0]]
    for column, row in zip(factors.columns.tolist(), factors.rows.tolist(), strict=True):
        for y, x in np.ndindex(2, 2):
            products[y][x] += int(column[y]) * int(row[x]) if dtype == "int64" else column[y] * row[x]
    assert products == [[most, most - 1], [1, 1]]


@for_each(
    ("images_dtype", "kernels_dtype", "dtype"),
    [
        *(("float32", "float64", None), ("float64", "float32", None), ("uint8", "float32", None)),
        *(("float32", "float32", "float64"), ("float32", "complex64", None), ("complex64", "float32", None)),
        *(("float16", "float32", None), ("int16", "float64", "complex128"), ("float32", "int8", None)),
    ],
)
def test_mixed_types_are_summed_in_their_common_one(images_dtype, kernels_dtype, dtype):
    rng = random_generator("mixed", images_dtype, kernels_dtype)
    draw = whole_numbers if "int" in images_dtype else real_numbers
    images = draw(rng, (2, 17, 21, 2), images_dtype)
    kernels = mixed_products(rng, (3, 5, 6, 2), kernels_dtype, whole_numbers)  # of no other rank in a wider type
    response = by_factors(images, kernels, dtype=dtype)
    assert response.dtype == (dtype or np.result_type(images, kernels))
    wide = images.astype(np.result_type(images, "f4")), kernels.astype(np.result_type(kernels, "f4"))
    assert_within_bound(response, exact(*wide), allowed_error(images, kernels, dtype=response.dtype))


@for_each(("n_axes", "seed"), drawn(1, LAYOUTS, range(25)))
def test_calls_of_every_layout_and_geometry_are_the_definition_s(n_axes, seed):
    rng = random_generator("calls", n_axes, seed)
    images, kernels, keywords = random_call(rng, n_axes, DTYPES)
    kernels = kernels_like(rng, kernels, keywords["layout"])
    response = by_factors(images, kernels, **keywords)
    assert response.dtype == images.dtype
    expected = _reference.correlate(images, kernels, **keywords)
    assert_within_bound(response, expected, allowed_error(images, kernels, **keywords))
    assert_same_bits(xcorr.Correlator(kernels, method="separable", **keywords)(images), response)


@for_each("dtype", ["float32", "complex128"])
def test_convolutions_are_correlations_with_flipped_kernels(dtype):
    images, kernels, keywords = problem(GEOMETRIES[4], dtype)
    response = xcorr.convolve(images, kernels, method="separable", **keywords)
    assert_same_bits(response, by_factors(images, kernels[:, ::-1, ::-1], conjugate=False, **keywords))


# --- whole numbers ----------------------------------------------------------------------------------------------------


@for_each("name", WHOLE)
@for_each("dtype", ["float32", "float64", "complex64"])
def test_whole_numbers_stay_whole(dtype, name):
    images = whole_numbers(random_generator(name), (2, 23, 37, 1), dtype, 99)
    kernels = np.outer(*WHOLE[name]).astype(dtype)[np.newaxis, ..., np.newaxis]
    for keywords in ({}, {"padding": "same", "bias": np.array([5], dtype)}, {"stride": 2, "dilation": (1, 2)}):
        assert_equal(by_factors(images, kernels, **keywords), exact(images, kernels, **keywords), dtype)


@for_each("dtype", INTEGERS)
@over_some
def test_integers_are_exact(case, dtype):
    images, kernels, keywords = problem(case, dtype, whole_numbers)
    assert_same_bits(
        by_factors(images, kernels, **keywords), xcorr.correlate(images, kernels, method="direct", **keywords)
    )


@for_each("dtype", ["int64", "uint64", "int32", "uint32"])
def test_large_integers_are_exact_or_overflow(dtype):
    rng, limits = random_generator("large", dtype), np.iinfo(dtype)
    images = rng.integers(limits.min // 64, limits.max // 64, (2, 9, 11), dtype)
    kernels = np.outer([1, 2, 1], [1, 0, 3]).astype(dtype)
    expected = xcorr.correlate(images, kernels, layout="NHW", method="direct")
    assert_same_bits(by_factors(images, kernels, layout="NHW"), expected)
    for words in ({"images": images | np.array(limits.max - 1, dtype)}, {"dtype": "int8"}):
        words = {"images": images, "kernels": kernels, "layout": "NHW", **words}
        out = np.full((2, 7, 9), 77, words.get("dtype", "int64"))
        if "dtype" in words or "64" in dtype:
            with pytest.raises(OverflowError):
                by_factors(out=out, **words)
            assert (out == 77).all()
        else:
            assert_same_bits(by_factors(**words), xcorr.correlate(method="direct", **words))


def test_a_prepared_bank_serves_integers_and_floats():
    rng = random_generator("prepared")
    kernels = products(rng, (3, 5, 4, 2), "int16", 3)
    prepared = xcorr.Correlator(kernels, method="separable")
    for dtype in ("float32", "uint8", "float64", "complex64", "int64", "float32"):
        images = whole_numbers(rng, (2, 12, 19, 2), dtype)
        response = prepared(images)
        assert_same_bits(response, by_factors(images, kernels))
        wide = kernels.astype(response.dtype)
        if response.dtype.kind == "i":
            assert_same_bits(response, xcorr.correlate(images, kernels, method="direct"))
        else:
            assert_within_bound(response, exact(images, wide), allowed_error(images, wide))


# --- the same bits ----------------------------------------------------------------------------------------------------


@over_geometries
@for_each("dtype", ["float32", "complex128"])
def test_bits_do_not_depend_on_workers_or_batch(dtype, case):
    images, kernels, keywords = problem(case, dtype)
    together = by_factors(images, kernels, workers=1, **keywords)
    for workers in (2, 4):
        assert_same_bits(by_factors(images, kernels, workers=workers, **keywords), together)
    for index in range(len(images)):
        assert_same_bits(by_factors(images[index : index + 1], kernels, **keywords), together[index : index + 1])
    assert_same_bits(by_factors(images[::-1], kernels, **keywords), together[::-1])
    many = np.broadcast_to(images[1], (11, *images.shape[1:]))
    response = by_factors(many, kernels, workers=2, **keywords)
    assert_same_bits(response, np.broadcast_to(together[1], response.shape))


@for_each("case", [case for case in GEOMETRIES if case.groups == 1])
def test_bits_do_not_depend_on_the_bank(case):
    """Neither on the place in it, nor on its size, nor on how many products others are sums of."""
    images, kernels, keywords = problem(case, "float32")
    bias = keywords.pop("bias")
    bias = np.zeros(len(kernels), "f4") if bias is None else bias
    together = by_factors(images, kernels, bias=bias, **keywords)
    for which in range(len(kernels)):
        own = slice(which, which + 1)
        assert_same_bits(by_factors(images, kernels[own], bias=bias[own], **keywords), together[..., own])
    order = random_generator("order", case.id).permutation(np.arange(2 * len(kernels)) % len(kernels))
    assert_same_bits(by_factors(images, kernels[order], bias=bias[order], **keywords), together[..., order])


def test_bits_do_not_depend_on_the_place_within_a_group():
    images, kernels, keywords = problem(next(case for case in GEOMETRIES if case.id == "grouped"), "float32")
    bias, order = keywords.pop("bias"), np.array([2, 0, 1, 3, 5, 4, 7, 6, 8])
    together = by_factors(images, kernels, bias=bias, **keywords)
    assert_same_bits(by_factors(images, kernels[order], bias=bias[order], **keywords), together[..., order])


@over_some
@for_each("dtype", ["float32", "complex64", "float16"])
def test_bits_do_not_depend_on_memory_order_or_out(dtype, case):
    images, kernels, keywords = problem(case, dtype)
    expected = by_factors(images, kernels, **keywords)
    for name, lay in MEMORY.items():
        assert_same_bits(by_factors(lay(images), kernels, **keywords), expected)
        assert_same_bits(by_factors(images, lay(kernels), **keywords), expected)
        if name not in ("read-only", "other-byte-order", "other-byte-order-misaligned", "subclass"):
            out = lay(np.zeros_like(expected))
            assert by_factors(images, kernels, out=out, **keywords) is out
            assert_same_bits(out, expected)
    first = by_factors(*(np.moveaxis(operand, 3, 1) for operand in (images, kernels)), layout="NCHW", **keywords)
    np.testing.assert_array_equal(np.moveaxis(first, 1, 3), expected)


@over_geometries
def test_bits_are_those_of_a_prepared_bank_and_of_the_whole(case):
    images, kernels, keywords = problem(case, "float32")
    expected = by_factors(images, kernels, **keywords)
    prepared = xcorr.Correlator(kernels, method="separable", **keywords)
    for _ in range(2):
        assert_same_bits(prepared(images, workers=2), expected)
        assert_same_bits(prepared(images[1:2]), expected[1:2])
    rng = random_generator("roi", case.id)
    for _ in range(4):
        starts = [int(rng.integers(0, length)) for length in expected.shape[1:3]]
        ends = [int(rng.integers(start, length)) + 1 for start, length in zip(starts, expected.shape[1:3])]
        roi = tuple(map(slice, starts, ends))
        assert_same_bits(by_factors(images, kernels, roi=roi, **keywords), expected[:, roi[0], roi[1]])


def test_an_out_over_the_images_behaves_as_if_it_were_apart():
    images, kernels = real_numbers(random_generator("over"), (40, 50), "f4"), np.ones((5, 7), "f4")
    expected, over = by_factors(images, kernels, padding="same"), images.copy()
    assert_same_bits(by_factors(over, kernels, padding="same", out=over), expected)


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "uint8"])
def test_nothing_outside_the_arrays_is_touched(dtype, level):
    if level != "base":
        pytest.skip("the child runs every level")
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=factor_cases.run, args=(dtype, sender))
    process.start()
    sender.close()
    last = "nothing"
    try:
        while True:
            last = receiver.recv()
    except EOFError:
        process.join()
    assert (process.exitcode, last) == (0, "done"), last
