"""Integers are exact in every width, or refused."""

import numpy as np
import pytest
from cases import FEW
from checks import COMPLEXES, FLOATS, INTEGERS, assert_equal, random_generator, whole_numbers
from looping import for_each

import xcorr
from xcorr import _reference

pytestmark = pytest.mark.usefixtures("level")

by_id = {"ids": lambda value: getattr(value, "id", str(value))}
INT64, UINT64 = np.iinfo(np.int64), np.iinfo(np.uint64)


@for_each("dtypes", [("uint8", "int8"), ("int16", "uint16"), ("int64", "int64"), ("uint32", "bool")])
@pytest.mark.parametrize("case", FEW, **by_id)
def test_integers_of_full_range_are_exact(method, case, dtypes):
    rng = random_generator(case.id, dtypes)

    def draw(shape, dtype, limit):
        if dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        info = np.iinfo(dtype)
        return rng.integers(max(info.min, -limit), min(info.max, limit), shape, dtype=dtype, endpoint=True)

    images, kernels = draw(case.images, dtypes[0], 2**40), draw(case.kernels, dtypes[1], 2**14)
    keywords = dict(case.keywords, bias=rng.integers(-(2**50), 2**50, case.kernels[0]) if case.bias else None)
    response = xcorr.correlate(images, kernels, method=method, **keywords)
    assert_equal(response, _reference.correlate(images, kernels, **keywords), np.int64)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_sums_do_not_wrap_in_the_operands_dtype(method, dtype):
    top = 1 if dtype == "bool" else min(np.iinfo(dtype).max, 2**29)
    images = np.full((1, 4, 21, 1), top, dtype)
    response = xcorr.correlate(images, images[:, :3, :3], method=method)
    assert_equal(response, np.full((1, 2, 19, 1), 9 * top**2), np.int64)


def test_uint8_sum_of_2295_is_2295(method):
    response = xcorr.correlate(np.full((3, 3), 255, np.uint8), np.ones((3, 3), np.uint8), method=method)
    assert_equal(response, np.array([[2295]]), np.int64)


def test_int8_minimum_times_itself_is_positive(method):
    lowest = np.full((1, 1), -128, np.int8)
    assert_equal(xcorr.correlate(lowest, lowest, method=method), np.array([[16384]]), np.int64)


def test_integers_above_two_to_the_53_keep_their_last_bit(method):
    images = np.array([[2**53 + 1, 2**62 + 3, -(2**60) - 7]])
    assert_equal(xcorr.correlate(images, np.array([[1]], np.int8), method=method), images, np.int64)
    response = xcorr.correlate(images[:, 1:], np.array([[1, 3]]), method=method)
    assert_equal(response, np.array([[2**62 + 3 - 3 * 2**60 - 21]]), np.int64)


def test_the_ends_of_int64_can_be_reached(method):
    for images, kernels, expected in (
        ([[2**62, 2**62 - 1]], [[1, 1]], INT64.max),
        ([[-(2**62), -(2**62)]], [[1, 1]], INT64.min),
        ([[INT64.max]], [[1]], INT64.max),
        ([[INT64.min]], [[1]], INT64.min),
        ([[INT64.max]], [[-1]], -INT64.max),
        ([[2**32]], [[-(2**31)]], INT64.min),
    ):
        response = xcorr.correlate(np.array(images), np.array(kernels), method=method)
        assert_equal(response, np.array([[expected]]), np.int64)
    response = xcorr.correlate(np.array([[INT64.max]], np.uint64), np.array([[1]], np.uint64), method=method)
    assert_equal(response, np.array([[INT64.max]]), np.int64)


@pytest.mark.parametrize(
    ("images", "kernels", "dtype", "keywords"),
    [
        ([[2**62, 2**62]], [[1, 1]], "int64", {}),
        ([[-(2**62), -(2**62) - 1]], [[1, 1]], "int64", {}),
        ([[INT64.max]], [[2]], "int64", {}),
        ([[INT64.min]], [[-1]], "int64", {}),
        ([[2**32]], [[2**31]], "int64", {}),
        ([[2**32]], [[2**32]], "int64", {}),
        ([[3 * 2**62]], [[1]], "uint64", {}),
        ([[UINT64.max]], [[1]], "uint64", {}),
        ([[UINT64.max]], [[UINT64.max]], "uint64", {}),
        ([[2**63]], [[2]], "uint64", {}),
        ([[2**31] * 4], [[2**30] * 4], "uint32", {}),
        ([[2**62] * 4], [[1] * 4], "int64", {}),
        ([[INT64.max]], [[1]], "int64", {"bias": 1}),
        ([[INT64.min]], [[1]], "int64", {"bias": -1}),
        ([[1]], [[2]], "int64", {"padding": 1, "fill_value": INT64.max}),
        ([[1, 2**62]], [[2]], "int64", {}),
    ],
    ids=str,
)
def test_integers_raise_instead_of_wrapping(method, images, kernels, dtype, keywords):
    images, kernels = np.array(images, dtype), np.array(kernels, dtype)
    expected = _reference.correlate(images, kernels, **keywords)
    if dtype == "uint32":  # 4 * 2**61 = 2**63
        assert expected[0, 0] == 2**63
    out = np.full(expected.shape, 77)
    for forced in (method, "auto"):
        with pytest.raises(OverflowError):
            xcorr.correlate(images, kernels, method=forced, **keywords)
        with pytest.raises(OverflowError):
            xcorr.correlate(images, kernels, method=forced, out=out, **keywords)
        assert (out == 77).all()


def test_one_overflow_in_a_large_batch_is_found(method):
    images = np.ones((3, 20, 33, 2), np.int64)
    images[2, 19, 32, 1] = INT64.max
    with pytest.raises(OverflowError):
        xcorr.correlate(images, np.ones((5, 2, 2, 2), np.int64), method=method)
    assert xcorr.correlate(images[:, :, :-1], np.ones((5, 2, 2, 2), np.int64), method=method).max() == 8


def test_large_operands_that_never_meet_do_not_raise(method):
    images, kernels = np.array([[2**62, 1, 1]]), np.array([[1, 2**10, 1]])
    assert_equal(xcorr.correlate(images, kernels, method=method), np.array([[2**62 + 2**10 + 1]]), np.int64)
    images, kernels = np.array([[UINT64.max, 5]], np.uint64), np.array([[0, 3]], np.uint8)
    assert_equal(xcorr.correlate(images, kernels, method=method), np.array([[15]]), np.int64)
    images = np.full((1, 2, 40, 1), INT64.max)
    images[:, :, ::2] = 0
    assert_equal(
        xcorr.correlate(images, np.array([[1], [0]]).reshape(1, 2, 1, 1), method=method), images[:, :1], np.int64
    )


def test_integers_are_exact_or_refused_but_never_wrong(method):
    rng = random_generator("exact or refused")
    refused = 0
    for _ in range(300):
        dtype = rng.choice(["int64", "uint64", "int32", "uint32"])
        info = np.iinfo(dtype)
        images, kernels = (
            rng.integers(info.min >> shift, (info.max >> shift) + 1, (1, 3, 3, 1), dtype=dtype)
            >> rng.integers(0, 40, (1, 3, 3, 1)).astype(dtype)
            for shift in (1, 1)
        )
        kernels = kernels[:, :2, :2]
        exact = _reference.correlate(images, kernels)
        sums = _reference.abs_sums(images, kernels)
        try:
            response = xcorr.correlate(images, kernels, method=method)
        except OverflowError:
            refused += 1
            assert sums.max() > 2.0**63 * (1 - 1e-9), "refused although no partial sum can leave int64"
        else:
            assert_equal(response, exact, np.int64)
    assert 0 < refused < 300


# Integers with fractions or weights beside them.


def test_integer_images_with_float_kernels_are_not_rounded_to_integers(method):
    response = xcorr.correlate(np.array([[1, 2, 3]], np.uint8), np.array([[0.5, 0.25]], np.float32), method=method)
    assert_equal(response, np.array([[1.0, 1.75]]), np.float32)


def test_int32_with_float32_is_computed_in_float64(method):
    images = np.array([[2**24 + 1, 2**30 + 1]], np.int32)
    assert_equal(xcorr.correlate(images, np.float32([[1]]), method=method), images, np.float64)


# dtype=


@for_each("asked", [*FLOATS, *COMPLEXES, *INTEGERS[1:]])
@pytest.mark.parametrize("operands", INTEGERS)
def test_integers_can_be_asked_for_in_any_number_dtype(method, operands, asked):
    rng = random_generator(operands, asked)
    images = whole_numbers(rng, (1, 5, 6, 1), operands, 2)
    kernels = whole_numbers(rng, (2, 2, 2, 1), "bool" if np.dtype(asked).kind == "u" else operands, 2)
    images = np.abs(images) if np.dtype(asked).kind == "u" else images
    response = xcorr.correlate(images, kernels, dtype=asked, method=method)
    assert_equal(response, _reference.correlate(images, kernels), asked)


def test_integers_asked_for_in_a_float_dtype_are_rounded_once(method):
    images, kernels = np.array([[2**24 + 1, 1, 2**24 + 3]], np.int32), np.array([[1, 1, 1]], np.int32)
    exact = 2**25 + 5
    response = xcorr.correlate(images, kernels, dtype=np.float32, method=method)
    assert_equal(response, np.array([[np.float32(exact)]]), np.float32)
    response = xcorr.correlate(
        np.full((1, 9), 250, np.uint8), np.full((1, 9), 3, np.uint8), dtype="float16", method=method
    )
    assert_equal(response, np.array([[np.float16(6750)]]), np.float16)


@pytest.mark.parametrize(
    ("asked", "value", "fits"),
    [
        ("int8", 127, True),
        ("int8", 128, False),
        ("int8", -128, True),
        ("int8", -129, False),
        ("uint8", 255, True),
        ("uint8", 256, False),
        ("uint8", -1, False),
        ("uint8", 0, True),
        ("int16", 32767, True),
        ("int16", 32768, False),
        ("uint16", 65535, True),
        ("uint16", 65536, False),
        ("int32", 2**31 - 1, True),
        ("int32", 2**31, False),
        ("int32", -(2**31), True),
        ("int32", -(2**31) - 1, False),
        ("uint32", 2**32 - 1, True),
        ("uint32", 2**32, False),
        ("uint64", -1, False),
        ("uint64", INT64.max, True),
        ("int64", INT64.max, True),
        ("int64", INT64.min, True),
    ],
)
def test_every_value_is_checked_against_the_integer_dtype_asked_for(method, asked, value, fits):
    images = np.zeros((2, 4, 23, 1), np.int64)
    images[1, 3, 22] = value
    kernel = np.ones((1, 1, 1, 1), np.int8)
    out = np.full(images.shape, 77, asked)
    if fits:
        assert xcorr.correlate(images, kernel, dtype=asked, out=out, method=method) is out
        assert_equal(out, images, asked)
    else:
        with pytest.raises(OverflowError):
            xcorr.correlate(images, kernel, dtype=asked, out=out, method=method)
        assert (out == 77).all()
        with pytest.raises(OverflowError):
            xcorr.correlate(images, kernel, dtype=asked, method=method)


def test_uint64_is_exact_or_refused_above_int64(method):
    try:
        response = xcorr.correlate(np.array([[UINT64.max]], np.uint64), np.array([[1]]), dtype=np.uint64, method=method)
    except OverflowError:
        return
    assert_equal(response, np.array([[UINT64.max]], object), np.uint64)
