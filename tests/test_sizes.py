"""Shapes of responses, known from the shapes of the operands."""

import itertools

import numpy as np
import pytest
from cases import TABLES
from checks import assert_each

import xcorr


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_response_shape_is_that_of_the_response(table):
    def check(case):
        shape = xcorr.response_shape(
            case.images[1:3], case.kernels[1:3], padding=case.padding, stride=case.stride, dilation=case.dilation
        )
        expected = xcorr.correlate(np.ones((0, *case.images[1:])), np.ones(case.kernels), **case.keywords).shape[1:3]
        assert isinstance(shape, tuple)
        assert shape == expected
        assert all(type(length) is int for length in shape)

    assert_each(check, [case for case in table if 0 not in case.kernels][::3])


def test_response_shape_of_same_is_the_image_over_the_stride_rounded_up():
    for size, stride, kernel in itertools.product((5, 6, 7, 8), (1, 2, 3), (1, 2, 3, 9)):
        assert xcorr.response_shape((size, size + 1), (kernel, 1), padding="same", stride=stride) == (
            -(-size // stride),
            -(-(size + 1) // stride),
        )


def test_response_shape_refuses_what_the_call_would_refuse():
    for image, kernel, keywords, error in (
        ((2, 5), (3, 3), {}, ValueError),
        ((5, 5), (2, 2), {"stride": 0}, ValueError),
        ((5, 5), (2, 2), {"dilation": 5}, ValueError),
        ((5, 5), (2, 2), {"padding": "nonsense"}, ValueError),
        ((5, 5), (2, 2), {"stride": 1.5}, TypeError),
        ((0, 5), (1, 1), {}, ValueError),
        ((5,), (1,), {}, ValueError),
        ((5, 5), (2, 2), {"padding": 2**63}, (ValueError, OverflowError)),
    ):
        with pytest.raises(error):
            xcorr.response_shape(image, kernel, **keywords)
