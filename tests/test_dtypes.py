"""Which dtype a response has, which numbers it holds, and when it must be refused."""

import itertools

import numpy as np
import pytest
from cases import FEW
from checks import (COMPLEXES, FLOATS, INTEGERS, assert_equal, assert_within_bound, random_generator, real_numbers,
                    response_dtype, whole_numbers)

import xcorr
from xcorr import _reference

pytestmark = pytest.mark.usefixtures("level")

ALL = (*INTEGERS, *FLOATS, *COMPLEXES)
by_id = {"ids": lambda value: getattr(value, "id", str(value))}
INT64, UINT64 = np.iinfo(np.int64), np.iinfo(np.uint64)


def problem(images_dtype, kernels_dtype, n_kernels=3):
    rng = random_generator(images_dtype, kernels_dtype)
    return whole_numbers(rng, (2, 5, 6, 2), images_dtype), whole_numbers(rng, (n_kernels, 2, 3, 2), kernels_dtype)


# The table of response dtypes.

@pytest.mark.parametrize("images_dtype", ALL)
@pytest.mark.parametrize("kernels_dtype", ALL)
def test_response_dtype_follows_from_the_operands(method, images_dtype, kernels_dtype):
    images, kernels = problem(images_dtype, kernels_dtype)
    response = xcorr.correlate(images, kernels, method=method)
    assert_equal(response, _reference.correlate(images, kernels), response_dtype(images_dtype, kernels_dtype))


@pytest.mark.parametrize(("images_dtype", "kernels_dtype", "expected"), [
    ("bool", "bool", "int64"), ("uint8", "int8", "int64"), ("uint64", "int64", "int64"), ("uint64", "uint64", "int64"),
    ("bool", "float16", "float16"), ("uint8", "float16", "float16"), ("int8", "float32", "float32"),
    ("uint16", "float32", "float32"), ("int32", "float32", "float64"), ("int64", "float16", "float64"),
    ("float16", "float16", "float16"), ("float16", "float32", "float32"), ("float32", "float64", "float64"),
    ("float32", "complex64", "complex64"), ("float64", "complex64", "complex128"), ("float16", "complex64", "complex64"),
    ("int32", "complex64", "complex128"), ("int8", "complex64", "complex64"), ("complex64", "float64", "complex128")])
def test_response_dtype_of_these_pairs(method, images_dtype, kernels_dtype, expected):
    for pair in ((images_dtype, kernels_dtype), (kernels_dtype, images_dtype)):
        assert xcorr.correlate(*problem(*pair), method=method).dtype == expected


def test_response_dtype_does_not_depend_on_values_or_sizes(method):
    for shape in ((1, 1), (5, 6)):
        for value in (0, 1):
            images = np.full(shape, value, np.int32)
            assert xcorr.correlate(images, np.ones((1, 1), np.float32), method=method).dtype == np.float64
    assert xcorr.correlate(np.ones((0, 4, 4), np.uint8), np.ones((2, 2), bool), method=method).dtype == np.int64


# Integers are exact.

@pytest.mark.parametrize("case", FEW, **by_id)
@pytest.mark.parametrize("dtypes", [("uint8", "int8"), ("int16", "uint16"), ("int64", "int64"), ("uint32", "bool")],
                         **by_id)
def test_integers_of_full_range_are_exact(method, case, dtypes):
    rng = random_generator(case.id, dtypes)

    def draw(shape, dtype, limit):
        if dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        info = np.iinfo(dtype)
        return rng.integers(max(info.min, -limit), min(info.max, limit), shape, dtype=dtype, endpoint=True)

    images, kernels = draw(case.images, dtypes[0], 2**40), draw(case.kernels, dtypes[1], 2**14)
    keywords = dict(case.keywords, bias=rng.integers(-2**50, 2**50, case.kernels[0]) if case.bias else None)
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
    images = np.array([[2**53 + 1, 2**62 + 3, -2**60 - 7]])
    assert_equal(xcorr.correlate(images, np.array([[1]], np.int8), method=method), images, np.int64)
    response = xcorr.correlate(images[:, 1:], np.array([[1, 3]]), method=method)
    assert_equal(response, np.array([[2**62 + 3 - 3 * 2**60 - 21]]), np.int64)


def test_the_ends_of_int64_can_be_reached(method):
    for images, kernels, expected in (([[2**62, 2**62 - 1]], [[1, 1]], INT64.max), ([[-2**62, -2**62]], [[1, 1]], INT64.min),
                                      ([[INT64.max]], [[1]], INT64.max), ([[INT64.min]], [[1]], INT64.min),
                                      ([[INT64.max]], [[-1]], -INT64.max), ([[2**32]], [[-2**31]], INT64.min)):
        response = xcorr.correlate(np.array(images), np.array(kernels), method=method)
        assert_equal(response, np.array([[expected]]), np.int64)
    response = xcorr.correlate(np.array([[INT64.max]], np.uint64), np.array([[1]], np.uint64), method=method)
    assert_equal(response, np.array([[INT64.max]]), np.int64)


@pytest.mark.parametrize(("images", "kernels", "dtype", "keywords"), [
    ([[2**62, 2**62]], [[1, 1]], "int64", {}), ([[-2**62, -2**62 - 1]], [[1, 1]], "int64", {}),
    ([[INT64.max]], [[2]], "int64", {}), ([[INT64.min]], [[-1]], "int64", {}), ([[2**32]], [[2**31]], "int64", {}),
    ([[2**32]], [[2**32]], "int64", {}), ([[3 * 2**62]], [[1]], "uint64", {}), ([[UINT64.max]], [[1]], "uint64", {}),
    ([[UINT64.max]], [[UINT64.max]], "uint64", {}), ([[2**63]], [[2]], "uint64", {}),
    ([[2**31] * 4], [[2**30] * 4], "uint32", {}), ([[2**62] * 4], [[1] * 4], "int64", {}),
    ([[INT64.max]], [[1]], "int64", {"bias": 1}), ([[INT64.min]], [[1]], "int64", {"bias": -1}),
    ([[1]], [[2]], "int64", {"padding": 1, "fill_value": INT64.max}), ([[1, 2**62]], [[2]], "int64", {})],
    ids=str)
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
    assert_equal(xcorr.correlate(images, np.array([[1], [0]]).reshape(1, 2, 1, 1), method=method), images[:, :1], np.int64)


def test_integers_are_exact_or_refused_but_never_wrong(method):
    rng = random_generator("exact or refused")
    refused = 0
    for _ in range(300):
        dtype = rng.choice(["int64", "uint64", "int32", "uint32"])
        info = np.iinfo(dtype)
        images, kernels = (rng.integers(info.min >> shift, (info.max >> shift) + 1, (1, 3, 3, 1), dtype=dtype)
                           >> rng.integers(0, 40, (1, 3, 3, 1)).astype(dtype) for shift in (1, 1))
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


# float16.

def test_float16_is_accumulated_in_float32(method):
    images = np.array([[60000, 60000, -60000, 0.5]], np.float16)
    assert_equal(xcorr.correlate(images[:, :3], np.ones((1, 3), np.float16), method=method), np.array([[60000.0]]),
                 np.float16)
    ones = np.ones((1, 64, 64, 1), np.float16)  # a float16 sum would stop at 2048
    assert_equal(xcorr.correlate(ones, ones, method=method), np.full((1, 1, 1, 1), 4096.0), np.float16)
    small = np.full((1, 1, 2001), 2.0**-11, np.float16)
    small[0, 0, 0] = 1
    response = xcorr.correlate(small[0], np.ones((1, 2001), np.float16), method=method)
    assert_equal(response, np.array([[np.float16(1 + 2000 * 2.0**-11)]]), np.float16)


def test_float16_rounds_once_to_the_nearest(method):
    rng = random_generator("float16")
    images = rng.integers(-1000, 1000, (1, 6, 30, 2)).astype(np.float16)
    kernels = rng.integers(-15, 15, (3, 2, 2, 2)).astype(np.float16)
    exact = _reference.correlate(images, kernels)
    assert (exact != exact.astype(np.float16)).any()
    assert_equal(xcorr.correlate(images, kernels, method=method), exact, np.float16)


def test_float16_bias_and_fill_value_take_part(method):
    response = xcorr.correlate(np.float16([[1.5]]), np.float16([[2]]), padding=1, fill_value=0.25, bias=np.float16(4),
                               method=method)
    expected = np.full((3, 3), 4.5)
    expected[1, 1] = 7
    assert_equal(response, expected, np.float16)


# dtype=

WIDER = [(images, asked) for images, asked in itertools.product(("float16", "float32", "float64", "complex64", "complex128"),
                                                                (*FLOATS, *COMPLEXES))
         if not (np.dtype(images).kind == "c" and np.dtype(asked).kind == "f")]


@pytest.mark.parametrize(("operands", "asked"), WIDER)
def test_any_float_dtype_that_is_not_a_lesser_kind_can_be_asked_for(method, operands, asked):
    images, kernels = problem(operands, operands)
    for form in (asked, np.dtype(asked), np.dtype(asked).type):
        response = xcorr.correlate(images, kernels, dtype=form, method=method)
        assert_equal(response, _reference.correlate(images, kernels), asked)


@pytest.mark.parametrize(("operands", "asked"), WIDER)
def test_the_dtype_asked_for_has_the_accuracy_of_the_wider_one(method, operands, asked):
    rng = random_generator(operands, asked)
    images, kernels = real_numbers(rng, (1, 6, 9, 2), operands), real_numbers(rng, (2, 3, 3, 2), operands)
    response = xcorr.correlate(images, kernels, dtype=asked, method=method)
    assert_within_bound(response, images, kernels, work_dtype=np.result_type(operands, asked))


@pytest.mark.parametrize("operands", INTEGERS)
@pytest.mark.parametrize("asked", [*FLOATS, *COMPLEXES, *INTEGERS[1:]])
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
    response = xcorr.correlate(np.full((1, 9), 250, np.uint8), np.full((1, 9), 3, np.uint8), dtype="float16", method=method)
    assert_equal(response, np.array([[np.float16(6750)]]), np.float16)


@pytest.mark.parametrize(("asked", "value", "fits"), [
    ("int8", 127, True), ("int8", 128, False), ("int8", -128, True), ("int8", -129, False), ("uint8", 255, True),
    ("uint8", 256, False), ("uint8", -1, False), ("uint8", 0, True), ("int16", 32767, True), ("int16", 32768, False),
    ("uint16", 65535, True), ("uint16", 65536, False), ("int32", 2**31 - 1, True), ("int32", 2**31, False),
    ("int32", -2**31, True), ("int32", -2**31 - 1, False), ("uint32", 2**32 - 1, True), ("uint32", 2**32, False),
    ("uint64", -1, False), ("uint64", INT64.max, True), ("int64", INT64.max, True), ("int64", INT64.min, True)])
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


@pytest.mark.parametrize(("operands", "asked"), [
    ("float32", "int64"), ("float16", "int8"), ("float64", "uint8"), ("complex64", "float32"), ("complex128", "float64"),
    ("complex64", "int32"), ("float32", "longdouble"), ("complex64", "clongdouble"), ("float32", "object"),
    ("int8", "object"), ("int8", "longdouble"), ("float32", "U3"), ("int32", "S1"), ("float32", "datetime64[s]"),
    ("float32", "V4")])
def test_a_lesser_or_foreign_dtype_is_refused(method, operands, asked):
    images, kernels = problem(operands, operands)
    with pytest.raises(TypeError, match="^dtype: "):
        xcorr.correlate(images, kernels, dtype=asked, method=method)


# Bias.

@pytest.mark.parametrize(("operands", "bias"), [
    ("float32", "float64"), ("float32", "float16"), ("float32", "int32"), ("float64", "float32"), ("float16", "float16"),
    ("complex64", "float32"), ("complex64", "complex64"), ("complex128", "int8"), ("uint8", "int64"), ("uint8", "uint8"),
    ("int64", "bool"), ("bool", "int8")])
def test_bias_does_not_change_the_response_dtype(method, operands, bias):
    images, kernels = problem(operands, operands)
    values = whole_numbers(random_generator(bias), 3, bias)
    response = xcorr.correlate(images, kernels, bias=values, method=method)
    assert_equal(response, _reference.correlate(images, kernels, bias=values), response_dtype(operands))


@pytest.mark.parametrize(("operands", "bias"), [("uint8", "float32"), ("int64", "float64"), ("bool", "float16"),
                                                ("float32", "complex64"), ("int8", "complex128"), ("float16", "complex64")])
def test_a_bias_of_a_higher_kind_is_refused(method, operands, bias):
    images, kernels = problem(operands, operands)
    with pytest.raises(TypeError, match="^bias: "):
        xcorr.correlate(images, kernels, bias=np.ones(3, bias), method=method)


def test_unsigned_bias_beyond_int64_is_refused_or_exact(method):
    images, kernels = np.array([[0]]), np.array([[1]])
    with pytest.raises(OverflowError):
        xcorr.correlate(images, kernels, bias=np.uint64(2**63), method=method)


# fill_value is a value of the images' dtype.

@pytest.mark.parametrize(("dtype", "value"), [
    ("uint8", 255), ("int8", -128), ("int64", INT64.min), ("uint64", 2**63 - 1), ("bool", True), ("int16", -3),
    ("float32", 2), ("float32", 0.5), ("float16", -1.5), ("float64", np.float32(0.25)), ("complex64", 2), ("complex64", 1j),
    ("uint8", np.int64(7)), ("float32", np.float64(-3))])
def test_fill_value_of_the_images_dtype_is_used(method, dtype, value):
    image = np.ones((2, 2), dtype)
    kernel = np.ones((1, 1), bool)
    expected = np.full((4, 4), value, object)
    expected[1:3, 1:3] = 1
    if not isinstance(value, complex):
        expected = expected.astype(np.int64 if np.dtype(dtype).kind in "biu" else np.float64)
    response = xcorr.correlate(image, kernel, padding=1, fill_value=value, method=method)
    assert_equal(response, expected, response_dtype(dtype, "bool"))


@pytest.mark.parametrize(("dtype", "value"), [
    ("uint8", 300), ("uint8", 256), ("uint8", -1), ("int8", 128), ("int8", -129), ("int64", 2**63), ("int64", 0.5),
    ("uint8", 0.5), ("int32", np.nan), ("int32", np.inf), ("bool", 2), ("uint64", -1), ("float32", 1j), ("float64", 1 + 2j),
    ("int8", 1j), ("float16", 1j)])
def test_fill_value_outside_the_images_dtype_is_refused(method, dtype, value):
    image = np.ones((2, 2), dtype)
    with pytest.raises(ValueError, match="^fill_value: "):
        xcorr.correlate(image, np.ones((1, 1), dtype), padding=1, fill_value=value, method=method)
