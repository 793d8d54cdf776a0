"""Depthwise layers of images of few columns with channels first: the bits of the same layer with channels last."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr

pytestmark = pytest.mark.usefixtures("level")

SIDES = [
    (4, 4),
    (5, 7),
    (7, 7),
    (8, 6),
    (9, 9),
    (10, 10),
    (16, 16),
    (15, 5),
    (3, 11),
    (2, 9),
    (20, 10),
    (9, 17),
    (6, 32),
    (7, 33),
    (5, 70),
]


def last(array):
    return np.ascontiguousarray(np.moveaxis(array, 1, -1))


@for_each("side", SIDES)
@for_each("size", [3, 5])
@for_each("stride", [1, 2, (2, 1), (1, 2)])
def test_bits_are_those_of_channels_last(side, size, stride):
    for n_channels in (8, 16, 37):
        rng = random_generator(side, size, stride, n_channels)
        images = real_numbers(rng, (2, n_channels, *side), "float32")
        kernels = real_numbers(rng, (n_channels, 1, size, size), "float32")
        bias = real_numbers(rng, (n_channels,), "float32")
        words = {"stride": stride, "padding": size // 2, "groups": n_channels, "bias": bias}
        for more in ({}, {"fill_value": bias}, {"padding": ((1, 3), (3, 1))}, {"dilation": (2, 1)}):
            taps = 2 * size - 1 if "dilation" in more else size
            if taps > side[0] + 2 * (size // 2):
                continue
            expected = xcorr.correlate(last(images), last(kernels), **words | more)
            found = xcorr.correlate(images, kernels, layout="NCHW", **words | more)
            assert_same_bits(last(found), expected)


@for_each("value", [np.nan, np.inf, -np.inf])
def test_special_numbers_stay_in_their_windows(value):
    rng = random_generator(value)
    images, kernels = real_numbers(rng, (3, 20, 9, 9), "float32"), real_numbers(rng, (20, 1, 5, 5), "float32")
    plain = xcorr.correlate(images, kernels, layout="NCHW", groups=20, padding=2, stride=2)
    images[1, 17, 8, 0] = value
    found = xcorr.correlate(images, kernels, layout="NCHW", groups=20, padding=2, stride=2)
    assert not np.isfinite(found[1, 17, 3:, :2]).any()
    found[1, 17, 3:, :2] = plain[1, 17, 3:, :2]
    assert_same_bits(found, plain)


@for_each("gap", [0, 1])
def test_arrays_with_and_without_gaps(gap):
    rng = random_generator("gaps", gap)
    whole = real_numbers(rng, (2, 20, 9 + gap, 9), "float32")
    kernels = real_numbers(rng, (20, 1, 3, 3), "float32")
    expected = xcorr.correlate(whole[:, :, :9].copy(), kernels, layout="NCHW", groups=20, padding=1)
    views = [whole[:, :, :9], np.repeat(whole, 2, 1)[:, ::2, :9], whole[:, :, 8::-1][:, :, ::-1]]
    views.append(np.pad(whole, ((0, 0), (0, 0), (0, 0), (0, 2)))[:, :, :9, :9])
    for images in views:
        out = np.full((2, 20, 9, 9 + gap), 7, np.float32)[..., :9]
        xcorr.correlate(images, kernels, layout="NCHW", groups=20, padding=1, out=out)
        assert_same_bits(np.ascontiguousarray(out), expected)
        assert not gap or (out.base[..., 9] == 7).all()
    backwards = xcorr.correlate(whole[:, :, 8::-1].copy(), kernels, layout="NCHW", groups=20, padding=1)
    assert_same_bits(xcorr.correlate(whole[:, :, 8::-1], kernels, layout="NCHW", groups=20, padding=1), backwards)


def test_a_part_of_a_response():
    rng = random_generator("part")
    images, kernels = real_numbers(rng, (2, 33, 10, 10), "float32"), real_numbers(rng, (33, 1, 5, 5), "float32")
    words = {"layout": "NCHW", "groups": 33, "padding": 2}
    whole = xcorr.correlate(images, kernels, **words)
    for rows, columns in (((0, 10), (2, 8)), ((3, 9), (0, 10)), ((1, 7), (4, 10))):
        roi = slice(*rows), slice(*columns)
        found = xcorr.correlate(images, kernels, roi=roi, **words)
        assert_same_bits(found, np.ascontiguousarray(whole[:, :, roi[0], roi[1]]))
