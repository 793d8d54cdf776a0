"""Which dtype a response has, which numbers it holds, and when it must be refused."""

import itertools

import numpy as np
import pytest
from checks import (
    COMPLEXES,
    FLOATS,
    INTEGERS,
    assert_equal,
    assert_within_bound,
    random_generator,
    real_numbers,
    response_dtype,
    whole_numbers,
)
from looping import for_each

import xcorr
from xcorr import _reference

pytestmark = pytest.mark.usefixtures("level")

ALL = (*INTEGERS, *FLOATS, *COMPLEXES)
INT64 = np.iinfo(np.int64)


def problem(images_dtype, kernels_dtype, n_kernels=3):
    rng = random_generator(images_dtype, kernels_dtype)
    return whole_numbers(rng, (2, 5, 6, 2), images_dtype), whole_numbers(rng, (n_kernels, 2, 3, 2), kernels_dtype)


# The table of response dtypes.


@for_each("kernels_dtype", ALL)
@pytest.mark.parametrize("images_dtype", ALL)
def test_response_dtype_follows_from_the_operands(method, images_dtype, kernels_dtype):
    images, kernels = problem(images_dtype, kernels_dtype)
    response = xcorr.correlate(images, kernels, method=method)
    assert_equal(response, _reference.correlate(images, kernels), response_dtype(images_dtype, kernels_dtype))


@pytest.mark.parametrize(
    ("images_dtype", "kernels_dtype", "expected"),
    [
        ("bool", "bool", "int64"),
        ("uint8", "int8", "int64"),
        ("uint64", "int64", "int64"),
        ("uint64", "uint64", "int64"),
        ("bool", "float16", "float16"),
        ("uint8", "float16", "float16"),
        ("int8", "float32", "float32"),
        ("uint16", "float32", "float32"),
        ("int32", "float32", "float64"),
        ("int64", "float16", "float64"),
        ("float16", "float16", "float16"),
        ("float16", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("float32", "complex64", "complex64"),
        ("float64", "complex64", "complex128"),
        ("float16", "complex64", "complex64"),
        ("int32", "complex64", "complex128"),
        ("int8", "complex64", "complex64"),
        ("complex64", "float64", "complex128"),
    ],
)
def test_response_dtype_of_these_pairs(method, images_dtype, kernels_dtype, expected):
    for pair in ((images_dtype, kernels_dtype), (kernels_dtype, images_dtype)):
        assert xcorr.correlate(*problem(*pair), method=method).dtype == expected


def test_response_dtype_does_not_depend_on_values_or_sizes(method):
    for shape in ((1, 1), (5, 6)):
        for value in (0, 1):
            images = np.full(shape, value, np.int32)
            assert xcorr.correlate(images, np.ones((1, 1), np.float32), method=method).dtype == np.float64
    none = np.ones((0, 4, 4), np.uint8)
    assert xcorr.correlate(none, np.ones((2, 2), bool), layout="NHW", method=method).dtype == np.int64


# float16.


def test_float16_is_accumulated_in_float32(method):
    images = np.array([[60000, 60000, -60000, 0.5]], np.float16)
    assert_equal(
        xcorr.correlate(images[:, :3], np.ones((1, 3), np.float16), method=method), np.array([[60000.0]]), np.float16
    )
    ones = np.ones((1, 64, 64, 1), np.float16)  # a float16 sum would stop at 2048
    assert_equal(xcorr.correlate(ones, ones, method=method), np.full((1, 1, 1, 1), 4096.0), np.float16)
    small = np.full((1, 1, 2001), 2.0**-11, np.float16)
    small[0, 0, 0] = 1
    response = xcorr.correlate(small[0], np.ones((1, 2001), np.float16), method=method)
    assert_equal(response, np.array([[np.float16(1 + 2000 * 2.0**-11)]]), np.float16)


def test_float16_rounds_once_to_the_nearest(method):
    rng = random_generator("float16")
    images = rng.integers(-1000, 1000, (1, 6, 30, 2)).astype(np.float16)
    kernels = rng.integers(-8, 9, (3, 2, 2, 2)).astype(np.float16)  # 8 taps: no sum is beyond 64,000
    exact = _reference.correlate(images, kernels)
    assert (exact != exact.astype(np.float16)).any()
    assert_equal(xcorr.correlate(images, kernels, method=method), exact, np.float16)


def test_float16_bias_and_fill_value_take_part(method):
    response = xcorr.correlate(
        np.float16([[1.5]]), np.float16([[2]]), padding=1, fill_value=0.25, bias=np.float16(4), method=method
    )
    expected = np.full((3, 3), 4.5)
    expected[1, 1] = 7
    assert_equal(response, expected, np.float16)


# dtype=

WIDER = [
    (images, asked)
    for images, asked in itertools.product(
        ("float16", "float32", "float64", "complex64", "complex128"), (*FLOATS, *COMPLEXES)
    )
    if not (np.dtype(images).kind == "c" and np.dtype(asked).kind == "f")
]


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


@pytest.mark.parametrize(
    ("operands", "asked"),
    [
        ("float32", "int64"),
        ("float16", "int8"),
        ("float64", "uint8"),
        ("complex64", "float32"),
        ("complex128", "float64"),
        ("complex64", "int32"),
        ("float32", "longdouble"),
        ("complex64", "clongdouble"),
        ("float32", "object"),
        ("int8", "object"),
        ("int8", "longdouble"),
        ("float32", "U3"),
        ("int32", "S1"),
        ("float32", "datetime64[s]"),
        ("float32", "V4"),
    ],
)
def test_a_lesser_or_foreign_dtype_is_refused(method, operands, asked):
    images, kernels = problem(operands, operands)
    with pytest.raises(TypeError, match="^dtype: "):
        xcorr.correlate(images, kernels, dtype=asked, method=method)


# Bias.


@pytest.mark.parametrize(
    ("operands", "bias"),
    [
        ("float32", "float64"),
        ("float32", "float16"),
        ("float32", "int32"),
        ("float64", "float32"),
        ("float16", "float16"),
        ("complex64", "float32"),
        ("complex64", "complex64"),
        ("complex128", "int8"),
        ("uint8", "int64"),
        ("uint8", "uint8"),
        ("int64", "bool"),
        ("bool", "int8"),
    ],
)
def test_bias_does_not_change_the_response_dtype(method, operands, bias):
    images, kernels = problem(operands, operands)
    values = whole_numbers(random_generator(bias), 3, bias)
    response = xcorr.correlate(images, kernels, bias=values, method=method)
    assert_equal(response, _reference.correlate(images, kernels, bias=values), response_dtype(operands))


@pytest.mark.parametrize(
    ("operands", "bias"),
    [
        ("uint8", "float32"),
        ("int64", "float64"),
        ("bool", "float16"),
        ("float32", "complex64"),
        ("int8", "complex128"),
        ("float16", "complex64"),
    ],
)
def test_a_bias_of_a_higher_kind_is_refused(method, operands, bias):
    images, kernels = problem(operands, operands)
    with pytest.raises(TypeError, match="^bias: "):
        xcorr.correlate(images, kernels, bias=np.ones(3, bias), method=method)


def test_unsigned_bias_beyond_int64_is_refused_or_exact(method):
    images, kernels = np.array([[0]]), np.array([[1]])
    with pytest.raises(OverflowError):
        xcorr.correlate(images, kernels, bias=np.uint64(2**63), method=method)


# fill_value is a value of the images' dtype.


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("uint8", 255),
        ("int8", -128),
        ("int64", INT64.min),
        ("uint64", 2**63 - 1),
        ("bool", True),
        ("int16", -3),
        ("float32", 2),
        ("float32", 0.5),
        ("float16", -1.5),
        ("float64", np.float32(0.25)),
        ("complex64", 2),
        ("complex64", 1j),
        ("uint8", np.int64(7)),
        ("float32", np.float64(-3)),
    ],
)
def test_fill_value_of_the_images_dtype_is_used(method, dtype, value):
    image = np.ones((2, 2), dtype)
    kernel = np.ones((1, 1), bool)
    expected = np.full((4, 4), value, object)
    expected[1:3, 1:3] = 1
    if not isinstance(value, complex):
        expected = expected.astype(np.int64 if np.dtype(dtype).kind in "biu" else np.float64)
    response = xcorr.correlate(image, kernel, padding=1, fill_value=value, method=method)
    assert_equal(response, expected, response_dtype(dtype, "bool"))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("uint8", 300),
        ("uint8", 256),
        ("uint8", -1),
        ("int8", 128),
        ("int8", -129),
        ("int64", 2**63),
        ("int64", 0.5),
        ("uint8", 0.5),
        ("int32", np.nan),
        ("int32", np.inf),
        ("bool", 2),
        ("uint64", -1),
        ("float32", 1j),
        ("float64", 1 + 2j),
        ("int8", 1j),
        ("float16", 1j),
    ],
)
def test_fill_value_outside_the_images_dtype_is_refused(method, dtype, value):
    image = np.ones((2, 2), dtype)
    with pytest.raises(ValueError, match="^fill_value: "):
        xcorr.correlate(image, np.ones((1, 1), dtype), padding=1, fill_value=value, method=method)
