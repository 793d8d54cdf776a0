"""Numbers, words and shapes as they are given: read into one form, or refused by name."""

import sys
from unittest.mock import Mock

import numpy as np
import pytest
from messages import message_of

from xcorr import _reading

LARGEST = sys.maxsize
PADDINGS = "'valid', 'same', 'full', an integer >= 0, (rows, columns) or ((top, bottom), (left, right))"
PAIRS = "an integer >= 1 or a pair (rows, columns) of them"


@pytest.mark.parametrize("value", [2, np.int8(2), np.uint64(2), np.array(2), LARGEST])
def test_a_whole_number_is_one_of_any_integer_type(value):
    number = _reading.whole_number(value, "name", 2, "two or more")
    assert type(number) is int
    assert number == int(value)


@pytest.mark.parametrize("value", [True, np.True_, np.array(True), 2.0, "2", None, np.array([2]), np.array(2.0)])
def test_what_is_no_integer_is_refused(value):
    message = f"name: got {value!r}; allowed is two or more"
    assert message_of(TypeError, _reading.whole_number, value, "name", 2, "two or more") == message


def test_what_an_index_raises_comes_through_as_it_is():
    class Strange:
        def __index__(self):
            raise TypeError("own words")

    assert message_of(TypeError, _reading.whole_number, Strange(), "name", 2, "two or more") == "own words"


class Tensor:
    """An array of another library that becomes an index, as one of a single element does."""

    def __init__(self, ndim, kind):
        self.ndim, self.dtype = ndim, Mock(kind=kind)

    def __index__(self):
        return 3


def test_an_array_of_another_library_is_a_number_only_without_axes():
    assert _reading.whole_number(Tensor(0, "i"), "name", 2, "two or more") == 3
    for tensor in (Tensor(1, "i"), Tensor(0, "b")):
        message_of(TypeError, _reading.whole_number, tensor, "name", 2, "two or more")


@pytest.mark.parametrize("value", [1, -1, np.int8(1), -(2**70)])
def test_a_number_below_the_least_is_refused(value):
    message = f"name: got {value!r}; allowed is two or more"
    assert message_of(ValueError, _reading.whole_number, value, "name", 2, "two or more") == message
    whole = f"name: got (7, {value!r}); allowed is two or more"
    assert message_of(ValueError, _reading.whole_number, value, "name", 2, "two or more", (7, value)) == whole


def test_a_number_beyond_an_index_is_refused():
    message = f"name: the number would be {LARGEST + 1}; at most {LARGEST} is possible"
    assert message_of(ValueError, _reading.whole_number, LARGEST + 1, "name", 2, "two or more") == message
    assert _reading.checked(LARGEST, "name", "it") == LARGEST
    message = f"name: it would be {LARGEST + 1}; at most {LARGEST} is possible"
    assert message_of(ValueError, _reading.checked, LARGEST + 1, "name", "it") == message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, 2), True),
        ([1], True),
        (range(2), True),
        (np.arange(2), True),
        (np.array(2), False),
        (2, False),
        (np.int64(2), False),
        ("ab", False),
        (b"ab", False),
        ({1, 2}, False),
    ],
)
def test_sequences_are_what_has_an_order(value, expected):
    assert _reading.is_sequence(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [(1, (1, 1)), (3, (3, 3)), ((1, 2), (1, 2)), ([2, 1], (2, 1)), (np.array([4, 5]), (4, 5))]
)
def test_a_pair_is_one_number_or_rows_and_columns(value, expected):
    assert _reading.read_pair(value, "stride") == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((ValueError, value) for value in (0, -1, (1, 0), (0, 1), (), (1,), (1, 2, 3))),
        *((TypeError, value) for value in (1.0, None, "12", (1, 2.0), (True, 1))),
    ],
)
def test_what_is_no_pair_is_refused(kind, value):
    assert message_of(kind, _reading.read_pair, value, "stride") == f"stride: got {value!r}; allowed is {PAIRS}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((word, word) for word in ("valid", "same", "full")),
        (0, ((0, 0), (0, 0))),
        (3, ((3, 3), (3, 3))),
        ((0, 2), ((0, 0), (2, 2))),
        ([1, 0], ((1, 1), (0, 0))),
        (((0, 1), (2, 3)), ((0, 1), (2, 3))),
        (np.array([[1, 0], [3, 2]]), ((1, 0), (3, 2))),
        ([(1, 2), np.array([3, 4])], ((1, 2), (3, 4))),
        (((1, 2), 3), ((1, 2), (3, 3))),
        ((1, (2, 3)), ((1, 1), (2, 3))),
    ],
)
def test_padding_is_a_word_or_ends(value, expected):
    assert _reading.read_padding(value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((ValueError, value) for value in ("Same", "", -1, (0, -1), (-1, 0), (), (1,), (1, 2, 3), (1, (2,)))),
        *((ValueError, value) for value in (((1, 2), -3), ((1, 2),), ((1, 2), (3, 4), (5, 6)), ((1,), (2,)))),
        *((ValueError, value) for value in (((1, 2, 3), (4, 5, 6)), ((1, 2), (3,)), ((1, 2), (3, -4)))),
        *((TypeError, value) for value in (1.0, None, b"same", (1, 2.0), ((1, 2), (3, 4.0)), (True, 1))),
    ],
)
def test_what_is_no_padding_is_refused(kind, value):
    assert message_of(kind, _reading.read_padding, value) == f"padding: got {value!r}; allowed is {PADDINGS}"


def test_boundaries_are_five_words():
    words = ("constant", "edge", "reflect", "symmetric", "wrap")
    assert tuple(map(_reading.read_boundary, words)) == tuple((word, word) for word in words)
    assert _reading.read_boundary(["edge", "wrap"]) == ("edge", "wrap")
    allowed = "allowed are 'constant', 'edge', 'reflect', 'symmetric', 'wrap' and a pair (rows, columns) of them"
    assert message_of(ValueError, _reading.read_boundary, "zeros") == f"boundary: got 'zeros'; {allowed}"
    assert message_of(TypeError, _reading.read_boundary, 0) == f"boundary: got 0; {allowed}"


def test_a_shape_has_one_of_the_numbers_of_axes():
    assert _reading.read_shape([3, np.int8(1)], "kernel_shape", (2, 3)) == (3, 1)
    assert _reading.read_shape((3, 4, 5), "kernel_shape", (2, 3)) == (3, 4, 5)
    allowed = "allowed is a tuple of 2 or 3 integers >= 1"
    for kind, value in ((TypeError, 5), (ValueError, (5,)), (ValueError, (3, 0)), (TypeError, (3, 1.5))):
        message = message_of(kind, _reading.read_shape, value, "kernel_shape", (2, 3))
        assert message == f"kernel_shape: got {value!r}; {allowed}"


def test_the_shape_of_an_array_may_be_empty():
    assert _reading.read_array_shape([0, 4], "image_shape") == (0, 4)
    assert _reading.read_array_shape((), "image_shape") == ()
    for kind, value in ((TypeError, 5), (ValueError, (3, -1)), (TypeError, (3, 1.5))):
        message = message_of(kind, _reading.read_array_shape, value, "image_shape")
        assert message == f"image_shape: got {value!r}; allowed is a tuple of integers >= 0"
